"""Plots of all cases of a segmentation: scores class by class, and the volume that was found against the true one."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.cases import TRUTH
from voxlate.evaluation.segmentation.scores import VOLUME
from voxlate.evaluation.words import number
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.boxes import Scores, draw_boxes, legend
from voxlate.roles import MODEL

MOST_SIDE_BY_SIDE = 4
MOST_VOLUMES = 4


@canvas.styled
def draw_classes(scores: Sequence[Score], *, regions: Sequence[str]) -> Figure:
    """Dice and HD95 of the model, a box per class, every case a point.

    Args:
        scores: Scores of all cases; NaN is not drawn.
        regions: The classes, from left to right.

    Raises:
        UsageError: If no value is left to draw.
    """
    metrics = ("dice", "hd95") if len(regions) <= MOST_SIDE_BY_SIDE else ("dice",)
    plots = [(metric, *_by_class(scores, metric, regions)) for metric in metrics]
    plots = [plot for plot in plots if plot[1]]
    if not plots:
        raise UsageError("scores of classes", came="none", remedy="Evaluate the cases first.")
    figure = canvas.new_figure(height_mm=82.0)
    axes = np.ravel(figure.subplots(1, len(plots), squeeze=False))
    for place, (metric, values, unit) in zip(axes, plots, strict=True):
        names = {name: "\n".join(textwrap.wrap(canvas.legible(name, longest=30), width=12)) for name in values}
        draw_boxes(place, values, metric=metric, unit=unit, names=names)
        if metric == "dice":
            place.set_ylim(-0.04, 1.04)
        else:
            _fit_distances(place, [value for cases in values.values() for value in cases.values()])
    figure.subplots_adjust(left=0.06, right=0.985, bottom=0.27, top=0.86, wspace=0.2)
    told = legend([values for _, values, _ in plots])
    told += "\nHD95 where either is empty: the diagonal of the image." if "hd95" in metrics else ""
    figure.text(0.008, 0.02, told, color=canvas.MUTED)
    return figure


@canvas.styled
def draw_volumes(scores: Sequence[Score], *, regions: Sequence[str]) -> Figure:
    """The volume that was found against the true one, in millilitres, a plot per class; on the line both are equal.

    Args:
        scores: With the metric ``volume`` of ``model`` and ``truth``.
        regions: The classes; the first four are drawn.

    Raises:
        UsageError: If there is no volume.
    """
    volumes = {(s.method, s.region, s.case): s.value for s in scores if s.metric == VOLUME}
    pairs = {
        region: [
            (volumes[TRUTH, region, case], value)
            for (method, where, case), value in volumes.items()
            if method == MODEL and where == region and (TRUTH, region, case) in volumes
        ]
        for region in regions
    }
    shown = {region: found for region, found in pairs.items() if found}
    if not shown:
        raise UsageError("volumes of cases", came="none", remedy="Evaluate the cases first.")
    shown = dict(list(shown.items())[:MOST_VOLUMES])
    columns = max(2, len(shown))
    width = canvas.PAGE_WIDTH_MM / columns
    figure = canvas.new_figure(width_mm=width * len(shown) if len(shown) > 1 else 90.0, height_mm=width * 0.82 + 20)
    axes = np.ravel(figure.subplots(1, len(shown), squeeze=False))
    for number_, (place, (region, found)) in enumerate(zip(axes, shown.items(), strict=True)):
        _draw_volumes(place, region, found, first=number_ == 0)
    wide = figure.get_size_inches()[0] * canvas.MM_PER_INCH
    tall = figure.get_size_inches()[1] * canvas.MM_PER_INCH
    figure.subplots_adjust(left=13 / wide, right=1 - 3 / wide, bottom=16 / tall, top=1 - 12 / tall, wspace=0.28)
    figure.text(1.5 / wide, 2 / tall, "A point is a case; on the line both volumes are equal.", color=canvas.MUTED)
    return figure


def _by_class(scores: Sequence[Score], metric: str, regions: Sequence[str]) -> tuple[Scores, str]:
    """Finite values of the model as class -> case -> value, and their unit."""
    chosen = [score for score in scores if score.method == MODEL and score.metric == metric]
    values: Scores = {
        region: {score.case: score.value for score in chosen if score.region == region and np.isfinite(score.value)}
        for region in regions
    }
    return {region: cases for region, cases in values.items() if cases}, next((s.unit for s in chosen), "")


def _fit_distances(axes: Axes, values: Sequence[float]) -> None:
    """From 0 up; logarithmic above 1 mm where an image's diagonal would press all other distances together."""
    if max(values) > 10 * max(1.0, float(np.median(values))):
        axes.set_yscale("symlog", linthresh=1.0)
        axes.yaxis.set_major_locator(FixedLocator([0, 1, 2, 5, 10, 20, 50, 100, 200, 500]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(bottom=0, top=1.3 * max(values))
    else:
        axes.set_ylim(bottom=0)


def _draw_volumes(axes: Axes, region: str, pairs: Sequence[tuple[float, float]], *, first: bool) -> None:
    true, found = np.array(pairs, dtype=np.float64).T
    end = max(float(true.max()), float(found.max())) * 1.08 or 1.0
    axes.plot([0, end], [0, end], color=canvas.GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    axes.plot(
        true,
        found,
        linestyle="none",
        marker="o",
        markersize=4.0,
        markerfacecolor=canvas.BLUE,
        markeredgecolor=canvas.PAPER,
        markeredgewidth=0.5,
        clip_on=False,
        zorder=3,
    )
    axes.set_xlim(-0.02 * end, end)
    axes.set_ylim(-0.02 * end, end)
    axes.set_box_aspect(1)
    axes.locator_params(nbins=5)
    axes.grid(visible=True)
    name = region[:1].upper() + region[1:]
    axes.set_title(f"{canvas.legible(name, longest=24)}\n", loc="left")
    offset = float(np.mean(found - true))
    told = "on average as large" if offset == 0 else f"on average {number(offset, signed=True)} ml"
    axes.text(0, 1.03, told, transform=axes.transAxes, color=canvas.MUTED, fontsize=canvas.SMALL + 0.5)
    axes.set_xlabel("true volume (ml)")
    axes.set_ylabel("volume found (ml)" if first else "")
