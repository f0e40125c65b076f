"""Tables of the page, read from the summary of ``voxlate.evaluation``.

Baselines stand in the first rows, every column says which direction is better, every mean has its interval and the
number of cases behind it.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from voxlate.evaluation.summary import Pair, Row, Summary
from voxlate.evaluation.words import (
    HEADLINES,
    arrow,
    better,
    direction,
    in_order,
    interval_words,
    metric_title,
    number,
    p_value,
    short_title,
)
from voxlate.metrics import metrics_of
from voxlate.metrics.hounsfield import TISSUES
from voxlate.regions import FOREGROUND, UNIONS, in_words

_MOST_COLUMNS = 6
_ASKED = tuple((region, metric) for region in (FOREGROUND, *UNIONS) for metric in HEADLINES)
"""The same of the foreground and of what is labelled."""
_OF_CT = metrics_of("ct", "path", "dose").keys()


@dataclass(frozen=True)
class Cell:
    """A value, the lines under it, and whether it is the best of its column."""

    value: str
    lines: tuple[str, ...] = ()
    best: bool = False


@dataclass(frozen=True)
class Column:
    """A metric with its unit and its better direction, as an arrow and in words; or a baseline."""

    title: str
    below: str
    metric: str = ""


@dataclass(frozen=True)
class Line:
    """A method, a metric or a case, and its cells, one per column; the link is the path of a page about it.

    Of a metric ``metric`` is its name.
    """

    title: str
    below: str
    kind: str
    cells: tuple[Cell, ...]
    link: str = ""
    metric: str = ""


@dataclass(frozen=True)
class Table:
    """The scores or the comparisons of one region."""

    title: str
    head: str
    columns: tuple[Column, ...]
    rows: tuple[Line, ...]

    def parts(self) -> list[Table]:
        """The table as tables of about as many columns each, at most ``_MOST_COLUMNS``, as a page is wide."""
        count = max(1, -(-len(self.columns) // _MOST_COLUMNS))
        cuts = [len(self.columns) * part // count for part in range(count + 1)]
        return [
            replace(
                self,
                columns=self.columns[start:stop],
                rows=tuple(replace(row, cells=row.cells[start:stop]) for row in self.rows),
            )
            for start, stop in pairwise(cuts)
        ]


def answer_table(summary: Summary, *, asked: Sequence[tuple[str, str]] = _ASKED) -> Table:
    """The one table that a page opens with: methods down, what is asked first across.

    Args:
        summary: Of ``voxlate.evaluation.summarise``.
        asked: Regions with a metric each; those without a score are left out.
    """
    first = {
        (row.region, row.metric): f"{metric_title(row.metric, unit=row.unit)}, {in_words(row.region)}"
        for region, metric in asked
        for row in summary.of(region=region, metric=metric)
    }
    methods = in_order(row.method for row in summary.rows if (row.region, row.metric) in first)
    found = {(row.method, row.region, row.metric): row for row in summary.rows}
    columns = [Column(title, f"{arrow(metric)} {direction(metric)}", metric) for (_, metric), title in first.items()]
    best = {
        place: best_of(summary.of(region=region, metric=metric), metric) for place, (region, metric) in enumerate(first)
    }
    lines = [
        Line(
            short_title(method),
            "baseline" if method in summary.baselines else "",
            _kind(methods, place, summary.baselines),
            tuple(
                score_cell(found.get((method, *key)), of=summary.n_cases, best=best[column] == method)
                for column, key in enumerate(first)
            ),
        )
        for place, method in enumerate(methods)
    ]
    return Table("The answer in numbers", "Method", tuple(columns), tuple(lines))


def score_tables(summary: Summary) -> list[Table]:
    """One table per region: methods down, the metrics of volumes across."""
    others = {*metrics_of("slices", "coverage"), *_OF_CT}
    return _tables([row for row in summary.rows if row.metric not in others], summary)


def ct_tables(summary: Summary) -> list[Table]:
    """One table per region: methods down, what only CT is scored by across."""
    return _tables([row for row in summary.rows if row.metric in _OF_CT], summary)


def slice_tables(summary: Summary) -> list[Table]:
    """One table per region: methods down, the slice-wise errors of Avula et al. across."""
    return _tables([row for row in summary.rows if row.metric in metrics_of("slices")], summary)


def comparison_tables(summary: Summary, *, other: str = "baseline") -> list[Table]:
    """One table per region: metrics (of every method that is no baseline) down, the baselines across.

    Args:
        summary: As ``voxlate.evaluation.summarise`` gives it.
        other: What its baselines are, if they are others: ``view``.
    """
    baselines = in_order(summary.baselines)
    columns = [Column(f"against {name}", f"difference: method \N{MINUS SIGN} {other}") for name in baselines]
    tables = []
    for region in _regions(summary.rows):
        compared = [
            row
            for row in summary.rows
            if row.region == region and row.against and row.metric not in metrics_of("slices")
        ]
        rows = [_comparison_row(row, baselines, other=other) for row in compared]
        if rows:
            tables.append(Table(region_title(region), "Metric", tuple(columns), tuple(rows)))
    return tables


def region_title(region: str) -> str:
    """The region as a heading: with a capital, as a sentence calls it."""
    words = in_words(region)
    return words[:1].upper() + words[1:]


def _regions(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row.region for row in rows))


def _tables(rows: Sequence[Row], summary: Summary) -> list[Table]:
    tables = []
    for region in _regions(rows):
        inside = {(row.method, row.metric): row for row in rows if row.region == region}
        metrics = list(dict.fromkeys(metric for _, metric in inside))
        methods = in_order(method for method, _ in inside)
        columns = [_column(metric, inside) for metric in metrics]
        best = {metric: best_of(inside.values(), metric) for metric in metrics}
        lines = []
        for place, method in enumerate(methods):
            cells = [
                score_cell(inside.get((method, metric)), of=summary.n_cases, best=best[metric] == method)
                for metric in metrics
            ]
            kind = _kind(methods, place, summary.baselines)
            below = "baseline" if method in summary.baselines else ""
            lines.append(Line(short_title(method), below, kind, tuple(cells)))
        tables.append(Table(region_title(region), "Method", tuple(columns), tuple(lines)))
    return tables


def _kind(methods: Sequence[str], place: int, baselines: Sequence[str]) -> str:
    if methods[place] in baselines:
        return "baseline"
    return "model first-model" if place and methods[place - 1] in baselines else "model"


def _column(metric: str, inside: Mapping[tuple[str, str], Row]) -> Column:
    unit = next(row.unit for (_, name), row in inside.items() if name == metric)
    return Column(metric_title(metric, unit=unit), f"{arrow(metric)} {direction(metric)}", metric)


def best_of(rows: Iterable[Row], metric: str) -> str | None:
    """The method with the best mean of a metric; none if fewer than two have one, two print alike, or 1 is best."""
    found = [row for row in rows if row.metric == metric]
    if better(metric) == "one":
        return None
    place = best_place([row.mean for row in found], metric=metric, lower=better(metric) == "lower")
    return None if place is None else found[place].method


def best_place(values: Sequence[float | None], *, metric: str, lower: bool) -> int | None:
    """Where the best of some values stands; none if there is nothing to compare, or another is printed alike.

    Args:
        values: Of one metric; ``None`` or not a number where there is none.
        metric: Which knows with how many digits they are printed.
        lower: Whether less is better.
    """
    known = [(value if lower else -value, place) for place, value in enumerate(values) if value is not None]
    places = [place for key, place in sorted(known) if not math.isnan(key)]
    printed = [number(values[place], metric=metric) for place in places[:2]]
    return places[0] if len(set(map(str, printed))) == 2 else None


def means_in_words(cases: int) -> str:
    """What the cells of ``score_cell`` hold, for a caption: it alone says the number of cases where no cell differs."""
    if cases == 1:
        return "The value of the one case (n = 1), which has neither interval nor standard deviation."
    return (
        f"Mean over {cases} cases (n = {cases}, if a cell does not say otherwise), its 95 % interval and standard "
        "deviation (sd). BEST, in bold, marks the best mean of a column."
    )


def score_cell(row: Row | None, *, of: int, best: bool = False) -> Cell:
    """The mean of a row of the summary, its interval and standard deviation, and its cases if they are not all.

    Args:
        row: Of the summary.
        of: How many cases the page is about.
        best: Whether it is the best of its column.
    """
    if row is None or not row.n:
        return Cell(number(None))
    metric = row.metric
    lines = [interval_words(row.interval, metric=metric)] if row.interval else []
    lines += [f"sd {number(row.sd, metric=metric)}"] if row.sd is not None else []
    lines += [f"n = {row.n}"] if row.n != of else []
    lines += [f"{row.n_not_available} not available"] if row.n_not_available else []
    return Cell(number(row.mean, metric=metric), tuple(lines), best)


def _comparison_row(row: Row, baselines: Sequence[str], *, other: str) -> Line:
    metric = row.metric
    cells = [_compared(row.against.get(name), metric=metric, other=other) for name in baselines]
    below = f"{short_title(row.method)}; {direction(metric)}"
    return Line(metric_title(metric, unit=row.unit), below, "model", tuple(cells), metric=metric)


def _compared(pair: Pair | None, *, metric: str, other: str) -> Cell:
    if pair is None or not pair.n:
        return Cell(number(None))
    lines = [interval_words(pair.interval, metric=metric)] if pair.interval else []
    if pair.ratio is not None and better(metric) == "lower":
        lines.append(f"{number(pair.ratio)} times the {other}'s")
    tested = f"; {p_value(pair.p_holm)}" if pair.p_holm is not None else "; too few cases for a test"
    lines.append(f"better in {pair.wins} of {pair.n}{tested}")
    word = "beaten" if pair.beaten else "NOT beaten"
    return Cell(f"{number(pair.difference, metric=metric, signed=True)}, {word}", tuple(lines))


def terminal_table(summary: Summary, *, brief: Container[str] = ()) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Column names and rows of the summary for a terminal: the metrics of volumes, of tissues the MAE alone.

    Args:
        summary: Of ``voxlate.evaluation.summarise``.
        brief: Other regions of which the MAE is enough.
    """
    shown = (*HEADLINES, *metrics_of("continuity", "ct", "path", "dose"))
    rows: list[tuple[str, ...]] = []
    for row in summary.rows:
        if row.metric in (("mae",) if row.region in TISSUES or row.region in brief else shown):
            interval = "" if row.interval is None else interval_words(row.interval)
            mean = number(row.mean) if row.n else ""
            rows.append((in_words(row.region), row.title, row.method, mean, interval, row.unit, str(row.n)))
    return ("region", "metric", "method", "mean", "95 % interval", "unit", "n"), rows
