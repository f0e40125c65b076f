"""Pruning: every validation of a trial is told to the study, which may end the trial.

The median pruner ends a trial whose best validation so far is worse than the median, at the same step, of the trials
before it (Golovin et al. 2017, doi:10.1145/3097983.3098043); Hyperband gives more and more budget to fewer and fewer
trials (Li et al. 2018, arXiv:1603.06560).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import optuna

from voxlate.errors import UsageError
from voxlate.training.loop.journal import read_log
from voxlate.training.loop.validation import Validation


class TrialWatch:
    """An observer that reports a trial's validations and raises where the pruner ends it.

    Args:
        trial: The trial.
        metric: What is compared.
        log: The log of the trial's run; what a killed process had validated is read from it.
        prune_from: Part of its budget that the trial gets in any case, 0 to 1.
        tick: Called at every step.
    """

    def __init__(
        self, trial: optuna.Trial, *, metric: str, log: Path, prune_from: float, tick: Callable[[], None]
    ) -> None:
        self._trial = trial
        self._metric = metric
        self._log = log
        self._prune_from = prune_from
        self._tick = tick
        self._fraction: float | None = None

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """Keeps how much of the budget is spent; at the first step, reports what an earlier process had validated."""
        if self._fraction is None:
            for entry in read_log(self._log):
                if entry.validation is not None and entry.step < step:
                    self._report(entry.step, entry.validation.get(self._metric))
        self._fraction = fraction
        self._tick()

    def validated(self, step: int, validation: Validation) -> None:
        """Reports a validation.

        Raises:
            TrialPruned: If the pruner ends the trial; one that has spent its budget is not ended any more.
            UsageError: If validations do not have the metric.
        """
        if self._metric not in validation.metrics:
            raise UsageError(
                f"the validation metric {self._metric}",
                came=f"only {', '.join(validation.metrics)}",
                where="search.metric",
                remedy="Compare one of these, or add to the validation cases what it is computed from.",
            )
        self._report(step, validation.metrics[self._metric])
        fraction = self._fraction or 0.0
        if self._prune_from <= fraction < 1 and self._trial.should_prune():
            raise optuna.TrialPruned(f"at step {step}, {fraction:.0%} of the budget")

    def _report(self, step: int, value: float | None) -> None:
        if value is not None and math.isfinite(value):
            self._trial.report(value, step)
