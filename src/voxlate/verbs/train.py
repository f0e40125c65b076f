"""Verbs that learn: ``forecast``, ``train`` and ``tune``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voxlate.config.recipe import Recipe, load_recipe
from voxlate.errors import UsageError
from voxlate.plainyaml import parse_listed
from voxlate.progress import ProgressReport, silent
from voxlate.workflows.runs import draw_run, watch_run

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from voxlate.training.forecast import Forecast
    from voxlate.training.loop.loop import Observer
    from voxlate.training.run import RunFolder
    from voxlate.training.tuning.results import Tuning


def resolve_recipe(
    recipe: str | Path | Recipe,
    *,
    source: Sequence[str] | None = None,
    target: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Recipe:
    """A recipe by name, file or value, with other contrasts and fields if they are given.

    Raises:
        UsageError: If the recipe, a contrast or a field is unknown or invalid.
    """
    resolved = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    changes = dict(overrides or {})
    if source:
        changes["source"] = "+".join(source)
    if target:
        changes["target"] = target
    return resolved.with_overrides(changes) if changes else resolved


def forecast(
    data: str | Path, *, recipe: str | Path | Recipe, folds: int | None = None, report: ProgressReport = silent
) -> Forecast:
    """The plan of a run, or of several folds, and what it will cost in time, memory and disk; trains nothing."""
    from voxlate.training.forecast import forecast_run

    return forecast_run(Path(data), resolve_recipe(recipe), folds=folds, report=report)


def train(
    data: str | Path,
    *,
    recipe: str | Path | Recipe,
    out: str | Path,
    resume: bool = False,
    folds: int | None = None,
    report: ProgressReport = silent,
    observers: Sequence[Observer] = (),
) -> Path:
    """Trains a recipe on a data set; the run's folder holds log, checkpoints, figures and the bundle.

    Args:
        data: A data set.
        recipe: A recipe by name, file or value.
        out: The run's folder; of several folds that of the ensemble, which is used like a run.
        resume: Go on with what is there.
        folds: Train so many times, each time with another part of the development cases to validate on.
        report: Called with a stage and how much of it is done.
        observers: Who watches steps and validations.

    Raises:
        VoxlateError: If the data set or the recipe is refused, or training cannot go on.
    """
    from voxlate.training.run import RunFolder
    from voxlate.training.train import train_run

    resolved = resolve_recipe(recipe)
    folder = Path(out)
    if folds is not None:
        return _train_folds(
            Path(data), resolved, folder, folds=folds, resume=resume, report=report, observers=observers
        )
    run = RunFolder(folder)
    train_run(Path(data), resolved, folder, resume=resume, observers=watch_run(run, resolved, observers), report=report)
    draw_run(run, resolved, data=Path(data), prepared=folder / "prepared")
    return folder


def tune(
    data: str | Path,
    *,
    recipe: str | Path | Recipe,
    out: str | Path,
    trials: int | None = None,
    minutes: float | None = None,
    storage: str | None = None,
    report: ProgressReport = silent,
    observers: Sequence[Observer] = (),
) -> Tuning:
    """Searches the recipe's ranges, or the default ones; goes on where an earlier call ended.

    Args:
        data: The data set.
        recipe: A recipe by name, file or value.
        out: Folder of the study, its runs and its report.
        trials: Trials wanted in all, complete or pruned; those of earlier calls count.
        minutes: Time in all, that of earlier calls counts; the first of the two budgets that is reached ends it. A
            grid without a budget is tried whole.
        storage: URL of a database that several workers may share; SQLite in the folder by default.
        report: Called with a stage and how much of it is done.
        observers: Who watches the steps and validations of every trial.

    Raises:
        VoxlateError: If search, storage or data set is refused, or no trial can be completed.
    """
    from voxlate.reporting.search.page import publish
    from voxlate.training.tuning import Budget, grid_size, tune_run

    resolved = resolve_recipe(recipe)
    if trials is None and minutes is None:
        trials = grid_size(resolved)
    return tune_run(
        Path(data),
        resolved,
        Path(out),
        budget=Budget(trials=trials, minutes=minutes),
        storage=storage,
        observers=tuple(observers),
        publish=publish,
        report=report,
    )


def _train_folds(
    data: Path,
    recipe: Recipe,
    folder: Path,
    *,
    folds: int,
    resume: bool,
    report: ProgressReport,
    observers: Sequence[Observer],
) -> Path:
    from voxlate.bundle.ensemble import read_members, write_cross_validation
    from voxlate.training.studies.folds import train_folds

    def watch(run: RunFolder, asked: Recipe) -> tuple[Observer, ...]:
        return watch_run(run, asked, observers)

    runs = train_folds(data, recipe, folder, folds=folds, resume=resume, watch=watch, report=report)
    for run in runs:
        draw_run(run, recipe, data=data, prepared=folder / "prepared")
    logger.info(write_cross_validation(folder, read_members(folder)))
    return folder


def searched_with(*, sampler: str | None, grid: Sequence[str]) -> dict[str, Any]:
    """The recipe fields that ``--sampler`` and ``--grid`` stand for.

    Args:
        sampler: ``grid``, ``random``, ``tpe`` or ``gp``.
        grid: Of each field its values: ``loss=bce,focal``; they make a grid unless a sampler is given.

    Raises:
        UsageError: If there is no value, or a field is named twice.
    """
    changes: dict[str, Any] = {"search.sampler": sampler or "grid"} if sampler or grid else {}
    if grid:
        pairs = [parse_listed(text) for text in grid]
        changes["search.space"] = space = {field: {"values": values} for field, values in pairs}
        if len(space) < len(pairs):
            raise UsageError(
                "every field once",
                came=", ".join(field for field, _ in pairs),
                where="--grid",
                remedy="Write all values of a field together: loss=bce,dice.",
            )
    return changes
