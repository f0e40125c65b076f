"""The verb ``tune``: a search of hyper-parameters, or an experiment grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.recipe import Recipe
from voxlate.errors import UsageError
from voxlate.plainyaml import listed, parse_listed
from voxlate.progress import ProgressReport, silent
from voxlate.verbs.calls import telling_anew
from voxlate.verbs.train import resolve_recipe

if TYPE_CHECKING:
    from voxlate.training.loop.loop import Observer
    from voxlate.workflows.result import Tuning


@telling_anew
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
    from voxlate.plugins import recall
    from voxlate.training.tuning import Budget, grid_size
    from voxlate.workflows.search import search_recipes

    recall(Path(out))
    resolved = resolve_recipe(recipe)
    if trials is None and minutes is None:
        trials = grid_size(resolved)
    return search_recipes(
        Path(data),
        resolved,
        Path(out),
        budget=Budget(trials=trials, minutes=minutes),
        storage=storage,
        report=report,
        observers=observers,
    )


def searched_with(*, sampler: str | None, grid: str | Sequence[str]) -> dict[str, object]:
    """The recipe fields that ``--sampler`` and ``--grid`` stand for.

    Args:
        sampler: ``grid``, ``random``, ``tpe`` or ``gp``.
        grid: Of each field its values: ``loss=bce,focal``; they make a grid unless a sampler is given.

    Raises:
        UsageError: If there is no value, or a field is named twice.
    """
    changes: dict[str, object] = {"search.sampler": sampler or "grid"} if sampler or grid else {}
    if grid:
        texts: tuple[str, ...] = listed(grid)
        pairs = [parse_listed(text) for text in texts]
        changes["search.space"] = space = {field: {"values": values} for field, values in pairs}
        if len(space) < len(pairs):
            raise UsageError(
                "every field once",
                came=", ".join(field for field, _ in pairs),
                where="--grid",
                remedy="Write all values of a field together: loss=bce,dice.",
            )
    return changes
