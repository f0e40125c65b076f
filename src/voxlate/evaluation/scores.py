"""The score: one number of one case, in one region, by one method and one metric."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from voxlate.config.catalogue import pick
from voxlate.errors import UsageError
from voxlate.metrics import (
    APPEARANCE_METRICS,
    CONTINUITY_METRICS,
    CT_METRICS,
    DETECTION_METRICS,
    DOSE_METRICS,
    MASKED_METRICS,
    METRICS,
    PATH_METRICS,
    SEGMENTATION_METRICS,
    SLICE_METRICS,
    SURFACE_METRICS,
    Better,
    Metric,
    SurfaceMetric,
)

SCORED: dict[str, Metric | SurfaceMetric] = {
    **METRICS,
    **SLICE_METRICS,
    **CONTINUITY_METRICS,
    **APPEARANCE_METRICS,
    **MASKED_METRICS,
    **CT_METRICS,
    **PATH_METRICS,
    **DOSE_METRICS,
    **SEGMENTATION_METRICS,
    **SURFACE_METRICS,
    **DETECTION_METRICS,
}
"""Every metric that a score may be of."""


@dataclass(frozen=True)
class Score:
    """One line of ``scores.csv``.

    Attributes:
        case: Id of the case.
        region: ``foreground``, ``lesion`` or ``labels`` (all labels), ``whole slices``, the name of a label, or in CT
            that of a tissue class.
        method: ``model``, ``identity``, ``lookup``, ...
        metric: Name in one of the catalogues of ``voxlate.metrics``.
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


def find_metric(name: str) -> Metric | SurfaceMetric:
    """The metric of that name, of volumes, slices, masked images, CT, path lengths, dose or segmentations.

    Raises:
        UsageError: If there is none.
    """
    return pick(SCORED, name, what="metric")


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
    sign = gain(find_metric(metric).better)
    found = [
        (sign * score.value, score.case)
        for score in scores
        if (score.metric, score.region, score.method) == (metric, region, method) and not math.isnan(score.value)
    ]
    if not found:
        raise UsageError(
            f"a case with {metric} of {method} in {region}", came="none", remedy="Choose another metric or region."
        )
    order = [case for _, case in sorted(found)]
    return Extremes(order[0], order[(len(order) - 1) // 2], order[-1])
