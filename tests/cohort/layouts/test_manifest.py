from __future__ import annotations

from pathlib import Path

import pytest

from tests.cohort.scans import touch
from voxlate.cohort import index_cohort
from voxlate.errors import CohortError


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    touch(*(tmp_path / "scans für alle" / f"{n} {name}.nii.gz" for n in (1, 2) for name in ("a", "b")))
    return tmp_path


def test_rows_become_cases(root: Path) -> None:
    text = (
        "case;Subject;T1w;seg;site;notes\n"
        "s1;anna;scans für alle/1 a.nii.gz;scans für alle/1 b.nii.gz;Oslo;n/a\n"
        "s2;anna;scans für alle/2 a.nii.gz;NA;;good\n"
        "s3;;scans für alle/3 a.nii.gz;;;\n"
        "sub-4_ses-1;;scans für alle/2 b.nii.gz;;;\n"
    )
    path = _write(root / "my cohort.csv", text)
    cohort = index_cohort(path)
    assert cohort.layout == "manifest"
    assert [(case.id, case.subject) for case in cohort.cases] == [
        ("s1", "anna"),
        ("s2", "anna"),
        ("sub-4_ses-1", "sub-4"),
    ]
    first, second, _ = cohort.cases
    assert {name: path.name for name, path in first.paths.items()} == {"labels": "1 b.nii.gz", "t1": "1 a.nii.gz"}
    assert first.attributes == {"site": "Oslo"}
    assert second.attributes == {"notes": "good"}
    assert [(item.path.name, item.code) for item in cohort.left_out] == [("3 a.nii.gz", "missing_file")]


def test_the_rows_own_attributes_come_before_participants(root: Path) -> None:
    _write(root / "cases.csv", "case,t1,site\nx,scans für alle/1 a.nii.gz,Oslo\n")
    _write(root / "participants.tsv", "participant_id\tsite\tage\nx\tBergen\t50\n")
    assert index_cohort(root).cases[0].attributes == {"age": "50", "site": "Oslo"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("case,t1,extra\nx,a.nii.gz,b.nii.gz\n", "'extra'"),
        ("case,t1,T1w\nx,a.nii.gz,b.nii.gz\n", "second for t1"),
        ("case,t1\nx,a.nii.gz\nx,b.nii.gz\n", "'x' again in row 3"),
        ("case,t1\n../x,a.nii.gz\n", "row 2"),
        ("case,t1\n..,a.nii.gz\n", "row 2"),
        ("t1,site\na.nii.gz,Oslo\n", "a column case"),
        ("case,t1\nx,a.nii.gz,b\n", "3 in row 2"),
    ],
)
def test_a_bad_table_is_refused(root: Path, text: str, problem: str) -> None:
    with pytest.raises(CohortError, match=problem):
        index_cohort(_write(root / "m.csv", text))


def test_a_list_of_results_is_no_manifest(root: Path) -> None:
    touch(root / "p" / "p_t2.nii.gz")
    _write(root / "manifest.csv", "case,status,seconds,reason\np,done,3,\n")
    cohort = index_cohort(root)
    assert cohort.layout == "folders"
    assert [case.id for case in cohort.cases] == ["p"]
