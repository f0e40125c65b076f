"""Samples of two sets: halves part subjects, too few are refused, and features that are kept are not computed again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from voxlate.cohort import Case
from voxlate.errors import CohortError, UsageError
from voxlate.evaluation.evidence import Evidence
from voxlate.evaluation.sets.distances import FLOOR, SYNTHETIC, Sample, _halve, compare_samples, embed_set
from voxlate.evaluation.sets.embedding import Features


def test_too_few_samples_for_every_metric_are_refused() -> None:
    rng = np.random.default_rng(0)
    few = Sample(rng.normal(size=(4, 3)), tuple("abcd"), tuple("abcd"))
    with pytest.raises(CohortError, match=r"at least 6.*3-D: 4 and 4"):
        compare_samples({"3-D": few}, {"3-D": few})


def test_halves_part_subjects_and_not_cases() -> None:
    subjects = tuple(subject for subject in "abcdef" for _ in range(4))
    cases = tuple(f"{subject}{n // 2}" for subject in "abcdef" for n in range(4))
    sample = Sample(np.arange(48.0).reshape(24, 2), cases, subjects)
    first, second = _halve(sample, seed=0)
    assert not set(first.subjects) & set(second.subjects)
    assert len(first.rows) == len(second.rows) == 12
    assert sorted([*first.rows[:, 0], *second.rows[:, 0]]) == list(sample.rows[:, 0])
    one = Sample(sample.rows, cases, ("a",) * 24)
    found = compare_samples({"axial": sample}, {"axial": one})
    assert [row.method for row in found] == [FLOOR, SYNTHETIC]
    assert all("one subject" in estimate.note for estimate in found[0].estimates.values())
    assert math.isfinite(found[1].estimates["kid"].value)


class _Sizes:
    """A network that sees how many bytes a file has, refuses empty ones, and counts what it is asked."""

    name = "sizes 0123456789ab"
    dims: Literal[2, 3] = 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, path: Path, *, mirrored: bool = False) -> Features:
        """One feature in each of two views."""
        self.asked.append(path.stem)
        size = path.stat().st_size
        if not size:
            raise UsageError("an image", came="nothing", where=path, remedy="Give one.")
        return {"axial": np.full((2, 1), float(size)), "3-D": np.full((1, 1), size / 3)}


def test_features_that_are_kept_are_not_computed_again(tmp_path: Path) -> None:
    images = []
    for number, name in enumerate("abc"):
        (tmp_path / f"{name}.nii").write_bytes(b"x" * number)
        images.append(Case(name, name, {"t1": tmp_path / f"{name}.nii"}))
    evidence, network = Evidence(tmp_path / "evidence" / "real", "asked"), _Sizes()
    first, failed = embed_set(images, network, report=lambda _: None, evidence=evidence)
    assert [case for case, _ in failed] == ["a"]
    assert list(first) == ["axial", "3-D"]
    heard: list[int] = []
    again, _ = embed_set(images, network, report=heard.append, evidence=evidence)
    assert network.asked == ["a", "b", "c", "a"], "what was refused is tried again"
    assert heard == [1, 2, 3]
    for view, sample in first.items():
        np.testing.assert_array_equal(again[view].rows, sample.rows)
        assert (again[view].cases, again[view].subjects) == (sample.cases, sample.subjects)
    (tmp_path / "b.nii").write_bytes(b"changed")
    changed, _ = embed_set(images, network, report=heard.append, evidence=evidence)
    assert changed["axial"].rows[0, 0] == 7
