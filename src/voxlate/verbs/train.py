"""Verbs that learn: ``forecast``, ``train`` and ``tune``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.recipe import Overrides, Recipe, load_recipe
from voxlate.plainyaml import listed
from voxlate.progress import ProgressReport, silent
from voxlate.verbs.calls import telling_anew
from voxlate.workflows.runs import draw_run, watch_run

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from voxlate.training.forecast import Forecast
    from voxlate.training.loop.loop import Observer
    from voxlate.training.run import RunFolder


def resolve_recipe(
    recipe: str | Path | Recipe,
    *,
    source: str | Sequence[str] | None = None,
    target: str | None = None,
    overrides: Overrides | None = None,
) -> Recipe:
    """A recipe by name, file or value, with other contrasts and fields if they are given.

    Raises:
        UsageError: If the recipe, a contrast or a field is unknown or invalid.
    """
    resolved = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    changes = dict(overrides or {})
    if source:
        changes["source"] = "+".join(listed(source))
    if target:
        changes["target"] = target
    return resolved.with_overrides(changes) if changes else resolved


def forecast(
    data: str | Path, *, recipe: str | Path | Recipe, folds: int | None = None, report: ProgressReport = silent
) -> Forecast:
    """The plan of a run, or of several folds, and what it will cost in time, memory and disk; trains nothing."""
    from voxlate.training.forecast import forecast_run

    return forecast_run(Path(data), resolve_recipe(recipe), folds=folds, report=report)


@telling_anew
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
