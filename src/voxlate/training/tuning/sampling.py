"""Which point is tried next: Optuna's sampler, taught by the pruned trials too, and asked again for what was tried.

The Gaussian process models complete trials only: a point that is pruned leaves it as it was, so that it proposes the
same point again. Here it sees a pruned trial at the value that it would have come to: its best so far, plus what the
complete trials still gained after that step, at their median, and within the range of their values. No point is tried
twice: a proposal that was tried is kept from the model as one that is under way, which moves it elsewhere, and after
some of them points are drawn by chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from statistics import median

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from voxlate.config.recipe import Recipe
from voxlate.config.search import Range, Search
from voxlate.training.tuning.space import Value

STARTUP_TRIALS = 5
"""Trials drawn at random before a sampler models anything, and trials to finish before one is pruned."""

_PROPOSALS, _DRAWS = 3, 500
_SAME = 1e-3
"""Part of an interval within which two values are one."""
_MOST_POINTS = 10_000


def make_sampler(recipe: Recipe, study: optuna.Study, *, number: int, worker: str) -> optuna.samplers.BaseSampler:
    """The sampler of a study's next trial, seeded by (seed, trial, worker).

    A sampler of its own for every trial lets a search that was killed go on as if it had not been: one seeded once
    would draw again, after every start, what it drew at the first.
    """
    entropy = [recipe.training.seed, number, *worker.encode()]
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    return _NextPoint(recipe.search, study, seed)


class _NextPoint(optuna.samplers.BaseSampler):
    """Draws a point that was not tried; a queued trial has its own."""

    def __init__(self, search: Search, study: optuna.Study, seed: int) -> None:
        self._search = search
        self._study = study  # all of it, where Hyperband shows a sampler one bracket
        self._seed = seed
        self._chance = optuna.samplers.RandomSampler(seed=seed)

    def infer_relative_search_space(self, _study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {} if "fixed_params" in trial.system_attrs else _distributions(self._search)

    def sample_relative(
        self,
        _study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Value]:
        if not search_space:
            return {}
        trials = [other for other in self._study.get_trials(deepcopy=False) if other.number != trial.number]
        tried = [values_of(other) for other in trials if not other.user_attrs.get("withdrawn")]
        proposals = self._proposals(trials, search_space)
        first = next(proposals)
        return next((point for point in (first, *proposals) if not self._is_among(point, tried)), first)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Value:
        value: Value = self._chance.sample_independent(study, trial, param_name, param_distribution)
        return value

    def _proposals(
        self, trials: Sequence[FrozenTrial], space: dict[str, BaseDistribution]
    ) -> Iterator[dict[str, Value]]:
        """Of the sampler, then by chance, then whatever there is."""
        model = optuna.create_study(
            direction="minimize" if self._search.direction == "minimise" else "maximize", sampler=self._model()
        )
        model.add_trials(_lessons(trials, self._search))
        for _ in range(_PROPOSALS):
            yield model.ask(space).params
        model.sampler = self._chance
        for _ in range(_DRAWS):
            yield model.ask(space).params
        yield from points_of(self._search, most=_MOST_POINTS)

    def _model(self) -> optuna.samplers.BaseSampler:
        """The search's sampler; the points of a grid are queued, since Optuna's own cannot try one again."""
        if self._search.sampler == "tpe":
            return optuna.samplers.TPESampler(seed=self._seed, n_startup_trials=STARTUP_TRIALS)
        if self._search.sampler == "gp":
            return optuna.samplers.GPSampler(
                seed=self._seed, n_startup_trials=STARTUP_TRIALS, warn_independent_sampling=False
            )
        return self._chance

    def _is_among(self, point: Mapping[str, Value], tried: Sequence[Mapping[str, Value]]) -> bool:
        space = self._search.space
        return any(
            all(name in other and _is_same(point[name], other[name], range_) for name, range_ in space.items())
            for other in tried
        )


def _is_same(value: Value, other: Value, range_: Range) -> bool:
    if range_.values is not None or range_.integer:
        return bool(value == other)
    return math.isclose(range_.height(float(value)), range_.height(float(other)), abs_tol=_SAME, rel_tol=0)


def values_of(trial: FrozenTrial) -> dict[str, Value]:
    """The values of a trial: those it was queued with, and those that were drawn for it."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def points_of(search: Search, *, most: float = math.inf) -> list[dict[str, Value]]:
    """Every combination of the values of a search, the last field varying fastest.

    Args:
        search: With its space; there are none if a field's values cannot be counted.
        most: There are none if they are more.
    """
    listed = [_values(range_) for range_ in search.space.values()]
    if math.prod(map(len, listed)) > most:
        return []
    return [dict(zip(search.space, values, strict=True)) for values in product(*listed)]


def is_exhausted(study: optuna.Study, search: Search) -> bool:
    """Whether every point of a search has ended or is under way."""
    points = points_of(search, most=_MOST_POINTS)
    trials = [trial for trial in study.get_trials(deepcopy=False) if not trial.user_attrs.get("withdrawn")]
    waiting = any(trial.state == TrialState.WAITING for trial in trials)
    known = [values_of(trial) for trial in trials]
    return bool(points) and not waiting and all(point in known for point in points)


def _values(range_: Range) -> Sequence[Value]:
    """The values of a field that can be counted; none of an interval that has no end of them."""
    if range_.values is not None:
        return range_.values
    return range(round(range_.low or 0), round(range_.high or 0) + 1) if range_.integer else ()


def _distributions(search: Search) -> dict[str, BaseDistribution]:
    return {name: _distribution(range_) for name, range_ in search.space.items()}


def _distribution(range_: Range) -> BaseDistribution:
    if range_.values is not None:
        return CategoricalDistribution(range_.values)
    low, high = range_.low or 0.0, range_.high or 0.0
    if range_.integer:
        return IntDistribution(round(low), round(high), log=range_.log)
    return FloatDistribution(low, high, log=range_.log)


def _trial(like: FrozenTrial, *, state: TrialState = TrialState.COMPLETE, value: float | None = None) -> FrozenTrial:
    return create_trial(state=state, value=value, params=like.params, distributions=like.distributions)


def _lessons(trials: Sequence[FrozenTrial], search: Search) -> list[FrozenTrial]:
    """What a model learns from: complete trials, those under way, and pruned ones as it can see them."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    lessons = []
    for trial in trials:
        if trial.state == TrialState.RUNNING and trial.params.keys() == search.space.keys():
            lessons.append(_trial(trial, state=TrialState.RUNNING))
        elif trial.state == TrialState.PRUNED and search.sampler == "gp" and trial.intermediate_values:
            lessons.append(_trial(trial, value=_whole_value(trial, complete, search)))
        elif trial.state in {TrialState.COMPLETE, TrialState.PRUNED}:
            lessons.append(trial)
    return lessons


def _whole_value(pruned: FrozenTrial, complete: Sequence[FrozenTrial], search: Search) -> float:
    """The value that a pruned trial would have come to; see the module."""
    best = min if search.direction == "minimise" else max
    step = max(pruned.intermediate_values)

    def so_far(trial: FrozenTrial) -> float | None:
        values = [value for at, value in trial.intermediate_values.items() if at <= step]
        return best(values) if values else None

    reached = so_far(pruned) or 0.0
    ends = [trial.value or 0.0 for trial in complete]
    pairs = [(trial.value or 0.0, before) for trial in complete if (before := so_far(trial)) is not None]
    gained = median(end - before for end, before in pairs) if pairs else 0.0
    return min(max(reached + gained, min(ends)), max(ends)) if ends else reached
