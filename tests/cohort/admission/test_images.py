from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cohort.admission.bodies import SHAPE, depth, head_ct, head_mr
from voxlate.cohort.admission.images import check_intensities
from voxlate.cohort.finding import soften
from voxlate.cohort.foreground import foreground, otsu_threshold
from voxlate.contrast import CONTRASTS


def _codes(array: NDArray[Any], contrast: str, *, used: bool = True) -> list[tuple[str, str]]:
    found = check_intensities(array, CONTRASTS[contrast], case="a", path=Path("a.nii"))
    return [(finding.severity, finding.code) for finding in (found if used else map(soften, found))]


def _ct(low: float, high: float) -> NDArray[np.float64]:
    return np.linspace(low, high, 1000).reshape(10, 10, 10)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (_ct(-1024, 1800), []),
        (head_ct(), []),
        (_ct(0, 3794), [("error", "not_hounsfield")]),
        (_ct(0, 2000), [("error", "not_hounsfield")]),
        (_ct(0, 1), [("error", "not_hounsfield")]),
        (_ct(-1, 1), [("error", "not_hounsfield")]),
        (_ct(-3024, 1500), [("warning", "hounsfield_range")]),
        (_ct(-1024, 30000), [("error", "not_hounsfield")]),
        (np.zeros((4, 4, 4)), [("error", "constant_image")]),
    ],
)
def test_hounsfield_units(array: NDArray[Any], expected: list[tuple[str, str]]) -> None:
    assert _codes(array, "ct") == expected


@pytest.mark.parametrize(
    ("background", "expected"),
    [(0, ["hounsfield_background"]), (-250, ["hounsfield_background"]), (-1024, []), (-1000, [])],
)
def test_a_background_of_tissue_is_warned_of(background: float, expected: list[str]) -> None:
    """A skull-stripped CT has water all around its brain, if nobody fills it with air."""
    brain = np.where(depth() < 0.8, head_ct(), background)
    assert _codes(brain, "ct") == [("warning", code) for code in expected]


def test_a_constant_image_is_an_error_where_it_is_used() -> None:
    assert _codes(np.full((4, 4, 4), 7), "t1") == [("error", "constant_image")]
    assert _codes(np.full((4, 4, 4), 7), "t1", used=False) == [("warning", "constant_image")]
    assert _codes(_ct(0, 1), "t1") == []


def test_a_mask_in_the_place_of_an_image_is_an_error_where_it_is_used() -> None:
    mask = np.pad(np.ones((4, 4, 4)), 3)
    assert _codes(mask, "t1") == [("error", "mask_as_image")]
    assert _codes(255 * mask, "pet", used=False) == [("warning", "mask_as_image")]
    mask[0, 0, 0] = 0.5
    assert _codes(mask, "t1") == []


def _tissues() -> NDArray[np.float64]:
    return np.select([depth() < 0.25, depth() < 0.5, depth() < 0.8], [1.0, 2.0, 3.0], 0.0)


def _lesion() -> NDArray[np.float64]:
    i, j, k = np.indices(SHAPE)
    place = np.sqrt((i - 12.0) ** 2 + (j - 18) ** 2 + (k - 12) ** 2)
    return np.where(place < 3.5, 2.0, 0) - (place < 2.2)


def _regions() -> NDArray[np.float64]:
    """25 blocks of 6 x 6 voxels, each with a number of its own."""
    i, j, _ = np.indices(SHAPE)
    return np.where(depth() < 0.8, 1.0 + i // 6 + 5 * (j // 6), 0.0)


@pytest.mark.parametrize("labels", [_tissues(), _lesion(), 100 * _lesion(), _regions()])
def test_a_label_map_in_the_place_of_an_image_is_an_error_where_it_is_used(labels: NDArray[Any]) -> None:
    assert _codes(labels, "t1") == [("error", "mask_as_image")]
    assert _codes(labels.astype(np.uint8), "pet", used=False) == [("warning", "mask_as_image")]


@pytest.mark.parametrize("levels", [8, 16, 64])
def test_an_image_of_few_grey_levels_is_no_error(levels: int) -> None:
    mr = head_mr()
    grey = np.rint(np.clip(mr / np.percentile(mr, 99.5), 0, 1) * (levels - 1))
    assert ("error", "mask_as_image") not in _codes(grey, "t1")


def test_an_image_without_noise_is_no_error() -> None:
    assert _codes(np.select([_tissues() == n for n in range(1, 4)], [110.5, 420.2, 300.1], 0.0), "t1") == []


def test_otsu_parts_two_classes() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(10, 2, 5000), rng.normal(100, 10, 3000)])
    assert 25 < otsu_threshold(values) < 75


def test_foreground_by_kind() -> None:
    body = np.zeros((20, 20, 20), dtype=bool)
    body[5:15, 5:15, 5:15] = True
    noise = np.random.default_rng(0).rayleigh(3, body.shape)
    assert np.array_equal(foreground(np.where(body, -50.0, 0.0)), body)
    assert (foreground(np.where(body, 100 + noise, noise)) == body).mean() > 0.99
    assert np.array_equal(foreground(np.where(body, 40, -1000), kind="ct"), body)
    assert np.array_equal(foreground(body.astype(int) * 3, kind="label"), body)
