"""Which points a search tries: none twice, and pruned ones teach the sampler."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from tests.training.tuning.pretence import RATE, searching
from voxlate.config.recipe import Recipe
from voxlate.training.tuning.sampling import _whole_value, is_exhausted, make_sampler
from voxlate.training.tuning.space import resolve_search
from voxlate.training.tuning.study import _make_pruner
from voxlate.training.tuning.trials import suggest

BEST = 1e-3


def curve(values: Mapping[str, Any], step: int) -> float:
    """The SSIM of a pretended trial so far: fast learners are ahead first, and slow ones in the end."""
    rate = math.log10(values[RATE])
    weight = math.log10(values["loss.ssim"])
    end = 0.9 - 0.03 * (rate - math.log10(BEST)) ** 2 - 0.05 * (weight - 1) ** 2
    return end * (1 - math.exp(-step * 10 ** ((rate + 4) / 3) / 5))


def try_one(study: optuna.Study, recipe: Recipe) -> None:
    """A pretended trial, which is pruned after a quarter of its budget at the earliest."""
    study.sampler = make_sampler(recipe, study, number=len(study.trials), worker="local")
    trial = study.ask()
    values = suggest(trial, recipe.search)
    for step in range(1, 9):
        trial.report(curve(values, step), step)
        if 2 <= step < 8 and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, curve(values, 8))


@pytest.mark.parametrize("trials", [14, pytest.param(25, marks=pytest.mark.slow)])
def test_every_trial_tries_a_point_of_its_own_and_the_best_is_found(trials: int) -> None:
    """With a sampler that does not learn from pruned trials, some are one point and the rest crowd around it."""
    space = {RATE: {"low": 1e-5, "high": 1e-1, "log": True}, "loss.ssim": {"low": 0.1, "high": 100, "log": True}}
    recipe = resolve_search(searching(sampler="gp", metric="ssim", space=space))
    study = optuna.create_study(direction="maximize", pruner=_make_pruner(recipe))
    for _ in range(trials):
        try_one(study, recipe)
    points = {tuple(f"{value:.3g}" for value in trial.params.values()) for trial in study.trials}
    pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    assert len(points) == trials
    assert 2 <= len(pruned) <= trials // 2 + 5
    assert study.best_value > 0.86


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_small_space_is_tried_whole_and_no_point_twice(sampler: str) -> None:
    space = {RATE: {"values": [1e-3, 1e-4, 1e-5]}, "training.batch_size": {"low": 1, "high": 3, "integer": True}}
    recipe = resolve_search(searching(sampler=sampler, metric="ssim", space=space))
    study = optuna.create_study(direction="maximize")
    for number in range(9):
        assert not is_exhausted(study, recipe.search)
        study.sampler = make_sampler(recipe, study, number=number, worker="local")
        trial = study.ask()
        values = suggest(trial, recipe.search)
        trial.report(float(values[RATE]), 1)
        if number % 3:
            study.tell(trial, float(values[RATE]))
        else:
            study.tell(trial, state=TrialState.PRUNED)
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 9
    assert is_exhausted(study, recipe.search)


def test_a_point_that_another_worker_is_at_is_left_to_it() -> None:
    recipe = resolve_search(searching(sampler="tpe", metric="ssim", space={RATE: {"values": [1e-3, 1e-4]}}))
    study = optuna.create_study(direction="maximize")
    drawn = []
    for number in range(2):
        study.sampler = make_sampler(recipe, study, number=number, worker=str(number))
        drawn.append(suggest(study.ask(), recipe.search)[RATE])  # and none of them has ended
    assert sorted(drawn) == [1e-4, 1e-3]


def test_a_pruned_trial_is_seen_at_the_value_it_would_have_come_to() -> None:
    study = optuna.create_study(direction="maximize")
    study.ask().report(0.35, 2)
    study.tell(0, state=TrialState.PRUNED)
    for place, (early, end) in enumerate([(0.4, 0.6), (0.5, 0.8), (0.6, 0.9), (0.2, 0.6)], start=1):
        study.ask().report(early, 2)
        study.tell(place, end)
    pruned, *complete = study.trials
    search_ = searching(sampler="gp", metric="ssim", direction="maximise").search
    assert _whole_value(pruned, complete, search_) == pytest.approx(0.65), "0.35, and 0.3 that others still gained"
    assert _whole_value(pruned, [], search_) == 0.35
