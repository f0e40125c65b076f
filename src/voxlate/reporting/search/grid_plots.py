"""The curves of an experiment grid: what training and validation cases gained over the epochs, setting by setting."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from voxlate.evaluation.words import arrow, metric_title
from voxlate.reporting.drawing import canvas
from voxlate.reporting.search.tables import COLUMNS, Setting
from voxlate.training.loop.validation import TRAIN_PREFIX

MOST = len(canvas.SERIES)


@canvas.styled
def draw_grid(settings: Sequence[Setting], *, varied: str) -> Figure:
    """Loss, accuracy, precision, recall and F1 against epochs; validation solid, training dashed.

    Args:
        settings: Of which the five with the highest validation F1 at their best epoch are drawn.
        varied: What they differ in, for the head.
    """
    shown = sorted(settings, key=lambda one: -_or_lowest(one.metrics[one.best].get("f1")))[:MOST]
    figure = canvas.new_figure(height_mm=62.0)
    axes = list(figure.subplots(1, len(COLUMNS)))
    for place, metric in zip(axes, COLUMNS, strict=True):
        for setting, (colour, marker, _) in zip(shown, canvas.SERIES, strict=False):
            _draw(place, setting, metric, colour=colour, marker=marker)
        place.set_title(f"{metric_title(metric)} {arrow(metric)}", loc="left")
        place.set_xlabel("epoch")
        place.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        place.grid(visible=True, which="major")
        if metric != "loss":
            place.set_ylim(-0.03, 1.03)
        elif _spans_a_decade(shown):  # as losses of different kinds do
            place.set_yscale("log")
            place.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            place.yaxis.set_minor_formatter(NullFormatter())
    handles, names = axes[0].get_legend_handles_labels()
    columns = min(3, len(names))
    figure.legend(handles, names, loc="lower left", bbox_to_anchor=(0.05, 0.0), ncols=columns, handlelength=2.4)
    part = f"the {MOST} best of {len(settings)} settings" if len(settings) > MOST else "every setting"
    told = f"{part} ({varied}); solid: validation cases, dashed: training cases, whole and without augmentation"
    figure.text(0.055, 0.97, told, va="top", color=canvas.MUTED, fontsize=canvas.SMALL)
    figure.subplots_adjust(left=0.055, right=0.995, top=0.83, bottom=0.32, wspace=0.34)
    return figure


def _draw(axes: Axes, setting: Setting, metric: str, *, colour: str, marker: str) -> None:
    name = canvas.legible(setting.name, longest=44)
    for prefix, dash, label in (("", "solid", name), (TRAIN_PREFIX, "dashed", "_training")):
        values = [metrics.get(prefix + metric, math.nan) for metrics in setting.metrics]
        axes.plot(
            setting.epochs,
            values,
            color=colour,
            linewidth=1.0,
            linestyle=dash,
            label=label,
            marker="" if prefix else marker,
            markersize=2.6,
        )


def _spans_a_decade(settings: Sequence[Setting]) -> bool:
    found = [
        metrics.get(prefix + "loss", math.nan)
        for setting in settings
        for metrics in setting.metrics
        for prefix in ("", TRAIN_PREFIX)
    ]
    known = [value for value in found if math.isfinite(value)]
    return bool(known) and min(known) > 0 and max(known) > 10 * min(known)


def _or_lowest(value: float | None) -> float:
    return -1.0 if value is None or math.isnan(value) else value
