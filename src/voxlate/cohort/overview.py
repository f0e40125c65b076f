"""What a cohort holds, in counts for a program to print."""

from __future__ import annotations

import math
from collections import Counter

from voxlate.cohort.case import Cohort, natural_key
from voxlate.contrast import CONTRASTS

_FEW = 4


def contrast_counts(cohort: Cohort) -> dict[str, int]:
    """How many cases have each contrast, in the order of ``CONTRASTS``; contrasts that none has are absent."""
    counts = Counter(name for case in cohort.cases for name in case.paths)
    return {name: counts[name] for name in CONTRASTS if counts[name]}


def _attribute_counts(cohort: Cohort) -> dict[str, dict[str, int]]:
    """How many cases have each value of each attribute, both sorted."""
    names = sorted({name for case in cohort.cases for name in case.attributes})
    result = {}
    for name in names:
        counts = Counter(case.attributes[name] for case in cohort.cases if name in case.attributes)
        result[name] = {value: counts[value] for value in sorted(counts, key=natural_key)}
    return result


def attribute_summaries(cohort: Cohort) -> dict[str, str]:
    """The values of each attribute in a line, both sorted.

    Up to four different values come with the number of their cases, more numbers as their range.

    Example:
        >>> attribute_summaries(cohort)  # doctest: +SKIP
        {'age': '45 to 81', 'grade': '2 (1), 4 (2)', 'site': 'Oslo (2); none in 1'}
    """
    return {name: _summary(counts, of=len(cohort.cases)) for name, counts in _attribute_counts(cohort).items()}


def _summary(counts: dict[str, int], *, of: int) -> str:
    values = list(counts)
    if len(values) <= _FEW:
        said = ", ".join(f"{value} ({count})" for value, count in counts.items())
    elif all(map(_is_number, values)):
        said = f"{min(values, key=float)} to {max(values, key=float)}"
    else:
        said = f"{len(values)} values: {', '.join(values[:2])}, ..."
    absent = of - sum(counts.values())
    return f"{said}; none in {absent}" if absent else said


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
