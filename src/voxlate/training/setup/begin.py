"""Everything between a data set and the first step: split, preflight, fingerprint, plan, prepared store."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from voxlate.cohort import Case, Cohort, contrast_counts, index_cohort
from voxlate.cohort.admission import tell
from voxlate.cohort.admission.labels import MASK
from voxlate.cohort.finding import Finding
from voxlate.cohort.labels.enhancement import with_enhancement
from voxlate.cohort.preflight.checks import preflight
from voxlate.cohort.preflight.kept import IN_PREPARED
from voxlate.cohort.split_file import read_split, write_shares, write_split
from voxlate.cohort.splits import split_cohort
from voxlate.config.choice import Choice
from voxlate.config.plan import PlanOptions
from voxlate.config.recipe import Recipe
from voxlate.derivation import files_of
from voxlate.errors import CohortError, UsageError, some
from voxlate.io.atomic import write_text
from voxlate.losses.catalogue import LABELLED
from voxlate.methods.build import build_learner
from voxlate.methods.exemplars import Exemplary
from voxlate.methods.hardware import channels_last
from voxlate.methods.interface import Trainable
from voxlate.plainyaml import read_yaml
from voxlate.preprocess.fingerprint import Fingerprint, take_fingerprint
from voxlate.preprocess.plan import Plan, make_plan
from voxlate.preprocess.registration.registration import REGISTERING
from voxlate.preprocess.store import PreparedStore
from voxlate.progress import ProgressReport
from voxlate.question import answer_with
from voxlate.roles import LABELS
from voxlate.training.loop.validation import LESION_PREFIX
from voxlate.training.run import RunFolder, Series
from voxlate.training.setup.choosing import options_to_type
from voxlate.training.setup.frozen import attach_features, attach_style
from voxlate.training.setup.leaving_out import note_left_out, read_left_out, tell_left_out, unusable, without
from voxlate.training.setup.settling import resolve
from voxlate.training.setup.setup import Setup

logger = logging.getLogger(__name__)
_NAMED = 8
_MOST_TOLD = 3
_ENOUGH_INSIDE = 0.99
"""Share of the labelled voxels that a foreground must hold, where the target is a label map and the mask ``auto``."""


def load_cohort(data: Path, recipe: Recipe) -> Cohort:
    """The cases of a data set that have every contrast of a recipe, or what it is derived from.

    Raises:
        CohortError: If there is none.
    """
    plan = recipe.plan
    cohort = index_cohort(data, patterns=plan.patterns)
    derive = plan.derive
    if recipe.targets:
        return _with_some(cohort, recipe)
    names = (plan.reference_for(recipe.source), *recipe.source, recipe.target)
    complete = cohort.with_contrasts(*names, derive=derive)
    if not complete.cases:
        wanted = ", ".join(files_of(names, derive))
        there = ", ".join(f"{name} ({cases})" for name, cases in contrast_counts(cohort).items())
        raise CohortError(
            f"at least one case with {wanted}",
            came=f"none; the contrasts, and how many cases have each: {there or 'none'}",
            where=data,
            remedy=options_to_type(recipe, contrast_counts(cohort)),
        )
    return with_enhancement(complete, plan.split.stratify, reading=plan.reading)


def _with_some(cohort: Cohort, recipe: Recipe) -> Cohort:
    """The cases from which a model of several targets can learn: a source and, besides it, a target.

    Raises:
        CohortError: If there is none.
    """
    known = {*recipe.all_contrasts, MASK, LABELS}
    cases = tuple(
        replace(case, paths={name: path for name, path in case.paths.items() if name in known})
        for case in cohort.cases
        if any(answer_with(case.paths, recipe.source, name) for name in recipe.wanted if name in case.paths)
    )
    if cases:
        return with_enhancement(replace(cohort, cases=cases), recipe.plan.split.stratify, reading=recipe.plan.reading)
    there = ", ".join(f"{name} ({cases})" for name, cases in contrast_counts(cohort).items())
    raise CohortError(
        f"at least one case with two of {', '.join(recipe.all_contrasts)}",
        came=f"none; the contrasts, and how many cases have each: {there or 'none'}",
        where=cohort.root,
        remedy="Name what there is with --source, or look at what was matched with `voxlate check`.",
    )


def set_up(
    data: Path,
    recipe: Recipe,
    *,
    run: RunFolder | None,
    check: bool = True,
    series: Series | None = None,
    only: Collection[str] | None = None,
    report: ProgressReport,
) -> Setup:
    """Splits, checks, plans and resolves the recipe, or reads all of it from the run that is resumed.

    Cases that the preflight finds unusable are left out, if enough others are there.

    Args:
        data: The data set.
        recipe: What is to be trained, as asked for.
        check: Whether the data set is preflighted.
        series: The runs that it is one of, whose store keeps what the preflight measured; ``None`` to keep nothing.
        only: Ids of the cases that are looked at, for a forecast; ``None`` for all.
        run: Where all of it is kept; ``None`` to keep nothing (a dry run).
        report: Called with a stage and how much of it is done.

    Raises:
        CohortError: If the preflight finds an error, or no case is left to train on.
        VoxlateError: As ``resolve`` does.
    """
    cohort = load_cohort(data, recipe)
    decided = None if series is None or series.after is None else read_left_out(series.after)
    if run is not None:
        note_left_out(run, decided or {})
    if run is not None and run.plan.is_file() and run.fingerprint.is_file() and run.split.is_file():
        fingerprint = Fingerprint.model_validate_json(run.fingerprint.read_text(encoding="utf-8"))
        plan = Plan.model_validate(read_yaml(run.plan))
        split = read_split(run.split)
        _refuse_missing(cohort, split)
        known = _known(cohort, split, told=decided or {})
        return resolve(Setup(recipe, known, split, fingerprint, plan), run, report=report)
    cohort, split = _among(cohort, split_for(recipe, cohort), only)
    reasons = dict(decided or {})
    if check and decided is None:
        reasons = _check(cohort, recipe, split, series=series, report=report)
    if reasons:
        cohort, split = without(cohort, split, reasons)
        if run is not None:
            note_left_out(run, reasons)
    learned_from = ("train",) if recipe.plan.split.folds is None else ("train", "validation")  # alike in every fold
    training = [case for case in cohort.cases if split[case.id] in learned_from]
    if not training:
        raise CohortError("training cases", came="none", where=data, remedy="Change plan.split, or add cases.")
    fingerprint, options = _take_fingerprint(training, recipe, report=report)
    several = recipe.wanted if recipe.targets else ()
    plan = make_plan(fingerprint, options, source=recipe.source, target=recipe.target, targets=several)
    if run is not None:
        write_split(split, cohort, run.split)
        write_shares(split, cohort, run.shares)
        write_text(run.fingerprint, fingerprint.model_dump_json(indent=1) + "\n")
        write_text(run.plan, plan.to_yaml())
    return resolve(Setup(recipe, cohort, split, fingerprint, plan), run, report=report)


def _take_fingerprint(
    training: Sequence[Case], recipe: Recipe, *, report: ProgressReport
) -> tuple[Fingerprint, PlanOptions]:
    """Statistics of the training cases, and the options that they were taken with: all is foreground if labels ask."""
    contrasts, options = (*recipe.source, *recipe.wanted), recipe.plan
    look = partial(take_fingerprint, training, contrasts, some=bool(recipe.targets))
    progress = partial(report, "fingerprint")
    fingerprint = look(options=options, progress=progress)
    inside = fingerprint.labels_inside
    if options.mask == "auto" and inside is not None and inside < _ENOUGH_INSIDE:
        logger.warning("the foreground leaves out %.2g %% of a case's labels: all is taken", 100 * (1 - inside))
        options = options.model_copy(update={"mask": "nonzero"})
        fingerprint = look(options=options, progress=progress)
    return fingerprint, options


def _among(cohort: Cohort, split: dict[str, str], only: Collection[str] | None) -> tuple[Cohort, dict[str, str]]:
    """The cases that are looked at, and their parts."""
    if only is None:
        return cohort, split
    cases = tuple(case for case in cohort.cases if case.id in only)
    return replace(cohort, cases=cases), {case.id: split[case.id] for case in cases}


def split_for(recipe: Recipe, cohort: Cohort) -> dict[str, str]:
    """From case id to part, as a recipe parts a cohort."""
    parting = recipe.plan.split
    return split_cohort(cohort, parting, seed=recipe.training.seed if parting.seed is None else parting.seed)


def new_store(setup: Setup, folder: Path) -> PreparedStore:
    """A store of every contrast that the recipe needs, and of the label map of the cases that have one."""
    if setup.recipe.targets:
        return PreparedStore(folder, setup.plan, (), optional=(*setup.recipe.all_contrasts, LABELS))
    return PreparedStore(folder, setup.plan, (*setup.recipe.source, setup.recipe.target), optional=(LABELS,))


def prepare(setup: Setup, cases: Sequence[Case], folder: Path, *, report: ProgressReport) -> PreparedStore:
    """The prepared store of some cases: every contrast the recipe needs, and the label map of those that have one."""
    store = new_store(setup, folder)
    store.prepare(cases, progress=partial(report, "prepare"))
    return store


def build_method(setup: Setup) -> Trainable | Exemplary:
    """The recipe's method with freshly drawn weights, or without exemplars yet, on the device.

    Raises:
        UsageError: If the method is a baseline, or the frozen network that it or its loss names cannot take the target.
        BundleError: If that network is refused.
    """
    torch.manual_seed(setup.recipe.training.seed)
    method = build_learner(setup.recipe, setup.plan)
    if method.learns == "exemplars":
        attach_style(method, setup)
        return method.to(setup.device)
    for name, view in method.networks.items():
        attach_features(view.loss, setup.of_view(name))
    return channels_last(method.to(setup.device))


def build_trainable(setup: Setup) -> Trainable:
    """As ``build_method``, for what trains step by step.

    Raises:
        UsageError: If the method does not.
    """
    method = build_method(setup)
    if method.learns == "exemplars":
        raise UsageError(
            "a method that trains step by step",
            came=f"{setup.recipe.method.name!r}, which keeps exemplars and costs nothing to train",
            where="method.name",
            remedy="Train it without a forecast.",
        )
    return method


def _known(cohort: Cohort, split: Mapping[str, str], *, told: Collection[str]) -> Cohort:
    """The cases that the split knows; others are counted, unless a run of the series has told them."""
    known = tuple(case for case in cohort.cases if case.id in split)
    unknown = [case.id for case in cohort.cases if case.id not in split and case.id not in told]
    if unknown:
        logger.warning(
            "not in the run's split, which is older or has left them out, and so left out here: %s, of %d cases",
            some(unknown),
            len(cohort.cases),
        )
    return replace(cohort, cases=known)


def _learns_from_labels(recipe: Recipe) -> bool:
    """Whether label maps that are neither source nor target decide what is learned, or which weights are kept."""
    named = [name for name, weight in recipe.loss.items() if weight != 0]
    options = [term for term in recipe.loss.values() if isinstance(term, Mapping)]
    within = [str(Choice.model_validate(term["of"]).name) for term in options if "of" in term]
    chosen_by = recipe.training.monitor.startswith(LESION_PREFIX) or recipe.search.task is not None
    return not LABELLED.isdisjoint([*named, *within]) or recipe.training.label_share > 0 or chosen_by


def _refuse_missing(cohort: Cohort, split: Mapping[str, str]) -> None:
    """Refuses to go on with a run whose training or validation cases are gone."""
    wanted = [case_id for case_id, part in split.items() if part in ("train", "validation")]
    there = {case.id for case in cohort.cases}
    missing = [case_id for case_id in wanted if case_id not in there]
    if missing:
        named = some(missing, most=_NAMED)
        raise CohortError(
            f"the {len(wanted)} cases that this run trains and validates on, with all their contrasts",
            came=f"{len(missing)} missing: {named}",
            where=cohort.root,
            remedy="Resume with the data set that the run was started with, or start another run in another folder.",
        )


def _check(
    cohort: Cohort, recipe: Recipe, split: Mapping[str, str], *, series: Series | None, report: ProgressReport
) -> dict[str, str]:
    """The cases that are to be left out, by what this recipe and those beside it need."""
    found: dict[str, str] = {}
    keep, beside = (None, ()) if series is None else (series.prepared / IN_PREPARED, series.beside)
    for asked in (recipe, *beside):
        found |= _refuse_faults(cohort, asked, split, report, keep=keep)
    tell_left_out(found)
    return found


def preflight_for(
    recipe: Recipe, cohort: Cohort, split: Mapping[str, str], *, keep: Path | None, report: ProgressReport
) -> list[Finding]:
    """What the preflight says of a cohort that a recipe is to be trained on.

    Args:
        recipe: What is to be trained.
        cohort: The cases that have its contrasts.
        split: From case id to part.
        keep: A folder that keeps what was measured; ``None`` to keep nothing.
        report: Called with the number of finished cases.
    """
    return preflight(
        cohort,
        source=() if recipe.targets else recipe.source,  # where any may be anything, every pair is looked at
        target=None if recipe.targets else recipe.target,
        split=split,
        reading=recipe.plan.reading,
        derive=recipe.plan.derive,
        registers=recipe.plan.grids in REGISTERING,
        labelled=_learns_from_labels(recipe),
        mask=recipe.plan.mask,
        keep=keep,
        progress=partial(report, "preflight"),
    )


def _refuse_faults(
    cohort: Cohort,
    recipe: Recipe,
    split: Mapping[str, str],
    report: ProgressReport,
    *,
    keep: Path | None,
) -> dict[str, str]:
    """The cases that may be left out, each with its reason; refuses the data set for any other error."""
    findings = preflight_for(recipe, cohort, split, keep=keep, report=report)
    tell(finding for finding in findings if finding.severity == "warning")
    bad = unusable(findings)
    errors = [] if bad else [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise CohortError(
            "a data set that passes the preflight",
            came=_told(errors),
            where=cohort.root,
            remedy="Repair or remove these cases; `voxlate check --all` lists everything.",
        )
    return bad


def _told(errors: Sequence[Finding]) -> str:
    """How many errors there are: three in full, the first of each code before others, and how many more of each."""
    firsts = {error.code: error for error in reversed(errors)}.values()
    ranked = sorted(errors, key=lambda error: not any(error is first for first in firsts))
    told = [finding.sentence for finding in ranked[:_MOST_TOLD]]
    more = Counter(error.code for error in ranked[_MOST_TOLD:])
    rest = [", ".join(f"{count} more of {code}" for code, count in more.items())] if more else []
    number = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    return f"{number}: " + "; ".join(sentence.removesuffix(".") for sentence in (*told, *rest))
