from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.cohort.scans import images
from voxlate.cohort.preflight.copies import find_copy

SCANS = images(0)
HEAD = SCANS["t1"] != 0
T1 = SCANS["t1"].astype(np.float64)


@given(slope=st.floats(1e-3, 1e3), sign=st.sampled_from([-1, 1]), intercept=st.floats(-1e4, 1e4))
def test_every_straight_line_is_a_copy(slope: float, sign: int, intercept: float) -> None:
    found = find_copy(T1, sign * slope * T1 + intercept, HEAD)
    assert found is not None
    assert found.slope == pytest.approx(sign * slope, rel=1e-6)
    assert found.residual < 1e-6


def _clipped() -> NDArray[Any]:
    return np.clip(T1, *np.percentile(T1[HEAD], [2, 98]))


def _captioned() -> NDArray[Any]:
    image = T1.copy()
    image[:, :4, 15] = 4000
    return image


@pytest.mark.parametrize(
    "copy",
    [
        T1.astype(np.float32),
        np.rint((T1 - T1.min()) / np.ptp(T1) * 255).astype(np.uint8),
        np.rint(T1).astype(np.int16),
        255 - T1,
        _clipped(),
        _captioned(),
    ],
    ids=["float32", "uint8", "int16", "inverted", "clipped", "captioned"],
)
def test_copies_are_found_in_other_types_and_with_blemishes(copy: NDArray[Any]) -> None:
    assert find_copy(T1, copy, HEAD) is not None


@pytest.mark.parametrize("other", ["t1c", "t2", "flair"])
def test_other_contrasts_are_no_copies(other: str) -> None:
    assert find_copy(T1, SCANS[other], HEAD) is None
    assert find_copy(SCANS[other], T1, HEAD) is None


@pytest.mark.parametrize("number", [20, 60, 200, 300])
@pytest.mark.parametrize("other", ["t1c", "t2", "flair"])
def test_metal_that_is_bright_in_both_is_no_copy(other: str, number: int) -> None:
    places = np.random.default_rng(0).permutation(np.flatnonzero(HEAD))[:number]
    one, two = T1.copy(), SCANS[other].astype(np.float64)
    one.flat[places] = two.flat[places] = 1e5
    assert find_copy(one, two, HEAD) is None
    again = find_copy(one, 3 - 2 * one, HEAD)
    assert again is not None
    assert again.slope == pytest.approx(-2)


def test_a_second_scan_with_its_own_noise_is_no_copy() -> None:
    again = T1 + np.random.default_rng(0).normal(0, 0.05 * T1[HEAD].std(), T1.shape)
    assert find_copy(T1, again, HEAD) is None


def test_small_lesions_are_no_copy_of_an_image() -> None:
    labels = np.zeros(T1.shape)
    labels[15:18, 15:18, 15:18] = 1
    assert find_copy(T1, labels, HEAD) is None
    assert find_copy(T1, labels, HEAD, trim=False) is None
    found = find_copy(labels, 4 * labels, HEAD, trim=False)
    assert found is not None
    assert found.slope == pytest.approx(4)


def test_constants_and_empty_foregrounds_are_nothing() -> None:
    assert find_copy(T1, np.ones_like(T1), HEAD) is None
    assert find_copy(T1, T1, np.zeros_like(HEAD)) is None
