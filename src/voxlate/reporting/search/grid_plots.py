"""The curves of an experiment grid: what training and validation cases gained over the epochs, setting by setting."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from voxlate.evaluation.scores import gain
from voxlate.evaluation.study.grid import Setting
from voxlate.evaluation.words import arrow, better, metric_title
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.plots import Plots, handles_of, scale_by_powers
from voxlate.training.loop.validation import TRAIN_PREFIX

_MOST = 5
_SHARES = {"accuracy", "precision", "recall", "f1"}  # from 0 to 1


@canvas.styled
def draw_grid(settings: Sequence[Setting], *, varied: str, chosen_by: str) -> Figure:
    """Loss and metrics against epochs; validation solid, training dashed.

    Args:
        settings: Of which the five that are best at their best epoch are drawn.
        varied: What they differ in, for the head.
        chosen_by: The validation metric that says which are best.
    """

    def rank(setting: Setting) -> float:
        value = setting.metrics[setting.best].get(chosen_by, math.nan)
        return math.inf if math.isnan(value) else -gain(better(chosen_by)) * value

    shown, columns = sorted(settings, key=rank)[:_MOST], settings[0].columns
    plots = Plots(len(columns), height_mm=38.0)
    for axes, metric in zip(plots.axes, columns, strict=True):
        for place, setting in enumerate(shown):
            colour, marker, _ = canvas.series(place)
            _draw(axes, setting, metric, colour=colour, marker=marker)
        plots.title(axes, f"{metric_title(metric)} {arrow(metric)}")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        if metric in _SHARES:
            axes.set_ylim(-0.03, 1.03)
        elif metric == "loss" and _spans_a_decade(shown):  # as losses of different kinds do
            scale_by_powers(axes)
    part = f"the {_MOST} best of {len(settings)} settings" if len(settings) > _MOST else "every setting"
    whole = ", whole and without augmentation" if "f1" in columns else ""
    told = f"{part} ({varied}); solid: validation cases, dashed: training cases{whole}"
    return plots.finish(below=told, key=handles_of(plots.axes[-1]))


def _draw(axes: Axes, setting: Setting, metric: str, *, colour: str, marker: str) -> None:
    for prefix, dash, label in (("", "solid", setting.name), (TRAIN_PREFIX, "dashed", "_training")):
        values = [metrics.get(prefix + metric, math.nan) for metrics in setting.metrics]
        look: Style = {"linestyle": dash, "label": label, "marker": "" if prefix else marker}
        axes.plot(setting.epochs, values, color=colour, linewidth=1.0, markersize=2.6, **look)


def _spans_a_decade(settings: Sequence[Setting]) -> bool:
    found = [
        metrics.get(prefix + "loss", math.nan)
        for setting in settings
        for metrics in setting.metrics
        for prefix in ("", TRAIN_PREFIX)
    ]
    known = [value for value in found if math.isfinite(value)]
    return bool(known) and min(known) > 0 and max(known) > 10 * min(known)
