"""Training curves: the loss of every step, and the validation metrics beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.evaluation.words import metric_title, number
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.plots import Plots, better, count_along, scale_by_powers
from voxlate.training.loop.journal import Entry

_BOOKKEEPING = frozenset({"learning_rate", "data_s", "step_s", "gradient_norm"})
_GAME = frozenset({"discriminator", "adversarial", "accuracy_real", "accuracy_fake", "fooled", "penalty"})
"""What an adversarial pair logs beside the generator's loss and its terms; ``reporting.game`` draws it."""
_SHOWN = ("mae", "psnr", "ssim")
_IN_THE_TARGETS_UNIT = frozenset({"mae", "rmse"})


@dataclass(frozen=True, eq=False)
class Curve:
    """Values over optimiser steps; a value that is not finite is left out.

    Attributes:
        name: As in the log.
        steps: ``(n,)``.
        values: ``(n,)``.
    """

    name: str
    steps: NDArray[np.float64]
    values: NDArray[np.float64]


def read_curves(rows: Iterable[Entry]) -> tuple[list[Curve], list[Curve]]:
    """The training losses and the validation metrics of a run's log (``log.jsonl``).

    All numbers of a step but the bookkeeping are losses.
    """
    losses: dict[str, list[tuple[float, float]]] = {}
    metrics: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        kind, values = (losses, row.numbers) if row.validation is None else (metrics, row.validation)
        for name, value in values.items():
            if name not in _BOOKKEEPING and math.isfinite(value):
                kind.setdefault(name, []).append((float(row.step), float(value)))
    return [_curve(*item) for item in losses.items()], [_curve(*item) for item in metrics.items()]


def _curve(name: str, points: list[tuple[float, float]]) -> Curve:
    steps, values = np.array(points, dtype=np.float64).T
    return Curve(name, steps, values)


def smooth(values: NDArray[np.float64], *, width: int) -> NDArray[np.float64]:
    """Centred running mean over ``width`` values, over fewer at the ends."""
    kernel = np.ones(min(max(width, 1), values.size))
    return np.asarray(np.convolve(values, kernel, "same") / np.convolve(np.ones(values.size), kernel, "same"))


@canvas.styled
def draw_curves(rows: Sequence[Entry], *, best_step: int | None = None, unit: str = "") -> Figure:
    """Training losses on the left, one small plot per validation metric on the right.

    Args:
        rows: The log of a run, in order; see ``read_curves``.
        best_step: The step whose weights were kept.
        unit: Unit of MAE and RMSE; empty for normalised values.

    Raises:
        UsageError: If the log holds no step.
    """
    losses, metrics = read_curves(rows)
    if any(curve.name == "generator" for curve in losses):  # whose sum with its opponent's loss would say nothing
        losses = [curve for curve in losses if curve.name not in _GAME | {"loss"}]
    # Three have room: one per kind of question, where the log has them.
    metrics = sorted(metrics, key=lambda curve: curve.name not in _SHOWN)[: len(_SHOWN)]
    if not losses and not metrics:
        raise UsageError("a log with at least one step", came="an empty one", remedy="Train for a step first.")
    shown = int(bool(losses)) + len(metrics)
    plots = Plots(shown, ratios=[1.5, *[1.0] * (shown - 1)] if losses else ())
    for axes in plots.axes:
        axes.set_xlabel("step")
        count_along(axes)
    rest = list(plots.axes)
    if losses:
        axes = rest.pop(0)
        _draw_losses(axes, losses)
        plots.title(axes, "Training loss", f"{better('loss')}; lines: running means")
        plots.key(axes)
    for axes, curve in zip(rest, metrics, strict=True):
        axes.plot(curve.steps, curve.values, color=canvas.BLUE, linewidth=1.1, marker="D", markersize=2.2)
        axes.margins(x=0.06, y=0.12)
        has_unit = unit if curve.name in _IN_THE_TARGETS_UNIT else ""
        title = f"Validation {metric_title(curve.name, unit=has_unit)}"
        plots.title(axes, title, "\n".join([better(curve.name), *draw_ring(axes, curve, best_step)]))
    return plots.finish()


def _draw_losses(axes: Axes, losses: list[Curve]) -> None:
    total_first = sorted(losses, key=lambda curve: curve.name not in {"loss", "generator"})
    for place, curve in enumerate(total_first):
        colour, _, dash = canvas.series({0: 2, 1: 1}.get(place, place + 1))
        width = max(1, curve.values.size // 50)
        if curve.name in {"loss", "generator"}:
            axes.plot(curve.steps, curve.values, color=colour, linewidth=0.4, alpha=0.3)
        axes.plot(curve.steps, smooth(curve.values, width=width), color=colour, linewidth=1.2, linestyle=dash)
        axes.plot([], [], color=colour, linewidth=1.2, linestyle=dash, label=curve.name)
    _log_if_wide(axes, losses)


def _log_if_wide(axes: Axes, curves: Sequence[Curve]) -> None:
    """A logarithmic axis where values are positive and the largest smoothed one is five times the smallest."""
    smoothed = np.concatenate([smooth(curve.values, width=max(1, curve.values.size // 50)) for curve in curves])
    if smoothed.min() <= 0 or smoothed.max() / smoothed.min() < 5:
        return
    scale_by_powers(axes)


def draw_ring(axes: Axes, curve: Curve, step: int | None) -> list[str]:
    """Marks the step whose weights were kept, and says what they reach; nothing if the curve does not have it.

    Args:
        axes: Where the curve is drawn.
        curve: The curve.
        step: The step.
    """
    at = np.flatnonzero(curve.steps == step)
    if not at.size:
        return []
    x, y = float(curve.steps[at[-1]]), float(curve.values[at[-1]])
    axes.plot(x, y, marker="o", markersize=7, markerfacecolor="none", markeredgecolor=canvas.INK)
    return [f"ring: kept, {number(y, metric=curve.name)}"]
