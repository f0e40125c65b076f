"""The verb ``pairs``: a model for every ordered pair of contrasts, the matrix, and going on where it was killed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

import voxlate
from voxlate.errors import StoppedError, UsageError
from voxlate.training.loop.validation import Validation

TINY: dict[str, Any] = {
    "method.network": {"name": "unet", "channels": [4, 8]},
    "training.steps": 2,
    "training.minutes": None,
    "training.validate_every": 2,
    "training.precision": "fp32",
    "plan.split.fractions": [0.5, 0.17, 0.33],
}


class Killed:
    """Stops the second training at its validation."""

    def __init__(self) -> None:
        self.validated_runs = 0

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """Nothing."""

    def validated(self, step: int, validation: Validation) -> None:
        """Stops the second one."""
        self.validated_runs += 1
        if self.validated_runs == 2:
            raise StoppedError("an unbroken run", came="SIGTERM", where="here", remedy="Go on.")


def test_every_ordered_pair_is_trained_once_after_one_preflight_and_drawn_as_a_matrix(
    phantom_cohort: Path, tmp_path: Path
) -> None:
    def call(**more: Any) -> voxlate.Result:
        return voxlate.pairs(phantom_cohort, contrasts=["t1", "T2w"], overrides=TINY, out=tmp_path / "out", **more)

    stages: list[str] = []
    with pytest.raises(StoppedError, match="same command again"):
        call(observers=[Killed()], report=lambda stage, _done, _of: stages.append(stage))
    weights = tmp_path / "out" / "t1-to-t2" / "bundle" / "weights.safetensors"
    first = weights.stat().st_mtime_ns
    again: list[str] = []
    result = call(report=lambda stage, _done, _of: again.append(stage))
    assert weights.stat().st_mtime_ns == first, "what was finished is kept"
    assert "preflight" in stages
    assert "preflight" not in again
    rows = list(csv.DictReader((tmp_path / "out" / "matrix.csv").read_text(encoding="utf-8").splitlines()))
    assert {(row["sources"], row["target"]) for row in rows} == {("t1", "t2"), ("t2", "t1")}
    assert {row["method"] for row in rows} == {"model", "lookup", "identity"}
    assert "2 questions" in result.sentence
    held_out = {row["case"] for row in rows}
    assert f"Only {len(held_out)} cases" in result.page.read_text(encoding="utf-8")
    assert (tmp_path / "out" / "figures" / "matrix.png").is_file()
    before = (tmp_path / "out" / "matrix.csv").read_bytes()
    assert voxlate.pairs(phantom_cohort, contrasts=["t1", "t2"], overrides=TINY, out=tmp_path / "out").page
    assert (tmp_path / "out" / "matrix.csv").read_bytes() == before


def test_a_contrast_that_is_not_there_is_named(phantom_cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="t1, t1c, t2"):
        voxlate.pairs(phantom_cohort, contrasts=["t1", "ct"], out=tmp_path)
