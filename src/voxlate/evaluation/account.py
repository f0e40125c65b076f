"""The account of a data set's cases: how many were scored, and why each of the others was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voxlate.cohort import Case, Cohort
from voxlate.errors import counted, some
from voxlate.evaluation.candidates import Candidate
from voxlate.evaluation.cases import Scored

_FAILED = "that could not be scored"


def left_out_of(candidate: Candidate, cohort: Cohort, cases: Sequence[Case]) -> dict[str, str]:
    """From a case that is not looked at to the reason, in words that follow a count.

    Args:
        candidate: Who predicts.
        cohort: The cases that are complete.
        cases: Those of them that are looked at.
    """
    chosen = {case.id for case in cases}
    passed = {case.id: candidate.passed_over for case in cohort.cases if case.id not in chosen}
    return {**passed, **candidate.incomplete}


def say_account(scored: Scored, left_out: Mapping[str, str]) -> str:
    """How many cases were scored and, with their reasons, which were not; empty if all were.

    Args:
        scored: What came of the cases that were looked at.
        left_out: From each of the others to its reason, in words that follow a count.
    """
    reasons = {**{case: _FAILED for case, _ in scored.failed}, **left_out}
    if not reasons:
        return ""
    done = len(scored.found)
    groups = {reason: [case for case, one in reasons.items() if one == reason] for reason in reasons.values()}
    parts = [f"{done} scored", *(_group(reason, cases) for reason, cases in groups.items())]
    return f"{counted(done + len(reasons), 'case')}: {', '.join(parts)}"


def of_account(cases: str, account: str) -> str:
    """What the scored cases are, for the page, and after it the account of all if there is one."""
    return "; ".join(filter(None, (cases, account)))


def _group(reason: str, cases: Sequence[str]) -> str:
    words = reason if len(cases) == 1 else reason.replace("lacks ", "lack ", 1)
    return f"{len(cases)} {words} ({some(cases)})"
