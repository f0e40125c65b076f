"""The preflight says how much of the patient an image does not show."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from tests.preprocess.samples import affine_of, head, painted, write
from voxlate.cohort import index_cohort
from voxlate.cohort.finding import Finding
from voxlate.cohort.preflight.checks import preflight
from voxlate.config.plan import Reading

SHAPE = (28, 30, 26)
AFFINE = affine_of(spacing=(5.0, 5.0, 5.0))
LABELS = head(SHAPE)
T1 = painted(LABELS, (0.0, 300.0, 200.0, 120.0), noise=6)
CT = np.clip(painted(LABELS, (-1000.0, 900.0, 40.0, 20.0), noise=8, seed=5), -1024, None).astype(np.float32)
K = np.indices(SHAPE)[2]
Image = tuple[NDArray[Any], NDArray[np.float64]]


def _cropped() -> Image:
    affine = AFFINE.copy()
    affine[:3, 3] += 12 * affine[:3, 2]
    return CT[:, :, 12:], affine


KINDS: dict[str, Callable[[], Image]] = {
    "its field of view ends": _cropped,
    "padded": lambda: (np.where(K < 12, np.float32(-1024), CT), AFFINE),
    "a gap": lambda: (np.where((K > 9) & (K < 14), np.float32(0), CT), AFFINE),
    "no number": lambda: (np.where(K < 12, np.float32(np.nan), CT), AFFINE),
}


def _findings(folder: Path, ct: Image, **options: Any) -> list[Finding]:
    write(folder / "a" / "t1.nii.gz", T1, AFFINE)
    write(folder / "a" / "ct.nii.gz", *ct)
    reading = Reading(on_nonfinite="zero")
    found = preflight(index_cohort(folder), reading=reading, **options)
    return [finding for finding in found if finding.code == "not_covered"]


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("options", [{}, {"source": ["t1"], "target": "ct"}])
def test_a_target_that_shows_a_part_is_told_with_the_share(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    [found] = _findings(tmp_path, KINDS[kind](), **options)
    assert (found.severity, found.case) == ("warning", "a")
    assert "field of view" in found.message
    assert "neither learned nor scored" in found.message
    [share] = re.findall(r"does not cover ([\d.]+) % of the foreground of T1", found.message)
    hidden = {"a gap": (K > 9) & (K < 14)}.get(kind, K < 12)
    inside = LABELS > 0
    assert float(share) == pytest.approx(100 * np.count_nonzero(inside & hidden) / np.count_nonzero(inside), abs=3)


def test_a_source_that_shows_less_than_its_target_hides_nothing(tmp_path: Path) -> None:
    """The first source gives the foreground: what lies beyond it is not asked for."""
    assert not _findings(tmp_path, _cropped(), source=["ct"], target="t1")


def test_images_that_are_registered_first_are_not_compared_by_place(tmp_path: Path) -> None:
    assert not _findings(tmp_path, _cropped(), source=["t1"], target="ct", registers=True)


def test_a_rim_is_not_worth_a_word(tmp_path: Path) -> None:
    affine = AFFINE.copy()
    affine[:3, 3] += 4 * affine[:3, 2]
    assert not _findings(tmp_path, (CT[:, :, 4:], affine), source=["t1"], target="ct")
    assert not _findings(tmp_path, (np.where(CT < -400, np.float32(-1024), CT), AFFINE))


@pytest.mark.parametrize("options", [{}, {"source": ["t1"], "target": "t2"}, {"source": ["t2"], "target": "t1"}])
def test_a_brain_beside_a_whole_head_is_told(tmp_path: Path, options: dict[str, Any]) -> None:
    t2 = painted(LABELS, (0.0, 100.0, 300.0, 500.0), noise=6, seed=3)
    inside = binary_erosion(LABELS > 0, iterations=3)
    for case, one, two in (
        ("a", T1 * inside, t2),
        ("b", T1 * inside, t2 * inside),
        ("c", T1, t2),
        ("d", T1, t2 * inside),
    ):
        write(tmp_path / case / "t1.nii.gz", one, AFFINE)
        write(tmp_path / case / "t2.nii.gz", two, AFFINE)
    found = [one for one in preflight(index_cohort(tmp_path), **options) if one.code == "stripped"]
    assert [(one.severity, one.case) for one in found] == [("warning", "a"), ("warning", "d")]
    assert "a/t1.nii.gz is 0, its background, in" in found[0].message
    write(tmp_path / "a" / "brain_mask.nii.gz", inside.astype(np.uint8), AFFINE)
    left = [one.case for one in preflight(index_cohort(tmp_path), **options) if one.code == "stripped"]
    assert left == ["d"]
