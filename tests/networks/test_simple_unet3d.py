"""The simple U-Net: 20 layers before the last, as its report counts them."""

from __future__ import annotations

import torch
from torch import nn

from voxlate.networks.blocks import Head, Interpolation, Pooling
from voxlate.networks.simple_unet3d import simple_unet3d


def test_twenty_layers_and_the_last_one() -> None:
    with torch.device("meta"):
        network = simple_unet3d(dims=3, in_channels=1, out_channels=1)
    parts = list(network.modules())
    convolutions = [part for part in parts if isinstance(part, nn.Conv3d)]
    down, up = (sum(isinstance(part, kind) for part in parts) for kind in (Pooling, Interpolation))
    concatenations = len(network.decoder)
    assert (len(convolutions) - 1, down, up, concatenations) == (11, 3, 3, 3)
    assert sum(isinstance(part, nn.ELU) for part in parts) == 11
    assert isinstance(network.head, Head)
    assert network.divisor == 8


def test_parameters_follow_from_the_features() -> None:
    with torch.device("meta"):
        network = simple_unet3d(dims=3, in_channels=1, out_channels=1)
    pairs = [(1, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)]
    pairs += [(128 + 64, 64), (64 + 32, 32), (32 + 16, 16)]
    expected = sum(27 * inputs * outputs + outputs for inputs, outputs in pairs) + 16 + 1
    assert sum(value.numel() for value in network.parameters()) == expected == 1_314_321


def test_output_is_not_squashed() -> None:
    torch.manual_seed(0)
    network = simple_unet3d(dims=2, in_channels=1, out_channels=1, channels=(4, 8))
    nn.init.constant_(network.head.linear.bias, -7)  # type: ignore[arg-type]
    assert network(torch.zeros(1, 1, 4, 4)).max() < -1, "a logit, no probability"
