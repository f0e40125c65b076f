"""The residual U-Net with summed maps: how many parameters, what is added to what, how it halves."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from torch import nn

from voxlate.networks.blocks import Pooling, Residual, upsample
from voxlate.networks.encoder_decoder import EncoderDecoder
from voxlate.networks.residual_unet3d import residual_unet3d

ways_down = pytest.mark.parametrize("downsample", ["strided", "max_pool"])


def make(**options: Any) -> EncoderDecoder:
    torch.manual_seed(0)
    given = {"dims": 2, "in_channels": 1, "out_channels": 2, "channels": (4, 6, 8, 10), "normalise": "none"}
    return residual_unet3d(**{**given, **options}).eval()


@pytest.mark.parametrize(
    ("downsample", "parameters", "millions"), [("strided", 133_240_452, 130), ("max_pool", 96_333_572, 90)]
)
def test_defaults_have_about_the_parameters_of_the_report(downsample: Any, parameters: int, millions: int) -> None:
    """Kathane & Vhora: "130M+" with strided convolutions, "90M+" with max-pooling."""
    with torch.device("meta"):
        network = residual_unet3d(dims=3, in_channels=1, out_channels=1, downsample=downsample)
    assert sum(value.numel() for value in network.parameters()) == parameters
    assert millions <= parameters / 1e6 < 1.08 * millions
    assert network.divisor == 16


@ways_down
@pytest.mark.parametrize("dims", [2, 3])
def test_prediction_is_the_sum_of_the_maps_of_all_levels_of_the_way_up(dims: int, downsample: str) -> None:
    network = make(dims=dims, downsample=downsample)
    source = torch.randn(2, 1, *[16] * dims)
    fine, middle, coarse = network.maps(source)
    assert [found.shape[-1] for found in (fine, middle, coarse)] == [16, 8, 4]
    assert torch.allclose(network(source), fine + upsample(middle + upsample(coarse)), atol=1e-6)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_without_the_other_maps_one_is_left_as_it_is(level: int) -> None:
    network, source = make(), torch.randn(1, 1, 16, 16)
    heads = [network.head, *network.coarser]
    seen: list[torch.Tensor] = []
    heads[level].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    for number, head in enumerate(heads):
        if number != level:
            nn.init.zeros_(head.linear.weight)  # type: ignore[union-attr, arg-type]
    prediction = network(source)
    (expected,) = seen
    for _ in range(level):
        expected = upsample(expected)
    assert expected.std() > 0
    assert torch.allclose(prediction, expected, atol=1e-6)


def test_sum_is_of_logits() -> None:
    network, source = make(channels=(4, 6, 8)), torch.zeros(1, 1, 8, 8)
    for head in (network.head, *network.coarser):
        nn.init.constant_(head.linear.bias, 5)  # type: ignore[union-attr, arg-type]
    assert torch.allclose(network(source), torch.tensor(10.0)), "two biases of 5; a sum of two sigmoids stays below 2"


@ways_down
def test_resolution_is_halved_as_asked(downsample: str) -> None:
    network = make(downsample=downsample)
    strided = [part for part in network.modules() if isinstance(part, nn.Conv2d) and part.stride == (2, 2)]
    pooled = [part for part in network.modules() if isinstance(part, Pooling)]
    assert (len(strided), len(pooled)) == ((3, 0) if downsample == "strided" else (0, 3))


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("normalise", ["none", "instance"])
def test_block_whose_second_convolution_is_silent_passes_its_input_on(dims: Literal[2, 3], normalise: str) -> None:
    network = make(dims=dims, normalise=normalise)
    block = network.encoder[0][1]  # type: ignore[index]
    assert isinstance(block, Residual)
    nn.init.zeros_(block.layers[1][-1].weight)  # type: ignore[index, union-attr, arg-type]
    features = torch.randn(1, 4, *[6] * dims)
    before = features.clone()
    assert torch.equal(block(features), before)
    assert torch.equal(features, before), "no rectifier works in place on what is added"


@ways_down
@pytest.mark.parametrize("upsample_by", ["interpolate", "transposed"])
@pytest.mark.parametrize("depth", [2, 5])
def test_untrained_network_without_normalisation_keeps_the_size_of_values(
    downsample: str, upsample_by: str, depth: int
) -> None:
    network = make(channels=[16] * depth, downsample=downsample, upsample=upsample_by)
    assert 0.3 < network(torch.randn(8, 1, 32, 32)).std() < 10
