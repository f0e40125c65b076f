from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from voxlate.cohort import Case, Cohort, natural_key
from voxlate.cohort.subjects import subjects_of
from voxlate.errors import UsageError


def _cohort() -> Cohort:
    return Cohort(
        Path("data"),
        "folders",
        (
            Case("a", "a", {"t1": Path("data/a/T1.nii.gz"), "t2": Path("data/a/T2.nii.gz")}, {"site": "x"}),
            Case("b", "b", {"t1": Path("data/b/T1.nii.gz")}),
        ),
    )


def test_with_contrasts_keeps_complete_cases_and_names_the_others() -> None:
    kept = _cohort().with_contrasts("T1w", "t2w")
    assert [case.id for case in kept.cases] == ["a"]
    assert [(item.path, item.reason) for item in kept.left_out] == [(Path("data/b"), "case b has no t2")]
    assert len(_cohort().with_contrasts("t1")) == 2


def test_a_case_is_found_by_its_id() -> None:
    assert _cohort().case("b").subject == "b"
    with pytest.raises(UsageError, match="a, b"):
        _cohort().case("c")


def test_a_cohort_crosses_process_borders() -> None:
    assert pickle.loads(pickle.dumps(_cohort())) == _cohort()


def test_natural_order() -> None:
    names = ["case10", "Case2", "case1", "case02", "ärztin 3", "case", "2", "10"]
    ordered = sorted(names, key=natural_key)
    assert ordered.index("case1") < ordered.index("Case2") < ordered.index("case10")
    assert ordered.index("2") < ordered.index("10")
    assert sorted(names[3:] + names[:3], key=natural_key) == ordered


@pytest.mark.parametrize(
    ("case", "subject"),
    [("sub-01_ses-2", "sub-01"), ("sub-01-ses-2", "sub-01"), ("sub-01", "sub-01"), ("patient19", "patient19")],
)
def test_the_subject_of_a_session(case: str, subject: str) -> None:
    assert subjects_of([case]) == {case: subject}
