"""Tables of an ablation: what differs with and without, in the mean and seed by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voxlate.evaluation.fidelity import FOREGROUND, LESION
from voxlate.reporting.pages import Section
from voxlate.reporting.tables import Cell, Column, Row, Table, region_title
from voxlate.reporting.words import direction, interval_words, metric_title, number, p_value
from voxlate.training.variants import WITH, WITHOUT

SHOWN = ("mae", "ssim", "psnr")
SHOWN_REGIONS = (FOREGROUND, LESION)
FIELDS = ("region", "metric", WITHOUT, WITH, "difference", "95 % interval", "better with")
MINUS = "\N{MINUS SIGN}"
Summary = Mapping[str, Any]


def difference_sections(told: Summary) -> list[Section]:
    """The sections ``With and without`` and ``Seed by seed`` of the page.

    Args:
        told: The summary, with ``comparisons`` and ``seeds``.
    """
    regions = list(dict.fromkeys(row["region"] for row in told["comparisons"]))
    columns = (
        Column("without", "mean over seeds and cases"),
        Column("with", "mean over seeds and cases"),
        Column(f"with {MINUS} without", "difference, paired"),
    )
    compared = [
        Table(
            region_title(region),
            "Metric",
            columns,
            tuple(_compared(row) for row in told["comparisons"] if row["region"] == region),
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
                Row(metric_title(row["metric"], unit=row["unit"]), direction(row["metric"]), "model", _by_seed(row))
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
            "Means, the paired difference with its 95 % intervals, cases in which it is better with, and the test.",
            compared,
        ),
        Section(
            "Seed by seed",
            "A difference that changes its sign from seed to seed is luck, however small its interval over the cases.",
            "Mean paired difference, its 95 % interval over the cases, both means, and cases in which it is better.",
            each,
        ),
    ]


def _compared(row: Summary) -> Row:
    metric = row["metric"]
    lines = []
    if row["crossed_interval"] is not None:
        lines.append(f"{interval_words(row['crossed_interval'], metric=metric)} over seeds and cases")
    if row["interval"] is not None:
        lines.append(f"{interval_words(row['interval'], metric=metric)} over cases alone")
    tested = p_value(row["p_holm"]) if row["p_holm"] is not None else "too few cases for a test"
    lines.append(f"better in {row['wins']} of {row['n']}; {tested}")
    cells = (
        Cell(number(row["baseline_mean"], metric=metric)),
        Cell(number(row["mean"], metric=metric)),
        Cell(number(row["difference"], metric=metric, signed=True), tuple(lines)),
    )
    return Row(metric_title(metric, unit=row["unit"]), direction(metric), "model", cells)


def _by_seed(row: Summary) -> tuple[Cell, ...]:
    cells = []
    for one in row["seeds"]:
        metric = row["metric"]
        lines = [interval_words(one["interval"], metric=metric)] if one["interval"] else []
        lines.append(f"{number(one['mean'], metric=metric)} against {number(one['baseline_mean'], metric=metric)}")
        lines.append(f"better in {one['wins']} of {one['n']}")
        cells.append(Cell(number(one["difference"], metric=metric, signed=True), tuple(lines)))
    return tuple(cells)


def difference_rows(comparisons: Sequence[Summary]) -> list[tuple[str, ...]]:
    """The comparisons in the foreground and in the lesion for a terminal; ``FIELDS`` names their columns."""
    rows = []
    for row in comparisons:
        if row["region"] not in SHOWN_REGIONS:
            continue
        metric, interval = row["metric"], row["crossed_interval"] or row["interval"]
        values = (row["baseline_mean"], row["mean"])
        rows.append((
            row["region"],
            row["title"],
            *(number(value, metric=metric) for value in values),
            number(row["difference"], metric=metric, signed=True),
            "" if interval is None else interval_words(interval, metric=metric),
            f"{row['wins']} of {row['n']}",
        ))  # fmt: skip
    return rows
