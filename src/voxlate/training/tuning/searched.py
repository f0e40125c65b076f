"""What a search has found: its trials, the best of them, and how much each searched field mattered.

Importance is PED-ANOVA's (Watanabe, Bansal and Hutter 2023, arXiv:2304.10255): how differently a field's values are
distributed over the best quarter of the trials and over all of them. From few trials that is mostly chance; how much
of it, is found by computing it again with the values of the metric dealt out at random.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna

from voxlate.config import Recipe
from voxlate.errors import TrainingError
from voxlate.io.atomic import write_text
from voxlate.training.tuning.space import Value, own_values
from voxlate.training.tuning.study import Place, pruner_name
from voxlate.training.tuning.trials import Trial, read_trials

FEWEST_FOR_IMPORTANCE = 8
SHUFFLES = 100
_BEST_PART = 0.25


@dataclass(frozen=True)
class Importance:
    """How much the fields mattered.

    Attributes:
        shares: From a field to its share of all importance, most important first; empty if it was not computed.
        chance: From a field to the share that chance exceeds in 5 % of random assignments.
        missing: Why it was not computed; empty if it was.
    """

    shares: Mapping[str, float]
    chance: Mapping[str, float]
    missing: str = ""


@dataclass(frozen=True)
class Searched:
    """What a search has found so far.

    Attributes:
        recipe: With its search complete.
        trials: Those that have ended, in order.
        own: The recipe's own values, if they lie in the space.
        importance: Of the searched fields.
        storage: Where the study lies, without a password.
        pruner: What ended trials early.
        seconds: Time that this folder's worker has spent, over all its calls.
    """

    recipe: Recipe
    trials: tuple[Trial, ...]
    own: Mapping[str, Value] | None
    importance: Importance
    storage: str
    pruner: str
    seconds: float

    @property
    def lower_is_better(self) -> bool:
        """Direction of the search."""
        return self.recipe.search.direction == "minimise"

    @property
    def complete(self) -> list[Trial]:
        """Trials that were trained to the end."""
        return [trial for trial in self.trials if trial.state == "complete"]

    @property
    def best(self) -> Trial:
        """The best complete trial, the first of equals.

        Raises:
            TrainingError: If there is none.
        """
        if not self.complete:
            raise TrainingError(
                "a complete trial",
                came=f"none among {len(self.trials)}",
                remedy="Give more time or trials, or look at the reasons in trials.csv.",
            )
        sign = 1 if self.lower_is_better else -1
        return min(self.complete, key=lambda trial: sign * (trial.value or 0.0))

    @property
    def own_trial(self) -> Trial | None:
        """The complete trial of the recipe's own values, if there is one."""
        return next((trial for trial in self.complete if trial.values == self.own), None)

    def count(self, state: str) -> int:
        """Number of trials in a state."""
        return sum(trial.state == state for trial in self.trials)


@dataclass(frozen=True)
class Tuning:
    """The result of a search as the verb returns it.

    Attributes:
        best_recipe: The recipe with the best values, as a file that ``train`` takes.
        page: The report, which the caller that publishes the search has written.
        fields: Column names of ``rows``.
        rows: One line per trial that has ended: number, state, value, each searched field, seconds, run and reason.
    """

    best_recipe: Path
    page: Path
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]


def summarise(study: optuna.Study, recipe: Recipe, place: Place, *, seconds: float) -> Searched:
    """What a study has found so far."""
    return Searched(
        recipe=recipe,
        trials=tuple(read_trials(study, place.worker)),
        own=own_values(recipe),
        importance=measure_importance(study, seed=recipe.training.seed),
        storage=place.shown if place.shared else "study.db",
        pruner=pruner_name(recipe),
        seconds=seconds,
    )


def write_results(searched: Searched, folder: Path) -> Tuning:
    """Writes ``best.yaml`` and ``trials.csv``.

    Raises:
        TrainingError: If no trial was completed.
    """
    fields, rows = _table(searched)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([fields, *rows])
    write_text(folder / "trials.csv", buffer.getvalue())
    best = folder / "best.yaml"
    write_text(best, searched.recipe.with_overrides(searched.best.values).to_yaml())
    return Tuning(best, folder / "report.html", fields, rows)


def _table(searched: Searched) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    search = searched.recipe.search
    fields = ("trial", "state", search.metric, *search.space, "duration_s", "run", "reason")
    rows = [
        (
            str(trial.number),
            trial.state,
            "" if trial.value is None else f"{trial.value:.6g}",
            *(str(trial.values.get(name, "")) for name in search.space),
            "" if trial.seconds is None else f"{trial.seconds:.1f}",
            trial.run,
            trial.reason,
        )
        for trial in searched.trials
    ]
    return fields, rows


def measure_importance(study: optuna.Study, *, seed: int) -> Importance:
    """The importance of the searched fields, and what chance makes of it; see the module."""
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    values = np.array([trial.value for trial in complete], dtype=np.float64)
    if len(complete) < FEWEST_FOR_IMPORTANCE:
        return Importance({}, {}, f"{len(complete)} complete trials are too few ({FEWEST_FOR_IMPORTANCE} are needed)")
    if np.ptp(values) <= 1e-9 * np.abs(values).max():
        return Importance({}, {}, "all trials have the same value")
    sign = 1.0 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1.0
    numbers = [trial.number for trial in complete]
    shares = _shares(study, dict(zip(numbers, sign * values, strict=True)))
    rng = np.random.default_rng(seed)
    shuffled = [_shares(study, dict(zip(numbers, rng.permutation(values), strict=True))) for _ in range(SHUFFLES)]
    chance = {name: float(np.quantile([one.get(name, 0.0) for one in shuffled], 0.95)) for name in shares}
    return Importance(shares, chance)


def _shares(study: optuna.Study, values: Mapping[int, float]) -> dict[str, float]:
    """Importance for low values, as shares of the whole."""
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=_BEST_PART)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that low values are taken for good, which they are here
        found = evaluator.evaluate(study, target=lambda trial: values[trial.number])
    total = sum(found.values())
    return {name: value / total if total else 0.0 for name, value in found.items()}
