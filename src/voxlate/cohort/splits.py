"""Splits: which subjects train, which validate, which are kept for the test.

Subjects, not cases, are parted, so that the sessions of one subject stay together. Explicit lists come first; the
other subjects are parted in proportion over the parts that no list names:

- the sizes are by largest remainder, with at least one subject for each part whose fraction is not zero as long as
  there are enough subjects (served in the order train, test, validation);
- with ``stratify``, each value of each attribute gets near its equal share of every part: from a seeded shuffle, the
  exchange of two subjects that lowers ``sum over parts p and values v of (count[p, v] - n[v] size[p] / n)^2`` most is
  repeated until none does. Several attributes are balanced at once, as in Sechidis et al. 2011
  (doi 10.1007/978-3-642-23808-6_10), with exchanges in place of their greedy pass. A subject without a value counts
  under the value ``unknown``.

With ``folds`` the subjects that train or validate are dealt anew: into so many folds, of which one validates and the
others train. The test cases stay, and lists are kept.

A split may have no case in validation (explicit lists, or fewer than three subjects); a warning is logged, and the
trainer then validates on the training cases. If a list is given for every part, cases in none of them are in no part.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.case import Case, Cohort, natural_key
from voxlate.cohort.layouts.attributes import fold
from voxlate.config.plan import SplitOptions
from voxlate.errors import CohortError

logger = logging.getLogger(__name__)

Split = Mapping[str, str]
PARTS = ("train", "validation", "test")
_SERVED = (0, 2, 1)  # who gets a subject first when there are fewer subjects than parts
UNKNOWN = "unknown"

_Counts = NDArray[np.int64]
_Indicator = NDArray[np.float64]


def split_cohort(cohort: Cohort, options: SplitOptions, *, seed: int) -> dict[str, str]:
    """The part of every case: ``train``, ``validation`` or ``test``.

    Args:
        cohort: What to part; the order of its cases does not matter.
        options: Proportions, attributes to balance and explicit lists of case or subject ids.
        seed: The same seed parts the same cohort in the same way.

    Raises:
        CohortError: If a list names an unknown case, or lists put one subject into two parts.
    """
    subjects = _subjects(cohort)
    parts = _listed(subjects, options)
    rest = [subject for subject in subjects if subject not in parts]
    open_parts = [number for number, part in enumerate(PARTS) if not getattr(options, part)]
    fractions = [options.fractions[number] if number in open_parts else 0.0 for number in range(3)]
    if rest and sum(fractions) > 0:
        values = _indicator([subjects[subject] for subject in rest], options.stratify, cohort)
        chosen = _balance(values, _part_sizes(len(rest), fractions), seed=seed)
        parts |= {subject: PARTS[part] for subject, part in zip(rest, chosen, strict=True)}
    elif rest:
        logger.warning("%d subjects are in no list, and no part is left for them: they are not used", len(rest))
    if options.folds is not None:
        parts |= _folded([subject for subject in rest if parts.get(subject) in PARTS[:2]], subjects, options, seed=seed)
    of_case = {case.id: part for subject, part in parts.items() for case in subjects[subject]}
    _warn_of_empty(of_case)
    return {case.id: of_case[case.id] for case in cohort.cases if case.id in of_case}


def _part_sizes(subjects: int, fractions: Sequence[float]) -> tuple[int, int, int]:
    """How many subjects train, validate and test, by largest remainder.

    Args:
        subjects: How many there are.
        fractions: One weight per part, not negative, not all zero.

    Example:
        >>> _part_sizes(10, (0.7, 0.1, 0.2))
        (7, 1, 2)
    """
    share = np.asarray(fractions, dtype=np.float64)
    quota = share / share.sum() * subjects
    sizes = np.floor(quota + 1e-9).astype(np.int64)
    order = sorted(range(3), key=lambda part: (-round(float(quota[part] - sizes[part]), 9), _SERVED.index(part)))
    for part in order[: subjects - int(sizes.sum())]:
        sizes[part] += 1
    for part in [part for part in _SERVED if share[part] > 0][:subjects]:
        if sizes[part] == 0:
            sizes[int(np.argmax(sizes))] -= 1
            sizes[part] = 1
    train, validation, test = (int(size) for size in sizes)
    return train, validation, test


def _folded(
    development: Sequence[str], subjects: Mapping[str, Sequence[Case]], options: SplitOptions, *, seed: int
) -> dict[str, str]:
    """Subjects dealt into folds after a seeded shuffle, those of one value of ``stratify`` one after the other."""
    folds = options.folds or 1
    if len(development) < folds:
        raise CohortError(
            f"at least {folds} subjects for training and validation",
            came=str(len(development)),
            where="plan.split.folds",
            remedy="Ask for fewer folds, or add cases.",
        )
    shuffled = [development[place] for place in np.random.default_rng([seed, folds]).permutation(len(development))]

    def values(subject: str) -> list[str]:
        return [subjects[subject][0].attributes.get(name, UNKNOWN) for name in options.stratify]

    dealt = sorted(shuffled, key=values)
    return {subject: PARTS[int(place % folds == options.fold)] for place, subject in enumerate(dealt)}


def _subjects(cohort: Cohort) -> dict[str, list[Case]]:
    """The cases of each subject, both in natural order, whatever order the cohort has."""
    subjects: dict[str, list[Case]] = {}
    for case in sorted(cohort.cases, key=lambda case: (natural_key(fold(case.subject)), natural_key(case.id))):
        subjects.setdefault(fold(case.subject), []).append(case)
    return subjects


def _listed(subjects: Mapping[str, Sequence[Case]], options: SplitOptions) -> dict[str, str]:
    by_name = {case.id: subject for subject, cases in subjects.items() for case in cases}
    parts: dict[str, str] = {}
    for part in PARTS:
        for name in getattr(options, part):
            subject = by_name.get(name, fold(name))
            if subject not in subjects:
                raise CohortError(
                    "the id of a case or a subject", came=repr(name), where=f"split.{part}", remedy="Correct the list."
                )
            if parts.setdefault(subject, part) != part:
                raise CohortError(
                    "each subject in one part",
                    came=f"{name!r} in {parts[subject]} and {part}",
                    where="split",
                    remedy="Remove it from one of the lists; all sessions of a subject go to one part.",
                )
    return parts


def _indicator(subjects: Sequence[Sequence[Case]], attributes: Sequence[str], cohort: Cohort) -> _Indicator:
    """Which subject has which value, ``(subject, value)`` of 0 and 1."""
    lacking = [name for name in attributes if not any(name in case.attributes for case in cohort.cases)]
    if lacking:
        known = sorted({key for case in cohort.cases for key in case.attributes})
        logger.warning(
            "no case has the attribute %s: the split is not balanced by it. The cohort has %s",
            ", ".join(lacking),
            ", ".join(known) or "no attributes",
        )
    attributes = [name for name in attributes if name not in lacking]
    values = [
        {(name, case.attributes.get(name, UNKNOWN)) for name in attributes for case in cases} for cases in subjects
    ]
    columns = sorted(set().union(*values))
    return np.array([[column in has for column in columns] for has in values], dtype=np.float64)


def _balance(values: _Indicator, sizes: tuple[int, int, int], *, seed: int) -> _Counts:
    """The part ``0, 1, 2`` of every subject, ``(subject,)``."""
    rng = np.random.default_rng(seed)
    parts = rng.permutation(np.repeat(np.arange(3), sizes))
    if values.shape[1] == 0:
        return parts
    wanted = np.outer(sizes, values.sum(axis=0)) / len(parts)
    excess = np.stack([values[parts == part].sum(axis=0) for part in range(3)]) - wanted
    while True:
        exchanges = [_best_exchange(values, parts, excess, between=pair) for pair in ((0, 1), (0, 2), (1, 2))]
        gain, one, other = min(exchanges)
        if gain > -1e-9:
            return parts
        moved = values[other] - values[one]
        excess[parts[one]] += moved
        excess[parts[other]] -= moved
        parts[one], parts[other] = parts[other], parts[one]


def _best_exchange(
    values: _Indicator, parts: _Counts, excess: _Indicator, *, between: tuple[int, int]
) -> tuple[float, int, int]:
    """The change of the squared excess by the best exchange between two parts, and the two subjects."""
    ones, others = (np.flatnonzero(parts == part) for part in between)
    if not len(ones) or not len(others):
        return 0.0, 0, 0
    a, b = values[ones], values[others]
    slope = excess[between[0]] - excess[between[1]]
    distance = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    change = 2 * ((b @ slope)[None, :] - (a @ slope)[:, None] + distance)
    best = int(np.argmin(change))
    return float(change.flat[best]), int(ones[best // len(others)]), int(others[best % len(others)])


def _warn_of_empty(split: Split) -> None:
    if split and "validation" not in split.values():
        logger.warning("no subject is left for validation: the weights are chosen on the training cases")
