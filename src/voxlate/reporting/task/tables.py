"""Tables of a task's page: the arms side by side, and arm against arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voxlate.cohort.labels.labelling import component_word
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import FEWEST_TO_TEST
from voxlate.evaluation.task.verdict import PAIRS
from voxlate.evaluation.verdict import find_row
from voxlate.evaluation.words import arrow, direction, interval_words, metric_title, number, p_value
from voxlate.reporting.page.tables import Cell, Column, Line, Table, region_title
from voxlate.roles import ARMS, SYNTHETIC, TRUTH, WITHOUT

Summary = Mapping[str, Any]
_SHOWN = ("dice", "hd95")
_LESIONS = ("detection_tp", "detection_fn", "detection_fp")


def arm_titles(target: str) -> dict[str, str]:
    """From an arm to its name in tables.

    Args:
        target: Title of the contrast that is synthetic.
    """
    return dict(zip(ARMS, (f"real {target}", f"synthetic {target}", f"without {target}"), strict=True))


def arm_tables(summary: Summary, scores: Sequence[Score], *, target: str, filled: bool = False) -> list[Table]:
    """A table per region: arms down, what a clinician asks for across.

    Args:
        summary: As ``summarise_task`` gives it.
        scores: That it was made from.
        target: Title of the contrast that is synthetic.
        filled: Whether an empty image stood in its place in the arm without it.
    """
    columns = [Column(_title(name), f"{arrow(name)} {direction(name)}", name) for name in _SHOWN]
    word = component_word(_regions(summary))
    columns += [Column(f"{word.capitalize()}s", "found / missed / invented"), Column("Volume (ml)", "as it was found")]
    tables = []
    for region in _regions(summary):
        rows = []
        for arm, title in arm_titles(target).items():
            measured = [find_row(summary, method=arm, metric=name, region=region) for name in _SHOWN]
            if measured[0] is not None:
                cells = [_mean(row) for row in measured]
                cells += [_lesions(scores, arm, region), _volume(summary, arm, region)]
                below = "an empty image in its place" if filled and arm == WITHOUT else ""
                rows.append(Line(title, below, "model" if arm == SYNTHETIC else "baseline", tuple(cells)))
        true = _volume(summary, TRUTH, region)
        lesions = _lesions(scores, ARMS[0], region, truth=True)
        rows.append(Line("in truth", "", "baseline", (Cell(""), Cell(""), lesions, true)))
        tables.append(Table(region_title(region), "Segmented with", tuple(columns), tuple(rows)))
    return tables


def pair_tables(summary: Summary, *, target: str) -> list[Table]:
    """A table per region: metrics down, pairs of arms across; none where nothing can be compared."""
    titles = arm_titles(target)
    tables = []
    for region in _regions(summary):
        found = [row for row in summary["comparisons"] if row["region"] == region]
        pairs = [pair for pair in PAIRS if any((row["method"], row["baseline"]) == pair for row in found)]
        columns = [Column(f"{titles[one]} \N{MINUS SIGN} {titles[other]}", "difference") for one, other in pairs]
        rows = []
        for metric in dict.fromkeys(row["metric"] for row in found):
            by_pair = {(row["method"], row["baseline"]): row for row in found if row["metric"] == metric}
            unit = next(iter(by_pair.values()))["unit"]
            cells = tuple(_difference(by_pair[pair]) for pair in pairs)
            rows.append(Line(metric_title(metric, unit=unit), direction(metric), "baseline", cells))
        if rows:
            tables.append(Table(region_title(region), "Metric", tuple(columns), tuple(rows)))
    return tables


def _regions(summary: Summary) -> list[str]:
    """The region of all labels, then the classes."""
    return list(dict.fromkeys((summary["region"], *(row["region"] for row in summary["rows"]))))


def _title(metric: str) -> str:
    return metric_title(metric, unit="mm" if metric == "hd95" else "1")


def _mean(row: Mapping[str, Any] | None) -> Cell:
    if row is None or not row["n"]:
        return Cell(number(None))
    metric = row["metric"]
    lines = [interval_words(row["interval"], metric=metric)] if row["interval"] else []
    return Cell(number(row["mean"], metric=metric), (*lines, f"n = {row['n']}"))


def _lesions(scores: Sequence[Score], arm: str, region: str, *, truth: bool = False) -> Cell:
    """Lesions over all cases: found, missed and invented, or how many there truly are."""
    found, missed, invented = (
        int(sum(s.value for s in scores if (s.method, s.region, s.metric) == (arm, region, metric)))
        for metric in _LESIONS
    )
    return Cell(str(found + missed)) if truth else Cell(f"{found} / {missed} / {invented}")


def _volume(summary: Summary, method: str, region: str) -> Cell:
    for row in summary["volumes"]:
        if (row["method"], row["region"]) == (method, region):
            lines = (interval_words(row["interval"]),) if row["interval"] else ()
            return Cell(number(row["mean"]), lines)
    return Cell(number(None))


def _difference(pair: Mapping[str, Any]) -> Cell:
    metric = pair["metric"]
    if not pair["n"]:
        return Cell(number(None))
    lines = [interval_words(pair["interval"], metric=metric)] if pair["interval"] else []
    few = "too few cases for a test" if pair["n"] < FEWEST_TO_TEST else "too few unequal pairs for a test"
    tested = p_value(pair["p_holm"]) if pair["p_holm"] is not None else few
    lines.append(f"better in {pair['wins']} of {pair['n']}")
    return Cell(number(pair["difference"], metric=metric, signed=True), (*lines, tested))
