"""The refusal of a data set that does not pass the preflight."""

from __future__ import annotations

from voxlate.cohort.finding import Finding
from voxlate.training.setup.begin import _told


def _errors(code: str, cases: str) -> list[Finding]:
    return [Finding("error", code, case, f"it is {code}.") for case in cases]


def test_one_error_is_one() -> None:
    assert _told(_errors("unreadable", "a")) == "1 error: a: it is unreadable"


def test_three_errors_are_told_and_the_others_counted_by_code() -> None:
    told = _told([*_errors("unreadable", "abcdefgh"), *_errors("copied_contrast", "ab"), *_errors("no_overlap", "c")])
    assert told == (
        "11 errors: a: it is unreadable; a: it is copied_contrast; c: it is no_overlap; "
        "7 more of unreadable, 1 more of copied_contrast"
    )
