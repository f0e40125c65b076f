"""The records of trials and their queue, without any training."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from voxlate.config.recipe import Recipe
from voxlate.training.tuning.space import resolve_search
from voxlate.training.tuning.trials import (
    _MOST_ATTEMPTS,
    close_killed,
    count_ended,
    count_waiting,
    is_superfluous,
    queue_first,
    read_trials,
    running,
    suggest,
)
from voxlate.verbs import resolve_recipe

GRID = {"training.batch_size": {"values": [4, 8]}, "training.learning_rate": {"values": [1e-3, 1e-4]}}


def searching(**search: Any) -> Recipe:
    overrides = {"search": {"sampler": "grid", "space": GRID, **search}}
    return resolve_search(resolve_recipe("avula2020-t1-to-t2", overrides=overrides))


def begin(study: optuna.Study, recipe: Recipe, worker: str = "local") -> optuna.Trial:
    trial = study.ask()
    trial.set_user_attr("worker", worker)
    suggest(trial, recipe.search)
    return trial


def test_the_recipes_own_values_come_first_and_a_grid_holds_every_point_once() -> None:
    study, recipe = optuna.create_study(), searching()
    queue_first(study, recipe)
    queue_first(study, recipe)
    tried = [begin(study, recipe).params for _ in range(4)]
    assert tried[0] == {"training.batch_size": 8, "training.learning_rate": 1e-3}
    assert len({tuple(sorted(values.items())) for values in tried}) == 4
    assert count_waiting(study) == 0


def test_own_values_outside_of_the_space_are_not_queued() -> None:
    study = optuna.create_study()
    queue_first(study, searching(sampler="tpe", space={"training.learning_rate": {"low": 1e-6, "high": 1e-5}}))
    assert count_waiting(study) == 0


def test_a_killed_trial_is_tried_again_until_it_has_been_killed_too_often(caplog: pytest.LogCaptureFixture) -> None:
    study, recipe = optuna.create_study(), searching()
    queue_first(study, recipe)
    for attempt in range(1, _MOST_ATTEMPTS + 1):
        values = begin(study, recipe).params
        for _ in range(3 if attempt == 1 else 0):
            study.tell(begin(study, recipe), 1.0)
        close_killed(study, worker="local", shared=False)
        assert count_waiting(study) == (attempt < _MOST_ATTEMPTS)
        assert values == {"training.batch_size": 8, "training.learning_rate": 1e-3}
    assert "given up" in caplog.text
    queue_first(study, recipe)
    assert count_waiting(study) == 0
    assert [trial.state for trial in read_trials(study.trials, "local")].count("killed") == _MOST_ATTEMPTS


def test_only_this_folders_trials_are_closed_in_a_shared_study() -> None:
    study, recipe = optuna.create_study(), searching()
    begin(study, recipe, "mine")
    begin(study, recipe, "theirs")
    close_killed(study, worker="mine", shared=True)
    assert [trial.user_attrs["worker"] for trial in running(study)] == ["theirs"]


def test_a_trial_that_another_worker_is_at_is_superfluous() -> None:
    study, recipe = optuna.create_study(), searching()
    queue_first(study, recipe)
    queue_first(optuna.create_study(), recipe)
    for point in [{"training.batch_size": 8, "training.learning_rate": 1e-3}]:  # as two workers queue it at once
        study.enqueue_trial(point)
    first, *_, last = [begin(study, recipe) for _ in range(5)]
    assert first.params == last.params
    assert not is_superfluous(study, first.number, wanted=9)
    assert is_superfluous(study, last.number, wanted=9)
    assert is_superfluous(study, 3, wanted=3)
    assert not is_superfluous(study, 2, wanted=3)


def test_states_and_counts() -> None:
    study, recipe = optuna.create_study(), searching(sampler="random")
    complete, pruned, failed, killed, withdrawn = (begin(study, recipe) for _ in range(5))
    complete.set_user_attr("run", "trials/a")
    study.tell(complete, 0.5)
    pruned.report(0.7, 1)
    study.tell(pruned, state=TrialState.PRUNED)
    failed.set_user_attr("reason", "no memory")
    withdrawn.set_user_attr("withdrawn", True)
    for trial in (failed, killed, withdrawn):
        study.tell(trial, state=TrialState.FAIL)
    trials = read_trials(study.trials, "local")
    assert [trial.state for trial in trials] == ["complete", "pruned", "failed", "killed"]
    assert [trial.value for trial in trials] == [0.5, 0.7, None, None]
    assert trials[2].reason == "no memory"
    assert trials[0].run == "trials/a"
    assert read_trials(study.trials, "other")[0].run == "local:trials/a"
    assert count_ended(study) == 2
