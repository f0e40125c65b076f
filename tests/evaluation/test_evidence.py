"""Evidence of a case: kept whole, found again, and worth nothing once anything that it follows from has changed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from voxlate.cohort import Case
from voxlate.evaluation.evidence import CaseEvidence, Evidence, question_of
from voxlate.evaluation.scores import Score

FOUND = CaseEvidence(
    [Score("a", "foreground", "model", "mae", 0.1, "1"), Score("a", "lesion", "model", "mae", math.nan, "1")],
    {"truth axial": np.arange(6, dtype=np.float32).reshape(2, 3), "unit": np.array("HU")},
    {"structures": [{"structure": "aorta", "mae": 3.5}]},
)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    (tmp_path / "t1.nii").write_bytes(b"an image")
    return Case(id="a/\u00e9", subject="a", paths={"t1": tmp_path / "t1.nii"}, attributes={})


def test_what_is_kept_is_found_again(case: Case, tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", question_of("fidelity", "model"))
    assert evidence.load(case) is None
    evidence.keep(case, FOUND)
    found = evidence.load(case)
    assert found is not None
    assert found.scores[0] == FOUND.scores[0]
    assert math.isnan(found.scores[1].value)
    np.testing.assert_array_equal(found.arrays["truth axial"], FOUND.arrays["truth axial"])
    assert str(found.arrays["unit"]) == "HU"
    assert found.more == FOUND.more
    assert [path.suffix for path in (tmp_path / "evidence").iterdir()] == [".npz"]


def test_another_question_or_image_is_scored_anew(case: Case, tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", question_of("fidelity", "model"))
    evidence.keep(case, FOUND)
    assert replace(evidence, question=question_of("fidelity", "another model")).load(case) is None
    case.paths["t1"].write_bytes(b"another image")
    assert evidence.load(case) is None


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut off", b"no archive"])
def test_damaged_evidence_counts_as_none(case: Case, tmp_path: Path, damage: bytes) -> None:
    evidence = Evidence(tmp_path / "evidence", question_of("fidelity", "model"))
    evidence.keep(case, FOUND)
    [path] = (tmp_path / "evidence").iterdir()
    path.write_bytes(damage)
    assert evidence.load(case) is None


def test_cases_that_are_no_longer_asked_for_are_removed(case: Case, tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", question_of("fidelity", "model"))
    other = replace(case, id="b")
    for one in (case, other):
        evidence.keep(one, FOUND)
    evidence.drop_others([other])
    assert evidence.load(case) is None
    assert evidence.load(other) is not None
