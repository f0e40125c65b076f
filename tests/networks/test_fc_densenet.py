"""The fully convolutional DenseNet: the paper's counts, and what a block adds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from voxlate.networks.fc_densenet import fc_densenet


def count(**options: Any) -> int:
    with torch.device("meta"):
        network = fc_densenet(dims=2, in_channels=3, out_channels=11, normalise="batch", **options)
    return sum(value.numel() for value in network.parameters())


@pytest.mark.parametrize(
    ("growth", "layers", "millions"),
    [(12, (4, 4, 4, 4, 4, 4), 1.4), (16, (5, 5, 5, 5, 5, 5), 3.5), (16, (4, 5, 7, 10, 12, 15), 9.3)],
)
def test_counts_are_those_of_the_papers_networks(growth: int, layers: tuple[int, ...], millions: float) -> None:
    """1.5, 3.5 and 9.4 million in Table 3 of Jegou et al., where convolutions have biases before normalisations too."""
    assert count(growth=growth, layers=layers) / 1e6 == pytest.approx(millions, abs=0.05)
    assert count(growth=growth, layers=layers) == count(growth=growth, layers=layers, upsample="transposed")


def test_the_network_of_56_layers_has_56_convolutions() -> None:
    with torch.device("meta"):
        network = fc_densenet(dims=2, in_channels=3, out_channels=11)
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    assert sum(isinstance(part, kinds) for part in network.modules()) == 56
    assert network.divisor == 32


def test_a_layer_sees_all_before_it_and_adds_its_growth() -> None:
    network = fc_densenet(dims=2, in_channels=1, out_channels=1, width=6, growth=3, layers=(3, 2))
    block = network.encoder[0]
    assert [layer[2].in_channels for layer in block.layers] == [6, 9, 12]
    features = torch.randn(1, 6, 8, 8)
    assert torch.equal(block(features)[:, :6], features)
    assert block(features).shape[1] == 15
