"""The observer that tells validations to the study."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import optuna
import pytest

from voxlate.errors import UsageError
from voxlate.training.loop.validation import Example, Validation
from voxlate.training.tuning.pruning import TrialWatch


class EndsEverything(optuna.pruners.BasePruner):
    """Ends every trial that it is asked about."""

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        return True


def validation(**metrics: float) -> Validation:
    empty = np.zeros((1, 1, 1), np.float32)
    return Validation(metrics, Example("toy", empty, empty, empty, empty > 0, (1.0, 1.0, 1.0)))


@pytest.fixture
def trial() -> optuna.Trial:
    return optuna.create_study(pruner=EndsEverything()).ask()


def watch(trial: optuna.Trial, log: Path, *, prune_from: float = 0.25) -> TrialWatch:
    return TrialWatch(trial, metric="mae", log=log, prune_from=prune_from, tick=lambda: None)


def reported(trial: optuna.Trial) -> dict[int, float]:
    return dict(trial.study.trials[0].intermediate_values)


def test_a_trial_has_its_part_of_the_budget_before_and_is_not_ended_after_it(
    trial: optuna.Trial, tmp_path: Path
) -> None:
    observer = watch(trial, tmp_path / "log.jsonl")
    for step, fraction in ((1, 0.2), (10, 1.0)):
        observer.stepped(step, fraction, {})
        observer.validated(step, validation(mae=1.0))
    observer.stepped(11, 0.25, {})
    with pytest.raises(optuna.TrialPruned, match="25%"):
        observer.validated(11, validation(mae=1.0))
    assert reported(trial) == {1: 1.0, 10: 1.0, 11: 1.0}


def test_what_an_earlier_process_validated_is_told_too(trial: optuna.Trial, tmp_path: Path) -> None:
    lines = [
        {"step": 2, "loss": 1.0},
        {"step": 2, "validation": {"mae": 0.5}},
        {"step": 4, "validation": {"mae": None}},
        {"step": 6, "validation": {"mae": 0.25}},
        {"step": 7, "loss": 1.0},
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    observer = watch(trial, tmp_path / "log.jsonl")
    observer.stepped(7, 0.1, {})
    observer.stepped(8, 0.1, {})
    assert reported(trial) == {2: 0.5, 6: 0.25}


def test_what_is_not_available_is_not_told(trial: optuna.Trial, tmp_path: Path) -> None:
    observer = watch(trial, tmp_path / "log.jsonl")
    observer.stepped(1, 0.1, {})
    observer.validated(1, validation(mae=float("nan")))
    assert reported(trial) == {}


def test_a_metric_that_validations_lack_ends_the_search(trial: optuna.Trial, tmp_path: Path) -> None:
    observer = watch(trial, tmp_path / "log.jsonl")
    with pytest.raises(UsageError, match="the validation metric mae"):
        observer.validated(1, validation(ssim=1.0))
