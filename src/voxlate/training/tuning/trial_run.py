"""The run of a trial: a recipe with some values, trained in a folder of its own, and what the search asks of it.

The folder's name follows from the recipe and the data set, so that values tried again find the run that was begun with
them. Of a run that has ended the states to resume from are removed: a search of large networks would fill the disk.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import optuna

from voxlate.bundle.bundle import read_bundle
from voxlate.config.recipe import Recipe
from voxlate.config.search import Search
from voxlate.errors import BundleError, TrainingError, UsageError
from voxlate.inference.stitching import is_out_of_memory
from voxlate.progress import ProgressReport
from voxlate.training.loop.loop import Observer
from voxlate.training.run import RunFolder, Series
from voxlate.training.train import train_run
from voxlate.training.tuning.pruning import TrialWatch
from voxlate.training.tuning.space import Value
from voxlate.training.tuning.study import PRUNE_FROM, pruner_name


class TrialRun:
    """Trains the trials of a search.

    Args:
        data: The data set.
        recipe: Of the search.
        folder: Of the search.
        data_digest: Of the data set.
        observers: Who watches the steps.
        report: Called with a stage and how much of it is done.
    """

    def __init__(
        self,
        data: Path,
        recipe: Recipe,
        folder: Path,
        *,
        data_digest: str,
        observers: tuple[Observer, ...],
        report: ProgressReport,
    ) -> None:
        self._data = data
        self._recipe = recipe
        self._folder = folder
        self._data_digest = data_digest
        self._observers = observers
        self._report = report
        self._first: tuple[Recipe, RunFolder] | None = None  # trained by this process

    def value(self, trial: optuna.Trial, values: Mapping[str, Value], *, tick: Callable[[], None]) -> float:
        """Trains a trial, or goes on with it, and returns the metric of the weights it has kept.

        Args:
            trial: Whose run it is.
            values: Of the searched fields.
            tick: Called at every step.

        Raises:
            TrainingError: If the values together make no valid recipe, the training fails, or gives no value.
            MemoryError: If it does not fit into memory.
            TrialPruned: If the pruner ends it.
        """
        recipe = self._with(values)
        run = self._place(recipe)
        trial.set_user_attr("run", str(run.folder.relative_to(self._folder)))
        if not _is_finished(run):
            self._train(trial, recipe, run, tick)
        scores = read_bundle(run.bundle).scores
        metrics: dict[str, float | None] = dict(scores["metrics"])
        trial.set_user_attr("metrics", metrics)
        trial.set_user_attr("not_shown", scores.get("not_shown", {}))
        shutil.rmtree(run.checkpoints, ignore_errors=True)
        value = metrics.get(self._recipe.search.metric)
        if value is None:
            raise TrainingError(
                f"a value of {self._recipe.search.metric}",
                came="none: it is not available in the validation cases",
                where=run.folder,
                remedy="Look at their masks and label maps, or compare another metric.",
            )
        return value

    def _with(self, values: Mapping[str, Value]) -> Recipe:
        """The recipe of a trial; the search is none of its business, but for the task that validations apply."""
        search = Search(task=self._recipe.search.task).model_dump(mode="json")
        try:
            return self._recipe.with_overrides({**values, "search": search})
        except UsageError as error:  # each value alone is valid
            raise _invalid_together(error) from error

    def _place(self, recipe: Recipe) -> RunFolder:
        text = json.dumps([recipe.model_dump(mode="json"), self._data_digest], sort_keys=True)
        return RunFolder(self._folder / "trials" / hashlib.sha256(text.encode()).hexdigest()[:12])

    def _train(self, trial: optuna.Trial, recipe: Recipe, run: RunFolder, tick: Callable[[], None]) -> None:
        pruner = pruner_name(self._recipe)
        watch = TrialWatch(
            trial,
            metric=self._recipe.search.metric,
            log=run.log,
            prune_from=PRUNE_FROM if pruner == "median" else 0.0,
            tick=tick,
        )
        try:
            train_run(
                self._data,
                recipe,
                run.folder,
                resume=True,
                series=Series(self._folder / "prepared", after=self._before(run), like=self._like(recipe)),
                observers=(*self._observers, watch),
                report=self._report,
            )
        except optuna.TrialPruned:
            shutil.rmtree(run.checkpoints, ignore_errors=True)
            raise
        except UsageError as error:  # what only a set-up run can tell
            raise _invalid_together(error) from error
        except RuntimeError as error:  # on a CPU torch says that memory is short in no other way
            if not is_out_of_memory(error):
                raise
            raise MemoryError(str(error)) from error
        self._first = self._first or (recipe, run)

    def _like(self, recipe: Recipe) -> RunFolder | None:
        """A run with the same plan, of which no image need be read again to find it."""
        if self._first is None:
            return None
        first, run = self._first
        return run if (first.plan, first.source) == (recipe.plan, recipe.source) else None

    def _before(self, run: RunFolder) -> RunFolder | None:
        """Another run that has prepared its cases, of this process or an earlier one."""
        others = (RunFolder(folder) for folder in sorted(run.folder.parent.glob("*")) if folder != run.folder)
        return next((other for other in others if other.seen.is_file()), None)


def _invalid_together(error: UsageError) -> TrainingError:
    return TrainingError("values that make a valid recipe together", came=str(error), remedy="Narrow search.space.")


def _is_finished(run: RunFolder) -> bool:
    try:
        read_bundle(run.bundle)
    except BundleError:
        return False
    return True
