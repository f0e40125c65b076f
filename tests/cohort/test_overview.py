from __future__ import annotations

from pathlib import Path

from voxlate.cohort import (
    Case,
    CaseRow,
    Cohort,
    LeftOut,
    attribute_counts,
    contrast_counts,
    left_out_counts,
    overview,
)

COHORT = Cohort(
    Path("data"),
    "folders",
    (
        Case("a", "anna", {"labels": Path("l"), "t2": Path("t2"), "t1": Path("t1")}, {"grade": "10"}),
        Case("b", "b", {"t1": Path("t1")}, {"grade": "2", "site": "Oslo"}),
    ),
    (LeftOut(Path("x"), "r", "ignored"), LeftOut(Path("y"), "r"), LeftOut(Path("z"), "r")),
)


def test_a_row_per_case() -> None:
    assert overview(COHORT) == [
        CaseRow("a", "anna", ("t1", "t2", "labels"), {"grade": "10"}),
        CaseRow("b", "b", ("t1",), {"grade": "2", "site": "Oslo"}),
    ]


def test_counts() -> None:
    assert list(contrast_counts(COHORT).items()) == [("t1", 2), ("t2", 1), ("labels", 1)]
    assert attribute_counts(COHORT) == {"grade": {"2": 1, "10": 1}, "site": {"Oslo": 1}}
    assert list(attribute_counts(COHORT)["grade"]) == ["2", "10"]
    assert left_out_counts(COHORT) == {"ignored": 1, "unmatched": 2}
