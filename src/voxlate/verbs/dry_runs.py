"""Dry runs: what a command would take, told in about 20 seconds and without leaving anything behind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voxlate.config.recipe import Recipe
from voxlate.errors import counted
from voxlate.progress import ProgressReport, silent

_FREE = ("loss", "training.learning_rate")
"""Fields that make a training no longer: settings of a grid that differ in them alone are forecast together."""


@dataclass(frozen=True)
class Expected:
    """What a command would take.

    Attributes:
        seconds: Of wall time, in all.
        rows: A line per part of the work: what it is, and what is expected of it.
        notes: What was not measured, in sentences.
    """

    seconds: float
    rows: list[tuple[str, str]]
    notes: tuple[str, ...] = ()


def forecast_work(work: Callable[[Path, ProgressReport], object], *, report: ProgressReport = silent) -> Expected:
    """Begins some work in a folder that is thrown away, and says from the pieces that it did what all of it takes.

    Args:
        work: Called with where it may write and with what listens to its reports.
        report: Called with a stage and how much of it is done.

    Raises:
        VoxlateError: If the work is refused.
    """
    from voxlate.training.forecast import duration
    from voxlate.training.stopwatch import OutOfTimeError, Stopwatch

    watch, notes = Stopwatch(report), []
    with tempfile.TemporaryDirectory(prefix="voxlate-forecast-") as folder:
        try:
            work(Path(folder) / "out", watch)
        except OutOfTimeError:
            notes = [
                f"{done} of {of} were measured ({stage}); what comes after them is not in it."
                for stage, (done, of) in watch.cut_short().items()
            ]
        seconds = watch.whole()
    return Expected(seconds, [("time", duration(seconds))], tuple(notes))


def forecast_runs(
    data: str | Path,
    runs: Sequence[tuple[Recipe, int | None]],
    *,
    minutes: float | None = None,
    report: ProgressReport = silent,
) -> Expected:
    """What several trainings take together; what they are scored by afterwards is not in it.

    Args:
        data: The data set.
        runs: Each recipe, and how often it is trained; ``None`` for as often as there is time for.
        minutes: A limit of all of them; ``None`` for none.
        report: Called with a stage and how much of it is done.

    Raises:
        VoxlateError: If a recipe or the data set is refused.
    """
    from voxlate.training.forecast import duration, forecast_run
    from voxlate.training.stopwatch import ENOUGH_S

    share, total, rows, notes = ENOUGH_S / max(len(runs), 1), 0.0, [], dict[str, None]()
    for recipe, wanted in runs:
        found = forecast_run(Path(data), recipe, report=report, seconds=share)
        times = max(1, int(60 * (minutes or 0) / found.seconds)) if wanted is None else wanted
        total += 60 * (minutes or 0) if wanted is None else times * found.seconds
        rows.append((recipe.name, f"{counted(times, 'run')} of {found.steps:,} steps, {duration(found.seconds)} each"))
        notes |= dict.fromkeys(found.notes)
    limited = total if minutes is None else min(total, 60 * minutes)
    scored = "What the runs are scored by afterwards is not in it."
    return Expected(limited, [*rows, ("time", duration(limited))], (*notes, scored))


def forecast_tuning(
    data: str | Path,
    recipe: Recipe,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    report: ProgressReport = silent,
) -> Expected:
    """What a search takes, if no trial is ended early and all cost what the recipe as it is costs.

    Of a grid that is tried whole, a setting of each network, window, batch and source is measured.

    Args:
        data: The data set.
        recipe: What is searched from.
        trials: Trials in all; ``None`` for those of its grid, or as many as there is time for.
        minutes: Time in all; ``None`` for no limit.
        report: Called with a stage and how much of it is done.

    Raises:
        VoxlateError: If search or data set is refused, or there is no budget.
    """
    from voxlate.training.tuning import Budget, grid_size
    from voxlate.training.tuning.space import resolve_search

    resolved = resolve_search(recipe)
    wanted = grid_size(recipe) if trials is None and minutes is None else trials
    Budget(trials=wanted, minutes=minutes)
    if trials is None and wanted is not None:
        return forecast_runs(data, _settings(resolved), minutes=minutes, report=report)
    return forecast_runs(data, [(resolved, wanted)], minutes=minutes, report=report)


def _settings(recipe: Recipe) -> list[tuple[Recipe, int]]:
    """Of the settings of a grid that cost alike the first, named by what it differs in, and how many they are."""
    from voxlate.training.tuning.sampling import points_of

    counts: dict[tuple[tuple[str, object], ...], int] = {}
    for point in points_of(recipe.search):
        costs = tuple((name, value) for name, value in point.items() if not name.startswith(_FREE))
        counts[costs] = counts.get(costs, 0) + 1
    return [
        (recipe.with_overrides(dict(costs)).model_copy(update={"name": _named(costs) or recipe.name}), count)
        for costs, count in counts.items()
    ]


def _named(values: Sequence[tuple[str, object]]) -> str:
    return ", ".join(str(value) for _, value in values)
