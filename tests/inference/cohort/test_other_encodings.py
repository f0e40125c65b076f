"""Names that are not UTF-8 (folders of old archives, headers in Latin-1): one case never ends the others' work."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

import voxlate
from tests.io.crafted import write_nrrd
from voxlate.cohort import index_cohort, split_cohort, write_split
from voxlate.config.plan import SplitOptions
from voxlate.errors import ReadError, readable
from voxlate.inference.model import load_model
from voxlate.io import read_volume

LATIN = os.fsdecode(b"J\xf6rg")


@pytest.fixture
def odd(phantom_cohort: Path, tmp_path: Path) -> Path:
    """Two cases of T1: a folder and a file that are named in Latin-1, and a table in UTF-8 beside them."""
    root = tmp_path / "data"
    first, second, *_ = index_cohort(phantom_cohort).cases
    for folder, name, case in ((LATIN, "T1.nii.gz", first), ("b", os.fsdecode(b"\xe9t\xe9_T1.nii.gz"), second)):
        (root / folder).mkdir(parents=True)
        shutil.copy(case.paths["t1"], root / folder / name)
    (root / "cases.csv").write_text("case,site\nJörg,Köln\n", encoding="utf-8")
    return root


def test_readable_text_is_text_that_can_be_written() -> None:
    assert readable("Jörg ☃") == "Jörg ☃"
    assert readable(os.fsdecode(b"J\xf6rg/caf\xe9 \x93x\x94")) == "Jörg/café “x”"
    assert str(ReadError("a file", came=LATIN, where=Path(LATIN), remedy="Look.")).encode().count(b"\xc3\xb6") == 2


def test_the_case_has_a_readable_id_and_its_row(odd: Path, tmp_path: Path) -> None:
    cohort = index_cohort(odd)
    assert [(case.id, case.subject) for case in cohort.cases] == [("b", "b"), ("Jörg", "Jörg")]
    assert cohort.case("Jörg").attributes == {"site": "Köln"}
    assert read_volume(cohort.case("Jörg").paths["t1"]).shape
    split = split_cohort(cohort, SplitOptions(), seed=0)
    write_split(split, cohort, tmp_path / "split.csv")
    assert set(voxlate.cohort.read_split(tmp_path / "split.csv")) == {"b", "Jörg"}


def test_two_names_that_read_alike_stay_two_cases(odd: Path) -> None:
    shutil.copytree(odd / "b", odd / "Jörg")
    ids = [case.id for case in index_cohort(odd).cases]
    assert sorted(ids) == ["J%F6rg", "Jörg", "b"]


def test_a_manifest_in_utf8_finds_files_of_other_bytes(odd: Path) -> None:
    (odd / "cases.csv").write_text("case,t1\nx,Jörg/T1.nii.gz\ny,b/été_T1.nii.gz\nz,b/gone.nii.gz\n", encoding="utf-8")
    cohort = index_cohort(odd)
    assert [case.id for case in cohort.cases] == ["x", "y"]
    assert [item.code for item in cohort.left_out] == ["missing_file"]


def test_every_case_is_translated_and_listed(odd: Path, trained: Path, tmp_path: Path) -> None:
    (odd / "c").mkdir()
    write_nrrd(odd / "c" / "T1.nrrd", space_units='"?" "?" "?"')
    header = (odd / "c" / "T1.nrrd").read_bytes()
    (odd / "c" / "T1.nrrd").write_bytes(header.replace(b'"?"', b'"\xa7"'))
    out = tmp_path / os.fsdecode(b"\xfcbersetzt")
    outcomes = voxlate.translate(trained, odd, out=out)
    assert {one.case: one.status for one in outcomes} == {"b": "done", "Jörg": "done", "c": "failed"}
    assert "§" in next(one.reason for one in outcomes if one.status == "failed")
    with (out / "manifest.csv").open(encoding="utf-8") as file:
        assert {row["case"] for row in csv.DictReader(file)} == {"b", "Jörg", "c"}
    sidecar = json.loads((out / "b" / "b_t2.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in sidecar["sources"]] == ["été_T1.nii.gz"]
    completed = index_cohort(out / "completed.csv")
    assert all(set(case.paths) == {"t1", "t2"} for case in completed.cases if case.id != "c")


def test_a_model_lies_anywhere(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / LATIN)
    assert load_model(tmp_path / LATIN).name == load_model(trained).name
