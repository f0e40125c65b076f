"""Several layouts in one folder, what is left out, and what stands in place of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cohort.scans import touch
from voxlate.cohort import index_cohort
from voxlate.cohort.preflight.names import check_names
from voxlate.errors import CohortError


def _codes(root: Path) -> dict[str, str]:
    return {finding.code: finding.severity for finding in check_names(index_cohort(root))}


def test_what_one_layout_leaves_out_is_offered_to_the_next(tmp_path: Path) -> None:
    touch(*(tmp_path / f"p{n}" / f"{name}.nii.gz" for n in (1, 2) for name in ("T1", "T2")))
    touch(*(tmp_path / f"p3_{name}.nii.gz" for name in ("T1", "T2")))
    touch(*(tmp_path / f"BraTS19_X_{n}" / f"BraTS19_X_{n}_{name}.nii.gz" for n in (4, 5) for name in ("t1", "t2")))
    cohort = index_cohort(tmp_path)
    assert (cohort.layout, cohort.left_out) == ("brats + folders + flat", ())
    assert [case.id for case in cohort.cases] == ["BraTS19_X_4", "BraTS19_X_5", "p1", "p2", "p3"]
    assert all(set(case.paths) == {"t1", "t2"} for case in cohort.cases)


def test_a_contrast_that_a_case_has_is_not_given_away_by_another_layout(tmp_path: Path) -> None:
    touch(*(tmp_path / "data" / f"p{n}" / f"{name}.nii.gz" for n in (1, 2) for name in ("T1", "T2")))
    touch(tmp_path / "data" / "p1_T1.nii.gz")
    cohort = index_cohort(tmp_path / "data")
    assert cohort.case("p1").paths["t1"] == tmp_path / "data" / "p1" / "T1.nii.gz"
    assert _codes(tmp_path / "data") == {"duplicate_contrast": "warning"}


def test_versions_of_an_image_are_no_cases(tmp_path: Path) -> None:
    touch(*(tmp_path / f"p{n}" / f"{word}_{name}.nii.gz" for n in (1, 2) for word in ("raw", "n4") for name in ("T1",)))
    touch(*(tmp_path / f"p{n}" / "T2.nii.gz" for n in (1, 2)))
    cohort = index_cohort(tmp_path)
    assert [set(case.paths) for case in cohort.cases] == [{"t2"}, {"t2"}]


def test_visits_in_the_folder_of_a_person_are_cases_of_that_person(tmp_path: Path) -> None:
    touch(
        *(tmp_path / f"pat{n}" / f"study{v}_{name}.nii.gz" for n in (1, 2) for v in (1, 2) for name in ("T1W", "T2W"))
    )
    cohort = index_cohort(tmp_path)
    assert (cohort.layout, len(cohort)) == ("flat", 4)
    assert {case.subject for case in cohort.cases} == {"pat1", "pat2"}


def test_folders_may_lie_deeper(tmp_path: Path) -> None:
    touch(
        *(
            tmp_path / "data" / site / f"p{n}" / f"{c}.nii"
            for site in ("Oslo", "Bonn")
            for n in (1, 2)
            for c in ("T1", "T2")
        )
    )
    assert [case.id for case in index_cohort(tmp_path).cases] == ["Bonn_p1", "Bonn_p2", "Oslo_p1", "Oslo_p2"]


def test_images_left_out_are_warnings_and_many_licences_one_line(tmp_path: Path) -> None:
    touch(*(tmp_path / f"p{n}" / name for n in range(9) for name in ("T1.nii.gz", "LICENSE", "notes.txt")))
    touch(tmp_path / "p1" / "brain.nii.gz", tmp_path / "p1" / "README.txt")
    (tmp_path / "p1" / "more.zip").write_bytes(b"PK\x03\x04" + bytes(40))
    assert _codes(tmp_path) == {"unmatched": "warning", "archive": "warning", "left_out": "info"}
    reasons = {item.path.name: item.reason for item in index_cohort(tmp_path).left_out if item.code == "not_an_image"}
    assert reasons == {
        "LICENSE": "not an image (and 8 more called LICENSE)",
        "notes.txt": "not an image (and 9 more named *.txt)",
    }


def test_images_of_the_test_are_a_warning(tmp_path: Path) -> None:
    touch(tmp_path / "imagesTr" / "a.nii.gz", tmp_path / "labelsTr" / "a.nii.gz", tmp_path / "imagesTs" / "b.nii.gz")
    assert _codes(tmp_path) == {"test_image": "warning"}


def test_a_column_called_label_in_a_table_of_attributes_makes_no_manifest(tmp_path: Path) -> None:
    touch(*(tmp_path / f"p{n}" / f"{name}.nii.gz" for n in (1, 2) for name in ("T1", "T2")))
    (tmp_path / "cases.csv").write_text("case,label,mask\np1,benign,yes\np2,malignant,no\n", encoding="utf-8")
    cohort = index_cohort(tmp_path)
    assert cohort.layout == "folders"
    assert cohort.cases[1].attributes == {"label": "malignant", "mask": "no"}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("patient,t1\np,T1.nii.gz\n", "a column case, with an id in each row, got the columns patient, t1"),
        ("case,age\np,4\n", "a column of images, got the columns case, age"),
        ("case,swi\np,T1.nii.gz\n", "declare it with its kind, as swi:mr"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer.*git lfs pull"),
        ("<!DOCTYPE html><html>log in</html>\n", "a web page"),
    ],
)
def test_a_table_that_is_no_manifest_says_which_columns_one_needs(tmp_path: Path, table: str, problem: str) -> None:
    touch(tmp_path / "T1.nii.gz")
    (tmp_path / "m.csv").write_text(table, encoding="utf-8")
    with pytest.raises(CohortError, match=problem) as refused:
        index_cohort(tmp_path / "m.csv")
    assert "case,subject,t1,t2,site" in str(refused.value) or "swi" in table or "case" not in table


def test_a_folder_of_dicom_without_images_is_told_so(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"IM{number}").write_bytes(bytes(128) + b"DICM" + b"\x08\x00\x60\x00CS\x02\x00SR")  # a report
    with pytest.raises(CohortError, match=r"is a DICOM file, but no image \(nor are 2 more\).*in a CSV"):
        index_cohort(tmp_path)


def test_a_pointer_in_place_of_dataset_json_is_told(tmp_path: Path) -> None:
    touch(tmp_path / "imagesTr" / "a_0000.nii.gz")
    (tmp_path / "dataset.json").write_text("version https://git-lfs.github.com/spec/v1\n", encoding="utf-8")
    with pytest.raises(CohortError, match="git lfs pull"):
        index_cohort(tmp_path)


def test_the_grade_comes_from_the_mapping_of_names(tmp_path: Path) -> None:
    names = [f"BraTS20_Training_{n:03d}" for n in (1, 2)]
    touch(*(tmp_path / name / f"{name}_{c}.nii.gz" for name in names for c in ("t1", "seg")))
    rows = ["Grade,BraTS_2017_subject_ID,BraTS_2020_subject_ID", f"HGG,NA,{names[0]}", f"LGG,NA,{names[1]}"]
    (tmp_path / "name_mapping.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert [case.attributes["grade"] for case in index_cohort(tmp_path).cases] == ["HGG", "LGG"]


def test_repeated_series_of_dcm2niix_are_not_chosen_from(tmp_path: Path) -> None:
    series = {"3_mprage": "t1_mprage_sag", "8_mprage": "t1_mprage_sag", "4_tse": "t2_tse_tra", "1_loc": "localizer"}
    for stem, said in series.items():
        touch(tmp_path / "p" / f"{stem}.nii.gz")
        (tmp_path / "p" / f"{stem}.json").write_text(json.dumps({"SeriesDescription": said}), encoding="utf-8")
    cohort = index_cohort(tmp_path)
    assert set(cohort.cases[0].paths) == {"t2"}
    assert {item.code for item in cohort.left_out} == {"duplicate_contrast", "unmatched"}


def test_parts_of_dixon_beside_each_other_bear_their_short_names_out(tmp_path: Path) -> None:
    touch(*(tmp_path / "flat" / f"p{n}_{end}.nii.gz" for n in (1, 2) for end in ("W", "F", "IP", "OP")))
    cohort = index_cohort(tmp_path / "flat")
    assert [set(case.paths) for case in cohort.cases] == [{"water", "fat", "in_phase", "out_phase"}] * 2
    touch(*(tmp_path / "one" / f"p{n}_{sex}.nii.gz" for n, sex in enumerate("FFF")))
    with pytest.raises(CohortError):
        index_cohort(tmp_path / "one")


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("trainA/p{n}.nii.gz", "t1=trainA/{case}.nii.gz"),
        ("p{n}/nii/x_A.nii.gz", "t1={case}/nii/x_A.nii.gz"),
        ("training_seg_{n}.nii.gz", "labels=training_seg_{case}.nii.gz"),
        ("FLAIR_p{n}.nii.gz", "flair=FLAIR_{case}.nii.gz"),
        ("p{n}_0000.nii.gz", "t1={case}_0000.nii.gz"),
        ("p{n}/p{n}_multi.nii.gz", "t1={case}/*_multi.nii.gz"),
    ],
)
def test_a_refusal_names_a_pattern_to_type(tmp_path: Path, form: str, pattern: str) -> None:
    touch(*(tmp_path / form.format(n=n) for n in (1, 2, 3)))
    with pytest.raises(CohortError) as refused:
        index_cohort(tmp_path)
    contrast, _, path = pattern.partition("=")
    assert f"--pattern {contrast}='{path}'" in refused.value.remedy
    assert len(index_cohort(tmp_path, patterns={contrast: path})) == 3


def test_a_table_that_is_not_looked_for_is_named(tmp_path: Path) -> None:
    touch(*(tmp_path / "files" / f"{n}a.nii.gz" for n in (1, 2)), tmp_path / "list.csv")
    with pytest.raises(
        CohortError, match=rf"Give the table itself, {tmp_path}/list.csv, if it lists them\. Or say where"
    ):
        index_cohort(tmp_path)
