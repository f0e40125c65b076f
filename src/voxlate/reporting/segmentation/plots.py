"""Plots of all cases of a segmentation: scores class by class, and the volume that was found against the true one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.scores import VOLUME
from voxlate.evaluation.words import number
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.boxes import Scores, draw_boxes, legend
from voxlate.reporting.drawing.plots import Plots, draw_points
from voxlate.roles import MODEL, TRUTH

_MOST_SIDE_BY_SIDE = 4
"""Classes whose plots of Dice and HD95 have room beside each other; of more, one stands below the other."""
_MOST_IN_A_PLOT = 20
_VOLUMES_BESIDE = 4


@canvas.styled
def draw_classes(scores: Sequence[Score], *, regions: Sequence[str]) -> Figure:
    """Dice and HD95 of the model, a box per class, every case a point.

    Args:
        scores: Scores of all cases; NaN is not drawn.
        regions: The classes, from left to right; of many, in several plots below each other.

    Raises:
        UsageError: If no value is left to draw.
    """
    count = -(-len(regions) // _MOST_IN_A_PLOT)
    parts = [regions[place * len(regions) // count : (place + 1) * len(regions) // count] for place in range(count)]
    found = [(metric, *_by_class(scores, metric, part)) for metric in ("dice", "hd95") for part in parts]
    found = [one for one in found if one[1]]
    if not found:
        raise UsageError("scores of classes", came="none", remedy="Evaluate the cases first.")
    plots = Plots(len(found), columns=2 if len(regions) <= _MOST_SIDE_BY_SIDE else 1)
    for axes, (metric, values, unit) in zip(plots.axes, found, strict=True):
        draw_boxes(plots, axes, values, metric=metric, unit=unit)
        if metric == "dice":
            axes.set_ylim(-0.04, 1.04)
        else:
            _fit_distances(axes, [value for cases in values.values() for value in cases.values()])
    empty = ["HD95 where either is empty: the diagonal of the image."]
    empty *= any(metric == "hd95" for metric, _, _ in found)
    return plots.finish(notes=[legend([values for _, values, _ in found]), *empty])


@canvas.styled
def draw_volumes(scores: Sequence[Score], *, regions: Sequence[str]) -> Figure:
    """The volume that was found against the true one, in millilitres, a plot per class; on the line both are equal.

    Args:
        scores: With the metric ``volume`` of ``model`` and ``truth``.
        regions: The classes, four in a row.

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
    width_mm = canvas.PAGE_WIDTH_MM if len(shown) > 1 else 80.0
    plots = Plots(len(shown), columns=_VOLUMES_BESIDE, width_mm=width_mm, height_mm=None)
    for axes, (region, found) in zip(plots.axes, shown.items(), strict=True):
        _draw_volumes(axes, found)
        offset = float(np.mean([volume - true for true, volume in found]))
        told = "on average as large" if offset == 0 else f"on average {number(offset, signed=True)} ml"
        plots.title(axes, region[:1].upper() + region[1:], told)
    for axes in plots.axes[::_VOLUMES_BESIDE]:
        axes.set_ylabel("volume found (ml)")
    return plots.finish(notes=["A point is a case; on the line both volumes are equal."])


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


def _draw_volumes(axes: Axes, pairs: Sequence[tuple[float, float]]) -> None:
    true, found = np.array(pairs, dtype=np.float64).T
    end = max(float(true.max()), float(found.max())) * 1.08 or 1.0
    axes.plot([0, end], [0, end], color=canvas.GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    draw_points(axes, true, found, colour=canvas.BLUE, size=4.0, clip_on=False)
    axes.set_xlim(-0.02 * end, end)
    axes.set_ylim(-0.02 * end, end)
    axes.locator_params(nbins=5)
    axes.set_xlabel("true volume (ml)")
