"""Trees of DICOM series: a case per patient's folder, a contrast by the header, and the reasons."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.io.dicom.crafted import CANARY, placed, values, write_series
from voxlate.cohort import attribute_summaries, index_cohort
from voxlate.cohort.draft import write_draft
from voxlate.cohort.preflight.checks import preflight
from voxlate.errors import CohortError
from voxlate.io import read_volume


def _series(folder: Path, said: str, **header: Any) -> None:
    study, number = header.pop("study", "1.2.3"), header.pop("number", said)
    uid = "1.2.3." + "".join(str(ord(letter)) for letter in f"{folder.parent.name}{number}")
    header = {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": uid,
        "SeriesDescription": said,
        "SliceThickness": 2,
        **header,
    }
    write_series(folder, values((4, 4, 2)), placed(), name=f"{number}_{{}}", **header)


def test_a_case_is_a_patients_folder(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        _series(tmp_path / patient / "0003", "t1_mprage", study=f"1.{patient[1]}")
        _series(tmp_path / patient / "0007", "t2_tse", study=f"1.{patient[1]}")
        _series(tmp_path / patient / "0001", "localizer", study=f"1.{patient[1]}")
    cohort = index_cohort(tmp_path)
    assert cohort.layout == "dicom"
    assert [(case.id, case.subject, sorted(case.paths)) for case in cohort.cases] == [
        ("p1", "p1", ["t1", "t2"]),
        ("p2", "p2", ["t1", "t2"]),
    ]
    assert np.array_equal(read_volume(cohort.cases[0].paths["t2"]).array, values((4, 4, 2)))
    assert attribute_summaries(cohort)["t1 by"].startswith("header: 't1 mprage' says so (2)")
    assert [(item.case, item.code) for item in cohort.left_out] == [("p1", "dicom"), ("p2", "dicom")]
    assert "localiser" in cohort.left_out[0].reason


def test_mr_and_ct_of_a_patient_are_one_case_and_visits_are_two(tmp_path: Path) -> None:
    _series(tmp_path / "a" / "p1" / "MR", "t1_mprage", study="1.1")
    _series(tmp_path / "a" / "p1" / "CT", "Kopf", study="1.2", Modality="CT")
    _series(tmp_path / "a" / "p2" / "2019" / "MR", "t1_mprage", study="1.3")
    _series(tmp_path / "a" / "p2" / "2020" / "MR", "t1_mprage", study="1.4")
    cases = {case.id: sorted(case.paths) for case in index_cohort(tmp_path).cases}
    assert cases == {"p1": ["ct", "t1"], "p2_2019": ["t1"], "p2_2020": ["t1"]}


def test_series_in_one_folder_and_a_study_are_cases(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        _series(tmp_path / "all" / patient, "t1_mprage", study=patient[1])
        _series(tmp_path / "all" / patient, "t2_tse", study=patient[1])
    assert {case.id: sorted(case.paths) for case in index_cohort(tmp_path / "all").cases} == {
        "p1": ["t1", "t2"],
        "p2": ["t1", "t2"],
    }
    _series(tmp_path / "study" / "0003", "t1_mprage")
    _series(tmp_path / "study" / "0007", "flair", EchoTime=120, InversionTime=2500)
    assert {case.id: sorted(case.paths) for case in index_cohort(tmp_path / "study").cases} == {
        "study": ["flair", "t1"]
    }


def test_an_archive_of_patients_is_a_data_set(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        _series(tmp_path / "all" / patient / "3", "t1_mprage", study=patient[1])
        _series(tmp_path / "all" / patient / "7", "t2_tse", study=patient[1])
    archive = Path(shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "all"))
    packed, loose = index_cohort(archive), index_cohort(tmp_path / "all")
    assert [(case.id, sorted(case.paths)) for case in packed.cases] == [("p1", ["t1", "t2"]), ("p2", ["t1", "t2"])]
    for one, other in zip(packed.cases, loose.cases, strict=True):
        assert np.array_equal(read_volume(one.paths["t2"]).array, read_volume(other.paths["t2"]).array)
    assert not [one for one in preflight(packed) if one.code in {"unreadable", "dicom"}]


def test_of_several_series_of_one_contrast_none_is_taken_until_a_table_says_which(tmp_path: Path) -> None:
    _series(tmp_path / "p1" / "3", "t1_mprage", number=3)
    _series(tmp_path / "p1" / "4", "t1_mprage", number=4)
    _series(tmp_path / "p1" / "5", "t2_tse", number=5)
    cohort = index_cohort(tmp_path)
    assert [(item.code, item.contrast) for item in cohort.left_out] == [("duplicate_contrast", "t1")] * 2
    drafted = write_draft(tmp_path / "draft.csv", tmp_path, cohort).read_text(encoding="utf-8").splitlines()
    assert drafted[0].startswith("case,subject,t2,?3,?4")
    assert "p1/3/3_1,p1/4/4_1" in drafted[1].replace("3_2", "3_1").replace("4_2", "4_1")
    (tmp_path / "cases.csv").write_text("case,t1,t2\np1,p1/4,p1/5/5_1\np2,p1,\n", encoding="utf-8")
    cohort = index_cohort(tmp_path)
    assert {name: path.name for name, path in cohort.cases[0].paths.items()} == {"t1": "4_2", "t2": "5_1"}
    assert "one volume, got 3 series" in cohort.left_out[0].reason


def test_what_makes_no_volume_or_tells_nothing_is_left_out_with_the_reason(tmp_path: Path) -> None:
    _series(tmp_path / "p1" / "3", "t1_mprage")
    _series(tmp_path / "p1" / "4", "t2_tse", PixelSpacing="")
    _series(tmp_path / "p1" / "5", "mystery")
    told = {item.path.parent.name: item.reason for item in index_cohort(tmp_path).left_out}
    assert told["5"].startswith("shows no contrast that is known")
    with pytest.raises(CohortError, match=r"mystery|no contrast that is known"):
        index_cohort(tmp_path / "p1" / "5")
    findings = [one.message for one in preflight(index_cohort(tmp_path)) if one.code == "dicom"]
    assert any("p1/5" in message for message in findings)
    assert not any(value in " ".join([*findings, *told.values()]) for value in CANARY.values())
