"""Which classes a mirror exchanges."""

from __future__ import annotations

import numpy as np
import pytest

from voxlate.cohort.labels.laterality import exchanged, named_sides, of_one_hand

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


def shapes(*, sides: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    """Bent bars of differing size and place, bent to one side or to the other."""
    rng, maps = np.random.default_rng(seed), []
    for side in sides:
        labels = np.zeros((40, 40, 10), dtype=np.uint8)
        i, j, length = rng.integers(8, 14), rng.integers(2, 10), rng.integers(16, 22)
        labels[i : i + 5, j : j + length, 3:7] = 1
        labels[i : i + 14, j : j + 5, 3:7] = 2
        maps.append(labels[::side])
    return maps


def test_cases_of_one_hand_are_told_from_those_of_both_by_how_they_overlap() -> None:
    found = of_one_hand(shapes(sides=(1,) * 6))
    assert found is not None
    same, mirrored = found
    assert 0.3 < mirrored < 0.85 * same < same < 1
    assert of_one_hand(shapes(sides=(1, -1) * 4)) is None


def test_lesions_anywhere_and_too_few_cases_are_of_no_hand() -> None:
    rng = np.random.default_rng(3)
    blobs = [np.zeros((30, 30, 30), dtype=np.uint8) for _ in range(8)]
    for labels in blobs:
        for _ in range(3):
            i, j, k = rng.integers(2, 22, size=3)
            labels[i : i + 6, j : j + 6, k : k + 6] = 1
    assert of_one_hand(blobs) is None
    assert of_one_hand(shapes(sides=(1, 1))) is None
    assert of_one_hand([np.zeros((4, 4, 4))] * 5) is None
