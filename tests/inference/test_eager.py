"""A network that is made ready for translation computes what it has computed."""

from __future__ import annotations

import copy
from typing import Literal

import pytest
import torch
from torch import nn

from voxlate.inference.eager import _folded
from voxlate.networks.unet import unet


@pytest.mark.parametrize("dims", [2, 3])
def test_batch_normalisation_goes_into_the_convolutions(dims: Literal[2, 3]) -> None:
    torch.manual_seed(0)
    network = unet(dims=dims, in_channels=1, out_channels=1, channels=(4, 8), normalise="batch").eval()
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d)]
    for norm in norms:
        norm.running_mean, norm.running_var = torch.rand(norm.num_features), 0.5 + torch.rand(norm.num_features)
        norm.weight.data, norm.bias.data = torch.rand(norm.num_features), torch.rand(norm.num_features)
    image = torch.randn(2, 1, *[16] * dims)
    with torch.no_grad():
        true, found = network(image), _folded(copy.deepcopy(network))(image)
    assert len(norms) == 6
    torch.testing.assert_close(found, true, rtol=0, atol=1e-5 * float(true.abs().max()))
    assert not any(isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d) for part in _folded(network).modules())
