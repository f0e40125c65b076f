"""A trial that a helper trains, in another process or on another machine, which sees the search's folder and database.

It reports its validations to the study, as a trial here does, so that the pruner may end it. Where its process is
killed another helper goes on with its run from the last checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import optuna
import torch
from optuna.storages._heartbeat import get_heartbeat_thread
from optuna.trial import TrialState

from voxlate.config.recipe import Recipe
from voxlate.errors import LockedError, TrainingError
from voxlate.plugins import recall
from voxlate.progress import silent
from voxlate.training.tuning.space import Value
from voxlate.training.tuning.study import Place, open_study
from voxlate.training.tuning.trial_run import TrialRun
from voxlate.training.tuning.trials import requeue

_POLL_S = 5.0
TOO_MUCH = (TrainingError, MemoryError, torch.OutOfMemoryError)
"""What a trial may raise: values that do not fit together, or not into memory. The others go on."""


@dataclass(frozen=True)
class Ending:
    """How a trial has ended: its value, where it is complete, or the reason of a failure."""

    state: TrialState
    value: float | None = None
    reason: str = ""

    @classmethod
    def failed(cls, error: BaseException) -> Ending:
        """By an error, of which the first line is kept."""
        return cls(TrialState.FAIL, reason=(str(error) or type(error).__name__).partition("\n")[0])


@dataclass(frozen=True)
class Elsewhere:
    """What a helper must know to train any trial of a search.

    Attributes:
        data: The data set.
        recipe: Of the search.
        folder: Of the search.
        data_digest: Of the data set.
        place: Where the study lies.
    """

    data: Path
    recipe: Recipe
    folder: Path
    data_digest: str
    place: Place

    def __call__(self, item: tuple[int, Mapping[str, Value]]) -> Ending:
        """Trains the trial of a number with its values."""
        number, values = item
        recall(self.folder)
        runs = TrialRun(self.data, self.recipe, self.folder, data_digest=self.data_digest, observers=(), report=silent)
        with open_study(self.place, self.recipe, on_stale=requeue) as study:
            known = study.get_trials(deepcopy=False)[number]
            study.sampler = optuna.samplers.RandomSampler()  # the values are drawn already
            trial = optuna.Trial(study, known._trial_id)
            heart = get_heartbeat_thread(known._trial_id, study._storage)
            heart.start()
            try:
                return Ending(TrialState.COMPLETE, _trained(runs, trial, values))
            except optuna.TrialPruned:
                return Ending(TrialState.PRUNED)
            except TOO_MUCH as error:
                return Ending.failed(error)
            finally:
                heart.join()


def _trained(runs: TrialRun, trial: optuna.Trial, values: Mapping[str, Value]) -> float:
    """The value of a trial, whose run a helper of a command that was killed may still be at."""
    while True:
        try:
            return runs.value(trial, values, tick=lambda: None)
        except LockedError:
            time.sleep(_POLL_S)
