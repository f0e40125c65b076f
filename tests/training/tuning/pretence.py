"""Trials that train nothing: a search's machinery in seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import optuna

from voxlate.config.recipe import Recipe
from voxlate.training.tuning import Budget, trial_run, tune_run
from voxlate.training.tuning.results import Searched
from voxlate.verbs import resolve_recipe

SPACE = {"training.learning_rate": {"low": 1e-5, "high": 1e-1, "log": True}}
RATE = "training.learning_rate"


def searching(**search: Any) -> Recipe:
    """The first paper's recipe with a search over learning rates."""
    return resolve_recipe("avula2020-t1-to-t2", overrides={"search": {"sampler": "random", "space": SPACE, **search}})


def decades(values: Mapping[str, Any]) -> float:
    """The value of a pretended trial: how far its learning rate is from 3e-3, the best."""
    return abs(math.log10(values[RATE] / 3e-3))


def pretend(function: Callable[[Mapping[str, Any]], float] = decades) -> Any:
    """A context in which a trial has the value that a function of its values gives, and no run."""

    def value(_self: object, trial: optuna.Trial, values: Mapping[str, Any], *, tick: Callable[[], None]) -> float:
        found = function(values)
        trial.set_user_attr("metrics", {"mae": found})
        tick()
        return found

    return patch.object(trial_run.TrialRun, "value", value)


def search(
    data: Path, folder: Path, *, recipe: Recipe | None = None, storage: str | None = None, **budget: Any
) -> Searched:
    """A search without figures."""
    return tune_run(data, recipe or searching(), folder, budget=Budget(**budget), storage=storage)


@contextmanager
def reading(url: str) -> Iterator[optuna.Study]:
    """The only study in a database, as somebody else sees it."""
    storage = optuna.storages.RDBStorage(url)
    try:
        yield optuna.load_study(study_name=None, storage=storage)
    finally:
        storage.remove_session()
        storage.engine.dispose()
