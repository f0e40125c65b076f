"""A case that is out of scale, or upside down as a whole, is told by the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.preprocess.samples import affine_of, head, painted, write
from voxlate.cohort import index_cohort
from voxlate.cohort.preflight.checks import preflight

SHAPE = (32, 32, 32)
AFFINE = affine_of(spacing=(5.0, 5.0, 5.0))
LABELS = head(SHAPE)
RAMP = np.add.outer(np.linspace(0.2, 1, SHAPE[1]), np.linspace(0, 1, SHAPE[2]))
"""Brighter to the front and to the head."""
Image = tuple[NDArray[Any], NDArray[np.float64]]


def _scaled(by: tuple[float, float, float]) -> Callable[[NDArray[Any]], Image]:
    return lambda array: (array, AFFINE @ np.diag([*by, 1.0]))


ODD: dict[str, tuple[Callable[[NDArray[Any]], Image], str]] = {
    "as it is": (lambda array: (array, AFFINE), ""),
    "cm": (_scaled((0.1, 0.1, 0.1)), "out_of_scale"),
    "in-plane spacing lost": (_scaled((0.3, 0.3, 1.0)), "out_of_scale"),
    "thick slab": (lambda array: (array[:, :, 6:14], AFFINE), ""),
    "upside down": (lambda array: (array[:, :, ::-1], AFFINE), "upside_down"),
    "back to front": (lambda array: (array[:, ::-1], AFFINE), "upside_down"),
    "stored the other way": (lambda array: (array[:, :, ::-1], AFFINE @ _mirror(2)), ""),
}


def _mirror(axis: int) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[axis, axis], matrix[axis, 3] = -1, SHAPE[axis] - 1
    return matrix


@pytest.mark.parametrize("fault", ODD)
def test_a_whole_case_that_lies_or_measures_otherwise_than_the_others(fault: str, tmp_path: Path) -> None:
    change, code = ODD[fault]
    for number, case in enumerate("abcdef"):
        array = np.roll(RAMP * painted(LABELS, (0.0, 300.0, 200.0, 90.0), noise=8, seed=number), number % 2, axis=0)
        array = array.astype(np.float32)
        write(tmp_path / case / "t1.nii.gz", *(change(array) if case == "c" else (array, AFFINE)))
    found = [one for one in preflight(index_cohort(tmp_path)) if one.code in ("out_of_scale", "upside_down")]
    assert [(one.severity, one.code, one.case) for one in found] == ([("warning", code, "c")] if code else [])
