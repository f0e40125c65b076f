"""Normalisation against double precision, in both layouts; what doubles the resolution."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from voxlate.errors import UsageError
from voxlate.networks.blocks import Halving, Head, Residual, _GroupNorm, convolution, per_level, quieten, transposed

LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}


def example(dims: int, *, last: bool, batch: int = 2) -> Tensor:
    """Far from zero, where a variance taken as the mean of squares less the square of the mean is all rounding."""
    features = 100 + 0.1 * torch.randn(batch, 16, *[8] * dims, generator=torch.Generator().manual_seed(0))
    return features.to(memory_format=LAYOUTS[dims]) if last else features


def layer(groups: int) -> _GroupNorm:
    normalise = _GroupNorm(groups, 16)
    nn.init.uniform_(normalise.weight, 0.5, 2)
    nn.init.normal_(normalise.bias)
    return normalise


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("groups", [16, 2, 1])
@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
def test_group_norm_is_that_of_double_precision_and_keeps_the_layout(dims: int, groups: int, last: bool) -> None:
    normalise, features = layer(groups), example(dims, last=last).requires_grad_()
    exact = torch.group_norm(features.double(), groups, normalise.weight.double(), normalise.bias.double())
    found = normalise(features)
    assert (found - exact).abs().max() < 5e-3
    assert found.is_contiguous(memory_format=LAYOUTS[dims]) == last
    weights = torch.randn_like(found)
    (grad,) = torch.autograd.grad((found * weights).sum(), features)
    (wanted,) = torch.autograd.grad((exact * weights).sum(), features)
    assert (grad - wanted).abs().max() < 1e-3 * wanted.abs().max()


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("batch", [1, 3])
def test_group_norm_rounds_bfloat16_only_once(last: bool, batch: int) -> None:
    normalise, features = layer(16), (example(2, last=last, batch=batch) - 100).bfloat16()
    exact = torch.group_norm(features.double(), 16, normalise.weight.double(), normalise.bias.double())
    found = normalise(features)
    assert found.dtype == torch.bfloat16
    assert ((found - exact).abs() <= 2**-8 * exact.abs() + 1e-4).all()


@pytest.mark.parametrize("groups", [16, 2])
def test_group_norm_can_be_differentiated_twice_in_both_layouts(groups: int) -> None:
    """As a penalty on the discriminator's gradient needs."""
    normalise = layer(groups)

    def penalty(features: Tensor) -> Tensor:
        features = features.clone().requires_grad_()
        (slope,) = torch.autograd.grad(normalise(features).pow(3).sum(), features, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), features)[0]

    first, last = (penalty((example(2, last=last) - 100) * 10) for last in (False, True))
    assert first.abs().max() > 0
    assert torch.allclose(first, last, rtol=1e-3, atol=1e-4 * float(first.abs().max()))


def test_group_norm_of_a_single_voxel_is_the_offset_even_in_training() -> None:
    normalise = layer(16).train()
    assert torch.allclose(normalise(torch.randn(1, 16, 1, 1))[0, :, 0, 0], normalise.bias, atol=1e-4)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("size", "output_padding"), [(2, 0), (3, 1), (4, 0)])
def test_transposed_convolution_doubles_sizes_and_keeps_the_variance(
    dims: Literal[2, 3], size: int, output_padding: int
) -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 32, *[12] * dims)
    doubled = transposed(dims, 32, 16, size=size, output_padding=output_padding)(features)
    assert doubled.shape == (1, 16, *[24] * dims)
    assert 1.6 < doubled[(..., *[slice(4, -4)] * dims)].var() < 2.4, "twice, for the rectifier to halve"


def test_head_computes_in_float32_with_any_layer_and_any_weights() -> None:
    features = torch.randn(1, 4, 8, 8)
    for linear in (None, transposed(2, 4, 1, size=4), convolution(2, 4, 1, size=7)):
        head = Head(2, 4, 1, linear=linear)
        expected = head.linear(features)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(head(features), expected)
        halved = head.bfloat16()(features.bfloat16())
        assert halved.dtype == torch.float32
        assert (halved - expected).abs().max() < 0.03 * expected.abs().max()


@pytest.mark.parametrize("dims", [2, 3])
def test_halving_is_the_mean_and_keeps_precision_and_layout(dims: Literal[2, 3]) -> None:
    features = torch.randn(2, 3, *[6] * dims)
    blocks = features.unfold(2, 2, 2).unfold(3, 2, 2)
    blocks = blocks if dims == 2 else blocks.unfold(4, 2, 2)
    assert torch.allclose(Halving()(features), blocks.flatten(dims + 2).mean(-1), atol=1e-6)
    halved = Halving()(features.bfloat16().to(memory_format=LAYOUTS[dims]))
    assert halved.dtype == torch.bfloat16
    assert halved.is_contiguous(memory_format=LAYOUTS[dims])


def test_residual_adds_its_input_or_what_the_shortcut_makes_of_it() -> None:
    layer, shortcut, features = convolution(2, 4, 6), convolution(2, 4, 6, size=1), torch.randn(1, 4, 5, 5)
    assert torch.equal(Residual(nn.Tanh(), nn.ReLU())(features), features + features.tanh().relu())
    added = Residual(layer, shortcut=shortcut)
    assert torch.allclose(added(features), layer(features) + shortcut(features))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert Residual(convolution(2, 4, 4))(features).dtype == torch.bfloat16, "whatever came, at half the memory"


def test_quiet_blocks_in_a_row_add_at_most_what_one_would() -> None:
    torch.manual_seed(0)
    layers = [convolution(2, 64, 64) for _ in range(16)]
    for layer in layers:
        quieten(layer, among=16)
    features = torch.randn(1, 64, 32, 32)
    out = nn.Sequential(*(Residual(nn.ReLU(), layer) for layer in layers))(features)
    assert 1.5 < out.var() / features.var() < 4, "(1 + 1/16)**16 is nearly e"


def test_numbers_per_level_are_repeated_or_counted() -> None:
    assert per_level(2, 3, where="here") == (2, 2, 2)
    assert per_level([1, 2, 3], 3, where="here") == (1, 2, 3)
    with pytest.raises(UsageError, match="here"):
        per_level([1, 2], 3, where="here")
