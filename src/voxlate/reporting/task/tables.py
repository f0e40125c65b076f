"""Tables of a task's page: the arms side by side, and arm against arm."""

from __future__ import annotations

from collections.abc import Sequence

from voxlate.cohort.labels.labelling import component_word
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.verdict import count_lesions
from voxlate.evaluation.statistics import FEWEST_TO_TEST
from voxlate.evaluation.summary import Pair, Row
from voxlate.evaluation.task.result import PAIRS, TaskResult, TaskSummary
from voxlate.evaluation.words import arrow, direction, interval_words, metric_title, number, p_value
from voxlate.reporting.page.tables import Cell, Column, Line, Table, best_of, region_title
from voxlate.roles import ARMS, LOOKUP, SYNTHETIC, TRUTH, WITHOUT

_SHOWN = ("dice", "hd95")
_IN_TERMINAL = ("dice", "hd95", "recall", "precision", "detection_f1")


def arm_titles(target: str) -> dict[str, str]:
    """From an arm to its name in tables.

    Args:
        target: Title of the contrast that is synthetic.
    """
    return dict(zip(ARMS, (f"real {target}", f"synthetic {target}", f"without {target}"), strict=True))


def _titles(target: str) -> dict[str, str]:
    """The same with the baseline first."""
    return {LOOKUP: f"intensity lookup in place of {target}", **arm_titles(target)}


def arm_tables(result: TaskResult) -> list[Table]:
    """A table per region, that of all labels first: arms down, what a clinician asks for across."""
    summary, scores, subject = result.summary, result.scores, result.subject
    columns = [Column(_title(name), f"{arrow(name)} {direction(name)}", name) for name in _SHOWN]
    word = component_word(summary.regions)
    columns += [Column(f"{word.capitalize()}s", "found / missed / invented"), Column("Volume (ml)", "as it was found")]
    tables = []
    for region in summary.regions:
        rows: list[Line] = []
        best = {name: best_of(summary.overall.of(region=region, metric=name), name) for name in _SHOWN}
        for arm, title in _titles(subject.target).items():
            measured = [summary.overall.find(method=arm, metric=name, region=region) for name in _SHOWN]
            if measured[0] is not None:
                cells = [
                    _mean(row, of=subject.scored, best=row is not None and best[row.metric] == arm) for row in measured
                ]
                cells += [_lesions(scores, arm, region), _volume(summary, arm, region)]
                below = "an empty image in its place" if subject.filled and arm == WITHOUT else ""
                below = "baseline" if arm == LOOKUP else below
                rows.append(Line(title, below, "model" if arm == SYNTHETIC else "baseline", tuple(cells)))
        true = _volume(summary, TRUTH, region)
        lesions = _lesions(scores, ARMS[0], region, truth=True)
        rows.append(Line("in truth", "", "baseline", (Cell(""), Cell(""), lesions, true)))
        tables.append(Table(region_title(region), "Segmented with", tuple(columns), tuple(rows)))
    return tables


def pair_tables(summary: TaskSummary, *, target: str) -> list[Table]:
    """A table per region: metrics down, pairs of arms across; none where nothing can be compared."""
    titles = _titles(target)
    tables = []
    for region in summary.regions:
        found = {(row.method, row.baseline, row.metric): row for row in summary.comparisons if row.region == region}
        pairs = [pair for pair in PAIRS if any((row.method, row.baseline) == pair for row in found.values())]
        columns = [Column(f"{titles[one]} \N{MINUS SIGN} {titles[other]}", "difference") for one, other in pairs]
        units = {row.metric: row.unit for row in reversed(found.values())}
        rows = [
            Line(
                metric_title(metric, unit=units[metric]),
                direction(metric),
                "baseline",
                tuple(_difference(found[*pair, metric].pair, metric=metric) for pair in pairs),
                metric=metric,
            )
            for metric in dict.fromkeys(row.metric for row in found.values())
        ]
        if rows:
            tables.append(Table(region_title(region), "Metric", tuple(columns), tuple(rows)))
    return tables


def task_table(summary: TaskSummary) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Column names and rows for a terminal: of single classes Dice alone."""
    rows: list[tuple[str, ...]] = []
    for row in summary.overall.rows:
        if row.metric in (_IN_TERMINAL if row.region == summary.region else _IN_TERMINAL[:1]):
            interval = interval_words(row.interval, metric=row.metric) if row.interval else ""
            mean = number(row.mean, metric=row.metric)
            rows.append((row.region, row.title, row.method, mean, interval, row.unit, str(row.n)))
    return ("region", "metric", "segmented with", "mean", "95 % interval", "unit", "n"), rows


def _title(metric: str) -> str:
    return metric_title(metric, unit="mm" if metric == "hd95" else "1")


def _mean(row: Row | None, *, of: int, best: bool) -> Cell:
    if row is None or not row.n:
        return Cell(number(None))
    lines = [interval_words(row.interval, metric=row.metric)] if row.interval else []
    return Cell(number(row.mean, metric=row.metric), (*lines, *([f"n = {row.n}"] if row.n != of else [])), best)


def _lesions(scores: Sequence[Score], arm: str, region: str, *, truth: bool = False) -> Cell:
    """Lesions over all cases: found, missed and invented, or how many there truly are."""
    found, missed, invented = count_lesions(scores, region=region, method=arm)
    return Cell(str(found + missed)) if truth else Cell(f"{found} / {missed} / {invented}")


def _volume(summary: TaskSummary, method: str, region: str) -> Cell:
    for row in summary.volumes:
        if (row.method, row.region) == (method, region):
            return Cell(number(row.mean), (interval_words(row.interval),) if row.interval else ())
    return Cell(number(None))


def _difference(pair: Pair, *, metric: str) -> Cell:
    if not pair.n:
        return Cell(number(None))
    lines = [interval_words(pair.interval, metric=metric)] if pair.interval else []
    few = "too few cases for a test" if pair.n < FEWEST_TO_TEST else "too few unequal pairs for a test"
    tested = p_value(pair.p_holm) if pair.p_holm is not None else few
    lines.append(f"better in {pair.wins} of {pair.n}")
    return Cell(number(pair.difference, metric=metric, signed=True), (*lines, tested))
