"""The U-Net with a dilated bottleneck: the count of its authors, the step of its convolutions, its coarser maps."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from torch import nn

from voxlate.networks.dilated_unet3d import _Joined, dilated_unet3d
from voxlate.networks.encoder_decoder import EncoderDecoder

WIDTHS = (48, 96, 192, 384)


def make(**options: Any) -> EncoderDecoder:
    torch.manual_seed(0)
    return dilated_unet3d(**{"dims": 3, "in_channels": 1, "out_channels": 1, **options})


def count(network: nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (4, 3)])
def test_parameters_are_those_of_the_authors_network(inputs: int, outputs: int) -> None:
    """Stages of two convolutions, two dilated, one that joins; on the way up the second halves. No bias but the last.

    Stage by stage from the paper's figure; one channel to one label and four to three.
    """
    a, b, c, d = WIDTHS
    pairs = [(inputs, a), (a, a), (a, b), (b, b), (b, c), (c, c), (c, d), (d, d)]
    pairs += [(d, d), (d, d), (2 * d, c)]
    pairs += [(2 * c, c), (c, b), (2 * b, b), (b, a), (2 * a, a), (a, a)]
    with torch.device("meta"):
        network = make(in_channels=inputs, out_channels=outputs)
    normalisations = sum(2 * wide for _, wide in pairs)
    weights = sum(27 * narrow * wide for narrow, wide in pairs) + a * outputs + outputs
    assert count(network) == weights + normalisations
    assert count(network) // 10**6 == 23, "23M+ parameters, say Kathane & Vhora"
    assert network.divisor == 8


@pytest.mark.parametrize("dims", [2, 3])
def test_only_the_bottleneck_is_dilated_and_at_the_resolution_of_the_last_stage(dims: Literal[2, 3]) -> None:
    network = make(dims=dims, channels=(4, 6, 8))
    kind = nn.Conv2d if dims == 2 else nn.Conv3d
    dilated = [key for key, part in network.named_modules() if isinstance(part, kind) and part.dilation == (2,) * dims]
    (joined,) = [key for key, part in network.named_modules() if isinstance(part, _Joined)]
    assert joined.startswith("encoder.2.")
    assert len(dilated) == 2
    assert all(key.startswith(f"{joined}.layers.") for key in dilated)


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_two_dilated_convolutions_see_twice_their_step_and_the_input_is_kept(dilation: int) -> None:
    network = make(dims=2, channels=(4, 8), normalise="none", activation="leaky_relu", dilation=dilation)
    joined = next(part for part in network.modules() if isinstance(part, _Joined))
    features = torch.randn(1, 8, 21, 21, requires_grad=True)
    out = joined(features)
    assert torch.equal(out[:, :8], features), "the stage's own features first"
    (slope,) = torch.autograd.grad(out[0, 8:, 10, 10].sum(), features)
    seen = slope[0].abs().sum(0).nonzero()
    assert sorted(set(seen[:, 0].tolist())) == [10 + dilation * step for step in range(-2, 3)]


def test_deep_supervision_adds_a_map_per_coarser_resolution_and_keeps_the_prediction() -> None:
    network = make(dims=2, out_channels=3, channels=(4, 6, 8), normalise="none", deep_supervision=True)
    source = torch.randn(2, 1, 16, 16)
    maps = network.maps(source)
    assert [tuple(found.shape) for found in maps] == [(2, 3, 16, 16), (2, 3, 8, 8), (2, 3, 4, 4)]
    assert all(found.dtype == torch.float32 for found in maps)
    assert torch.equal(network(source), maps[0])
    sum(found.square().mean() for found in maps).backward()  # type: ignore[union-attr]
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in network.parameters())
    plain = make(dims=2, out_channels=3, channels=(4, 6, 8), normalise="none")
    assert [found.shape for found in plain.maps(source)] == [maps[0].shape]
    assert count(network) - count(plain) == (4 + 1) * 3 + (6 + 1) * 3
