from __future__ import annotations

from pathlib import Path

from voxlate.cohort import Case, Cohort, LeftOut, attribute_summaries, contrast_counts
from voxlate.cohort.overview import _attribute_counts

COHORT = Cohort(
    Path("data"),
    "folders",
    (
        Case("a", "anna", {"labels": Path("l"), "t2": Path("t2"), "t1": Path("t1")}, {"grade": "10"}),
        Case("b", "b", {"t1": Path("t1")}, {"grade": "2", "site": "Oslo"}),
    ),
    (LeftOut(Path("x"), "r", "ignored"), LeftOut(Path("y"), "r"), LeftOut(Path("z"), "r")),
)


def test_counts() -> None:
    assert list(contrast_counts(COHORT).items()) == [("t1", 2), ("t2", 1), ("labels", 1)]
    assert _attribute_counts(COHORT) == {"grade": {"2": 1, "10": 1}, "site": {"Oslo": 1}}
    assert list(_attribute_counts(COHORT)["grade"]) == ["2", "10"]


def test_a_line_for_each_attribute() -> None:
    many = [
        Case(str(n), str(n), {"t1": Path("t1")}, {"age": str(n), "name": f"n{n}", "sex": "fm"[n % 2]})
        for n in range(95, 101)
    ]
    cohort = Cohort(Path("data"), "folders", (*many, Case("x", "x", {"t1": Path("t1")}, {"sex": "f"})), ())
    assert attribute_summaries(cohort) == {
        "age": "95 to 100; none in 1",
        "name": "6 values: n95, n96, ...; none in 1",
        "sex": "f (4), m (3)",
    }
