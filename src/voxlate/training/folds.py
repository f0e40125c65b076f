"""Folds: one recipe trained several times, each time with another part of the development cases to validate on.

The test cases are the same for all. Fingerprint and plan are made from all development cases, so that the networks see
images that were prepared alike and their predictions can be averaged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from voxlate.bundle import read_bundle
from voxlate.config import Recipe
from voxlate.ensemble import ENSEMBLE, write_ensemble
from voxlate.errors import BundleError, UsageError
from voxlate.io.atomic import check_writable, remove_stale
from voxlate.io.lock import hold
from voxlate.training.loop import Observer
from voxlate.training.run import RunFolder, read_recipe
from voxlate.training.setup import ProgressReport
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
    report: ProgressReport = lambda _stage, _done, _of: None,
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
        UsageError: If there are fewer than two folds, or runs are there and ``resume`` is false.
        CohortError: If there are fewer development subjects than folds, or the data set is refused.
        StoppedError: After a signal; what is trained is kept.
    """
    if folds < 2:
        raise UsageError("two or more folds", came=str(folds), where="--folds", remedy="Give 5, say.")
    check_writable(folder)
    runs: list[RunFolder] = []
    with hold(folder, what="training of folds"):
        remove_stale(folder)
        (folder / ENSEMBLE).unlink(missing_ok=True)
        for fold in range(folds):
            report("folds", fold, folds)
            run = RunFolder(folder / f"fold-{fold}")
            asked = _recipe(recipe, runs, fold=fold, folds=folds)
            if resume and _is_finished(run, asked):
                logger.info("fold %d: trained before", fold)
            else:
                began = resume and run.recipe.is_file()
                train_run(
                    data,
                    asked,
                    run.folder,
                    resume=began,
                    check=not runs,
                    prepared=folder / "prepared",
                    observers=watch(run, asked),
                    report=report,
                )
            runs.append(run)
        report("folds", folds, folds)
        write_ensemble(folder, [run.folder.name for run in runs])
    return runs


def _recipe(recipe: Recipe, runs: list[RunFolder], *, fold: int, folds: int) -> Recipe:
    """The recipe of a fold; where its window is ``auto``, with what that of the first fold came to be."""
    options = recipe.plan.split
    seed = recipe.training.seed if options.seed is None else options.seed
    asked = recipe.with_overrides({
        "plan.split.folds": folds, "plan.split.fold": fold, "plan.split.seed": seed
    })  # fmt: skip
    if not runs or recipe.window.kind != "auto":
        return asked
    return asked.model_copy(update={"window": read_bundle(runs[0].folder).recipe.window})


def _is_finished(run: RunFolder, recipe: Recipe) -> bool:
    try:
        read_bundle(run.folder)
    except BundleError:
        return False
    return run.recipe.is_file() and read_recipe(run) == recipe
