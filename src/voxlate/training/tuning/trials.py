"""Trials: what was tried in a search and what became of it, as plain records; and the queue of what is to be tried.

A trial that a kill left running is closed and its values are queued again; its run goes on from its checkpoint. In a
database that several workers share, only trials whose worker is known to be dead are closed: this folder's own, which
the folder's lock proves, and those whose heartbeat has stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, cast

import optuna
from optuna.trial import FrozenTrial, TrialState

from voxlate.config.recipe import Recipe
from voxlate.config.search import Range, Search
from voxlate.training.tuning.sampling import points_of, values_of
from voxlate.training.tuning.space import Value, own_values

logger = logging.getLogger(__name__)

_MOST_ATTEMPTS = 3
"""So often values are tried whose process is killed: perhaps by themselves, a batch that does not fit into memory."""

_JUST_BORN = timedelta(minutes=1)
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Trial:
    """A trial that has ended.

    Attributes:
        number: Within the study.
        state: ``complete``, ``pruned`` (ended early, its value is the last it reported), ``failed`` (with a
            ``reason``), or ``killed`` (its values were queued again).
        value: Of the search's metric.
        values: Of the searched fields.
        seconds: From begin to end.
        run: Folder of its run, relative to that of the search; with the worker's name before it if that is another.
        metrics: Every validation metric of the weights that the run has kept.
        reason: Why it failed.
        not_shown: In how many cases the target does not show all of the foreground; see ``say_not_shown`` of the card.
    """

    number: int
    state: Literal["complete", "pruned", "failed", "killed"]
    value: float | None
    values: Mapping[str, Value]
    seconds: float | None = None
    run: str = ""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    reason: str = ""
    not_shown: Mapping[str, float] = field(default_factory=dict)


def read_trials(trials: Sequence[FrozenTrial], worker: str) -> list[Trial]:
    """Those that have ended, in order, as a worker sees them; superfluous ones (``is_superfluous``) are left out."""
    return [
        _read(trial, worker) for trial in trials if trial.state.is_finished() and not trial.user_attrs.get("withdrawn")
    ]


def _read(trial: FrozenTrial, worker: str) -> Trial:
    notes = trial.user_attrs
    states: dict[TrialState, Literal["complete", "pruned"]] = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "pruned",
    }
    ended: Literal["failed", "killed"] = "failed" if "reason" in notes else "killed"
    run = str(notes.get("run", ""))
    return Trial(
        number=trial.number,
        state=states.get(trial.state, ended),
        value=trial.value,
        values=values_of(trial),
        seconds=trial.duration.total_seconds() if trial.duration else None,
        run=run if not run or notes.get("worker") == worker else f"{notes.get('worker')}:{run}",
        metrics=notes.get("metrics", {}),
        reason=str(notes.get("reason", "")),
        not_shown=notes.get("not_shown", {}),
    )


def suggest(trial: optuna.Trial, search: Search) -> dict[str, Value]:
    """The values that a trial is to try."""
    return {name: _suggest(trial, name, range_) for name, range_ in search.space.items()}


def _suggest(trial: optuna.Trial, name: str, range_: Range) -> Value:
    if range_.values is not None:
        return cast("Value", trial.suggest_categorical(name, range_.values))
    low, high = range_.low or 0.0, range_.high or 0.0
    if range_.integer:
        return trial.suggest_int(name, round(low), round(high), log=range_.log)
    return trial.suggest_float(name, low, high, log=range_.log)


def count_ended(study: optuna.Study) -> int:
    """Trials that count: complete or pruned."""
    return len(study.get_trials(deepcopy=False, states=_ENDED))


def any_complete(study: optuna.Study) -> bool:
    """Whether a best trial exists."""
    return bool(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def count_waiting(study: optuna.Study) -> int:
    """Queued trials."""
    return len(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def running(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that a living worker is at, as far as that is known here.

    One that does not name its worker was begun this moment, or its worker died in the moment after it began.
    """
    found = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    newest = datetime.now() - _JUST_BORN
    return [
        t for t in found if "worker" in t.user_attrs or (t.datetime_start is not None and t.datetime_start > newest)
    ]


def is_superfluous(study: optuna.Study, number: int, *, wanted: float) -> bool:
    """Whether other workers, faster by a moment, are at the values of a trial or at the last one wanted."""
    before = [other for other in running(study) if other.number < number]
    if count_ended(study) + len(before) >= wanted:
        return True
    own = values_of(study.get_trials(deepcopy=False)[number])
    ended = study.get_trials(deepcopy=False, states=_ENDED)
    return any(values_of(other) == own for other in (*before, *ended))


def close_killed(study: optuna.Study, *, worker: str, shared: bool) -> None:
    """Closes the trials that an earlier process of this folder left running, and queues their values again.

    To be called while this folder's lock is held and before a trial is begun.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not shared or trial.user_attrs.get("worker") == worker:
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            requeue(study, trial)


def requeue(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queues the values of a trial that was killed, unless they were killed too often."""
    values, attempt = values_of(trial), _attempt(trial)
    if not values:
        return
    if attempt >= _MOST_ATTEMPTS:
        logger.warning("trial %d: killed with these values for the %d. time; they are given up", trial.number, attempt)
        return
    logger.warning("trial %d was killed; its values are tried again", trial.number)
    study.enqueue_trial(values, user_attrs={"attempt": attempt + 1})


def _attempt(trial: FrozenTrial) -> int:
    return int(trial.user_attrs.get("attempt", 1))


def queue_first(study: optuna.Study, recipe: Recipe) -> None:
    """Queues what is to be tried before a sampler is asked: the recipe's own values, then the points of a grid."""
    own = own_values(recipe)
    points: list[dict[str, Value]] = [] if own is None else [own]
    if recipe.search.sampler == "grid":
        points += [point for point in points_of(recipe.search) if point != own]
    known = [
        values_of(trial)
        for trial in study.get_trials(deepcopy=False)
        if trial.state != TrialState.FAIL or _attempt(trial) >= _MOST_ATTEMPTS
    ]
    for point in points:
        if point not in known:
            study.enqueue_trial(point)


def grid_size(recipe: Recipe) -> int | None:
    """Number of points of the recipe's grid; ``None`` if it searches in another way, or declares no lists of values."""
    search = recipe.search
    listed = bool(search.space) and all(range_.values for range_ in search.space.values())
    return len(points_of(search)) if search.sampler == "grid" and listed else None
