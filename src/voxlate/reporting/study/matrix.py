"""The page of a model of several targets: the matrix of its errors, sources down and targets across."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from voxlate._version import __version__
from voxlate.contrast import CONTRASTS
from voxlate.evaluation.study.matrix import DEDICATED, METRICS_OF_ANSWERS, rows_by_sources, short_title
from voxlate.evaluation.words import arrow, direction, metric_title, number
from voxlate.question import Query
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.page import Illustration, Page, Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table
from voxlate.roles import MODEL

Means = Mapping[Query, Mapping[str, float]]
_HEADS = {
    MODEL: "This model",
    DEDICATED: "Dedicated models",
    "lookup": "Lookup from the first source",
    "identity": "First source as it is",
}
HEADS_OF_PAIRS = {MODEL: "A model for each pair", "lookup": "Intensity lookup", "identity": "The source as it is"}
"""Where every question has a model and a source of its own."""
_LINE_MM, _ABOVE_MM, _BELOW_MM = 8.0, 8.0, 12.0


@canvas.styled
def _draw_matrix(means: Means, heads: Mapping[str, str] = _HEADS) -> Figure:
    """Mean absolute error of each question, a panel for each method that answered any.

    Args:
        means: From a question to the mean error of each method.
        heads: From a method to the title of its panel.
    """
    lines = rows_by_sources(means)
    targets = [name for name in CONTRASTS if any(name == question.target for question in means)]
    methods = [method for method in heads if any(method in row for row in means.values())]
    height_mm = _ABOVE_MM + _LINE_MM * len(lines) + _BELOW_MM
    figure = canvas.new_figure(height_mm=height_mm)
    panels = figure.subplots(1, len(methods), squeeze=False)[0]
    figure.subplots_adjust(
        left=0.14, right=0.99, top=1 - _ABOVE_MM / height_mm, bottom=_BELOW_MM / height_mm, wspace=0.08
    )
    highest = max(row[MODEL] for row in means.values()) * 1.5
    for place, (axes, method) in enumerate(zip(panels, methods, strict=True)):
        values = np.full((len(lines), len(targets)), math.nan)
        for line, found in enumerate(lines.values()):
            for target, question in found.items():
                values[line, targets.index(target)] = means[question].get(method, math.nan)
        axes.imshow(values, cmap="cividis_r", vmin=0, vmax=highest, aspect="auto", interpolation="nearest")
        for line, column in zip(*np.nonzero(np.isfinite(values)), strict=True):
            value = values[line, column]
            ink = canvas.PAPER if value > 0.55 * highest else canvas.INK
            axes.text(column, line, f"{value:.3f}", ha="center", va="center", color=ink, fontsize=canvas.SMALL)
        axes.set_title(heads[method], fontsize=canvas.TEXT)
        axes.set_xticks(range(len(targets)), [short_title(name) for name in targets])
        axes.set_yticks(
            range(len(lines)), [canvas.legible(line) for line in lines] if place == 0 else [""] * len(lines)
        )
        axes.tick_params(length=0)
        axes.set_xlabel("target")
    panels[0].set_ylabel("sources")
    return figure


def matrix_page(
    by_metric: Mapping[str, Means],
    *,
    verdict: str,
    facts: Mapping[str, object],
    warnings: Sequence[str],
    title: str = "Any contrast from any others",
    heads: Mapping[str, str] = _HEADS,
) -> Page:
    """The page.

    Args:
        by_metric: From a metric to the means of each question.
        verdict: The answer.
        facts: Where it comes from.
        warnings: What is to be known before the numbers.
        title: Of the page.
        heads: From a method to the title of its panel.
    """
    figures = [
        Illustration(
            "Mean absolute error from each set of sources to each target",
            "In units of the target's range, in the foreground, mean over the cases. Darker is worse; all panels have "
            "one scale. Identity and lookup see the first source alone.",
            to_png(_draw_matrix(by_metric["mae"], heads)),
            file="matrix",
        )
    ]
    return Page(
        title=title,
        verdict=verdict,
        sections=[
            Section("The matrix", figures=figures, folded=False),
            Section("Every question", tables=[_table(by_metric, heads)], folded=False),
        ],
        facts={**facts, "software": f"voxlate {__version__}"},
        warnings=list(warnings),
    )


def _table(by_metric: Mapping[str, Means], heads: Mapping[str, str]) -> Table:
    columns = tuple(
        Column(metric_title(metric), f"{arrow(metric)} {direction(metric)}", metric) for metric in METRICS_OF_ANSWERS
    )
    lines = []
    for question, found in by_metric["mae"].items():
        for method in reversed(list(heads)):
            if method in found:
                cells = (number(by_metric[metric][question][method], metric=metric) for metric in METRICS_OF_ANSWERS)
                kind = "model" if method in {MODEL, DEDICATED} else "baseline"
                lines.append(Line(question.words, heads[method], kind, tuple(Cell(cell) for cell in cells)))
    return Table("Mean over the cases, in the foreground", "Question", columns, tuple(lines))
