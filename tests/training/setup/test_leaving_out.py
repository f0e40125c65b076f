"""Cases that cannot be used are left out, unless they are too many, or all that a part of the split has."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxlate.cohort import Case, Cohort
from voxlate.errors import CohortError
from voxlate.training.setup.leaving_out import without

COHORT = Cohort(Path("data"), "folders", tuple(Case(str(n), str(n), {}) for n in range(6)))
SPLIT = {str(n): "validation" if n == 5 else "test" if n == 4 else "train" for n in range(6)}


def test_a_case_is_left_out() -> None:
    cohort, split = without(COHORT, SPLIT, {"0": "damaged"})
    assert "0" not in split
    assert [case.id for case in cohort.cases] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("cases", "told"), [(("5",), "expected cases for validation"), (("0", "1", "2"), "of which most cases can be used")]
)
def test_the_refusal_says_what_is_lacking(cases: tuple[str, ...], told: str) -> None:
    with pytest.raises(CohortError, match=told):
        without(COHORT, SPLIT, dict.fromkeys(cases, "damaged"))
