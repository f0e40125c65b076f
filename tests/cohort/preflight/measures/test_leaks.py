"""Targets that stand in their source, and pairs that are alike by right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude, median_filter, sobel
from scipy.stats import rankdata

from tests.cohort.scans import images
from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.cohort.preflight.measures.leaks import Likeness, find_likeness
from voxlate.cohort.preflight.measures.ranks import average_ranks
from voxlate.cohort.preflight.measures.thresholded import is_given_away, lookup_dice
from voxlate.contrast import CONTRASTS
from voxlate.volume import Volume

SCANS = images(0)
HEAD = SCANS["t1"] != 0
T1 = SCANS["t1"].astype(np.float64)
UNIT = np.clip((T1 - 300) / 400, 0, 1)
RNG = np.random.default_rng(5)


def _scan(array: NDArray[Any]) -> Binned:
    return Binned(Volume(np.asfortranarray(array.astype(np.float32)), np.eye(4), CONTRASTS["t1"]))


def _likeness(target: NDArray[Any]) -> Likeness:
    return find_likeness(_scan(T1), _scan(target))


@pytest.mark.parametrize(
    "make",
    [np.sqrt, np.square, lambda x: np.clip(x, 0.3, 0.7), lambda x: np.floor(7.99 * x), lambda x: np.abs(x - 0.4)],
    ids=["gamma 0.5", "gamma 2", "window", "eight grey levels", "folded"],
)
def test_a_target_with_other_grey_values_is_the_source(make: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    assert "grey values changed" in _likeness(np.where(HEAD, 100 + 500 * make(UNIT), 0)).how


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.5])
def test_a_blurred_source_is_the_source(sigma: float) -> None:
    assert "filtered" in _likeness(gaussian_filter(T1, sigma)).how


@pytest.mark.parametrize("other", ["t1c", "t2", "flair"])
def test_other_contrasts_of_one_anatomy_are_neither(other: str) -> None:
    found = _likeness(SCANS[other])
    assert not found.how
    assert not found.leaks


def _with_air(signal: NDArray[Any]) -> NDArray[Any]:
    return np.abs(signal + RNG.normal(0, 8, signal.shape) + 1j * RNG.normal(0, 8, signal.shape))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_noise_in_the_air_tells_a_blend(share: float) -> None:
    one, other = (_with_air(np.pad(SCANS[name].astype(np.float64), 12)) for name in ("t1", "t2"))
    assert not find_likeness(_scan(one), _scan(other)).leaks
    assert find_likeness(_scan(one), _scan(share * one + (1 - share) * other)).leaks


def test_noise_in_even_tissue_tells_a_blend_without_air() -> None:
    smooth = gaussian_filter(RNG.standard_normal(T1.shape), 6)
    signals = [np.where(HEAD, 400 + 3000 * sign * smooth, 0) for sign in (1, -1)]
    one, other = (np.where(HEAD, signal + RNG.normal(0, 8, T1.shape), 0) for signal in signals)
    assert find_likeness(_scan(one), _scan(0.5 * one + 0.5 * other)).leaks
    assert not find_likeness(_scan(one), _scan(other)).leaks


def test_fine_anatomy_of_averaged_scans_is_no_noise() -> None:
    """Where the voxels are wide for the anatomy it is rough, less so in the flat places, and both scans show it."""
    rng = np.random.default_rng(1)
    amount = 0.3 + (40 * np.abs(gaussian_filter(rng.standard_normal(T1.shape), 3))) ** 3
    shared, own = (amount * gaussian_filter(rng.standard_normal(T1.shape), 0.8) for _ in range(2))
    signals = [400 + 100 * (shared + share * own) for share in (0, 0.6)]
    one, other = (np.where(HEAD, signal + rng.normal(0, 1, T1.shape), 0) for signal in signals)
    assert not find_likeness(_scan(one), _scan(other)).leaks


def test_labels_cut_out_of_the_image_are_given_away() -> None:
    three = np.digitize(T1, [450, 520, 600])
    assert lookup_dice(T1, (T1 > 520).astype(np.uint8)) > 0.99
    assert lookup_dice(T1, np.where(HEAD, T1 < 450, 0).astype(np.uint8)) > 0.99
    assert lookup_dice(T1, three) > 0.95
    noisy = T1 + RNG.normal(0, 1, T1.shape)
    assert is_given_away(lookup_dice(noisy, (T1 > 520).astype(np.uint8)))


def test_true_labels_are_not_given_away() -> None:
    labels = np.zeros(T1.shape, dtype=np.uint8)
    labels[14:24, 12:20, 10:18] = 1
    labels[22:30, 14:22, 12:20] = 2
    assert lookup_dice(T1, labels) < 0.5
    assert lookup_dice(T1, np.zeros(T1.shape, dtype=np.uint8)) == 0
    assert lookup_dice(np.full(T1.shape, 3.0), labels) < 0.5


@pytest.mark.parametrize(
    "make",
    [
        lambda x: median_filter(x, 3),
        lambda x: median_filter(x, 5),
        lambda x: np.sqrt(sum(by**2 for by in np.gradient(x))),
        lambda x: np.sqrt(sum(sobel(x, axis) ** 2 for axis in range(3))),
        lambda x: gaussian_gradient_magnitude(x, 1),
        lambda x: np.sqrt(np.clip(median_filter(x, 3), 0, None)) + RNG.normal(0, 0.1, x.shape),
    ],
    ids=["median", "median of 5", "gradient", "Sobel", "smooth gradient", "root of the median with noise"],
)
def test_a_target_made_from_neighbourhoods_of_the_source_is_the_source(
    make: Callable[[NDArray[Any]], NDArray[Any]],
) -> None:
    assert "filtered" in _likeness(make(T1)).how


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("curve", [lambda x: x, np.sqrt], ids=["straight", "gamma"])
def test_a_source_with_noise_is_told_by_what_is_left(
    share: float, curve: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    target = curve(T1)
    noise = RNG.normal(0, share * target[HEAD].std(), T1.shape)
    found = _likeness(np.where(HEAD, target + noise, 0))
    assert found.noisy
    assert found.leaks


def test_two_noisy_scans_of_one_contrast_are_no_copy() -> None:
    smooth = np.where(HEAD, gaussian_filter(T1, 1), 0)
    one, other = (np.where(HEAD, smooth + RNG.normal(0, 0.3 * smooth[HEAD].std(), T1.shape), 0) for _ in range(2))
    found = find_likeness(_scan(one), _scan(other))
    assert not found.how
    assert not found.leaks


def test_a_folded_source_whose_air_is_bright_is_the_source() -> None:
    air = np.abs(RNG.normal(0, 8, (48, 48, 48)))
    source = air + np.pad(T1, [((48 - edge) // 2, 48 - edge - (48 - edge) // 2) for edge in T1.shape])
    assert "grey values changed" in find_likeness(_scan(source), _scan(np.abs(source - 900))).how


def test_ranks_are_those_of_scipy() -> None:
    for values in (RNG.integers(0, 9, 500).astype(np.float64), RNG.standard_normal(99), np.zeros(1)):
        np.testing.assert_array_equal(average_ranks(values), rankdata(values))
