"""The residual generator: its borders, its upsampling, its start without normalisation."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from voxlate.networks.resnet import ResNet, _Reflection, resnet


def make(**options: Any) -> ResNet:
    torch.manual_seed(0)
    return resnet(**{"dims": 2, "in_channels": 1, "out_channels": 1, "width": 4, "blocks": 2, **options})


def test_resolution_is_halved_as_often_as_asked() -> None:
    assert [make(downsamplings=number).divisor for number in (0, 1, 3)] == [1, 2, 8]
    source = torch.randn(1, 1, 16, 24)
    assert all(make(downsamplings=number)(source).shape == source.shape for number in (0, 1, 3))


def test_the_papers_counts_to_the_last_parameter() -> None:
    """11 388 675 with affine instance normalisation in issue 45 of pytorch-CycleGAN-and-pix2pix.

    There the convolutions have biases too, which the normalisation behind them takes away.
    """
    with torch.device("meta"):
        network = make(in_channels=3, out_channels=3, width=64, blocks=9)
    biases = 64 + 128 + 256 + 18 * 256 + 128 + 64
    assert sum(value.numel() for value in network.parameters()) == 11_388_675 - biases


@pytest.mark.parametrize("dims", [2, 3])
def test_both_ways_up_have_as_many_parameters_and_differ(dims: int) -> None:
    interpolated, transposed = make(dims=dims), make(dims=dims, upsample="transposed")
    counts = [sum(value.numel() for value in network.parameters()) for network in (interpolated, transposed)]
    source = torch.randn(1, 1, *[8] * dims)
    assert counts[0] == counts[1]
    assert interpolated(source).shape == transposed(source).shape == source.shape
    assert not torch.equal(interpolated(source), transposed(source))


def test_transposed_convolution_draws_a_checkerboard_on_a_flat_image() -> None:
    flat = torch.ones(1, 1, 192, 192)

    def roughness(upsample: str) -> float:
        inside = make(upsample=upsample, normalise="none").eval()(flat)[..., 88:104, 88:104].detach()
        return float(inside.std() / inside.abs().mean())

    assert roughness("interpolate") < 1e-5
    assert roughness("transposed") > 1e-2


def test_reflected_borders_do_not_show_on_a_flat_image() -> None:
    flat = torch.full((1, 1, 32, 32), 2.0)
    options = {"downsamplings": 0, "normalise": "none"}
    reflected, filled = (make(padding=padding, **options)(flat).detach() for padding in ("reflect", "zeros"))
    assert torch.allclose(reflected, reflected.mean().expand_as(reflected), rtol=1e-4)
    assert filled.std() > 0.05 * filled.abs().mean()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_reflection_mirrors_and_repeats_where_it_cannot_in_the_precision_that_came(dtype: torch.dtype) -> None:
    line = torch.tensor([1.0, 2.0, 3.0], dtype=dtype).expand(1, 1, 3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mirrored, repeated = _Reflection(2)(line), _Reflection(3)(line)
    assert mirrored.dtype == dtype
    assert mirrored[0, 0, 0].tolist() == [3, 2, 1, 2, 3, 2, 1]
    assert repeated[0, 0, 0].tolist() == [1, 1, 1, 1, 2, 3, 3, 3, 3]


def test_many_blocks_without_normalisation_keep_the_size_of_values() -> None:
    source = torch.randn(1, 1, 32, 32)
    few, many = (make(blocks=blocks, width=16, normalise="none")(source).std() for blocks in (1, 16))
    assert 0.2 < many / few < 5


def test_dropout_is_random_in_training_only() -> None:
    network, source = make(dropout=0.5), torch.randn(1, 1, 8, 8)
    assert not torch.equal(network.train()(source), network(source))
    assert torch.equal(network.eval()(source), network(source))
