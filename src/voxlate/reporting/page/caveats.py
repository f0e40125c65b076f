"""Caveats: what the numbers cannot say, so that a page states it before it shows them."""

from __future__ import annotations

from collections.abc import Mapping

from voxlate.errors import counted, plural, some
from voxlate.evaluation.statistics import FEWEST_TO_TEST
from voxlate.evaluation.summary import Summary
from voxlate.metrics import metrics_of
from voxlate.regions import in_words

_FEW_CASES = 20
_MOST_REGIONS = 4
_COUNTED = "counted, never averaged in."


def caveats(summary: Summary) -> list[str]:
    """What the numbers cannot say: few cases, no interval, scores that are not available."""
    n = summary.n_cases
    lacking = {region: count for region, count in _lacking(summary).items() if count}
    return [*few_caveats(n), *_say_lacking(lacking, n)]


def few_caveats(cases: int) -> list[str]:
    """What means over so few cases cannot say; empty if they are many."""
    if cases == 1:
        return ["One case: nothing can be said about how results vary, and there is no interval and no test."]
    if cases < FEWEST_TO_TEST:
        few = f"Only {cases} cases: intervals from so few are too narrow, and a paired test cannot reach p < 0.05."
        return [f"{few} These numbers describe these cases and make no claim about others."]
    return [f"{cases} cases are few: intervals over cases tend to be too narrow."] if cases < _FEW_CASES else []


def _say_lacking(lacking: Mapping[str, int], n: int) -> list[str]:
    """A sentence per region; of many regions one for all of them."""
    if len(lacking) > _MOST_REGIONS:
        named = some([f"{in_words(region)} in {count}" for region, count in lacking.items()])
        return [f"{len(lacking)} regions have no score in some of the {counted(n, 'case')} ({named}): {_COUNTED}"]
    return [
        f"{count} of {counted(n, 'case')} {plural(count, 'has', 'have')} no score in the region {in_words(region)}: "
        + _COUNTED
        for region, count in lacking.items()
    ]


def _lacking(summary: Summary) -> dict[str, int]:
    """From a region to the cases in which a method has no score at all, whatever the metric.

    One metric alone may be undefined where the others are not: correlation with a constant, as a lookup of label maps
    is inside a label, or the Dice of bone without bone.
    """
    fewest: dict[tuple[str, str], int] = {}
    for row in summary.rows:
        if row.metric not in metrics_of("ct", "coverage"):
            key, count = (row.region, row.method), row.n_not_available
            fewest[key] = min(fewest.get(key, count), count)
    found: dict[str, int] = {}
    for (region, _), count in fewest.items():
        found[region] = max(found.get(region, 0), count)
    return found


def seen_caveats(seen: int, scored: int) -> list[str]:
    """What scores on cases that the model has seen cannot say; empty if it has seen none.

    Args:
        seen: Cases among the scored ones that the model was trained or chosen on.
        scored: Cases in all.
    """
    if not seen:
        return []
    which = "every case that is" if seen == scored else f"{seen} of the {scored} cases that are"
    return [f"The model was trained or chosen on {which} scored: these numbers do not say how it does on new cases."]
