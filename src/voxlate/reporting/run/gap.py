"""The gap: curves of a segmentation on validation and on training cases, and what lies between them.

A network that does better on the cases that it was trained on than on others has learned these cases by heart. Both are
scored alike, whole volumes without augmentation, so their curves can be read in one plot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxlate.errors import UsageError
from voxlate.evaluation.segmentation.gap import gap_in_words
from voxlate.evaluation.words import metric_title, number
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.plots import Plots, better, count_along, handles_of
from voxlate.reporting.run.curves import Curve, draw_ring, read_curves
from voxlate.training.loop.journal import Entry
from voxlate.training.loop.validation import TRAIN_PREFIX

_SHOWN = ("loss", "accuracy", "dice", "recall", "precision")


@canvas.styled
def draw_gap(rows: Sequence[Entry], *, best_step: int | None = None) -> Figure:
    """Loss, accuracy, Dice, recall and precision over the steps: validation cases solid, training cases dashed.

    Args:
        rows: The log of a run, in order.
        best_step: The step whose weights were kept.

    Raises:
        UsageError: If the log holds no validation.
    """
    curves = {curve.name: curve for curve in read_curves(rows)[1]}
    shown = [name for name in _SHOWN if name in curves]
    if not shown:
        raise UsageError("a log with a validation", came="none", remedy="Train for longer.")
    plots = Plots(len(shown))
    for axes, name in zip(plots.axes, shown, strict=True):
        told = _draw(axes, curves[name], curves.get(TRAIN_PREFIX + name), best_step=best_step)
        title = metric_title(name)
        plots.title(axes, title[:1].upper() + title[1:], "\n".join([better(name), *told]))
    return plots.finish(key=handles_of(plots.axes[0]), strong=gap_in_words(rows, step=best_step))


def _draw(axes: Axes, validation: Curve, training: Curve | None, *, best_step: int | None) -> list[str]:
    """Draws both curves, and says what the kept weights reach."""
    look: Style = {"color": canvas.BLUE, "linewidth": 1.2, "marker": "D", "markersize": 2.0}
    axes.plot(validation.steps, validation.values, label="validation cases", **look)
    gap: list[str] = []
    if training is not None:
        look = {"color": canvas.VERMILION, "linewidth": 1.1, "linestyle": (0, (4, 1.6))}
        axes.plot(training.steps, training.values, label="training cases", **look)
        steps, here, there = np.intersect1d(validation.steps, training.steps, return_indices=True)
        values, others = validation.values[here], training.values[there]
        axes.fill_between(steps, values, others, color=canvas.GREY, alpha=0.18, linewidth=0, label="gap")
        at = np.flatnonzero(steps == best_step)
        if at.size:
            difference = float(others[at[-1]] - values[at[-1]])
            gap = [f"gap at the ring {number(difference, metric='dice', signed=True)}"]
    told = [*draw_ring(axes, validation, best_step), *gap]
    if validation.name == "loss":
        axes.margins(x=0.06, y=0.12)
    else:
        axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("step")
    count_along(axes, most=5)
    return told
