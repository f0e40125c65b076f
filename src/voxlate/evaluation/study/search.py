"""A search told in words: the best value beside the recipe's own, and what the numbers cannot say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from voxlate.config.search import Range
from voxlate.evaluation.study.baselines import Baselines
from voxlate.evaluation.study.grid import Setting, say_nothing_found
from voxlate.evaluation.words import field_title, listed, metric_title, number, short_title
from voxlate.roles import BASELINES
from voxlate.training.card import say_not_shown
from voxlate.training.tuning.results import Searched
from voxlate.training.tuning.space import Value

_EDGE = 0.05
"""A best value this near to an end of its range, as part of the range, may have a better one beyond it."""

_CHOSEN = (
    "The values were chosen on the validation cases that scored them, so the value is better than new cases will give: "
    "train the best recipe and evaluate it on test cases."
)


@dataclass(frozen=True)
class SearchResult:
    """Everything that the page of a search is made from.

    Attributes:
        searched: The trials, the best of them, and the importance of the fields.
        settings: Of an experiment grid of a segmentation, what each reached; else none.
        sentence: The answer in words.
        warnings: What a reader must know before the numbers.
        remarks: Of these what the terminal says too: what a grid found nothing of, and what the truth does not show.
        baselines: From ``identity`` or ``lookup`` to its metrics on the cases that chose the values.
    """

    searched: Searched
    settings: Sequence[Setting]
    sentence: str
    warnings: Sequence[str]
    remarks: tuple[str, ...]
    baselines: Baselines = field(default_factory=dict)

    def baseline(self, name: str) -> float | None:
        """What a baseline reaches by the searched metric; ``None`` if that is not known."""
        value = self.baselines.get(name, {}).get(self.searched.recipe.search.metric, math.nan)
        return None if math.isnan(value) else value


def judge_search(
    searched: Searched, settings: Sequence[Setting] = (), baselines: Baselines | None = None
) -> SearchResult:
    """The result of a search with at least one complete trial, in words.

    Args:
        searched: What was found.
        settings: Of an experiment grid.
        baselines: On the same cases.
    """
    remarks = tuple(filter(None, (say_nothing_found(settings), _say_hidden(searched))))
    result = SearchResult(searched, settings, _sentence(searched), _warnings(searched), remarks, baselines or {})
    return replace(result, warnings=[*_beside_baselines(result), *result.warnings, *remarks])


def _beside_baselines(result: SearchResult) -> list[str]:
    """That the best trial is no better than what needs no training; nothing where it is."""
    metric, value = result.searched.recipe.search.metric, result.searched.best.value
    known = {name: found for name in BASELINES if (found := result.baseline(name)) is not None}
    sign = -1 if result.searched.lower_is_better else 1
    lost = [
        f"{short_title(name)} ({number(found, metric=metric)})"
        for name, found in known.items()
        if value is None or sign * (value - found) <= 0
    ]
    return [f"The best trial does not beat {listed(lost, 'or')} on the same cases."] if lost else []


def _sentence(searched: Searched) -> str:
    """The answer: the best value, on how many trials, compared with the recipe's own values."""
    metric, best, own = searched.recipe.search.metric, searched.best, searched.own_trial
    ended = {state: searched.count(state) for state in ("complete", "pruned", "failed", "killed")}
    others = ", ".join(f"{count} {state}" for state, count in ended.items() if count and state != "complete")
    text = (
        f"{metric_title(metric)} {number(best.value, metric=metric)} in trial {best.number}, the best of "
        f"{ended['complete']} complete trials{f' ({others})' if others else ''}."
    )
    if own is None:
        return f"{text} The recipe's own values were not tried to the end."
    if own is best:
        return f"{text} These are the recipe's own values: nothing better was found."
    return f"{text} The recipe's own values gave {number(own.value, metric=metric)}."


def _warnings(searched: Searched) -> list[str]:
    """What a reader must know before the numbers."""
    found = [_CHOSEN]
    space, complete = searched.recipe.search.space, len(searched.complete)
    if searched.own is None:
        found.append("The recipe's own values do not lie in the ranges, so there is no comparison with them.")
    if complete < 2 * len(space):
        found.append(f"{complete} complete trials are few for {len(space)} fields: much of what is seen is chance.")
    edges = [name for name, range_ in space.items() if _at_an_edge(searched.best.values.get(name), range_)]
    if edges:
        words = ", ".join(field_title(name) for name in edges)
        found.append(f"The best value lies at an end of its range: {words}. A wider range may hold a better one.")
    return found


def _say_hidden(searched: Searched) -> str:
    """How much no trial learned from, nor was scored on; empty where targets show all."""
    hidden = searched.best.not_shown
    if not hidden:
        return ""
    return f"Neither learned nor scored: {say_not_shown(searched.recipe.target, hidden)}."


def _at_an_edge(value: Value | None, range_: Range) -> bool:
    if range_.values is not None or not isinstance(value, int | float):
        return False
    height = range_.height(value)
    return height < _EDGE or height > 1 - _EDGE
