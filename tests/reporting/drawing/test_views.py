from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from voxlate.errors import UsageError
from voxlate.reporting.drawing.views import Cut, Plane, SliceChoice, choose_slice, convention, slices_in_words

SHAPE = (4, 5, 6)


def marked(i: int, j: int, k: int) -> np.ndarray:
    array = np.zeros(SHAPE)
    array[i, j, k] = 1
    return array


def take(plane: Plane, index: int = 0, **mask: Any) -> Cut:
    return Cut.take(SliceChoice(plane, index, "test"), shape=SHAPE, spacing_mm=(1.0, 2.0, 0.5), **mask)


@pytest.mark.parametrize(
    ("plane", "voxel", "place"),
    [
        ("axial", (3, 4, 2), (0, 0)),  # right and front: upper left corner
        ("axial", (0, 0, 2), (4, 3)),  # left and back: lower right corner
        ("coronal", (3, 2, 5), (0, 0)),  # right and head
        ("coronal", (0, 2, 0), (5, 3)),  # left and feet
        ("sagittal", (2, 4, 5), (0, 0)),  # front and head
        ("sagittal", (2, 0, 0), (5, 4)),  # back and feet
    ],
)
def test_a_voxel_lands_where_the_radiologist_expects_it(
    plane: Plane, voxel: tuple[int, int, int], place: tuple[int, int]
) -> None:
    axis = {"axial": 2, "coronal": 1, "sagittal": 0}[plane]
    picture = take(plane, voxel[axis]).of(marked(*voxel))
    assert np.argwhere(picture).tolist() == [list(place)]


def test_the_largest_lesion_decides_the_slice() -> None:
    lesion = np.zeros(SHAPE)
    lesion[1, 1, 1] = lesion[1:3, 1:3, 4] = 1
    choice = choose_slice("axial", shape=SHAPE, mask=np.ones(SHAPE), lesion=lesion)
    assert (choice.index, choice.rule) == (4, "largest lesion area")


def test_an_empty_lesion_leaves_the_choice_to_the_foreground() -> None:
    mask = np.zeros(SHAPE)
    mask[:, :, 3:] = 1
    choice = choose_slice("axial", shape=SHAPE, mask=mask, lesion=np.zeros(SHAPE))
    assert (choice.index, choice.rule) == (4, "median of the foreground")


def test_without_a_mask_the_middle_is_shown() -> None:
    assert choose_slice("sagittal", shape=SHAPE) == SliceChoice("sagittal", 2, "middle of the volume")


def test_a_slice_outside_the_array_is_refused() -> None:
    with pytest.raises(UsageError, match="slice 6"):
        take("axial", 6).of(np.zeros(SHAPE))


def test_pictures_have_their_true_size() -> None:
    assert take("axial").laid.size_mm == (4.0, 10.0)
    assert take("coronal").laid.size_mm == (4.0, 3.0)
    assert take("sagittal").laid.size_mm == (10.0, 3.0)


def test_the_box_holds_the_mask_with_a_margin_inside_the_array() -> None:
    mask = marked(0, 2, 3)
    assert take("axial", mask=mask, margin=1).box == (slice(0, 2), slice(1, 4), slice(2, 5))
    assert take("axial", mask=np.zeros(SHAPE)).box == (slice(0, 4), slice(0, 5), slice(0, 6))
    whole = take("axial", 3).of(mask)
    assert whole.shape == (5, 4)
    assert np.array_equal(take("axial", 3, mask=mask, margin=1).of(mask), whole[1:4, 2:])


def test_slices_of_one_plane_and_rule_are_named_together() -> None:
    slices = [(SliceChoice("axial", 2, "largest lesion area"), 9), (SliceChoice("axial", 4, "largest lesion area"), 7)]
    assert slices_in_words(slices).startswith("Slices: axial 3/9, 5/7 (chosen by rule: largest lesion area). Display: ")
    several = slices_in_words([*slices, (SliceChoice("sagittal", 0, "middle of the volume"), 5)])
    assert "axial 3/9, 5/7; sagittal 1/5 (chosen by rule: largest lesion area, middle of the volume)" in several


def test_the_convention_is_named_in_words() -> None:
    assert "patient's left (L) is on the right" in convention(["axial"])
    assert "front (A) is on the left" in convention(["axial", "sagittal"])
    assert "patient's left" not in convention(["sagittal"])
