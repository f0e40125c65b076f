"""The summary: what the scores of all cases say together, as ``summary.json`` keeps it.

A ``Summary`` has a ``Row`` per method, region and metric, and a row has a ``Pair`` for each baseline that the method is
compared with. A mean over no case is NaN, which JSON keeps as ``null``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import isnan
from typing import Any

from voxlate.metrics.metric import Better
from voxlate.plainyaml import Json

Interval = tuple[float, float]
"""Lower and upper end."""


@dataclass(frozen=True)
class Pair:
    """A method against a baseline, over the cases in which both have a finite value.

    Attributes:
        n: How many cases these are.
        mean: Of the method.
        baseline_mean: Of the baseline.
        difference: Mean of method minus baseline.
        interval: Of the difference.
        ratio: Ratio of the means; ``None`` in dB or with values below zero.
        ratio_interval: Of the ratio.
        wins: Cases in which the method is better.
        ties: Cases in which both are equal.
        p: Of Wilcoxon's signed-rank test.
        p_holm: The same, corrected after Holm.
        beaten: Whether the baseline is beaten.
    """

    n: int
    mean: float
    baseline_mean: float
    difference: float
    interval: Interval | None
    ratio: float | None
    ratio_interval: Interval | None
    wins: int
    ties: int
    p: float | None
    p_holm: float | None
    beaten: bool


@dataclass(frozen=True)
class Row:
    """One metric of one method in one region.

    Attributes:
        method: ``model``, ``identity``, ``lookup``, ...
        region: As in ``scores.csv``.
        metric: Name in the catalogue of metrics.
        title: The metric as readers know it.
        unit: Of the values; ``1`` for dimensionless.
        better: Which direction is better.
        n: Cases with a finite value.
        n_not_available: The others.
        mean: Over the cases, as ``sd`` and ``median``.
        sd: With ``n - 1``; ``None`` for one case.
        median: The middle value.
        interval: Of the mean; ``None`` for one case.
        against: From a baseline to the comparison with it.
    """

    method: str
    region: str
    metric: str
    title: str
    unit: str
    better: Better
    n: int
    n_not_available: int
    mean: float
    sd: float | None
    median: float
    interval: Interval | None
    against: Mapping[str, Pair] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """The scores of all cases together, and in words how that was computed.

    Attributes:
        cases: Ids of the cases, sorted.
        n_cases: How many.
        confidence: Of all intervals.
        seed: Of the bootstrap.
        resamples: Of the bootstrap.
        interval: How intervals were computed.
        test: Which test compares methods.
        correction: How its p values were corrected.
        rule: What is said of a method that beats too little.
        baselines: Methods that the others are compared with.
        rows: Baselines first within each region and metric.
    """

    cases: tuple[str, ...]
    n_cases: int
    confidence: float
    seed: int
    resamples: int
    interval: str
    test: str
    correction: str
    rule: str
    baselines: tuple[str, ...]
    rows: tuple[Row, ...]

    def find(self, *, method: str, metric: str, region: str) -> Row | None:
        """The row of a method, metric and region, or ``None`` if there is none."""
        wanted = (method, metric, region)
        return next((row for row in self.rows if (row.method, row.metric, row.region) == wanted), None)

    def of(self, **wanted: str) -> Iterator[Row]:
        """The rows whose fields have these values: ``summary.of(metric="mae", region="foreground")``."""
        return (row for row in self.rows if all(getattr(row, name) == value for name, value in wanted.items()))

    def only(self, rows: Iterator[Row] | tuple[Row, ...] | list[Row]) -> Summary:
        """The same summary with these rows alone."""
        return replace(self, rows=tuple(rows))

    def to_json(self) -> Json:
        """The contents of ``summary.json``, in the order of the attributes."""
        values: Json = without_nan(asdict(self))
        return values


def without_nan(value: object) -> Any:  # noqa: ANN401  (whatever JSON can hold)
    """A value for JSON, with ``None`` in the place of every NaN."""
    if isinstance(value, dict):
        return {name: without_nan(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and isnan(value) else value
