"""What a search has found: its trials, the best of them, and how much each searched field mattered.

Importance is PED-ANOVA's (Watanabe, Bansal and Hutter 2023, arXiv:2304.10255): how differently a field's values are
distributed over the best quarter of the trials and over all of them. From few trials that is mostly chance; how much
of it, is found by computing it again with the values of the metric dealt out at random.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from voxlate.config.recipe import Recipe
from voxlate.errors import TrainingError
from voxlate.io.atomic import write_rows, write_text
from voxlate.training.tuning.space import Value, own_values
from voxlate.training.tuning.study import Place, pruner_name
from voxlate.training.tuning.trials import Trial, read_trials

FEWEST_FOR_IMPORTANCE = 8
_SHUFFLES = 100
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


def summarise(study: optuna.Study, recipe: Recipe, place: Place, *, seconds: float) -> Searched:
    """What a study has found so far."""
    trials = study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    lower = recipe.search.direction == "minimise"
    return Searched(
        recipe=recipe,
        trials=tuple(read_trials(trials, place.worker)),
        own=own_values(recipe),
        importance=_measure_importance(complete, lower_is_better=lower, seed=recipe.training.seed),
        storage=place.shown if place.shared else "study.db",
        pruner=pruner_name(recipe),
        seconds=seconds,
    )


def write_results(searched: Searched, folder: Path) -> None:
    """Writes ``best.yaml`` and ``trials.csv``.

    Raises:
        TrainingError: If no trial was completed.
    """
    search = searched.recipe.search
    rows: list[tuple[object, ...]] = [("trial", "state", search.metric, *search.space, "duration_s", "run", "reason")]
    for trial in searched.trials:
        values = [trial.values.get(name, "") for name in search.space]
        value, seconds = ("" if x is None else f"{x:.6g}" for x in (trial.value, trial.seconds))
        rows.append((trial.number, trial.state, value, *values, seconds, trial.run, trial.reason))
    write_rows(folder / "trials.csv", rows)
    write_text(folder / "best.yaml", searched.recipe.with_overrides(searched.best.values).to_yaml())


def _measure_importance(trials: Sequence[FrozenTrial], *, lower_is_better: bool, seed: int) -> Importance:
    """The importance of the searched fields, and what chance makes of it; see the module.

    Args:
        trials: Complete ones.
        lower_is_better: Direction of the search.
        seed: Of the random assignments.
    """
    values = np.array([trial.value for trial in trials], dtype=np.float64)
    if len(trials) < FEWEST_FOR_IMPORTANCE:
        return Importance({}, {}, f"{len(trials)} complete trials are too few ({FEWEST_FOR_IMPORTANCE} are needed)")
    if np.ptp(values) <= 1e-9 * np.abs(values).max():
        return Importance({}, {}, "all trials have the same value")
    copy = optuna.create_study()  # of this moment: other workers may be adding to the study
    copy.add_trials(trials)
    shares = _shares(copy, values if lower_is_better else -values)
    rng = np.random.default_rng(seed)
    shuffled = [_shares(copy, rng.permutation(values)) for _ in range(_SHUFFLES)]
    chance = {name: float(np.quantile([one.get(name, 0.0) for one in shuffled], 0.95)) for name in shares}
    return Importance(shares, chance)


def _shares(study: optuna.Study, values: NDArray[np.float64]) -> dict[str, float]:
    """Importance for low values, one per trial of the study, as shares of the whole."""
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=_BEST_PART)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that low values are taken for good, which they are here
        found = evaluator.evaluate(study, target=lambda trial: float(values[trial.number]))
    total = sum(found.values())
    return {name: value / total if total else 0.0 for name, value in found.items()}
