from __future__ import annotations

from pathlib import Path

import pytest

from voxlate.cohort import Case, Cohort, read_split, split_cohort, split_table, write_split
from voxlate.config.plan import SplitOptions
from voxlate.errors import CohortError


def _cohort() -> Cohort:
    names = ["Jörg, der Erste", 'with "quotes"', " blank ", "c", "d", "e", "f", "g"]
    cases = [
        Case(name, f"s {n // 2}", {"t1": Path("x")}, {"site": f"Köln {n % 2}", "part": "x"} if n else {})
        for n, name in enumerate(names)
    ]
    return Cohort(Path("data"), "folders", tuple(cases))


def test_a_split_survives_its_file(tmp_path: Path) -> None:
    cohort = _cohort()
    split = split_cohort(cohort, SplitOptions(fractions=(0.5, 0.25, 0.25)), seed=1)
    path = tmp_path / "split.csv"
    write_split(split, cohort, path)
    assert read_split(path) == split
    first = path.read_text(encoding="utf-8").splitlines()[:2]
    assert first == ["case,subject,part,site", f'"Jörg, der Erste",s 0,{split["Jörg, der Erste"]},']


def test_shares_of_attributes() -> None:
    cohort = _cohort()
    split = {case.id: "train" if number < 4 else "test" for number, case in enumerate(cohort.cases)}
    rows = {(row.attribute, row.value): row for row in split_table(split, cohort, attributes=["site"])}
    assert rows["", "all subjects"].subjects == {"train": 2, "validation": 0, "test": 2}
    assert rows["site", "Köln 0"].subjects == {"train": 1, "validation": 0, "test": 2}
    assert rows["site", "Köln 0"].shares == {"train": 0.5, "validation": 0.0, "test": 1.0}
    assert rows["site", "unknown"].subjects["train"] == 1


def test_attributes_with_many_values_are_not_shown_unless_asked_for() -> None:
    cases = tuple(Case(f"c{n}", f"c{n}", {}, {"age": str(n), "sex": "F"}) for n in range(12))
    cohort = Cohort(Path(), "folders", cases)
    split = {case.id: "train" for case in cases}
    assert {row.attribute for row in split_table(split, cohort)} == {"", "sex"}
    assert len(split_table(split, cohort, attributes=["age"])) == 13


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("case,subject\na,a\n", "columns case and part"),
        ("case,part\na,training\n", "'training' in row 2"),
        ("case,part\na,train\na,test\n", "'a' again in row 3"),
        ("case,subject,part\na,s,train\nb,sub-s,test\n", "train and test"),
    ],
)
def test_a_file_that_is_no_split_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "split.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CohortError, match=problem):
        read_split(path)
