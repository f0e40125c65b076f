"""Fitting: the plan and the baseline of cases that no model comes with, from those of them that can be read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from voxlate.cohort import Case
from voxlate.config.plan import PlanOptions
from voxlate.contrast import get_contrast
from voxlate.errors import VoxlateError
from voxlate.methods.baselines import Lookup
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.plan import Plan, make_plan
from voxlate.preprocess.prepare import prepare_case
from voxlate.volume import Array

logger = logging.getLogger(__name__)
_UNFIT = "case %s is left out of what all are compared by: %s"


@dataclass(frozen=True)
class Fitted:
    """What the cases tell that could be read.

    Attributes:
        plan: How they are normalised.
        lookup: The baseline, fitted to them.
        cases: Those cases.
    """

    plan: Plan
    lookup: Lookup
    cases: list[Case]


def fit_to(cases: Sequence[Case], options: PlanOptions, *, source: tuple[str, ...], target: str) -> Fitted:
    """Plan and baseline of the cases; one that cannot be read is named in the log, and the others decide.

    Args:
        cases: With sources and target.
        options: Of the plan.
        source: Contrasts that go in.
        target: The contrast that comes out.

    Raises:
        VoxlateError: If none can be read; what is wrong with the first is told.
    """
    names = (*source, target)
    try:
        fingerprint, left = take_fingerprint(cases, names, options=options), list(cases)
    except Exception:
        left = [case for case in cases if _is_usable(case, names, options)]
        if not left:
            raise
        fingerprint = take_fingerprint(left, names, options=options)
    plan = make_plan(fingerprint, options, source=source, target=target)
    fitted: list[Case] = []
    lookup = Lookup.fit(_pairs(plan, left, fitted))
    return Fitted(plan, lookup, fitted)


def _is_usable(case: Case, names: Sequence[str], options: PlanOptions) -> bool:
    try:
        take_fingerprint([case], names, options=options)
    except VoxlateError as error:
        logger.warning(_UNFIT, case.id, error)
    except Exception as error:  # whatever a file makes a library do
        logger.warning(_UNFIT, case.id, f"{type(error).__name__}: {error}", exc_info=True)
    else:
        return True
    return False


def _pairs(plan: Plan, cases: Sequence[Case], fitted: list[Case]) -> Iterator[tuple[Array, Array, Array]]:
    """What the baseline is fitted to; the cases that it comes from join ``fitted``."""
    for case in cases:
        try:
            pair = _pair(plan, case)
        except Exception as error:  # whatever a file makes a library do
            if case is cases[-1] and not fitted:
                raise
            logger.warning(_UNFIT, case.id, error)
        else:
            fitted.append(case)
            yield pair


def _pair(plan: Plan, case: Case) -> tuple[Array, Array, Array]:
    """Source, target and mask of a case, normalised; of a label map whether it is labelled."""
    prepared = prepare_case(case, plan, contrasts=(*plan.source, plan.target))
    names = (plan.source[0], plan.target)
    source, target = (np.asarray(prepared.arrays[name]) for name in names)
    is_label = get_contrast(plan.target).kind == "label"
    return source, np.minimum(target, 1) if is_label else target, prepared.shown(*names)
