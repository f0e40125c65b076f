"""Which contrasts of which cases are made, and by which model.

If a case lacks a target, only what is missing is made, and scans that are there are left alone; if no case lacks any,
there is nothing to impute and every case is translated. Sources are scans only: no image is made from one that a model
made. Of several models that could make an image the one with the most sources does it, then the first by name; scores
of models with different targets, regions or validation cases say nothing about which is better.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from voxlate.cohort import Case, Cohort
from voxlate.cohort.synthetic import real_contrasts
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import ReadError
from voxlate.inference.model import Model

logger = logging.getLogger(__name__)
_AMBIGUOUS = {"duplicate_contrast", "unclear_channel"}


@dataclass(frozen=True)
class Decision:
    """What is done about one contrast of one case.

    Attributes:
        case: The case, with its scans only.
        target: The contrast.
        has_target: Whether the case has a scan of it.
        model: Who makes the image; ``None``: nobody.
        status: What is told where nobody does.
        reason: Why, where it needs telling.
    """

    case: Case
    target: str
    has_target: bool = False
    model: Model | None = None
    status: Literal["present", "cannot", "failed"] = "present"
    reason: str = ""


@dataclass(frozen=True)
class _Holding:
    """What a case really has: its scans, the contrasts with two files, and why its sidecars cannot be read."""

    case: Case
    real: Mapping[str, Path]
    ambiguous: frozenset[str]
    error: str = ""


def decide(models: Sequence[Model], cohort: Cohort, *, every: bool = False) -> list[Decision]:
    """A decision for every case and every target that a model makes, in the cohort's order.

    Args:
        models: At least one.
        cohort: The cases.
        every: Whether cases that have a target are translated too, whatever the others lack.
    """
    targets = [name for name in CONTRASTS if any(model.target == name for model in models)]
    holdings = [_hold(case, cohort) for case in cohort.cases]
    if len(models) > 1:
        _tell_unmade(targets, holdings)
    lacking = any(target not in holding.real for holding in holdings if not holding.error for target in targets)
    return [_decide(models, holding, target, leave=lacking and not every) for holding in holdings for target in targets]


def _hold(case: Case, cohort: Cohort) -> _Holding:
    double = frozenset(item.contrast for item in cohort.left_out if item.code in _AMBIGUOUS and item.case == case.id)
    try:
        return _Holding(case, real_contrasts(case), double)
    except ReadError as error:
        return _Holding(case, {}, double, str(error))


def _tell_unmade(targets: Sequence[str], holdings: Sequence[_Holding]) -> None:
    """Warns of what stays missing because none of several models makes it."""
    known = {name for holding in holdings for name in holding.real} - set(targets)
    for contrast in (CONTRASTS[name] for name in CONTRASTS if name in known):
        lacking = sum(contrast.name not in holding.real for holding in holdings)
        if lacking and contrast.kind != "label":
            logger.warning("no model makes %s; cases without it: %d of %d", contrast.title, lacking, len(holdings))


def _decide(models: Sequence[Model], holding: _Holding, target: str, *, leave: bool) -> Decision:
    case, has_target = replace(holding.case, paths=holding.real), target in holding.real
    if holding.error:
        return Decision(case, target, status="failed", reason=holding.error)
    if has_target and leave:
        return Decision(case, target, has_target=True, status="present")
    if target in holding.ambiguous and leave:
        reason = f"two files claim to be its {get_contrast(target).title}; keep one"
        return Decision(case, target, status="cannot", reason=reason)
    able = [model for model in models if model.target == target and not model.lacks(holding.real)]
    if not able:
        return Decision(case, target, has_target=has_target, status="cannot", reason=_reason(models, holding, target))
    return Decision(case, target, has_target=has_target, model=min(able, key=_preference))


def _preference(model: Model) -> tuple[int, str]:
    return -len(model.bundle.recipe.source), model.name


def _reason(models: Sequence[Model], holding: _Holding, target: str) -> str:
    """What the case lacks for each model that makes the target."""
    makers = sorted((model for model in models if model.target == target), key=_preference)
    lacks = [f"{' and '.join(_missing(model, holding))} for {model.name}" for model in makers]
    return f"lacks {'; '.join(lacks)}"


def _missing(model: Model, holding: _Holding) -> list[str]:
    words = []
    for name in (name for name in CONTRASTS if name in model.lacks(holding.real)):
        why = " (two files)" if name in holding.ambiguous else ""
        why = " (there is only one that a model made)" if name in holding.case.paths else why
        words.append(f"{get_contrast(name).title}{why}")
    return words
