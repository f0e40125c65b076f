"""Preparation shared out over the jobs of an array, which know nothing of each other; the training comes after them.

Whichever job comes first checks the data set, splits it and makes the plan, and the others wait for that. Then each
prepares its own cases. The training of the same folder takes over the plan and finds the cases prepared.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from voxlate.config.recipe import Recipe
from voxlate.errors import LockedError, UsageError
from voxlate.io.atomic import write_text
from voxlate.io.lock import hold
from voxlate.machines.shard import own_shard
from voxlate.progress import ProgressReport
from voxlate.progress.spreading import spread
from voxlate.training.run import RunFolder, Series, read_recipe
from voxlate.training.setup.begin import new_store, set_up
from voxlate.training.setup.leaving_out import prepare_or_tell, tell_left_out
from voxlate.training.setup.refusals import check_recipe
from voxlate.training.setup.setup import Setup

_POLL_S = 2.0


def prepare_shard(
    data: Path, recipe: Recipe, folder: Path, *, folds: int | None = None, report: ProgressReport
) -> None:
    """Prepares this shard's training and validation cases; those that cannot be are told.

    Args:
        data: The data set.
        recipe: What will be trained.
        folder: Of the run to come.
        folds: How many are to be trained; ``None`` for one run.
        report: Called with a stage and how much of it is done.

    Raises:
        UsageError: If folds are to be trained, which have a plan of their own.
        VoxlateError: If the recipe or the data set is refused, or nothing can be written.
    """
    if folds is not None:
        raise UsageError("one run for --shard", came=f"{folds} folds", where="--shard", remedy="Use --cluster.")
    check_recipe(recipe, begun=False)
    setup = _set_up(data, recipe, folder, report=report)
    store = new_store(setup, folder / "prepared")
    cases = own_shard().of_all([*setup.cases("train"), *setup.cases("validation")])
    prepare = partial(prepare_or_tell, store=store, decided=False)
    told = spread(prepare, cases, progress=partial(report, "prepare"))
    tell_left_out({case.id: why for case, why in zip(cases, told, strict=True) if why})


def set_up_by_shards(folder: Path, recipe: Recipe) -> RunFolder | None:
    """What jobs have decided of a run to come, if it is to be trained by the same plan and split.

    Args:
        folder: Of the run.
        recipe: Its recipe.
    """
    run = RunFolder(folder / "prepared" / "shards")
    if not (run.plan.is_file() and run.recipe.is_file()):
        return None
    return run if _decides(read_recipe(run)) == _decides(recipe) else None


def _decides(recipe: Recipe) -> tuple[object, ...]:
    """What plan and split follow from."""
    return recipe.source, recipe.target, recipe.targets, recipe.plan, recipe.training.seed


def _set_up(data: Path, recipe: Recipe, folder: Path, *, report: ProgressReport) -> Setup:
    run = RunFolder(folder / "prepared" / "shards")
    while True:
        try:
            with hold(run.folder, what="preparation"):
                if set_up_by_shards(folder, recipe) is None:
                    run.plan.unlink(missing_ok=True)
                    write_text(run.recipe, recipe.to_yaml())
                return set_up(data, recipe, run=run, series=Series(folder / "prepared"), report=report)
        except LockedError:
            time.sleep(_POLL_S)
