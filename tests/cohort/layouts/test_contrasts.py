"""A folder per contrast: how files of one case are found in several of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cohort.scans import touch
from voxlate.cohort import index_cohort, recognise
from voxlate.errors import CohortError

PAIR = [("T1", "t1"), ("T2", "t2")]


@pytest.mark.parametrize(
    ("form", "ids"),
    [
        ("{0}/{1:03d}.nii.gz", ["001", "002", "003"]),
        ("IXI-{0}/IXI{1:03d}-Guys-080{1}-{0}.nii.gz", [f"IXI00{n}-Guys-080{n}" for n in (1, 2, 3)]),
        ("{0}/{0}_{1:03d}.mha", ["001", "002", "003"]),
        ("{0}w/sub-0{1}_ses-1_{0}w.nii.gz", [f"sub-0{n}_ses-1" for n in (1, 2, 3)]),
        ("train/{0}/{1}.nii.gz", ["1", "2", "3"]),
        ("train{0}/{1}.nii.gz", ["1", "2", "3"]),
        ("{0}/p{1}/image.nii.gz", ["p1", "p2", "p3"]),
        ("{0}/p{1}/{0}.nii.gz", ["p1", "p2", "p3"]),
        ("p{1}_{0}/image.nii.gz", ["p1", "p2", "p3"]),
    ],
)
def test_its_cases_are_found(tmp_path: Path, form: str, ids: list[str]) -> None:
    touch(*(tmp_path / form.format(name, n) for n in (1, 2, 3) for name, _ in PAIR))
    cohort = index_cohort(tmp_path)
    assert (cohort.layout, cohort.left_out) == ("contrasts", ())
    assert [case.id for case in cohort.cases] == ids
    assert all(set(case.paths) == {"t1", "t2"} for case in cohort.cases)
    assert all(name in str(case.paths[contrast]) for case in cohort.cases for name, contrast in PAIR)


def test_one_name_in_two_parts_is_two_cases(tmp_path: Path) -> None:
    parts = ("train", "test")
    touch(*(tmp_path / part / name / f"{n}.nii.gz" for part in parts for n in (1, 2) for name in ("CT", "MR", "masks")))
    cohort = index_cohort(tmp_path)
    assert [case.id for case in cohort.cases] == ["test_1", "test_2", "train_1", "train_2"]
    assert all(set(case.paths) == {"ct", "mr", "mask"} for case in cohort.cases)


def test_what_lies_in_the_wrong_folder_or_in_none_is_left_out(tmp_path: Path) -> None:
    touch(*(tmp_path / name / f"{n}_{name}.nii.gz" for n in (1, 2) for name in ("T1", "T2", "MRA")))
    touch(tmp_path / "T1" / "3_T2.nii.gz")
    cohort = index_cohort(tmp_path)
    assert [case.id for case in cohort.cases] == ["1", "2"]
    assert {item.path.name: item.reason for item in cohort.left_out} == {
        "3_T2.nii.gz": "is named t2 in a folder of t1",
        "1_MRA.nii.gz": "lies in no folder of a contrast",
        "2_MRA.nii.gz": "lies in no folder of a contrast",
    }


def test_two_folders_of_one_contrast_are_not_chosen_from(tmp_path: Path) -> None:
    touch(*(tmp_path / name / "1.nii.gz" for name in ("T1", "T1w", "T2")))
    cohort = index_cohort(tmp_path)
    assert set(cohort.cases[0].paths) == {"t2"}
    assert [item.code for item in cohort.left_out] == ["duplicate_contrast"] * 2


@pytest.mark.parametrize("form", ["p{1}/{0}.nii.gz", "p{1}/p{1}_{0}.nii.gz", "OAS1_000{1}_MR1/{0}.nii.gz"])
def test_a_folder_per_case_stays_one(tmp_path: Path, form: str) -> None:
    touch(*(tmp_path / form.format(name, n) for n in (1, 2, 3) for name, _ in PAIR))
    assert recognise(tmp_path) == "folders"


def test_folders_without_a_common_case_are_refused_with_a_word_for_them(tmp_path: Path) -> None:
    touch(*(tmp_path / name / f"{name}{n}.nii.gz" for n in (1, 2) for name in ("A", "B")))
    with pytest.raises(CohortError, match="one folder per contrast"):
        index_cohort(tmp_path)


def test_leading_zeros_do_not_part_a_case(tmp_path: Path) -> None:
    touch(
        *(tmp_path / "T1" / f"{n}.nii.gz" for n in (1, 2, 10)),
        *(tmp_path / "T2" / f"{n:03}.nii.gz" for n in (1, 2, 10)),
    )
    found = index_cohort(tmp_path)
    assert [(case.id, sorted(case.paths)) for case in found.cases] == [(f"{n:03}", ["t1", "t2"]) for n in (1, 2, 10)]


def test_where_zeros_tell_two_cases_apart_they_do(tmp_path: Path) -> None:
    touch(*(tmp_path / name / f"{n}.nii.gz" for n in ("1", "01") for name in ("T1", "T2")))
    assert sorted(case.id for case in index_cohort(tmp_path).cases) == ["01", "1"]
