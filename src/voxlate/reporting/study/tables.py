"""Tables of an ablation: what differs with and without, in the mean and seed by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voxlate.evaluation.verdict import find_row
from voxlate.evaluation.words import MINUS, changes, direction, in_order, method_title, metric_title, number, p_value
from voxlate.regions import FOREGROUND, UNIONS
from voxlate.reporting.page.page import Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table, region_title
from voxlate.training.studies.variants import WITH, WITHOUT

SHOWN = ("mae", "ssim", "psnr")
SHOWN_REGIONS = (FOREGROUND, *UNIONS)
FIELDS = ("region", "metric", WITHOUT, WITH, "difference", "95 % interval", "better with")
Summary = Mapping[str, Any]


def difference_sections(told: Summary) -> list[Section]:
    """The sections ``With and without`` and ``Seed by seed`` of the page.

    Args:
        told: The summary, with ``comparisons`` and ``seeds``.
    """
    regions = list(dict.fromkeys(row["region"] for row in told["comparisons"]))
    methods = (*in_order(told["baselines"]), WITHOUT, WITH)
    columns = (
        *(Column(method_title(method), "mean") for method in methods),
        Column(f"with {MINUS} without", "difference, paired"),
    )
    compared = [
        Table(
            region_title(region),
            "Metric",
            columns,
            tuple(_compared(row, told, methods) for row in told["comparisons"] if row["region"] == region),
        )
        for region in regions
    ]
    by_seed_columns = tuple(Column(f"seed {seed}", f"with {MINUS} without") for seed in told["seeds"])
    each = [
        Table(
            region_title(region),
            "Metric",
            by_seed_columns,
            tuple(
                Line(metric_title(row["metric"], unit=row["unit"]), direction(row["metric"]), "model", _by_seed(row))
                for row in told["comparisons"]
                if row["region"] == region and row["metric"] in SHOWN
            ),
        )
        for region in regions
        if region in SHOWN_REGIONS
    ]
    return [
        Section(
            "With and without",
            "The same split, the same seeds, the same cases: every difference is between two numbers of one case. "
            "p values are corrected after Holm over all rows of these tables.",
            "Means (with and without: over the seeds too), the paired difference with its 95 % intervals, cases in "
            "which it is better with, and the test.",
            compared,
        ),
        Section(
            "Seed by seed",
            "A difference that changes its sign from seed to seed is luck, however small its interval over the cases.",
            "Mean paired difference, its 95 % interval over the cases, both means, and cases in which it is better.",
            each,
        ),
    ]


def _compared(row: Summary, told: Summary, methods: Sequence[str]) -> Line:
    """The means of every method, as in the tables of scores, and the difference with both intervals and the test."""
    metric, region = row["metric"], row["region"]
    found = [find_row(told, method=method, metric=metric, region=region) for method in methods]
    means = [Cell(number(None if one is None else one["mean"], metric=metric)) for one in found]
    crossed, alone = row["crossed_interval"] or (None, None), row["interval"] or (None, None)
    difference, *ends = changes(row["difference"], *crossed, *alone)
    lines = []
    if row["crossed_interval"] is not None:
        lines.append(f"{ends[0]} to {ends[1]} over seeds and cases")
    if row["interval"] is not None:
        lines.append(f"{ends[2]} to {ends[3]} over cases alone")
    tested = p_value(row["p_holm"]) if row["p_holm"] is not None else "too few cases for a test"
    lines.append(f"better in {row['wins']} of {row['n']}; {tested}")
    cells = (*means, Cell(difference, tuple(lines)))
    return Line(metric_title(metric, unit=row["unit"]), direction(metric), "model", cells)


def _by_seed(row: Summary) -> tuple[Cell, ...]:
    cells = []
    for one in row["seeds"]:
        metric = row["metric"]
        difference, *ends = changes(one["difference"], *(one["interval"] or ()))
        lines = [" to ".join(ends)] if ends else []
        lines.append(f"{number(one['mean'], metric=metric)} against {number(one['baseline_mean'], metric=metric)}")
        lines.append(f"better in {one['wins']} of {one['n']}")
        cells.append(Cell(difference, tuple(lines)))
    return tuple(cells)


def difference_rows(comparisons: Sequence[Summary]) -> list[tuple[str, ...]]:
    """The comparisons in the foreground and in what is labelled for a terminal; ``FIELDS`` names their columns."""
    rows = []
    for row in comparisons:
        if row["region"] not in SHOWN_REGIONS:
            continue
        metric, interval = row["metric"], row["crossed_interval"] or row["interval"]
        values = (row["baseline_mean"], row["mean"])
        difference, *ends = changes(row["difference"], *(interval or ()))
        rows.append((
            row["region"],
            row["title"],
            *(number(value, metric=metric) for value in values),
            difference,
            " to ".join(ends),
            f"{row['wins']} of {row['n']}",
        ))  # fmt: skip
    return rows
