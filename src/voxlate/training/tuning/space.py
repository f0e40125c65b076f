"""The search space: which recipe fields a search varies, in which ranges, and what it compares.

A recipe that declares no ``search.space`` gets the five that Genc et al. 2022 searched, as far as they apply: batch
size, samples per case ("number of batch samples"), learning rate, and the weights of L1 and of the lesion mask. The
paper names the best values it found and no ranges; these here are ours, a decade or so around its best values (batch
size 2, samples 2 and 4, learning rates 4.87e-5 and 1.49e-4, L1 90 and 119, mask 125 and 151).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from voxlate.config.catalogue import build
from voxlate.config.recipe import Recipe
from voxlate.config.search import Range, written
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.losses import WeightedLoss
from voxlate.methods import METHODS
from voxlate.methods.build import method_class
from voxlate.metrics import metrics_of
from voxlate.training.loop.validation import metrics_given, validation_metric
from voxlate.training.setup.settling import without_words
from voxlate.windows import Window

Value = int | float | str | bool

_DEFAULT_SPACE: dict[str, Range] = {
    "training.batch_size": Range(low=1, high=8, log=True, integer=True),
    "training.samples_per_case": Range(values=(1, 2, 4, 8)),
    "training.learning_rate": Range(low=1e-5, high=1e-3, log=True),
}
"""What is searched for every method, where the recipe declares nothing."""

_DEFAULT_WEIGHTS: dict[str, dict[str, Range]] = {
    "adversarial": {"l1": Range(low=10, high=200, log=True), "lesion_mask": Range(low=10, high=200, log=True)},
}
"""For a method the terms of the loss whose weights are searched beside it, if the recipe has them."""

_WHOLE = frozenset({"source", "loss", "window.size"})
"""Fields that a short form holds as a whole: ``t1c+flair``, ``bce+dice``, ``96x96x64``."""

_FIXED = ("name", "paper", "source", "target", "search", "plan")
"""Sections that decide which images a trial is scored on, and in which units."""

_FREE = "plan.crop_margin_mm"  # changes what a network sees, not what it is scored on


def resolve_search(recipe: Recipe) -> Recipe:
    """The recipe with its search complete (space and direction) and checked; nothing is read or prepared for it.

    Raises:
        UsageError: If the metric is unknown or the direction is not the metric's, a field of the space does not exist
            or cannot be searched, or a value of its range makes no valid recipe.
    """
    space = dict(recipe.search.space) or default_space(recipe)
    for field, range_ in space.items():
        _check_field(recipe, field)
        for value in _probes(range_):
            _check_value(recipe, field, value)
    direction = _check_metric(recipe)
    search = recipe.search.model_copy(update={"space": space, "direction": direction})
    if search.sampler == "grid":
        _refuse_intervals(space)
    return recipe.model_copy(update={"search": search})


def default_space(recipe: Recipe) -> dict[str, Range]:
    """The ranges for a recipe that declares none: see the module."""
    space = dict(_DEFAULT_SPACE)
    for term, range_ in _DEFAULT_WEIGHTS.get(recipe.method.name, {}).items():
        place = f"loss.{term}.weight" if isinstance(recipe.loss.get(term), Mapping) else f"loss.{term}"
        if recipe.value_of(place):
            space[place] = range_
    return space


def own_values(recipe: Recipe) -> dict[str, Value] | None:
    """The recipe's own values of the searched fields, or ``None`` if they do not all lie in the space."""
    values = {field: _short(field, recipe.value_of(field)) for field in recipe.search.space}
    inside = all(range_.holds(values[field]) for field, range_ in recipe.search.space.items())
    return values if inside else None


def _short(field: str, value: Any) -> Any:  # noqa: ANN401
    """The short form of a value that has one: of sources, of losses of the weight 1, of a size, of a list."""
    if field == "source":
        return "+".join(value)
    if field == "loss" and all(_weight(term) == 1 for term in value.values()):
        return "+".join(value)
    return "x".join(map(str, value)) if field == "window.size" and value else written(value)


def _weight(term: Any) -> float:  # noqa: ANN401
    return float(term.get("weight", math.nan) if isinstance(term, Mapping) else term)


def _check_field(recipe: Recipe, field: str) -> None:
    of_labels = field == "source" and get_contrast(recipe.target).kind == "label"  # compared on the same label maps
    if field.partition(".")[0] in _FIXED and field != _FREE and not of_labels:
        raise UsageError(
            "a field that leaves trials comparable",
            came="one that decides what they are compared on",
            where=f"search.space.{field}",
            remedy=f"Search fields of window, method, loss and training, or {_FREE}.",
        )
    if field == "training.seed" and recipe.plan.split.seed is None:
        raise UsageError(
            "one split for all trials",
            came="a searched training.seed, which decides the split too",
            where="search.space",
            remedy="Set plan.split.seed.",
        )
    if field not in _WHOLE and isinstance(recipe.value_of(field), Mapping):
        raise UsageError(
            "a single value of the recipe",
            came=f"a section with {', '.join(recipe.value_of(field))}",
            where=f"search.space.{field}",
            remedy=f"Name a field of it, such as {field}.weight.",
        )


def _probes(range_: Range) -> Iterator[Value]:
    """Every listed value, or the ends of an interval and a value inside that is not whole unless all are."""
    if range_.values is not None:
        yield from range_.values
    elif range_.low is not None and range_.high is not None:
        ends = (range_.low, range_.high) if range_.integer else (range_.low, range_.high, _inside(range_))
        yield from (int(value) if range_.integer else value for value in ends)


def _inside(range_: Range) -> float:
    low, high = range_.low or 0.0, range_.high or 0.0
    return low + 0.381966 * (high - low)


def _check_value(recipe: Recipe, field: str, value: Value) -> None:
    """Refuses a value that makes no valid recipe, looking also at what only the catalogues know."""
    try:
        candidate = recipe.with_overrides({field: value})
        window = Window(candidate.window)
        if field.startswith("loss"):
            WeightedLoss(candidate.loss, dims=window.dims, data_range=1.0)
        if field.startswith(("method.", "loss")):
            candidate = without_words(candidate)
            channels = window.input_channels(len(candidate.source))
            context = {"source_channels": channels, "target_channels": 1, "loss": candidate.loss, "data_range": 1.0}
            build(METHODS, candidate.method, what="method", dims=window.dims, **context)
    except UsageError as error:
        raise UsageError(
            "a range of which every value makes a valid recipe",
            came=f"{value!r}, which does not: {error}",
            where=f"search.space.{field}",
            remedy="Correct the field's name or its range.",
        ) from error


def _check_metric(recipe: Recipe) -> str:
    """The direction of the search, after a look at what it compares."""
    search = recipe.search
    metric = validation_metric(search.metric)
    if (search.metric in metrics_of("segmentation")) != method_class(recipe).segments:
        known = metrics_given(recipe)
        raise UsageError(
            f"a metric of what the method {recipe.method.name} gives ({', '.join(known)})",
            came=search.metric,
            where="search.metric",
            remedy=f"Set it to {next(iter(known))}.",
        )
    if search.metric in metrics_of("task") and (search.task is None or search.metric != "task_dice"):
        raise UsageError(
            "a metric that trials differ in",
            came=f"{search.metric} with search.task {search.task}",
            where="search.metric",
            remedy="Use task_dice, and name a model from the target to labels as search.task.",
        )
    direction = "minimise" if metric.better == "lower" else "maximise"
    if search.direction not in (None, direction):
        raise UsageError(
            f"{direction} for {search.metric}, of which {metric.better} is better",
            came=str(search.direction),
            where="search.direction",
            remedy=f"Set search.direction to {direction}, or to null.",
        )
    return direction


def _refuse_intervals(space: Mapping[str, Range]) -> None:
    for field, range_ in space.items():
        if range_.values is None:
            raise UsageError(
                "a list of values for a grid",
                came="an interval",
                where=f"search.space.{field}",
                remedy="Give values, or set search.sampler to tpe, gp or random.",
            )
