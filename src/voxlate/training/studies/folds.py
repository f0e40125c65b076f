"""Folds: one recipe trained several times, each time with another part of the development cases to validate on.

The test cases are the same for all. Fingerprint and plan are made from all development cases, so that the networks see
images that were prepared alike and their predictions can be averaged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from voxlate.bundle.bundle import read_bundle
from voxlate.bundle.ensemble import write_ensemble
from voxlate.cohort.split_file import read_split
from voxlate.cohort.splits import split_cohort
from voxlate.config.recipe import Recipe
from voxlate.errors import BundleError, CohortError, UsageError
from voxlate.io.atomic import check_writable, remove_stale
from voxlate.io.lock import hold
from voxlate.progress import ProgressReport, silent
from voxlate.training.loop.loop import Observer
from voxlate.training.run import RunFolder, Series, read_recipe
from voxlate.training.setup.begin import load_cohort
from voxlate.training.setup.leaving_out import read_left_out
from voxlate.training.setup.settling import settled_as
from voxlate.training.train import train_run

logger = logging.getLogger(__name__)


def train_folds(
    data: Path,
    recipe: Recipe,
    folder: Path,
    *,
    folds: int,
    resume: bool = False,
    watch: Callable[[RunFolder, Recipe], tuple[Observer, ...]] = lambda _run, _recipe: (),
    report: ProgressReport = silent,
) -> list[RunFolder]:
    """Trains every fold and writes the ensemble; with ``resume`` finished folds are kept and the others gone on with.

    Args:
        data: The data set.
        recipe: What to train.
        folder: Gets ``fold-0``, ``fold-1``, ..., ``prepared``, the store that they share, and ``ensemble.json``.
        folds: How many; at least two.
        resume: Go on with the folds that are there.
        watch: From a run and its recipe to who observes its training.
        report: Called with a stage and how much of it is done.

    Raises:
        UsageError: If there are fewer than two folds, or the folder is a run, or has runs and ``resume`` is false.
        CohortError: If there are fewer development subjects than folds, or the data set is refused or has changed.
        StoppedError: After a signal; what is trained is kept.
    """
    if folds < 2:
        raise UsageError("two or more folds", came=str(folds), where="--folds", remedy="Give 5, say.")
    if RunFolder(folder).recipe.is_file():
        raise UsageError("a folder for folds", came="a run", where=folder, remedy="Name another folder.")
    check_writable(folder)
    runs: list[RunFolder] = []
    with hold(folder, what="training of folds"):
        remove_stale(folder)
        for fold in range(folds):
            report("folds", fold, folds)
            run = RunFolder(folder / f"fold-{fold}")
            asked = fold_recipe(recipe, fold, folds=folds)
            if runs:
                asked = settled_as(asked, read_bundle(runs[0].folder).recipe)
            if resume and _is_finished(run, asked):
                logger.info("fold %d: trained before", fold)
            else:
                if runs:
                    _check_split(data, recipe, runs[0], folds=folds)
                began = resume and run.recipe.is_file()
                train_run(
                    data,
                    asked,
                    run.folder,
                    resume=began,
                    series=Series(folder / "prepared", after=runs[0] if runs else None),
                    observers=watch(run, asked),
                    report=report,
                )
            runs.append(run)
        report("folds", folds, folds)
        write_ensemble(folder, [run.folder.name for run in runs])
    return runs


def fold_recipe(recipe: Recipe, fold: int, *, folds: int) -> Recipe:
    """The recipe of one of several folds; the seed of the split becomes explicit."""
    options = recipe.plan.split
    seed = recipe.training.seed if options.seed is None else options.seed
    return recipe.with_overrides({"plan.split.folds": folds, "plan.split.fold": fold, "plan.split.seed": seed})


def _check_split(data: Path, recipe: Recipe, first: RunFolder, *, folds: int) -> None:
    """Refuses a data set whose subjects are no longer those of the first fold, before another one is trained on it."""
    asked = fold_recipe(recipe, 0, folds=folds)
    options = asked.plan.split
    split = split_cohort(load_cohort(data, asked), options, seed=options.seed or 0)
    if {case: part for case, part in split.items() if case not in read_left_out(first)} != read_split(first.split):
        raise CohortError(
            f"the cases of {first.folder}",
            came="others",
            where=data,
            remedy="The data set has changed since the first fold: train all folds again in another folder.",
        )


def _is_finished(run: RunFolder, recipe: Recipe) -> bool:
    try:
        read_bundle(run.folder)
    except BundleError:
        return False
    return run.recipe.is_file() and read_recipe(run) == recipe
