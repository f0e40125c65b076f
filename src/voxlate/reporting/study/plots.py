"""Figures of an ablation: similarity before and after, and the differences that each seed gives.

The first is Figure 5 of Genc et al. 2022 (doi:10.58530/2022/3460). The paper draws eight plots: the SSIM of source and
target beside that of prediction and target, over the whole brain and inside the lesion, without and with the
lesion-mask loss, for two tasks. Here one task is one figure of two plots: the source, which is the same without and
with, is drawn once, and every case is joined by a thin line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.evaluation.words import MINUS, changes, direction, metric_title, p_value
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.boxes import draw_boxes, gather, legend

REGIONS = {"foreground": "Foreground", "lesion": "Lesion", "labels": "Labelled structures"}
LINE = 3.7  # mm
COLUMNS = (0.0, 0.27, 0.75, 0.875)  # of the table under a plot, as shares of its width
Comparison = Mapping[str, Any]


@dataclass(frozen=True)
class PairedTest:
    """A line under a plot: a paired difference, its interval and its test.

    Attributes:
        what: What is subtracted from what.
        compared: As ``compare_variants`` or ``summarise`` gives it.
        interval: The key of the interval that is shown.
    """

    what: str
    compared: Comparison
    interval: str = "interval"

    def cells(self) -> tuple[str, ...]:
        """The difference with its interval, the cases that are better, and the p value."""
        compared, interval = self.compared, self.compared[self.interval]
        difference, *ends = changes(compared["difference"], *(interval or ()), most=4)
        around = f" ({' to '.join(ends)})" if ends else ""
        tested = p_value(compared["p_holm"]) if compared["p_holm"] is not None else "no test"
        return self.what, f"{difference}{around}", f"{compared['wins']} of {compared['n']}", tested


@canvas.styled
def draw_similarity(
    scores: Sequence[Score],
    tests: Mapping[str, Sequence[PairedTest]],
    *,
    names: Mapping[str, str],
    metric: str = "ssim",
    heading: str = "",
) -> Figure:
    """Source against target beside prediction against target, a plot per region, paired by case.

    Args:
        scores: Of the means over the seeds.
        tests: From a region (``foreground``, ``lesion`` or ``labels``) to the lines under its plot.
        names: From a method to what stands under its box, in the order of the boxes; other methods are not drawn.
        metric: What is drawn.
        heading: Printed above.

    Raises:
        UsageError: If no value is left to draw.
    """
    plots = {}
    for region, title in REGIONS.items():
        found, unit = gather(scores, region=region, metric=metric)
        values = {method: found[method] for method in names if method in found}
        if values:
            plots[region] = (title, values, unit)
    if not plots:
        raise UsageError("scores", came=f"none of {metric}", remedy="Evaluate the runs first.")
    lines = max((len(tests.get(region, ())) for region in plots), default=0)
    below = LINE * (lines + 1) if lines else 0.0
    height = 86.0 + below
    figure = canvas.new_figure(height_mm=height)
    places = np.ravel(figure.subplots(1, len(plots), squeeze=False))
    figure.subplots_adjust(left=0.07, right=0.99, bottom=(22.0 + below) / height, top=1 - 17.0 / height, wspace=0.2)
    for axes, (region, (title, values, unit)) in zip(places, plots.items(), strict=True):
        whole = f"{title}: {metric_title(metric, unit=unit)} with the target"
        draw_boxes(axes, values, metric=metric, unit=unit, title=whole, names=names)
        if lines:
            _write_tests(figure, axes, tests.get(region, ()), top=below + 7.5)
    figure.text(0.008, 1 - 2.2 / height, canvas.legible(heading, longest=110), fontweight="bold", va="top")
    crossed = any(test.interval == "crossed_interval" for shown in tests.values() for test in shown)
    over = f"\nIntervals over the cases; that of with {MINUS} without over seeds and cases." if crossed else ""
    words = legend([values for _, values, _ in plots.values()]) + over
    figure.text(0.008, 1.4 / height, words, color=canvas.MUTED, fontsize=canvas.SMALL)
    return figure


def _write_tests(figure: Figure, axes: Axes, tests: Sequence[PairedTest], *, top: float) -> None:
    """A small table under a plot, ``top`` mm above the figure's lower edge."""
    height = float(figure.get_size_inches()[1]) * canvas.MM_PER_INCH
    box = axes.get_position()
    head = ("", "difference (95 % interval)", "better", "p, Holm")
    for row, cells in enumerate([head, *(test.cells() for test in tests)]):
        for place, text in zip(COLUMNS, cells, strict=True):
            x, y = box.x0 + place * box.width, (top - LINE * row) / height
            colour = canvas.MUTED if row == 0 else canvas.INK
            figure.text(
                x, y, text.removeprefix("p = ").removeprefix("p "), fontsize=canvas.SMALL, va="top", color=colour
            )


@canvas.styled
def draw_differences(
    scores: Sequence[Score], comparison: Comparison, values: Mapping[str, Mapping[str, float]], *, heading: str = ""
) -> Figure:
    """One metric in one region: boxes of every method, and beside them the paired difference that each seed gives.

    Args:
        scores: Of the means over the seeds.
        comparison: The row of ``voxlate.evaluation.study.paired.compare_variants``.
        values: From a label (``seed 0``, ..., last the mean over the seeds) to the difference of each case.
        heading: Printed above.

    Raises:
        UsageError: If no value is left to draw.
    """
    metric, region = comparison["metric"], comparison["region"]
    found, unit = gather(scores, region=region, metric=metric)
    if not found:
        raise UsageError("scores", came=f"none in the region {region!r}", remedy="Evaluate the runs first.")
    figure = canvas.new_figure(height_mm=86.0)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1.0))
    figure.subplots_adjust(left=0.07, right=0.985, bottom=0.2, top=0.79, wspace=0.24)
    place = REGIONS.get(region, region)
    draw_boxes(left, found, metric=metric, unit=unit, title=f"{place}: {metric_title(metric, unit=unit)}")
    _draw_each_seed(right, comparison, values, title=f"Difference of {metric_title(metric, unit=unit)}")
    figure.text(0.008, 0.972, canvas.legible(heading, longest=110), fontweight="bold", va="top")
    spread = "over seeds and cases" if comparison["crossed_interval"] else "over the cases"
    note = (
        f"{legend([found])} Left: means over the seeds.\nRight: the bar is the mean of the cases with its 95 % interval"
    )
    figure.text(0.008, 0.015, f"{note} over the cases; of all seeds, {spread}.", color=canvas.MUTED)
    return figure


def _draw_each_seed(
    axes: Axes, comparison: Comparison, values: Mapping[str, Mapping[str, float]], *, title: str
) -> None:
    rows = [*comparison["seeds"], {**comparison, "interval": comparison["crossed_interval"] or comparison["interval"]}]
    axes.axhline(0, color=canvas.INK, linewidth=0.8, zorder=1)
    for place, (row, cases) in enumerate(zip(rows, values.values(), strict=True)):
        overall = place == len(rows) - 1
        colour, marker = (canvas.INK, "o") if overall else (canvas.VERMILION, "o")
        ordered = [cases[case] for case in sorted(cases)]
        spread = np.linspace(-0.16, 0.16, len(ordered)) if len(ordered) > 1 else np.zeros(len(ordered))
        axes.plot(
            place + spread - 0.08,
            ordered,
            linestyle="none",
            marker=marker,
            markersize=3.2,
            markerfacecolor=colour,
            markeredgecolor=canvas.PAPER,
            markeredgewidth=0.4,
            alpha=0.75,
            zorder=2,
        )
        _draw_mean(axes, place + 0.24, row, colour=colour)
    told = changes(*(row["difference"] for row in rows))
    labels = [f"{canvas.legible(label, longest=14)}\n{change}" for label, change in zip(values, told, strict=True)]
    axes.set_xticks(range(len(rows)), labels)
    axes.set_xlim(-0.5, len(rows) - 0.45)
    axes.margins(y=0.1)
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=True, axis="y")
    axes.set_title(f"{title}\n", loc="left")
    good = "below" if direction(comparison["metric"]).startswith("lower") else "above"
    words = f"with {MINUS} without; {good} 0: better with"
    axes.text(0, 1.03, words, transform=axes.transAxes, color=canvas.MUTED)


def _draw_mean(axes: Axes, x: float, row: Comparison, *, colour: str) -> None:
    if row["difference"] is None:
        return
    axes.plot([x - 0.07, x + 0.07], [row["difference"]] * 2, color=colour, linewidth=2.2, zorder=4)
    if row["interval"] is not None:
        axes.plot([x, x], row["interval"], color=colour, linewidth=1.0, zorder=3)
        for end in row["interval"]:
            axes.plot([x - 0.04, x + 0.04], [end, end], color=colour, linewidth=1.0, zorder=3)
