"""What a cohort holds, as rows and counts for a program to print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from voxlate.cohort.case import Cohort, natural_key
from voxlate.contrast import CONTRASTS


@dataclass(frozen=True)
class CaseRow:
    """One line of the overview.

    Attributes:
        case: Id of the case.
        subject: Id of the subject.
        contrasts: Names of the contrasts that it has, in the order of ``CONTRASTS``.
        attributes: What else is known.
    """

    case: str
    subject: str
    contrasts: tuple[str, ...]
    attributes: Mapping[str, str]


def overview(cohort: Cohort) -> list[CaseRow]:
    """A row per case, in the cohort's order."""
    order = list(CONTRASTS)
    return [
        CaseRow(case.id, case.subject, tuple(sorted(case.paths, key=order.index)), case.attributes)
        for case in cohort.cases
    ]


def contrast_counts(cohort: Cohort) -> dict[str, int]:
    """How many cases have each contrast, in the order of ``CONTRASTS``; contrasts that none has are absent."""
    counts = Counter(name for case in cohort.cases for name in case.paths)
    return {name: counts[name] for name in CONTRASTS if counts[name]}


def attribute_counts(cohort: Cohort) -> dict[str, dict[str, int]]:
    """How many cases have each value of each attribute, both sorted."""
    names = sorted({name for case in cohort.cases for name in case.attributes})
    result = {}
    for name in names:
        counts = Counter(case.attributes[name] for case in cohort.cases if name in case.attributes)
        result[name] = {value: counts[value] for value in sorted(counts, key=natural_key)}
    return result


def left_out_counts(cohort: Cohort) -> dict[str, int]:
    """How many files or folders were left out, by code."""
    return dict(sorted(Counter(item.code for item in cohort.left_out).items()))
