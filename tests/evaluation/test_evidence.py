"""Evidence of a case: kept whole, found again, and worth nothing once anything that it follows from has changed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from voxlate.cohort import Case
from voxlate.errors import WriteError
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


def test_evidence_with_flipped_bits_counts_as_none_or_is_what_it_was(case: Case, tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", question_of("fidelity", "model"))
    evidence.keep(case, FOUND)
    [path] = (tmp_path / "evidence").iterdir()
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, 8 * len(whole), 300):
        bits = bytearray(whole)
        bits[place // 8] ^= 1 << (place % 8)
        path.write_bytes(bytes(bits))
        found = evidence.load(case)
        assert found is None or found.scores[0] == FOUND.scores[0]


def test_a_file_that_nobody_may_need_is_not_asked_for(case: Case, tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", question_of("fidelity", "model"))
    (tmp_path / "flair.mhd").write_text("ElementDataFile = gone.raw", encoding="utf-8")
    odd = replace(case, paths={**case.paths, "flair": tmp_path / "flair.mhd"})
    assert evidence.load(odd) is None
    evidence.keep(odd, FOUND)
    assert evidence.load(odd) is not None


def test_what_others_keep_there_is_left_alone(case: Case, tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence", question_of("fidelity", "model"))
    evidence.keep(case, FOUND)
    (tmp_path / "evidence" / "mine.npz").write_bytes(b"a user's own")
    evidence.drop_others([])
    assert [path.name for path in (tmp_path / "evidence").iterdir()] == ["mine.npz"]


def test_a_folder_that_cannot_be_made_is_told(case: Case, tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file", encoding="utf-8")
    with pytest.raises(WriteError, match="evidence"):
        Evidence(tmp_path / "evidence", question_of("fidelity", "model")).keep(case, FOUND)


def _archive(told: object) -> bytes:
    file = BytesIO()
    np.savez(file, told=np.array(json.dumps(told)))
    return file.getvalue()


DAMAGES = [b"", b"PK\x03\x04 cut off", b"no archive", b"\x93NUMPY", *map(_archive, ({}, [], None, 3, "text"))]
DAMAGES += [_archive({"key": "", "scores": [{"new": 1}], "more": {}}), _archive({"key": "", "scores": None})]


@pytest.mark.parametrize("damage", DAMAGES)
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
