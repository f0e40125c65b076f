from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from tests.cohort.scans import images
from voxlate.cohort.preflight.kept import Kept
from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.cohort.preflight.measures.comparison import Position, locate
from voxlate.cohort.preflight.measures.pose import find_pose
from voxlate.contrast import CONTRASTS
from voxlate.volume import Volume

SCANS = images(0)


def _scan(array: NDArray[Any], name: str) -> Binned:
    return Binned(Volume(np.asfortranarray(array), np.eye(4), CONTRASTS[name]))


T1 = _scan(SCANS["t1"], "t1")


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1)])
def test_a_mirrored_target_is_found(axes: tuple[int, ...]) -> None:
    found = find_pose(T1, _scan(np.flip(SCANS["t2"], axes), "t2"), (0, 0, 0))
    assert found is not None
    assert found.mirrored == axes
    assert "mirrored" in found.describe(np.eye(4))


@pytest.mark.parametrize("degrees", [-5.0, 5.0, 8.0])
def test_a_turned_target_is_found(degrees: float) -> None:
    angle, middle = np.radians(degrees), (np.array(SCANS["t2"].shape) - 1) / 2
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    found = find_pose(T1, _scan(affine_transform(SCANS["t2"], turn, middle - turn @ middle, order=1), "t2"), (0, 0, 0))
    assert found is not None
    assert not found.mirrored
    assert found.degrees == pytest.approx(abs(degrees), abs=1.5)


@pytest.mark.parametrize("other", ["t1c", "t2", "flair"])
def test_aligned_contrasts_are_as_they_should(other: str, tmp_path: Path) -> None:
    position = locate(T1, _scan(SCANS[other], other))
    assert position.pose is None
    assert not position.copied
    kept = [Kept(tmp_path).recall_as(Position, "position", (other,), lambda: position) for _ in range(2)]
    assert kept == [position, position], "as it was measured, and as it was read again"


def test_a_mirrored_copy_is_called_a_copy() -> None:
    assert "mirrored (left to right)" in locate(T1, _scan(2 * SCANS["t1"][::-1], "t2")).copied
    assert "mirrored" in locate(T1, _scan(np.sqrt(SCANS["t1"][:, ::-1]), "t2")).copied
