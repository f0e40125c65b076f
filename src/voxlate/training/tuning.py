"""Tuning: the recipe's declared ranges searched by Optuna, each trial a run that can be resumed.

The study lies in a database (SQLite in the folder, or any URL that Optuna knows). A trial that a kill left running is
closed when tuning starts again and its values are tried anew; its run goes on from its checkpoint. All trials share
one prepared store.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import optuna

from voxlate.config import Range, Recipe, Search
from voxlate.errors import TrainingError, UsageError
from voxlate.io.atomic import write_text
from voxlate.io.lock import hold
from voxlate.training.loop import Observer
from voxlate.training.setup import ProgressReport
from voxlate.training.train import train_run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tuning:
    """A finished search.

    Attributes:
        best_recipe: The recipe with the best values, as a file that ``train`` takes.
        fields: Column names of ``rows``.
        rows: One line per trial: number, state, value, and each searched field.
    """

    best_recipe: Path
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tune_run(
    data: Path,
    recipe: Recipe,
    folder: Path,
    *,
    trials: int,
    storage: str | None = None,
    observers: tuple[Observer, ...] = (),
    report: ProgressReport = lambda _stage, _done, _of: None,
) -> Tuning:
    """Tries recipes until ``trials`` have finished and writes the best as ``best.yaml``.

    Args:
        data: The data set.
        recipe: What to train, with a search space.
        folder: Holds the study, the runs and the results.
        trials: Number of finished trials wanted in all, those of earlier calls counted in.
        storage: Database URL.
        observers: Who watches each trial's steps.
        report: Called with a stage and how much of it is done.

    Raises:
        UsageError: If the recipe declares no search space.
        TrainingError: If no trial gave a value.
    """
    if not recipe.search.space:
        raise UsageError(
            "a recipe with ranges under search.space", came="none", where=recipe.name, remedy="Declare what to search."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with hold(folder, what="tuning"):
        study = _open_study(recipe, storage or f"sqlite:///{folder / 'study.db'}")
        _requeue_killed(study)
        if recipe.search.sampler == "grid":
            _queue_grid(study, recipe.search)

        def objective(trial: optuna.Trial) -> float:
            values = {name: _suggest(trial, name, range_) for name, range_ in recipe.search.space.items()}
            run = folder / "trials" / _name(values)
            train_run(
                data,
                recipe.with_overrides(values),
                run,
                resume=True,
                check=not _finished(study),
                prepared=folder / "prepared",
                observers=observers,
                report=report,
            )
            trial.set_user_attr("run", str(run.relative_to(folder)))
            return _value(run, recipe.search)

        while (finished := len(_finished(study))) < min(trials, _grid_size(recipe.search)):
            report("tune", finished, trials)
            study.optimize(objective, n_trials=1)
        report("tune", trials, trials)
        return _write_results(study, recipe, folder)


def _open_study(recipe: Recipe, storage: str) -> optuna.Study:
    search, seed = recipe.search, recipe.training.seed
    samplers: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
        # The points of a grid are queued (see _queue_grid), since Optuna's grid sampler cannot try one again.
        "grid": lambda: optuna.samplers.RandomSampler(seed=seed),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
        "gp": lambda: optuna.samplers.GPSampler(seed=seed),
    }
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=recipe.name,
        storage=storage,
        sampler=samplers[search.sampler](),
        direction="minimize" if search.direction == "minimise" else "maximize",
        load_if_exists=True,
    )


def _requeue_killed(study: optuna.Study) -> None:
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        logger.warning("trial %d was killed; its values are tried again", trial.number)
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params)


def _queue_grid(study: optuna.Study, search: Search) -> None:
    """Queues the points of the grid, in order, that are neither tried nor queued."""
    known = [
        {**trial.params, **trial.system_attrs.get("fixed_params", {})}
        for trial in study.get_trials(deepcopy=False)
        if trial.state in {optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.WAITING}
    ]
    for values in product(*_grid(search).values()):
        point = dict(zip(search.space, values, strict=True))
        if point not in known:
            study.enqueue_trial(point)


def _suggest(trial: optuna.Trial, name: str, range_: Range) -> Any:  # noqa: ANN401
    if range_.values is not None:
        return trial.suggest_categorical(name, range_.values)
    low, high = range_.low or 0.0, range_.high or 0.0
    if range_.integer:
        return trial.suggest_int(name, round(low), round(high), log=range_.log)
    return trial.suggest_float(name, low, high, log=range_.log)


def _grid(search: Search) -> dict[str, list[int | float | str | bool]]:
    for name, range_ in search.space.items():
        if range_.values is None:
            raise UsageError(
                "a list of values for a grid", came="an interval", where=f"search.space.{name}", remedy="Give values."
            )
    return {name: list(range_.values or ()) for name, range_ in search.space.items()}


def _grid_size(search: Search) -> float:
    size = 1
    for range_ in search.space.values():
        size *= len(range_.values or ())
    return size if search.sampler == "grid" else float("inf")


def _name(values: Mapping[str, Any]) -> str:
    """A folder name that the same values always get, so that a killed trial's run is found again."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _value(run: Path, search: Search) -> float:
    scores = json.loads((run / "bundle" / "scores.json").read_text(encoding="utf-8"))
    value = scores["metrics"].get(search.metric)
    if value is None:
        raise TrainingError(
            f"the validation metric {search.metric}",
            came=f"only {', '.join(scores['metrics'])}",
            where=run,
            remedy="Choose one of these as search.metric.",
        )
    return float(value)


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))


def _write_results(study: optuna.Study, recipe: Recipe, folder: Path) -> Tuning:
    best = folder / "best.yaml"
    write_text(best, recipe.with_overrides(study.best_params).to_yaml())
    fields = ("trial", "state", recipe.search.metric, *recipe.search.space, "run")
    rows = [
        (
            str(trial.number),
            trial.state.name.lower(),
            "" if trial.value is None else f"{trial.value:.6g}",
            *(str(trial.params.get(name, "")) for name in recipe.search.space),
            str(trial.user_attrs.get("run", "")),
        )
        for trial in study.trials
        if trial.state.is_finished()
    ]
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([fields, *rows])
    write_text(folder / "trials.csv", buffer.getvalue())
    return Tuning(best, fields, rows)
