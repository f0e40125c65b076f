"""Tables of a segmentation's page: classes down, what is asked of a segmentation across."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxlate.cohort.labels.labelling import component_word
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.scores import VOLUME
from voxlate.evaluation.segmentation.verdict import count_lesions
from voxlate.evaluation.summary import Summary
from voxlate.evaluation.words import arrow, direction, interval_words, metric_title, number, short_title
from voxlate.reporting.page.page import Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table, best_of, means_in_words, region_title, score_cell
from voxlate.roles import LOOKUP, MODEL, TRUTH

_ANSWER = ("dice", "recall", "precision", "hd95")
"""What a reader asks of a segmentation first."""
VOXELS = ("dice", "iou", "precision", "recall", "f1", "accuracy")
SURFACES = ("hd95", "surface_dice", "volume_error")
LESIONS = ("detection_sensitivity", "detection_precision", "detection_f1")
_IN_TERMINAL = (
    "dice",
    "iou",
    "precision",
    "recall",
    "accuracy",
    "hd95",
    "surface_dice",
    "volume_error",
    "detection_f1",
)
_OF_CLASSES = ("dice", "recall", "hd95")


def answer_section(summary: Summary, scores: Sequence[Score], *, main: str) -> Section:
    """The one table that stands open.

    Args:
        summary: As ``summarise_segmentation`` gives it.
        scores: What it was made from.
        main: The region that holds all labels, in which intensity alone is scored too.
    """
    lines = _lines(summary, main)
    counts = [_count_column(scores, lines)]
    note = "Intensity lookup, the baseline, labels what is as bright as what was labelled in training."
    table = _table(summary, lines, _ANSWER, title="The answer in numbers", more=counts)
    return Section("Scores", note, means_in_words(summary.n_cases), [table], folded=False)


def class_sections(summary: Summary, scores: Sequence[Score], *, main: str) -> list[Section]:
    """Three sections: voxel by voxel, surfaces and volumes, lesion by lesion (or part by part of a structure).

    Args:
        summary: As ``summarise_segmentation`` gives it.
        scores: What it was made from, with the volumes.
        main: The region that holds all labels, in which intensity alone is scored too.
    """
    lines = _lines(summary, main)
    volumes = [(Column("Volume (ml)", "found / true"), [_volumes(scores, *line) for line in lines])]
    word, means = component_word(region for _, region in lines), means_in_words(summary.n_cases)
    return [
        Section(
            "Voxel by voxel",
            "Over the whole image: a label outside the foreground, which the model does not look at, counts as missed. "
            "Accuracy counts the background, which is most of an image, so it is high whatever the model does. "
            "Intensity lookup labels what is as bright as what was labelled in training.",
            means,
            [_table(summary, lines, VOXELS, title="Overlap")],
        ),
        Section(
            "Surfaces and volumes",
            "Where either is empty, HD95 is the diagonal of the image.",
            means,
            [_table(summary, lines, SURFACES, title="Distance and size", more=volumes)],
        ),
        Section(
            f"{word.capitalize()} by {word}",
            f"A {word} is a connected part of the label; one voxel in common finds it. The counts are over all cases "
            "together, the shares are means over the cases.",
            means,
            [_table(summary, lines, LESIONS, title="Detection", more=[_count_column(scores, lines)])],
        ),
    ]


def class_table(summary: Summary, *, main: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Column names and rows for a terminal, the region of all labels first; of the others what is asked for most."""
    rows: list[tuple[str, ...]] = []
    for row in sorted(summary.rows, key=lambda row: row.region != main):
        if row.metric in (_IN_TERMINAL if row.region == main else _OF_CLASSES):
            interval = interval_words(row.interval, metric=row.metric) if row.interval else ""
            method = short_title(row.method) if row.method == LOOKUP else row.method
            mean = number(row.mean, metric=row.metric)
            rows.append((row.region, row.title, method, mean, interval, row.unit, str(row.n)))
    return ("region", "metric", "method", "mean", "95 % interval", "unit", "n"), rows


def _lines(summary: Summary, main: str) -> list[tuple[str, str]]:
    """Method and region of every line: intensity alone first."""
    regions = list(dict.fromkeys(row.region for row in summary.of(method=MODEL)))
    base = [(LOOKUP, main)] if summary.find(method=LOOKUP, metric="dice", region=main) else []
    return [*base, (MODEL, main), *((MODEL, region) for region in regions if region != main)]


def _table(
    summary: Summary,
    lines: Sequence[tuple[str, str]],
    metrics: Sequence[str],
    *,
    title: str,
    more: Sequence[tuple[Column, Sequence[Cell]]] = (),
) -> Table:
    columns = [Column(_title(summary, name), f"{arrow(name)} {direction(name)}", name) for name in metrics]
    rows = []
    for place, (method, region) in enumerate(lines):
        found = [summary.find(method=method, metric=name, region=region) for name in metrics]
        scored = [
            score_cell(row, of=summary.n_cases, best=best_of(summary.of(metric=name, region=region), name) == method)
            for row, name in zip(found, metrics, strict=True)
        ]
        cells = [*scored, *(extra[place] for _, extra in more)]
        baseline = method == LOOKUP
        kind = "baseline" if baseline else "model first-model" if place and lines[place - 1][0] == LOOKUP else "model"
        below = f"{short_title(method)} (baseline)" if baseline else "model"
        rows.append(Line(region_title(region), below, kind, tuple(cells)))
    return Table(title, "Class", (*columns, *(column for column, _ in more)), tuple(rows))


def _title(summary: Summary, metric: str) -> str:
    unit = next((row.unit for row in summary.of(metric=metric)), "")
    return metric_title(metric, unit=unit)


def _count_column(scores: Sequence[Score], lines: Sequence[tuple[str, str]]) -> tuple[Column, list[Cell]]:
    """Lesions (or parts) over all cases together."""
    word = component_word(region for _, region in lines)
    counts = [count_lesions(scores, region=region, method=method) for method, region in lines]
    cells = [Cell(" / ".join(map(str, count))) for count in counts]
    return Column(f"{word.capitalize()}s", "found / missed / invented"), cells


def _volumes(scores: Sequence[Score], method: str, region: str) -> Cell:
    means = [
        [score.value for score in scores if (score.method, score.region, score.metric) == (who, region, VOLUME)]
        for who in (method, TRUTH)
    ]
    return Cell(" / ".join(number(float(np.mean(values))) if values else number(None) for values in means))
