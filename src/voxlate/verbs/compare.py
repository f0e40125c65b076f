"""Verbs that compare: ``ablate`` a part of a recipe, ``compare`` recipes; on one split, with the same seeds."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voxlate.config.recipe import Recipe, recipe_names
from voxlate.errors import UsageError
from voxlate.progress import ProgressReport, silent
from voxlate.verbs.train import resolve_recipe
from voxlate.workflows.runs import watch_run

if TYPE_CHECKING:
    from voxlate.cohort import Case
    from voxlate.evaluation.cases import Failed
    from voxlate.evaluation.study.runs import ScoredRun
    from voxlate.reporting.study.ablation import Ablated
    from voxlate.reporting.study.comparison import Compared
    from voxlate.training.loop.loop import Observer
    from voxlate.training.studies.substitution import Sources
    from voxlate.training.studies.variants import Study, VariantRun


def ablate(
    data: str | Path,
    *,
    recipe: str | Path | Recipe,
    changes: Mapping[str, Any],
    out: str | Path,
    seeds: int = 3,
    report: ProgressReport = silent,
    observers: Sequence[Observer] = (),
) -> Ablated:
    """Trains a recipe as it is and changed, on one split with the same seeds, and compares them on the held-out cases.

    A call that was stopped or killed is given again: runs that are finished, and their scores, are kept.

    Args:
        data: A data set.
        recipe: The recipe as it is (``with``).
        changes: What is taken away in ``without``: ``{"loss.lesion_mask": 0}``.
        out: Gets a run per variant and seed, scores, figures and the page.
        seeds: How many seeds: that of the recipe and those that follow it.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.

    Raises:
        UsageError: If nothing is changed, or what is changed would be scored on other images.
        CohortError: If the data set is refused, or no case is held out.
        LockedError: If another process works there.
    """
    from voxlate.contrast import get_contrast
    from voxlate.io.lock import hold
    from voxlate.reporting.study.ablation import Ablation, write_ablation
    from voxlate.training.studies.variants import ablation

    if seeds < 1:
        raise UsageError("at least one seed", came=str(seeds), where="--seeds", remedy="Give 3, say.")
    resolved = resolve_recipe(recipe)
    if get_contrast(resolved.target).kind == "label":
        raise UsageError(
            "an image as the target: an ablation asks for its error",
            came=get_contrast(resolved.target).title,
            where=f"recipe {resolved.name}",
            remedy="Write the changed recipe into a file of its own and use `voxlate compare`.",
        )
    study = ablation(resolved, changes, seeds=seeds)
    folder = _writable(out)
    with hold(folder, what="ablation"):
        runs, scored, cases, failed = _train_and_score(Path(data), study, folder, report=report, observers=observers)
        return write_ablation(Ablation(dict(changes), runs, scored, cases, failed), folder)


def compare(
    data: str | Path,
    *,
    recipes: Sequence[str | Path | Recipe],
    out: str | Path,
    overrides: Mapping[str, Any] | None = None,
    seeds: int = 1,
    synthetic: str | Path | None = None,
    report: ProgressReport = silent,
    observers: Sequence[Observer] = (),
) -> Compared:
    """Trains recipes for one target on one split and puts them into one table, beside the baselines.

    A call that was stopped or killed is given again: runs that are finished, and their scores, are kept.

    Args:
        data: A data set.
        recipes: Two or more, with the same target, first source and plan (but for spacing, margin and derived
            contrasts), so that all are scored on the same images. A pattern as ``zhao-*`` stands for the built-in
            recipes that it fits.
        out: Gets a run per recipe and seed, scores, figures and the page.
        overrides: Recipe fields that are changed in every recipe, or in one: ``zhao-vnet-3d:training.batch_size``.
        seeds: How many seeds: that of the first recipe and those that follow it.
        synthetic: Compares one recipe trained on the real images, on synthetic ones, and on both, all scored on the
            same real cases: a model that makes them, or a folder of them; see
            ``voxlate.training.studies.substitution``.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.

    Raises:
        UsageError: If two recipes share a name, a pattern or a field names none of them, or they would be scored on
            other images.
        CohortError: If the data set is refused, or no case is held out.
        LockedError: If another process works there.
    """
    from voxlate.contrast import get_contrast
    from voxlate.io.lock import hold
    from voxlate.reporting.segmentation.contest import write_segmentations
    from voxlate.reporting.study.comparison import Contest, write_comparison
    from voxlate.training.studies.substitution import Sources

    resolved = _changed(_found(recipes), overrides or {})
    if synthetic is not None:
        return _substitute(
            Sources(Path(data), Path(synthetic), Path(out)), resolved, seeds=seeds, report=report, observers=observers
        )
    study = _study(resolved, seeds)
    folder = _writable(out)
    with hold(folder, what="comparison"):
        runs, scored, cases, failed = _train_and_score(Path(data), study, folder, report=report, observers=observers)
        write = write_segmentations if get_contrast(resolved[0].target).kind == "label" else write_comparison
        return write(Contest(runs, scored, cases, failed), folder)


def _study(recipes: Sequence[Recipe], seeds: int) -> Study:
    """Recipes side by side, each under its own name."""
    from voxlate.training.studies.variants import Study

    names = [recipe.name for recipe in recipes]
    if len(set(names)) < max(2, len(names)) or seeds < 1:
        raise UsageError(
            "two or more recipes with names of their own, and at least one seed",
            came=f"{', '.join(names) or 'none'}; {seeds} seeds",
            where="--recipe",
            remedy="Give each recipe file its own name.",
        )
    first = recipes[0].training.seed
    return Study(dict(zip(names, recipes, strict=True)), tuple(range(first, first + seeds)))


def _substitute(
    sources: Sources,
    recipes: Sequence[Recipe],
    *,
    seeds: int,
    report: ProgressReport,
    observers: Sequence[Observer],
) -> Compared:
    from voxlate.contrast import get_contrast
    from voxlate.io.lock import hold
    from voxlate.reporting.segmentation.contest import write_segmentations
    from voxlate.reporting.study.comparison import Contest
    from voxlate.training.studies.substitution import REAL, substitution

    if len(recipes) != 1 or get_contrast(recipes[0].target).kind != "label" or seeds < 1:
        raise UsageError(
            "one recipe of a segmentation, and at least one seed",
            came=f"{', '.join(f'{recipe.name} ({recipe.target})' for recipe in recipes)}; {seeds} seeds",
            where="--synthetic",
            remedy="Give --recipe segment-default once: it is trained on real images, on synthetic ones, and on both.",
        )
    folder = _writable(sources.folder)
    with hold(folder, what="comparison"):
        study = substitution(sources, recipes[0], seeds=seeds, report=report)
        real = study.data[REAL]
        runs, scored, cases, failed = _train_and_score(real, study, folder, report=report, observers=observers)
        return write_segmentations(Contest(runs, scored, cases, failed, substitutes=True), folder)


def _found(recipes: Sequence[str | Path | Recipe]) -> list[Recipe]:
    """The recipes, with what each pattern stands for in its place."""
    found: list[Recipe] = []
    for recipe in recipes:
        is_pattern = isinstance(recipe, str) and any(sign in recipe for sign in "*?[")
        names = fnmatch.filter(recipe_names(), recipe) if isinstance(recipe, str) and is_pattern else [recipe]
        if not names:
            raise UsageError(
                "a pattern that a built-in recipe fits",
                came=repr(recipe),
                where="--recipe",
                remedy=f"There are {', '.join(recipe_names())}.",
            )
        found += [resolve_recipe(name) for name in names]
    return found


def _changed(recipes: Sequence[Recipe], overrides: Mapping[str, Any]) -> list[Recipe]:
    """The recipes with the fields that are meant for all, and then those that name one of them."""
    names = {recipe.name for recipe in recipes}
    parted = {field: field.rpartition(":") for field in overrides}
    unknown = sorted({name for name, colon, _ in parted.values() if colon and name not in names})
    if unknown:
        raise UsageError(
            f"a field of all recipes, or of one of {', '.join(sorted(names))}",
            came=", ".join(unknown),
            where="--set",
            remedy="Write RECIPE:FIELD=VALUE with the name of a recipe that is compared.",
        )
    changed = []
    for recipe in recipes:
        for_all = {field: overrides[field] for field, (_, colon, _) in parted.items() if not colon}
        own = {inner: overrides[field] for field, (name, _, inner) in parted.items() if name == recipe.name}
        changed.append(resolve_recipe(recipe, overrides={**for_all, **own}))
    return changed


def _writable(out: str | Path) -> Path:
    from voxlate.io.atomic import check_writable

    folder = Path(out)
    check_writable(folder)
    return folder


def _train_and_score(
    data: Path, study: Study, folder: Path, *, report: ProgressReport, observers: Sequence[Observer]
) -> tuple[list[VariantRun], list[ScoredRun], list[Case], list[Failed]]:
    """The finished runs of a study, their scores on the held-out cases, these, and those that could not be scored."""
    from voxlate.evaluation.study.runs import held_out, score_variants
    from voxlate.io.atomic import remove_stale
    from voxlate.reporting.run.observer import FigureDrawer
    from voxlate.training.run import RunFolder
    from voxlate.training.studies.variants import train_variants

    def watch(run: VariantRun) -> tuple[Observer, ...]:
        return watch_run(RunFolder(run.folder), run.recipe, observers)

    remove_stale(folder)
    runs = train_variants(data, study, folder, watch=watch, report=report)
    for run in runs:
        if not (run.folder / "figures" / "curves.png").is_file():
            FigureDrawer(run.folder / "figures", run.recipe).finish(run.folder / "log.jsonl")
    cases = held_out(data, runs)
    scored, failed = score_variants(runs, cases, report=report)
    return runs, scored, cases, failed


def switched_off(fields: Sequence[str]) -> dict[str, float]:
    """The changes that ``--without`` stands for: weights of the loss set to 0.

    Raises:
        UsageError: If a field is no weight of the loss.
    """
    for field in fields:
        section, dot, term = field.partition(".")
        if section != "loss" or not dot or not term or "." in term:
            raise UsageError(
                "a term of the loss, as loss.lesion_mask",
                came=repr(field),
                where="--without",
                remedy="Use --change FIELD=VALUE for another field.",
            )
    return dict.fromkeys(fields, 0)
