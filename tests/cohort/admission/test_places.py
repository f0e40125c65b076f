"""Where a label map lies in its image: headers that were lost, mirrored or exchanged, and masks of little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cohort.scans import SHAPE, images
from voxlate.cohort.admission.places import check_place
from voxlate.cohort.case import Case
from voxlate.contrast import CONTRASTS
from voxlate.volume import Grid, Volume

T1 = images(0)["t1"]
CASE = Case("a", "a", {name: Path(f"{name}.nii") for name in ("t1", "labels", "mask")})
AFFINE = np.diag([2.0, 2, 2, 1])
AFFINE[:3, 3] = -(np.array(SHAPE) - 1)


def _lesion(centre: tuple[float, float, float] = (26, 12, 18), radius: float = 4) -> NDArray[np.bool_]:
    place = np.indices(SHAPE) - np.reshape(centre, (3, 1, 1, 1))
    return np.asarray((place**2).sum(axis=0) < radius**2)


IMAGE = np.where(_lesion(), 900, T1)


def _codes(
    labels: NDArray[Any], affine: NDArray[Any], contrast: str = "labels", **options: Any
) -> list[tuple[str, str]]:
    image = Volume(options.pop("image", IMAGE), AFFINE, CONTRASTS["t1"])
    found = check_place(Volume(labels, affine, CONTRASTS[contrast]), image, case=CASE, **options)
    return [(finding.severity, finding.code) for finding in found]


def _moved(*by_mm: float) -> NDArray[np.float64]:
    moved = AFFINE.copy()
    moved[:3, 3] += by_mm
    return moved


def test_labels_on_the_grid_of_the_image_are_fine() -> None:
    assert _codes(_lesion(), AFFINE) == []
    assert _codes(_lesion(), _moved(0.3, -0.3, 0)) == []  # what rounding of a header leaves
    assert _codes(images(0)["labels"], AFFINE) == []
    assert _codes(np.zeros(SHAPE), np.eye(4)) == []


@pytest.mark.parametrize(
    "affine",
    [np.eye(4), np.diag([-1.0, -1, 1, 1]), np.diag([-1.0, -1, 1, 1]) @ AFFINE, _moved(24, 0, 0), _moved(0, 0, -14)],
    ids=["identity", "ITK's identity", "mirrored", "moved", "a slab away"],
)
def test_a_header_that_the_voxels_contradict_is_an_error(affine: NDArray[Any]) -> None:
    assert _codes(_lesion(), affine) == [("error", "labels_misplaced")]


def test_an_identity_is_an_error_also_where_the_image_shows_nothing_of_the_labels() -> None:
    faint = _lesion((20, 18, 10), 2)
    assert _codes(faint, np.eye(4), image=T1) == [("error", "labels_misplaced")]
    assert _codes(faint, np.diag([-1.0, -1, 1, 1]) @ AFFINE, image=T1) == [("warning", "labels_misplaced")]


def test_axes_in_another_order_are_fine_if_the_voxels_say_so() -> None:
    turned = np.flip(_lesion(), (0, 1))
    affine = AFFINE @ np.array([[-1.0, 0, 0, SHAPE[0] - 1], [0, -1, 0, SHAPE[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1]])
    assert _codes(turned, affine) == []
    swapped = np.swapaxes(_lesion(), 0, 2)
    order = AFFINE[:, [2, 1, 0, 3]]
    assert _codes(swapped, order) == []
    assert _codes(swapped, AFFINE) == [("warning", "labels_misplaced")]


def test_labels_drawn_on_another_image_of_the_case_are_fine() -> None:
    other = _moved(24, 0, 0)
    assert _codes(_lesion((14, 12, 18)), other, grids=[Grid(SHAPE, other)]) == []


def test_labels_beside_what_the_image_shows() -> None:
    corner = np.zeros(SHAPE, bool)
    corner[:6, :6, :6] = True
    assert _codes(corner, AFFINE) == [("error", "labels_off_image")]
    assert _codes(corner, AFFINE, "mask") == [("error", "labels_off_image")]
    assert _codes(np.ones(SHAPE), AFFINE) == []  # a map that numbers the background too
    assert _codes(_lesion(), _moved(500, 0, 0)) == [("error", "no_overlap")]


def test_a_mask_of_little_names_the_other_reading() -> None:
    image = Volume(IMAGE, AFFINE, CONTRASTS["t1"])
    (found,) = check_place(Volume(_lesion(), AFFINE, CONTRASTS["mask"]), image, case=CASE)
    assert (found.severity, found.code) == ("warning", "small_mask")
    assert "of what t1 shows" in found.message
    assert "lesion" in found.message
    assert _codes(T1 > 0, AFFINE, "mask") == []
    inner = np.zeros(SHAPE, bool)
    inner[10:-10, 9:-9, 8:-8] = True  # a brain in its head
    assert _codes(inner, AFFINE, "mask") == []
    assert _codes(np.ones(SHAPE), AFFINE, "mask") == []
    assert _codes(~inner, AFFINE, "mask") == [("warning", "inverted_mask")]
    assert _codes(T1 == 0, AFFINE, "mask") == [("warning", "inverted_mask")]
    image = Volume(IMAGE, AFFINE, CONTRASTS["t1"])
    (found,) = check_place(Volume(T1 == 0, AFFINE, CONTRASTS["mask"]), image, case=CASE)
    assert "covers 100 % of what the image shows as background, and 0 % of the rest" in found.message


def test_the_hollows_of_an_image_are_inside() -> None:
    """Labels of ventricles or lungs lie on the darkest voxels of all."""
    hollow = np.where(_lesion((20, 18, 16), 7), 0, T1)
    assert _codes(_lesion((20, 18, 16), 5), AFFINE, image=hollow) == []
