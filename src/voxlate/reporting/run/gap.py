"""The gap: curves of a segmentation on validation and on training cases, and what lies between them.

A network that does better on the cases that it was trained on than on others has learned these cases by heart. Both are
scored alike, whole volumes without augmentation, so their curves can be read in one plot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxlate.errors import UsageError
from voxlate.evaluation.words import metric_title, number
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.plots import Plots, better, handles_of
from voxlate.reporting.run.curves import Curve, draw_ring, read_curves
from voxlate.training.loop.journal import read_log
from voxlate.training.loop.validation import TRAIN_PREFIX

SHOWN = ("loss", "dice", "recall", "precision")
LARGE = 0.1
"""Dice by which training cases are ahead of validation cases when that is called large; a convention."""


def gap_in_words(rows: Sequence[Mapping[str, Any]], *, step: int | None) -> str:
    """That training cases are far ahead at the step whose weights were kept; empty if they are not.

    Args:
        rows: The log of a run.
        step: The step whose weights were kept.
    """
    kept = [row["validation"] for row in rows if isinstance(row.get("validation"), Mapping) and row["step"] == step]
    ahead, validation = (kept[-1].get(name) if kept else None for name in (f"{TRAIN_PREFIX}dice", "dice"))
    if ahead is None or validation is None or not ahead - validation > LARGE:
        return ""
    values = " and ".join(number(value, metric="dice") for value in (ahead, validation))
    return (
        f"The gap between training and validation cases is large: their mean Dice is {values}. The model learns its "
        "training cases by heart, against which more cases or more augmentation help and longer training does not, or "
        "these happen to be easier ones."
    )


def gap_of_run(path: Path) -> str:
    """The same of a run on disk; empty for anything else."""
    rows = read_log(path / "log.jsonl") if (path / "log.jsonl").is_file() else []
    values = [(row["validation"]["dice"], -int(row["step"])) for row in rows if _has_dice(row)]
    return gap_in_words(rows, step=-max(values)[1]) if values else ""


@canvas.styled
def draw_gap(rows: Sequence[Mapping[str, Any]], *, best_step: int | None = None) -> Figure:
    """Loss, Dice, recall and precision over the steps: validation cases solid, training cases dashed.

    Args:
        rows: The log of a run, in order.
        best_step: The step whose weights were kept.

    Raises:
        UsageError: If the log holds no validation.
    """
    curves = {curve.name: curve for curve in read_curves(rows)[1]}
    shown = [name for name in SHOWN if name in curves]
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
    look: dict[str, Any] = {"color": canvas.BLUE, "linewidth": 1.2, "marker": "D", "markersize": 2.0}
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
    axes.locator_params(axis="x", nbins=5)
    return told


def _has_dice(row: Mapping[str, Any]) -> bool:
    validation = row.get("validation")
    return isinstance(validation, Mapping) and validation.get("dice") is not None
