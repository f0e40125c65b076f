from __future__ import annotations

from pathlib import Path

import pytest

from tests.cohort.scans import touch
from voxlate.cohort import index_cohort
from voxlate.errors import CohortError


def _reasons(root: Path) -> dict[str, str]:
    return {item.path.name: item.reason for item in index_cohort(root).left_out}


def test_names_with_any_alias(tmp_path: Path) -> None:
    names = ("T1.nii.gz", "T1POST.nii.gz", "p_T2w.mha", "p-t2-flair.nrrd", "GOLD_STANDARD.nii", "ct.hdr", "ct.img")
    touch(*(tmp_path / "p" / name for name in names))
    (case,) = index_cohort(tmp_path).cases
    assert {name: path.name for name, path in case.paths.items()} == {
        "ct": "ct.hdr",
        "flair": "p-t2-flair.nrrd",
        "labels": "GOLD_STANDARD.nii",
        "t1": "T1.nii.gz",
        "t1c": "T1POST.nii.gz",
        "t2": "p_T2w.mha",
    }
    assert index_cohort(tmp_path).left_out == ()


def test_two_files_for_one_contrast_are_both_left_out(tmp_path: Path) -> None:
    touch(*(tmp_path / "p" / name for name in ("T1.nii.gz", "T1w.nii.gz", "T2.nii.gz")))
    cohort = index_cohort(tmp_path)
    assert set(cohort.cases[0].paths) == {"t2"}
    assert {(item.path.name, item.code) for item in cohort.left_out} == {
        ("T1.nii.gz", "duplicate_contrast"),
        ("T1w.nii.gz", "duplicate_contrast"),
    }
    assert "T1w.nii.gz" in _reasons(tmp_path)["T1.nii.gz"]


@pytest.mark.parametrize(
    "names",
    [
        ("T1.nii.gz", "T2.nii.gz"),
        ("p_T1.nii.gz", "T2.mha", "notes.nii.gz"),
        ("sub-01_ses-1_T1w.nii.gz", "sub-01_ses-1_FLAIR.nii.gz"),
    ],
)
def test_the_folder_of_a_case_is_a_data_set_of_one(tmp_path: Path, names: tuple[str, ...]) -> None:
    touch(*(tmp_path / "p" / name for name in names))
    (case,) = index_cohort(tmp_path / "p").cases
    assert (case.id, len(case.paths)) == ("p", 2)


@pytest.mark.parametrize(
    "names",
    [
        ("T1.nii.gz", "t1w.nii.gz"),
        ("a.nii.gz", "b.nii.gz"),
    ],
)
def test_images_of_nobody_knows_which_case_in_one_folder_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    touch(*(tmp_path / "p" / name for name in names))
    with pytest.raises(CohortError, match="lies in the root"):
        index_cohort(tmp_path / "p")


def test_what_fits_nowhere_is_left_out_with_its_reason(tmp_path: Path) -> None:
    touch(
        tmp_path / "T1.nii.gz",
        tmp_path / "p" / "T1.nii.gz",
        tmp_path / "p" / "T1.json",
        tmp_path / "p" / "report.json",
        tmp_path / "p" / "brain.nii.gz",
        tmp_path / "p" / "anat" / "T2.nii.gz",
    )
    (tmp_path / "p" / "FLAIR.nii.gz").symlink_to(tmp_path / "gone.nii.gz")
    reasons = _reasons(tmp_path)
    assert set(reasons) == {"T1.nii.gz", "report.json", "brain.nii.gz", "T2.nii.gz", "FLAIR.nii.gz"}
    assert "root" in reasons["T1.nii.gz"]
    assert "deeper" in reasons["T2.nii.gz"]
    assert "no known contrast" in reasons["brain.nii.gz"]
    assert "does not exist" in reasons["FLAIR.nii.gz"]


def test_sessions_in_one_folder_are_cases_of_one_subject(tmp_path: Path) -> None:
    folder = tmp_path / "sub-01"
    touch(*(folder / f"sub-01_ses-{n}_{name}.nii.gz" for n in (1, 2) for name in ("T1w", "T2w")))
    touch(folder / "mask.nii.gz", tmp_path / "sub-02" / "sub-02_ses-1_T1w.nii.gz")
    touch(tmp_path / "sub-03_ses-a" / "T1.nii.gz", tmp_path / "sub-03_ses-b" / "T1.nii.gz")
    cohort = index_cohort(tmp_path)
    assert [(case.id, case.subject) for case in cohort.cases] == [
        ("sub-01_ses-1", "sub-01"),
        ("sub-01_ses-2", "sub-01"),
        ("sub-02", "sub-02"),
        ("sub-03_ses-a", "sub-03"),
        ("sub-03_ses-b", "sub-03"),
    ]
    assert "names no session" in _reasons(tmp_path)["mask.nii.gz"]


def test_cases_csv_gives_attributes_and_subjects(tmp_path: Path) -> None:
    touch(*(tmp_path / case / "T1.nii.gz" for case in ("scan a", "scan b", "scan c")))
    (tmp_path / "cases.csv").write_text("case;subject;grade\nscan a;anna;HGG\nscan b;anna;LGG\n", encoding="utf-8-sig")
    cases = index_cohort(tmp_path).cases
    assert [case.subject for case in cases] == ["anna", "anna", "scan c"]
    assert [dict(case.attributes) for case in cases] == [{"grade": "HGG"}, {"grade": "LGG"}, {}]


def test_composed_and_decomposed_names_are_one_subject(tmp_path: Path) -> None:
    touch(tmp_path / "Jo\u0308rg" / "T1.nii.gz")
    (tmp_path / "participants.tsv").write_text("participant_id\tsite\nJ\u00f6rg\tOslo\n", encoding="utf-8")
    assert index_cohort(tmp_path).cases[0].attributes == {"site": "Oslo"}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("participants.tsv", "id\tage\n1\t2\n", "participant_id"),
        ("participants.tsv", "participant_id\tage\n1\t2\nsub-1\t3\n", "two for '1'"),
        ("participants.tsv", "participant_id\tage\n1\n", "1 in row 2"),
        ("participants.tsv", "participant_id\tage\tage\n1\t2\t3\n", "twice"),
        ("cases.csv", "", "empty"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, name: str, text: str, problem: str) -> None:
    touch(tmp_path / "1" / "T1.nii.gz")
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(CohortError, match=problem):
        index_cohort(tmp_path)


def test_links_that_loop_end(tmp_path: Path) -> None:
    touch(tmp_path / "p" / "T1.nii.gz")
    (tmp_path / "p" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert [case.id for case in index_cohort(tmp_path).cases] == ["p"]
