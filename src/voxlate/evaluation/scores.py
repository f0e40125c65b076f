"""The score: one number of one case, in one region, by one method and one metric."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from voxlate.config.catalogue import pick
from voxlate.errors import UsageError
from voxlate.metrics import METRICS, Better, Measure


@dataclass(frozen=True)
class Score:
    """One line of ``scores.csv``.

    Attributes:
        case: Id of the case.
        region: ``foreground``, ``lesion`` or ``labels`` (all labels), ``whole slices``, the name of a label, or in CT
            that of a tissue class.
        method: ``model``, ``identity``, ``lookup``, ...
        metric: Name in ``voxlate.metrics.METRICS``.
        value: The value; NaN when not available.
        unit: Unit of the value; ``1`` for dimensionless.
    """

    case: str
    region: str
    method: str
    metric: str
    value: float
    unit: str


@dataclass(frozen=True)
class Extremes:
    """Cases to look at: where the method is worst, in the middle and best."""

    worst: str
    median: str
    best: str

    @property
    def distinct(self) -> dict[str, str]:
        """From a label to its case, each case once: of two cases there is no median beside the worst."""
        if self.worst == self.best:
            return {"case": self.median}
        middle = {} if self.median == self.worst else {"median": self.median}
        return {"worst": self.worst, **middle, "best": self.best}

    @property
    def beside(self) -> dict[str, str]:
        """What is drawn beside the case in the middle: all to compare, of two the better alone, of one nothing."""
        return {0: {}, 1: {"better": self.best}}.get(len(self.distinct) - 1, self.distinct)

    @property
    def title(self) -> str:
        """Of a picture of ``beside``: ``Worst, median and best case``."""
        *first, last = self.beside
        return f"{', '.join(first)} and {last} case".capitalize() if first else "The better of the two cases"

    @property
    def middle(self) -> str:
        """What the median is called: the only case, or the worse of two, is no median."""
        return {1: "only case", 2: "worse of the two cases"}.get(len(self.distinct), "median case")


def find_metric(name: str) -> Measure:
    """The metric of that name; neither one of a task nor one of sets, which are no scores of a case.

    Raises:
        UsageError: If there is none.
    """
    scored = {known: metric for known, metric in METRICS.items() if metric.kind not in {"task", "set"}}
    return pick(scored, name, what="metric")


def gain(better: Better) -> int:
    """The sign of an improvement: 1 where higher is better, -1 where lower is.

    Raises:
        UsageError: If neither is.
    """
    if better == "one":
        raise UsageError("a metric with a better direction", came="one whose best is 1", remedy="Choose another.")
    return 1 if better == "higher" else -1


def extremes(
    scores: Iterable[Score], *, metric: str = "mae", region: str = "foreground", method: str = "model"
) -> Extremes:
    """The worst, the median and the best case by one metric, so that no one picks pictures by hand.

    Cases without a value are left out; equal values are ordered by case id; of an even number of cases the worse of
    the two in the middle is the median.

    Raises:
        UsageError: If no case has a value.
    """
    order = ranked(scores, metric=metric, region=region, method=method)
    if not order:
        raise UsageError(
            f"a case with {metric} of {method} in {region}", came="none", remedy="Choose another metric or region."
        )
    return Extremes(order[0], order[(len(order) - 1) // 2], order[-1])


def ranked(scores: Iterable[Score], *, metric: str, region: str, method: str = "model") -> list[str]:
    """The cases from the worst to the best by one metric; those without a value are left out.

    Equal values are ordered by case id.
    """
    sign = gain(find_metric(metric).better)
    found = [
        (sign * score.value, score.case)
        for score in scores
        if (score.metric, score.region, score.method) == (metric, region, method) and not math.isnan(score.value)
    ]
    return [case for _, case in sorted(found)]
