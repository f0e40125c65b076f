"""Tables of a study: what differs with and without, in the mean and seed by seed; and recipes side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan

from voxlate.evaluation.segmentation.scores import Classes, class_regions, whole
from voxlate.evaluation.study.ablation import AblationSummary
from voxlate.evaluation.study.paired import VariantDifference
from voxlate.evaluation.summary import Summary
from voxlate.evaluation.words import (
    HEADLINES,
    MINUS,
    changes,
    direction,
    in_order,
    method_title,
    metric_title,
    number,
    p_value,
    short_title,
)
from voxlate.metrics import metrics_of
from voxlate.regions import FOREGROUND, UNIONS, in_words
from voxlate.reporting.page.page import Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table, region_title
from voxlate.training.studies.variants import WITH, WITHOUT

_SHOWN_REGIONS = (FOREGROUND, *UNIONS)
FIELDS = ("region", "metric", WITHOUT, WITH, "difference", "95 % interval", "better with")
_REGIONS = (*_SHOWN_REGIONS, "air", "soft tissue", "bone")
"""Those whose MAE stands in the table of recipes; the page has the others, such as each label's, too."""
_DIFFERENCES = (
    "Means (with and without: over the seeds too), the paired difference with its 95 % intervals, cases in which it is "
    "better with, and the test."
)
_OF_ALL_LABELS = ("precision", "recall", "hd95", "surface_dice", "detection_f1")
Lines = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Names of columns, and the lines below."""


def answer_section(summary: AblationSummary) -> Section:
    """The one table that stands open: what is asked first of the foreground and of what is labelled."""
    rows = [row for row in summary.comparisons if row.metric in HEADLINES and row.region in _SHOWN_REGIONS]
    lines = [_compared(row, summary, named=in_words(row.region)) for row in rows]
    return Section(
        "With and without",
        "The same split, the same seeds, the same cases: every difference is between two numbers of one case.",
        _DIFFERENCES,
        [Table("The answer in numbers", "Metric", _columns(summary), tuple(lines))] if lines else [],
        folded=False,
    )


def difference_sections(summary: AblationSummary) -> list[Section]:
    """The sections ``Every difference`` and ``Seed by seed`` of the page."""
    regions = list(dict.fromkeys(row.region for row in summary.comparisons))
    of_region = {region: [row for row in summary.comparisons if row.region == region] for region in regions}
    compared = [
        Table(region_title(region), "Metric", _columns(summary), tuple(_compared(row, summary) for row in rows))
        for region, rows in of_region.items()
    ]
    columns = tuple(Column(f"seed {seed}", f"with {MINUS} without") for seed in summary.seeds)
    each = [
        Table(
            region_title(region),
            "Metric",
            columns,
            tuple(
                Line(metric_title(row.metric, unit=row.unit), direction(row.metric), "model", _by_seed(row))
                for row in rows
                if row.metric in HEADLINES
            ),
        )
        for region, rows in of_region.items()
        if region in _SHOWN_REGIONS
    ]
    return [
        Section(
            "Every difference",
            "p values are corrected after Holm over all rows of these tables.",
            _DIFFERENCES,
            compared,
        ),
        Section(
            "Seed by seed",
            "A difference that changes its sign from seed to seed is luck, however small its interval over the cases.",
            "Mean paired difference, its 95 % interval over the cases, both means, and cases in which it is better.",
            each,
        ),
    ]


def _methods(summary: AblationSummary) -> tuple[str, ...]:
    return (*in_order(summary.overall.baselines), WITHOUT, WITH)


def _columns(summary: AblationSummary) -> tuple[Column, ...]:
    means = (Column(method_title(method), "mean") for method in _methods(summary))
    return (*means, Column(f"with {MINUS} without", "difference, paired"))


def _compared(row: VariantDifference, summary: AblationSummary, *, named: str = "") -> Line:
    """The means of every method, as in the tables of scores, and the difference with both intervals and the test."""
    pair, crossed = row.pair, row.crossed_interval
    means = [
        Cell(number(_mean(summary.overall, method, metric=row.metric, region=row.region), metric=row.metric))
        for method in _methods(summary)
    ]
    difference, *ends = changes(pair.difference, *(crossed or (None, None)), *(pair.interval or (None, None)))
    lines = []
    if crossed is not None:
        lines.append(f"{ends[0]} to {ends[1]} over seeds and cases")
    if pair.interval is not None:
        lines.append(f"{ends[2]} to {ends[3]} over cases alone")
    tested = p_value(pair.p_holm) if pair.p_holm is not None else "too few cases for a test"
    lines.append(f"better in {pair.wins} of {pair.n}; {tested}")
    title = metric_title(row.metric, unit=row.unit) + (f", {named}" if named else "")
    cells = (*means, Cell(difference, tuple(lines)))
    return Line(title, direction(row.metric), "model", cells, metric=row.metric)


def _by_seed(row: VariantDifference) -> tuple[Cell, ...]:
    cells = []
    for one in row.seeds:
        difference, *ends = changes(one.difference, *(one.interval or ()))
        lines = [" to ".join(ends)] if ends else []
        means = (number(value, metric=row.metric) for value in (one.mean, one.baseline_mean))
        lines.append(" against ".join(means))
        lines.append(f"better in {one.wins} of {one.n}")
        cells.append(Cell(difference, tuple(lines)))
    return tuple(cells)


def difference_rows(comparisons: Sequence[VariantDifference]) -> list[tuple[str, ...]]:
    """The comparisons in the foreground and in what is labelled for a terminal; ``FIELDS`` names their columns."""
    rows = []
    for row in comparisons:
        if row.region not in _SHOWN_REGIONS:
            continue
        pair = row.pair
        difference, *ends = changes(pair.difference, *(row.crossed_interval or pair.interval or ()))
        means = (number(value, metric=row.metric) for value in (pair.baseline_mean, pair.mean))
        rows.append((row.region, row.title, *means, difference, " to ".join(ends), f"{pair.wins} of {pair.n}"))
    return rows


def leaderboard(summary: Summary, *, seconds: Mapping[str, float]) -> Lines:
    """One table: a line per method, the baselines first; the MAE of every region, then the foreground's other metrics.

    Args:
        summary: As ``voxlate.evaluation.summarise`` gives it.
        seconds: From a method to what it takes per volume.
    """
    scored = {row.region for row in summary.of(metric="mae") if row.n}
    metrics = dict.fromkeys(row.metric for row in summary.of(region=FOREGROUND))
    others = [name for name in metrics if name not in {"mae", "mse", "rmse", "ncc", *metrics_of("appearance")}]
    columns = [*((name, "mae") for name in _REGIONS if name in scored), *((FOREGROUND, name) for name in others)]
    return _lines(summary, columns, main=FOREGROUND, seconds=seconds)


def segmentation_leaderboard(summary: Summary, classes: Classes, *, seconds: Mapping[str, float]) -> Lines:
    """One table: a line per method, intensity alone first; Dice of every class, then what all labels together have.

    Args:
        summary: Of the means over the seeds.
        classes: From the name of a class to its label values.
        seconds: From a method to what it takes per volume.
    """
    main = whole(classes)
    regions = [main, *(region for region in class_regions(classes) if region != main)]
    columns = [*((region, "dice") for region in regions), *((main, metric) for metric in _OF_ALL_LABELS)]
    return _lines(summary, columns, main=main, seconds=seconds)


def _lines(summary: Summary, columns: Sequence[tuple[str, str]], *, main: str, seconds: Mapping[str, float]) -> Lines:
    """A line per method, the baselines first; of a region and a metric per column, ``main`` is not named."""
    units = {(row.region, row.metric): row.unit for row in summary.rows}
    titles = tuple(
        metric_title(metric, unit=units.get((region, metric), "")) + ("" if region == main else f", {in_words(region)}")
        for region, metric in columns
    )
    lines = []
    for method in in_order(row.method for row in summary.rows):
        cells = [
            number(_mean(summary, method, metric=metric, region=region), metric=metric) for region, metric in columns
        ]
        lines.append((short_title(method), *cells, f"{seconds[method]:.1f}" if method in seconds else ""))
    return ("method", *titles, "seconds per volume"), lines


def _mean(summary: Summary, method: str, *, metric: str, region: str) -> float:
    row = summary.find(method=method, metric=metric, region=region)
    return nan if row is None else row.mean
