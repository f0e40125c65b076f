"""Slopes: every case as a line from arm to arm, and the mean with its interval beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import bootstrap_interval
from voxlate.evaluation.words import direction, metric_title
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.plots import Plots

_BESIDE = 4


@canvas.styled
def draw_slopes(
    scores: Sequence[Score], *, arms: Mapping[str, str], regions: Sequence[str], metric: str = "dice"
) -> Figure:
    """One plot per region: a thin line per case over the arms, the mean as a large mark with its 95 % interval.

    Args:
        scores: Of all cases and arms.
        arms: From an arm to what stands under it, in order.
        regions: From left to right, four in a row.
        metric: What is drawn.

    Raises:
        UsageError: If no region has a value.
    """
    tables = {region: _values(scores, region=region, metric=metric, arms=list(arms)) for region in regions}
    drawn = {region: cases for region, cases in tables.items() if cases}
    if not drawn:
        raise UsageError("scores", came=f"none of {metric}", remedy="Score at least one case.")
    width_mm = canvas.PAGE_WIDTH_MM if len(drawn) > 1 else 110.0
    plots = Plots(len(drawn), columns=_BESIDE, width_mm=width_mm, share_y=True)
    for axes, (region, cases) in zip(plots.axes, drawn.items(), strict=True):
        _draw(axes, cases)
        plots.name_places(axes, list(arms.values()))
        plots.title(axes, f"{region[:1].upper()}{region[1:]}")
    for axes in plots.axes[::_BESIDE]:
        axes.set_ylabel(f"{metric_title(metric)} ({direction(metric)})")
    note = "Lines are cases; diamonds are means over the cases with a value in every arm, bars their 95 % intervals."
    return plots.finish(notes=[note])


def _values(scores: Sequence[Score], *, region: str, metric: str, arms: Sequence[str]) -> dict[str, list[float]]:
    """From a case to its values, one per arm; cases that lack one are left out."""
    found: dict[str, dict[str, float]] = {}
    for score in scores:
        if (score.region, score.metric) == (region, metric):
            found.setdefault(score.case, {})[score.method] = score.value
    rows = {case: [by_arm.get(arm, np.nan) for arm in arms] for case, by_arm in found.items()}
    return {case: row for case, row in rows.items() if np.isfinite(row).all()}


def _draw(axes: Axes, cases: Mapping[str, Sequence[float]]) -> None:
    table = np.array(list(cases.values()))
    places = np.arange(table.shape[1])
    for row in table:
        axes.plot(places, row, color=canvas.GREY, linewidth=0.6, alpha=0.8, marker="o", markersize=2.2, zorder=2)
    for place, column in zip(places, table.T, strict=True):
        interval = bootstrap_interval(column)
        if interval is not None:
            axes.plot([place, place], interval, color=canvas.BLUE, linewidth=2.2, solid_capstyle="butt", zorder=3)
        mean = float(column.mean())
        axes.plot([place], [mean], "D", color=canvas.BLUE, markeredgecolor=canvas.PAPER, markersize=6, zorder=4)
        style: Style = {"fontsize": canvas.TEXT, "fontweight": "bold", "color": canvas.BLUE, "zorder": 5}
        halo = [withStroke(linewidth=2.5, foreground=canvas.PAPER)]
        beside: Style = {"xytext": (7, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(f"{mean:.2f}", (place, mean), **beside, **style, path_effects=halo)
    axes.set_ylim(min(0.0, float(table.min())) - 0.03, max(1.0, float(table.max())) + 0.03)
