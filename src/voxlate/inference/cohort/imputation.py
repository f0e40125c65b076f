"""Which contrasts of which cases are made, and by which model.

If a case lacks a target, only what is missing is made, and scans that are there are left alone; if no case lacks any,
there is nothing to impute and every case is translated, unless only poor scans are to be made anew.

Sources are scans only, unless a model's ``reading.imputed`` lets it start from what a model made: then also from what
another makes now, as in the chain from T1 to T2 to FLAIR. Of several models that could make an image the one with the
fewest such sources does it, then the one with the lowest validation error, then the one with the most sources, then the
first by name. A model that takes any sources takes all scans that there are, and is judged by its error with those.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from voxlate.cohort import Case, Cohort
from voxlate.cohort.poor import Poor
from voxlate.cohort.synthetic import real_contrasts
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import ReadError
from voxlate.inference.cohort.derivatives import Place, target_path
from voxlate.inference.model import Model

logger = logging.getLogger(__name__)
_AMBIGUOUS = {"duplicate_contrast", "unclear_channel"}


@dataclass(frozen=True)
class Decision:
    """What is done about one contrast of one case.

    Attributes:
        case: The case, with its scans, and with images that a model made where they may be sources.
        target: The contrast.
        has_target: Whether the case has a scan of it.
        model: Who makes the image; ``None``: nobody.
        status: What is told where nobody does.
        reason: Why, where it needs telling.
        imputed: Contrasts among the sources that a model made, or makes now.
        waits: Whether one of them is made now, so that the case cannot be read ahead.
    """

    case: Case
    target: str
    has_target: bool = False
    model: Model | None = None
    status: Literal["present", "cannot", "failed"] = "present"
    reason: str = ""
    imputed: frozenset[str] = frozenset()
    waits: bool = False


@dataclass(frozen=True)
class _Holding:
    """What a case really has: its scans, the contrasts with two files, a damaged sidecar's error, and what is poor."""

    case: Case
    real: Mapping[str, Path]
    ambiguous: frozenset[str]
    error: str = ""
    poor: Mapping[str, str] = field(default_factory=dict)

    def usable(self, model: Model, planned: Mapping[str, Path]) -> dict[str, Path]:
        """From a contrast to the file that a model may start from: a scan before what is made."""
        return {**planned, **self.case.paths, **self.real} if model.uses_imputed else dict(self.real)


@dataclass(frozen=True)
class _Maker:
    """A model, and the files of a case that it may start from."""

    model: Model
    paths: Mapping[str, Path]

    @classmethod
    def of(cls, model: Model, holding: _Holding, target: str, planned: Mapping[str, Path]) -> _Maker | None:
        """A model that makes a target, if the case has what it needs for it."""
        if target not in model.targets:
            return None
        usable = holding.usable(model, planned)
        for having in (holding.real, usable):  # from scans alone, where any source will do
            if model.can_make(target, having):
                return cls(model.asked(having, target), usable)
        return None

    def imputed(self, holding: _Holding) -> frozenset[str]:
        """The contrasts that it needs and of which the case has no scan."""
        needed = self.model.bundle.plan.files(replace(holding.case, paths=self.paths))
        return frozenset(needed) - frozenset(holding.real)


def decide(
    models: Sequence[Model],
    cohort: Cohort,
    *,
    place: Place | None = None,
    target: str | None = None,
    every: bool = False,
    poor: Poor | None = None,
) -> list[Decision]:
    """A decision for every case and every target that a model makes, in the cohort's order.

    Args:
        models: At least one.
        cohort: The cases.
        place: Where the images will lie, from which a chain goes on; by default in this folder.
        target: The only contrast that is wanted; ``None`` for all that the models make.
        every: Whether cases that have a target are translated too, whatever the others lack.
        poor: Scans that are counted as missing, which the cohort is without; for the reasons. If given, even empty,
            cases that have a target are left alone.
    """
    made = {name for model in models for name in model.targets} if target is None else {target}
    targets = [name for name in CONTRASTS if name in made]
    double, declared = _unclear(cohort), _by_case(poor or {})
    holdings = [_hold(case, double.get(case.id, ()), declared.get(case.id, {})) for case in cohort.cases]
    if len(models) > 1:
        _tell_unmade(targets, holdings)
    lacking = any(target not in holding.real for holding in holdings if not holding.error for target in targets)
    leave = (lacking or poor is not None) and not every
    where = place or (lambda case, name: target_path(Path(), case.id, name))
    return [one for holding in holdings for one in _decide_case(models, holding, targets, leave=leave, place=where)]


def _decide_case(
    models: Sequence[Model], holding: _Holding, targets: Sequence[str], *, leave: bool, place: Place
) -> list[Decision]:
    """What needs no other image first, then what can be made of it, and so on."""
    found = {target: _decide(models, holding, target, leave=leave, planned={}) for target in targets}
    planned: dict[str, Path] = {}
    while True:
        coming = {name: place(holding.case, name) for name, one in found.items() if one.model}
        if coming == planned:
            return list(found.values())
        planned = coming
        for target in [name for name, one in found.items() if one.status == "cannot"]:
            again = _decide(models, holding, target, leave=leave, planned=planned)
            if again.model:
                del found[target]
                found[target] = again


def _unclear(cohort: Cohort) -> dict[str, set[str]]:
    """From a case to the contrasts that two files claim to be."""
    found: dict[str, set[str]] = {}
    for item in cohort.left_out:
        if item.code in _AMBIGUOUS:
            found.setdefault(item.case, set()).add(item.contrast)
    return found


def _by_case(poor: Poor) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for (case_id, name), why in poor.items():
        found.setdefault(case_id, {})[name] = why
    return found


def _hold(case: Case, double: Iterable[str], poor: Mapping[str, str]) -> _Holding:
    try:
        return _Holding(case, real_contrasts(case), frozenset(double), poor=poor)
    except ReadError as error:
        return _Holding(case, {}, frozenset(double), str(error), poor=poor)


def _tell_unmade(targets: Sequence[str], holdings: Sequence[_Holding]) -> None:
    """Warns of what stays missing because none of several models makes it."""
    known = {name for holding in holdings for name in holding.real} - set(targets)
    for contrast in (CONTRASTS[name] for name in CONTRASTS if name in known):
        lacking = sum(contrast.name not in holding.real for holding in holdings)
        if lacking and contrast.kind != "label":
            logger.warning("no model makes %s; cases without it: %d of %d", contrast.title, lacking, len(holdings))


def _decide(
    models: Sequence[Model], holding: _Holding, target: str, *, leave: bool, planned: Mapping[str, Path]
) -> Decision:
    case, has_target = replace(holding.case, paths=holding.real), target in holding.real
    if holding.error:
        return Decision(case, target, status="failed", reason=holding.error)
    if has_target and leave:
        return Decision(case, target, has_target=True, status="present")
    if target in holding.ambiguous and leave:
        reason = f"two files claim to be its {get_contrast(target).title}; keep one"
        return Decision(case, target, status="cannot", reason=reason)
    able = [maker for model in models if (maker := _Maker.of(model, holding, target, planned))]
    if not able:
        return Decision(case, target, has_target=has_target, status="cannot", reason=_reason(models, holding, target))
    comparable = all(one.model.error is not None for one in able)
    maker = min(
        able,
        key=lambda one: (
            len(one.imputed(holding)),
            one.model.error if comparable and one.model.error is not None else 0.0,
            *_preference(one.model),
        ),
    )
    imputed = maker.imputed(holding)
    return Decision(
        replace(case, paths=maker.paths),
        target,
        has_target=has_target,
        model=maker.model,
        reason=f"in the place of a poor scan: {holding.poor[target]}" if target in holding.poor else "",
        imputed=imputed,
        waits=any(name not in holding.case.paths for name in imputed),
    )


def _preference(model: Model) -> tuple[int, str]:
    return -len(model.bundle.recipe.source), model.name


def _reason(models: Sequence[Model], holding: _Holding, target: str) -> str:
    """What the case lacks for each model that makes the target."""
    makers = sorted((model for model in models if target in model.targets), key=_preference)
    lacks = [f"{_joined(model, _missing(model, holding, target))} for {model.name}" for model in makers]
    return f"lacks {'; '.join(lacks)}"


def _joined(model: Model, missing: Sequence[str]) -> str:
    return f"all of {', '.join(missing)}" if model.bundle.recipe.targets else " and ".join(missing)


def _missing(model: Model, holding: _Holding, target: str) -> list[str]:
    words = []
    needed = set(model.bundle.recipe.source) - {target} if model.bundle.recipe.targets else model.lacks(holding.real)
    for name in (name for name in CONTRASTS if name in needed):
        why = " (two files)" if name in holding.ambiguous else ""
        made = name in holding.case.paths and name not in holding.real
        why = " (there is only one that a model made; --use-imputed lets it be a source)" if made else why
        why = f" (declared poor: {holding.poor[name]})" if name in holding.poor else why
        words.append(f"{get_contrast(name).title}{why}")
    return words
