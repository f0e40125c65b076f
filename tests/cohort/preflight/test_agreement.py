"""What the cases tell together, from what was measured of each: turned alike, and label maps exchanged."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from voxlate.cohort.preflight.agreement import Agreement, check_agreement
from voxlate.cohort.preflight.exchanged import find_exchanged
from voxlate.cohort.preflight.measures.binned import Portrait

EMPTY = Portrait(np.zeros((4, 4, 4), np.uint8), np.eye(4))


def _found(turns: list[tuple[float, ...]], *, gain: float = 1.05) -> list[str]:
    group = [
        Agreement(f"p{n}", ("t1", "t2"), 0.2, 0.0, 0.5, (EMPTY, EMPTY), turned, gain) for n, turned in enumerate(turns)
    ]
    return [f"{one.code} {one.case}" for one in check_agreement(group, lambda case, name: f"{case}/{name}.nii.gz")]


def test_a_turn_that_most_cases_share_is_told_of_each() -> None:
    alike = [(-5.0, 0.0, 0.0), (-4.0, 1.0, 0.0), (-5.0, -1.0, 0.0), (-6.0, 0.0, 0.0), ()]
    assert _found(alike) == [f"misaligned p{n}" for n in range(4)]
    assert _found(alike, gain=1.01) == []
    assert _found([*alike, (), ()]) == []


def test_turns_in_different_ways_are_none() -> None:
    assert _found([(-5.0, 0.0, 0.0), (4.0, 1.0, 0.0), (0.0, 5.0, 0.0), (0.0, 0.0, -6.0), (3.0, 0.0, 0.0)]) == []


@pytest.mark.parametrize("poor", [{}, {("p6", "t2"): "slices of 6 mm"}])
def test_a_poor_scan_is_not_called_unlike_others_besides(poor: dict[tuple[str, str], str]) -> None:
    informed = [0.2, 0.21, 0.2, 0.19, 0.2, 0.21, 0.05]
    group = [Agreement(f"p{n}", ("t1", "t2"), told, 0.0, 0.5, (EMPTY, EMPTY)) for n, told in enumerate(informed)]
    found = [one.code for one in check_agreement(group, lambda case, name: f"{case}/{name}", poor=poor)]
    assert found == ([] if poor else ["unlike_others"])


def _labelled(seed: int, *, contrast: float = 90.0) -> tuple[Portrait, Portrait]:
    """A textured image with a bright lesion of irregular outline, and its label map."""
    rng = np.random.default_rng(seed)
    shape = (28, 28, 28)
    away = np.linalg.norm(np.indices(shape) - np.array([[[[13]]]] * 3) - rng.uniform(-4, 4, (3, 1, 1, 1)), axis=0)
    lesion = away + 12 * gaussian_filter(rng.standard_normal(shape), 2) < 6
    image = 100 + 200 * gaussian_filter(rng.standard_normal(shape), 2) + contrast * lesion
    steps = np.clip(image, 1, 255).astype(np.uint8)
    return Portrait(steps, np.eye(4)), Portrait(lesion.astype(np.uint8), np.eye(4), of_labels=True)


@pytest.mark.parametrize("cases", [4, 20])
def test_exchanged_label_maps_are_found_by_what_they_mark(cases: int) -> None:
    portraits = [_labelled(seed) for seed in range(cases)]
    assert find_exchanged(portraits) == {}
    (first, one), (second, other) = portraits[0], portraits[2]
    portraits[0], portraits[2] = (first, other), (second, one)
    assert find_exchanged(portraits) == {0: 2, 2: 0}


def test_labels_that_do_not_show_in_the_image_are_not_called_exchanged() -> None:
    assert find_exchanged([_labelled(seed, contrast=0.0) for seed in range(8)]) == {}
