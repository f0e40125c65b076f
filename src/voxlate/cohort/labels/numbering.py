"""Which numbers the label maps of a cohort use: too many, or in some cases others than in the rest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from voxlate.cohort.finding import Finding
from voxlate.cohort.labels.classes import MOST_CLASSES
from voxlate.errors import counted, some

_ODD_NUMBER = 100
_NAMED = 5
_OTHERS, _FEW_LABELS = 3, 8
_Numbers = Mapping[str, tuple[int, ...]]


def check_numbering(numbers: _Numbers) -> list[Finding]:
    """What the numbers of labels tell when the cases are held against each other.

    Args:
        numbers: From case id to the values above 0 of its label map, ascending.
    """
    told = list(_check_single_values(numbers)) or list(_check_multiples(numbers)) or list(_check_odd_ones(numbers))
    return [*told, *_check_many(numbers)]


def _check_many(numbers: _Numbers) -> Iterator[Finding]:
    values = sorted({value for own in numbers.values() for value in own})
    if len(values) > MOST_CLASSES:
        message = (
            f"the label maps have {len(values)} values, from {values[0]} to {values[-1]}: too many for a class each "
            f"(at most {MOST_CLASSES}). Name those that matter with method.classes or conditions.structures."
        )
        yield Finding("warning", "many_labels", "", message)


def _check_single_values(numbers: _Numbers) -> Iterator[Finding]:
    """Cases of one label each, whose number differs: 1 here, 255 there."""
    single: dict[int, list[str]] = {}
    for case, own in numbers.items():
        if len(own) == 1:
            single.setdefault(own[0], []).append(case)
    several = any(len(own) > 1 for own in numbers.values())
    if several or len(single) < 2 or max(single) < _ODD_NUMBER:
        return
    told = [f"{value} in {counted(len(cases), 'case')} ({some(cases)})" for value, cases in sorted(single.items())]
    message = (
        f"the one label of a case has another number from case to case: {', '.join(told)}. If they mark the same, give "
        "them one number in copies, or train with method.classes: binary."
    )
    yield Finding("warning", "other_numbering", "", message)


def _check_multiples(numbers: _Numbers) -> Iterator[Finding]:
    """Cases whose numbers are those of the others times one number: 100 and 200 here, 1 and 2 there."""
    factors = {case: math.gcd(*own) for case, own in numbers.items() if max(own, default=0) >= _ODD_NUMBER}
    usual = {value for case, own in numbers.items() if factors.get(case, 1) == 1 for value in own}
    odd = [case for case in factors if usual.isdisjoint(numbers[case])]
    odd = [case for case in odd if usual.issuperset(value // factors[case] for value in numbers[case])]
    if odd:
        yield _differing(odd, numbers[odd[0]], sorted(usual))


def _check_odd_ones(numbers: _Numbers) -> Iterator[Finding]:
    """Cases, fewer than half, with a label that no other has, and without one that all others have.

    Of many labels an image shows some, and such a pair comes about by chance: there only cases that share none.
    """
    sets = {case: frozenset(own) for case, own in numbers.items() if own}
    often = Counter(sets.values())
    odd: dict[frozenset[int], list[int]] = {}
    for own, count in often.items():
        others = [other for other in sets.values() if other != own]
        if len(others) < _OTHERS or 2 * count >= len(sets) or (len(own) == 1 and count > 1):
            continue
        every, usual = frozenset.union(*others), frozenset.intersection(*others)
        few = len(own | usual) <= _FEW_LABELS or own.isdisjoint(every)
        if few and own - every and usual - own:
            odd[own] = sorted(usual)
    for own, expected in odd.items():
        yield _differing([case for case, found in sets.items() if found == own], tuple(sorted(own)), expected)


def _differing(cases: list[str], own: tuple[int, ...], usual: list[int]) -> Finding:
    message = (
        f"the labels of {counted(len(cases), 'case')} ({some(cases)}) are {', '.join(map(str, own[:_NAMED]))}, and "
        f"those of the others {', '.join(map(str, usual[:_NAMED]))}. If they mark the same, give them one set of "
        "numbers in copies, or name them in method.classes."
    )
    return Finding("warning", "other_numbering", "", message)
