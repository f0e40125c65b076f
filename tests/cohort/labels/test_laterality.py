"""Which classes a mirror exchanges."""

from __future__ import annotations

import numpy as np
import pytest

from voxlate.cohort.labels.laterality import exchanged, named_sides

PAIR = {"one": (1,), "other": (2,)}


def boxes(first: slice, second: slice, *, behind: int = 0) -> np.ndarray:
    labels = np.zeros((40, 20, 12), dtype=np.uint8)
    labels[first, 4:10, 3:9] = 1
    labels[second, 4 + behind : 10 + behind, 3:9] = 2
    return labels


def test_names_that_say_a_side() -> None:
    said = ["Left-Hippocampus", "right kidney", "lh.cortex", "kidney_R", "ctx-rh-insula"]
    silent = ["whole tumour", "label 1", "liver", "lens", "brightness", "rleft"]
    assert named_sides(dict.fromkeys([*said, *silent], (1,))) == said


@pytest.mark.parametrize("shift", [0, 9])
def test_a_left_and_a_right_one_are_exchanged_wherever_the_image_ends(shift: int) -> None:
    sides = boxes(slice(4, 9), slice(19, 24))
    assert exchanged([np.roll(sides, shift, axis=0)], PAIR) == ("one", "other")


@pytest.mark.parametrize(
    ("first", "second", "behind"),
    [(slice(10, 20), slice(11, 21), 7), (slice(4, 9), slice(9, 30), 0), (slice(4, 9), slice(19, 24), 9)],
    ids=["one behind the other", "a small one beside a large one", "on two sides, but apart"],
)
def test_others_are_not(first: slice, second: slice, behind: int) -> None:
    assert exchanged([boxes(first, second, behind=behind)], PAIR) is None


def test_one_inside_another_is_not_exchanged_and_an_absent_one_is_not_asked() -> None:
    nested = boxes(slice(4, 24), slice(8, 12))
    assert exchanged([nested], {"whole": (1, 2), "core": (2,)}) is None
    assert exchanged([np.where(nested == 2, 0, nested)], PAIR) is None
    assert exchanged([np.zeros((4, 4, 4), dtype=np.uint8)], PAIR) is None


def test_most_maps_decide() -> None:
    sides, apart = boxes(slice(4, 9), slice(19, 24)), boxes(slice(4, 9), slice(19, 24), behind=9)
    assert exchanged([sides, sides, apart], PAIR) == ("one", "other")
    assert exchanged([sides, apart, apart], PAIR) is None
