"""Histogram matching: exact where counts agree, monotone always."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from voxlate.methods.style_transfer.histogram import match_histogram


def draw(count: int, seed: int) -> torch.Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def test_equal_counts_give_exactly_the_values_of_the_reference_in_the_order_of_the_image() -> None:
    values, reference = draw(500, 1), (1000 * draw(500, 2)).sort().values
    matched = match_histogram(values, reference)
    assert torch.equal(matched.sort().values, reference)
    assert torch.equal(matched.argsort(), values.argsort())


@given(st.integers(1, 40), st.integers(1, 40))
def test_any_counts_give_a_monotone_map_into_the_range(values: int, reference: int) -> None:
    image, wanted = draw(values, values), draw(reference, reference).sort().values
    matched = match_histogram(image, wanted)
    assert matched.dtype == wanted.dtype
    assert (matched[image.argsort()].diff() >= 0).all()
    assert wanted[0] <= matched.min()
    assert matched.max() <= wanted[-1]


def test_a_multiple_of_the_reference_keeps_its_mean() -> None:
    reference = draw(100, 5).sort().values
    matched = match_histogram(draw(1000, 6), reference)
    assert abs(float(matched.mean() - reference.mean())) < 1e-3
    assert match_histogram(torch.empty(0), reference).numel() == 0


def test_equal_values_are_ranked_by_their_place() -> None:
    assert match_histogram(torch.zeros(3), torch.tensor([1.0, 2.0, 3.0])).tolist() == [1.0, 2.0, 3.0]
