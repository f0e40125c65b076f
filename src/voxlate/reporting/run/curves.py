"""Training curves: the loss of every step, and the validation metrics beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.evaluation.words import direction, metric_title, number
from voxlate.reporting.drawing import canvas

BOOKKEEPING = frozenset({"step", "learning_rate", "data_s", "step_s", "gradient_norm", "validation"})
GAME = frozenset({"discriminator", "adversarial", "accuracy_real", "accuracy_fake", "fooled", "penalty"})
"""What an adversarial pair logs beside the generator's loss and its terms; ``reporting.game`` draws it."""
SHOWN = ("mae", "psnr", "ssim")
IN_THE_TARGETS_UNIT = frozenset({"mae", "rmse"})


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


def read_curves(rows: Iterable[Mapping[str, Any]]) -> tuple[list[Curve], list[Curve]]:
    """The training losses and the validation metrics of a run's log (``log.jsonl``, one mapping per line).

    A row with ``validation`` holds metrics; in every other row, all numbers but the bookkeeping are losses.
    """
    losses: dict[str, list[tuple[float, float]]] = {}
    metrics: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        validation = row.get("validation")
        kind, values = (metrics, validation) if isinstance(validation, Mapping) else (losses, row)
        for name, value in values.items():
            if name not in BOOKKEEPING and isinstance(value, int | float) and math.isfinite(value):
                kind.setdefault(name, []).append((float(row["step"]), float(value)))
    return [_curve(*item) for item in losses.items()], [_curve(*item) for item in metrics.items()]


def _curve(name: str, points: list[tuple[float, float]]) -> Curve:
    steps, values = np.array(points, dtype=np.float64).T
    return Curve(name, steps, values)


def smooth(values: NDArray[np.float64], *, width: int) -> NDArray[np.float64]:
    """Centred running mean over ``width`` values, over fewer at the ends."""
    kernel = np.ones(min(max(width, 1), values.size))
    return np.asarray(np.convolve(values, kernel, "same") / np.convolve(np.ones(values.size), kernel, "same"))


@canvas.styled
def draw_curves(rows: Sequence[Mapping[str, Any]], *, best_step: int | None = None, unit: str = "") -> Figure:
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
        losses = [curve for curve in losses if curve.name not in GAME | {"loss"}]
    # Three have room: one per kind of question, where the log has them.
    metrics = sorted(metrics, key=lambda curve: curve.name not in SHOWN)[: len(SHOWN)]
    if not losses and not metrics:
        raise UsageError("a log with at least one step", came="an empty one", remedy="Train for a step first.")
    figure = canvas.new_figure(height_mm=66.0)
    columns = int(bool(losses)) + len(metrics)
    axes = list(np.ravel(figure.subplots(1, columns, squeeze=False, width_ratios=_ratios(losses, columns))))
    if losses:
        _draw_losses(axes.pop(0), losses)
    for place, curve in zip(axes, metrics, strict=False):
        _draw_metric(place, curve, best_step=best_step, unit=unit)
    figure.subplots_adjust(left=0.065, right=0.99, bottom=0.17, top=0.8, wspace=0.3)
    return figure


def _ratios(losses: list[Curve], columns: int) -> list[float]:
    return [1.5, *[1.0] * (columns - 1)] if losses else [1.0] * columns


def _draw_losses(axes: Axes, losses: list[Curve]) -> None:
    for curve, (colour, _, dash) in zip(_total_first(losses), _line_styles(), strict=False):
        width = max(1, curve.values.size // 50)
        if curve.name in {"loss", "generator"}:
            axes.plot(curve.steps, curve.values, color=colour, linewidth=0.4, alpha=0.3)
        axes.plot(curve.steps, smooth(curve.values, width=width), color=colour, linewidth=1.2, linestyle=dash)
        axes.plot([], [], color=colour, linewidth=1.2, linestyle=dash, label=canvas.legible(curve.name, longest=24))
    _log_if_wide(axes, losses)
    _finish(axes, title="Training loss", below=f"{direction('loss')}; lines: running means")
    axes.legend(loc="upper right", handlelength=3.2)


def _total_first(losses: list[Curve]) -> list[Curve]:
    return sorted(losses, key=lambda curve: curve.name not in {"loss", "generator"})[: len(canvas.SERIES)]


def _line_styles() -> list[Any]:
    return [canvas.SERIES[2], canvas.SERIES[1], canvas.SERIES[3], canvas.SERIES[4], canvas.SERIES[0]]


def _log_if_wide(axes: Axes, curves: Sequence[Curve]) -> None:
    """A logarithmic axis where values are positive and the largest smoothed one is five times the smallest."""
    smoothed = np.concatenate([smooth(curve.values, width=max(1, curve.values.size // 50)) for curve in curves])
    if smoothed.min() <= 0 or smoothed.max() / smoothed.min() < 5:
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_metric(axes: Axes, curve: Curve, *, best_step: int | None, unit: str) -> None:
    axes.plot(curve.steps, curve.values, color=canvas.BLUE, linewidth=1.1, marker="D", markersize=2.2)
    ring = ""
    at = np.flatnonzero(curve.steps == best_step)
    if at.size:
        x, y = curve.steps[at[-1]], curve.values[at[-1]]
        axes.plot(x, y, marker="o", markersize=7, markerfacecolor="none", markeredgecolor=canvas.VERMILION)
        ring = f" (ring: kept, {number(y, metric=curve.name)})"
    axes.margins(x=0.06, y=0.12)
    has_unit = unit if curve.name in IN_THE_TARGETS_UNIT else ""
    _finish(axes, title=f"Validation {metric_title(curve.name, unit=has_unit)}", below=direction(curve.name), ring=ring)


def _finish(axes: Axes, *, title: str, below: str, ring: str = "") -> None:
    axes.set_title(f"{title}\n", loc="left")
    axes.text(0, 1.03, below, transform=axes.transAxes, color=canvas.MUTED, fontsize=canvas.SMALL + 0.5)
    axes.set_xlabel(f"step{ring}")
    axes.grid(visible=True, which="major")
