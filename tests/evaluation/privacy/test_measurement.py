"""What is kept of a measurement: it comes back as it was, for the same question alone, and an audit follows from it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.audits import measured
from voxlate.contrast import get_contrast
from voxlate.evaluation.privacy.audit import AuditOptions, audit_distances
from voxlate.evaluation.privacy.measurement import AttackedCase, Measured, Question, SpaceMeasurement
from voxlate.evaluation.privacy.neighbours import MARGIN, Neighbour


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    found = measured()
    found.keep(tmp_path / "distances.json", question="asked")
    assert Measured.load(tmp_path / "distances.json", question="asked") == found
    assert Measured.load(tmp_path / "distances.json", question="another") is None
    np.testing.assert_array_equal(found.images.grid.affine, np.diag([4.0, 4.0, 4.0, 1.0]))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"question": "asked", "measured": {"spaces": 3}}', "\x00"])
def test_what_is_damaged_is_measured_again(text: str, tmp_path: Path) -> None:
    assert Measured.load(tmp_path / "absent.json", question="asked") is None
    (tmp_path / "distances.json").write_text(text)
    assert Measured.load(tmp_path / "distances.json", question="asked") is None


def test_ids_distances_and_geometry_are_all_that_is_kept(tmp_path: Path) -> None:
    measured().keep(tmp_path / "distances.json", question="asked")

    def longest(value: object) -> int:
        if isinstance(value, dict):
            return max(map(longest, value.values()), default=0)
        if not isinstance(value, list):
            return 0
        if all(isinstance(part, int | float) for part in value):
            return len(value)
        return max(map(longest, value), default=0)

    assert longest(json.loads((tmp_path / "distances.json").read_text())) == 4, "a row of an affine map"


def _members(*nearest: tuple[str, str, float]) -> SpaceMeasurement:
    questions = tuple(Question(case, "member", (Neighbour(other, distance),)) for case, other, distance in nearest)
    attacked = tuple(AttackedCase(case, number, True, 0.0) for number, (case, _, _) in enumerate(nearest))
    return SpaceMeasurement("pixel", questions, attacked)


def test_the_threshold_and_twins_follow_from_the_nearest_distances() -> None:
    space = _members(("a", "b", 0.1), ("b", "a", 0.1), ("c", "d", 0.8), ("d", "c", 0.8), ("e", "c", 0.9))
    asked = (Question("x", "held-out", (Neighbour("a", 0.5),)), Question("y", "held-out", (Neighbour("a", 0.73),)))
    found = replace(measured(), spaces=(replace(space, questions=(*space.questions, *asked)),))
    audit = audit_distances(found, contrast=get_contrast("t1"), options=AuditOptions(share=0.0), origins={})
    pixel = audit.spaces["pixel"]
    assert pixel.threshold.distance == pytest.approx(MARGIN * 0.8)
    assert pixel.twins == (("a", "b"),)
    assert audit.alarms is not None
    assert (audit.alarms.count, audit.alarms.of) == (1, 2)
    assert pixel.membership is None, "there is no synthetic image to attack with"
    near = audit_distances(found, contrast=get_contrast("t1"), options=AuditOptions(distance=0.5), origins={})
    assert near.spaces["pixel"].threshold.distance == pytest.approx(0.5 * 0.8)
