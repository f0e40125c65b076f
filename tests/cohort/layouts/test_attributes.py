"""Tables beside the images: ids as spreadsheets and hands write them, and rows and columns that fit nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cohort.scans import touch
from voxlate.cohort import Cohort, index_cohort
from voxlate.cohort.layouts.attributes import read_rows
from voxlate.errors import CohortError


def _cohort(root: Path, ids: list[str], text: str, *, name: str = "cases.csv") -> Cohort:
    touch(*(root / case / f"{contrast}.nii.gz" for case in ids for contrast in ("t1", "t2")))
    (root / name).write_text(text, encoding="utf-8")
    return index_cohort(root)


def _told(cohort: Cohort) -> list[tuple[str, str, str]]:
    return [(item.path.name, item.code, item.reason) for item in cohort.left_out]


@pytest.mark.parametrize(
    ("case", "written"),
    [
        ("001", "1"),
        ("001", "1.0"),
        ("001", "01"),
        ("p001", "P1"),
        ("p001", " p001 "),
        ("001", "sub-001"),
        ("sub-01", "1"),
        ("sub-01", "sub 1"),
        ("Case 7", "case_07"),
        ("p1", "p1.nii.gz"),
        ("KÖLN-1", "köln-1"),
    ],
)
def test_an_id_is_matched_as_it_is_written_in_tables(tmp_path: Path, case: str, written: str) -> None:
    cohort = _cohort(tmp_path, [case, "other9"], f"case,subject,site\n{written},anna,Oslo\n")
    found = cohort.case(case)
    assert (found.subject, found.attributes, found.told) == ("anna", {"site": "Oslo"}, True)
    assert cohort.case("other9").attributes == {}
    assert cohort.left_out == ()


def test_a_row_that_could_mean_two_cases_means_none(tmp_path: Path) -> None:
    cohort = _cohort(tmp_path, ["1", "01", "2"], "case,site\n001,Oslo\n2,Bergen\n")
    assert [case.attributes for case in cohort.cases if case.id != "2"] == [{}, {}]
    assert _told(cohort) == [("cases.csv", "unmatched_rows", "1 row matches no case: 001")]


def test_an_exact_id_comes_before_one_that_is_only_alike(tmp_path: Path) -> None:
    cohort = _cohort(tmp_path, ["001", "1"], "case,site\n1,Oslo\n001,Bergen\n")
    assert {case.id: case.attributes["site"] for case in cohort.cases} == {"001": "Bergen", "1": "Oslo"}


def test_two_rows_for_one_case_are_not_chosen_from(tmp_path: Path) -> None:
    cohort = _cohort(tmp_path, ["001", "002"], "case,site\n1,Oslo\n01,Bergen\n002,Rom\n")
    assert cohort.case("001").attributes == {}
    assert _told(cohort) == [("cases.csv", "unmatched_rows", "2 rows match no case: 1, 01")]


def test_rows_that_match_nothing_are_counted_and_named(tmp_path: Path) -> None:
    rows = "".join(f"x{n}\t50\n" for n in range(7))
    cohort = _cohort(tmp_path, ["p1"], f"participant_id\tage\np1\t40\n{rows}", name="participants.tsv")
    assert cohort.case("p1").attributes == {"age": "40"}
    reason = "7 rows match no case: x0, x1, x2, x3, x4 and 2 more"
    assert _told(cohort) == [("participants.tsv", "unmatched_rows", reason)]


def test_participants_are_found_by_the_subject_that_another_table_tells(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nanna\t40\n", encoding="utf-8")
    cohort = _cohort(tmp_path, ["x1", "x2"], "case,subject\nx1,anna\nx2,anna\n")
    assert [case.attributes for case in cohort.cases] == [{"age": "40"}] * 2
    assert cohort.left_out == ()


def test_a_row_of_a_manifest_without_an_image_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "a.nii.gz")
    (tmp_path / "cases.csv").write_text("case,t1\np1,a.nii.gz\np2,\n", encoding="utf-8")
    assert _told(index_cohort(tmp_path)) == [("cases.csv", "unmatched_rows", "1 row matches no case: p2")]


@pytest.mark.parametrize(
    ("header", "odd"),
    [
        ("case,subject_id", True),
        ("case,Patient", True),
        ("case,participant,subject", False),
        ("case,site", False),
    ],
)
def test_a_column_that_may_name_the_subject_is_told(tmp_path: Path, header: str, odd: bool) -> None:
    more = ",".join("A" for _ in header.split(",")[1:])
    cohort = _cohort(tmp_path, ["x1", "x2"], f"{header}\nx1,{more}\nx2,{more}\n")
    assert [code for _, code, _ in _told(cohort)] == (["unknown_column"] if odd else [])


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "mac-roman"])
def test_a_table_in_another_encoding_is_refused_with_its_line(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "cases.csv"
    path.write_bytes("case,site\n1,Oslo\n2,Köln\n".encode(encoding))
    with pytest.raises(CohortError, match=r"UTF-8.*line [13]"):
        read_rows(path)
