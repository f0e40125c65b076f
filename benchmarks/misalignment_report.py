"""What misaligned training pairs cost, loss by loss: errors on aligned cases against the shift of the training pairs.

The error alone tells which network to use; the error divided by the one of the same loss and seed after training on
aligned pairs tells how much of its accuracy a loss keeps. Both are needed: a loss that is poor throughout keeps it all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxlate.errors import UsageError
from voxlate.evaluation.words import direction, in_order, method_title, metric_title, number, short_title
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.plots import Plots, handles_of
from voxlate.roles import BASELINES

Errors = Mapping[str, Mapping[float, Sequence[float]]]
"""From a loss, or a baseline, to the shift of its training pairs in voxels, to each seed's MAE on aligned cases."""


def kept(errors: Errors) -> dict[str, dict[float, list[float]]]:
    """Every error divided by that of the same loss and seed without shift.

    Raises:
        UsageError: If a loss has no errors without shift, or not the same seeds at every shift.

    Example:
        >>> kept({"l1": {0: [20.0], 4: [30.0]}})
        {'l1': {0: [1.0], 4: [1.5]}}
    """
    ratios: dict[str, dict[float, list[float]]] = {}
    for loss, table in errors.items():
        aligned = table.get(0, ())
        if not aligned or any(len(values) != len(aligned) for values in table.values()):
            raise UsageError(
                "errors without shift, and as many at every shift",
                came=str({shift: len(values) for shift, values in table.items()}),
                where=loss,
                remedy="Train every loss with every shift, 0 among them, and every seed.",
            )
        ratios[loss] = {
            shift: [value / own for value, own in zip(values, aligned, strict=True)] for shift, values in table.items()
        }
    return ratios


def misalignment_table(errors: Errors, *, unit: str = "") -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Column names and rows, baselines first: of each shift the mean error, and in brackets what it is of its own.

    Args:
        errors: What was measured.
        unit: Unit of the errors.
    """
    ratios = kept(errors)
    shifts = sorted({shift for table in errors.values() for shift in table})
    rows = []
    for loss in in_order(errors):
        pairs = [(errors[loss].get(shift, ()), ratios[loss].get(shift, ())) for shift in shifts]
        rows.append((short_title(loss), *(_cell(values, of_own) for values, of_own in pairs)))
    title = metric_title("mae", unit=unit)
    return (f"{title}, {direction('mae')}", *(f"shift {shift:g}" for shift in shifts)), rows


def say_misalignment(errors: Errors, *, unit: str = "") -> str:
    """Which loss has the lowest error at the largest shift and which keeps most, in a sentence.

    Raises:
        UsageError: As ``kept``, or if no loss has a shift.
    """
    losses = {loss: table for loss, table in errors.items() if loss not in BASELINES}
    shift = max((shift for table in losses.values() for shift in table), default=0)
    if not shift:
        raise UsageError("errors of losses with a shift", came="none", remedy="Train with a shift above 0.")
    ratios = kept({loss: table for loss, table in losses.items() if shift in table})
    means = {loss: (_mean(losses[loss][shift]), _mean(table[shift])) for loss, table in ratios.items()}
    best, most = (min(means, key=lambda loss: means[loss][place]) for place in (0, 1))
    said = {loss: f"{_with_unit(error, unit)}, {ratio:.2f} times its own" for loss, (error, ratio) in means.items()}
    lookup = errors.get("lookup", {}).get(shift)
    seeds = len(losses[best][shift])
    return (
        f"Trained on pairs {shift:g} voxels apart, {best} has the lowest error on aligned cases ({said[best]}) "
        + (
            "and keeps most of its accuracy"
            if most == best
            else f"and {most} keeps most of its accuracy ({said[most]})"
        )
        + (f"; intensity lookup has {_with_unit(_mean(lookup), unit)}" if lookup else "")
        + f". {seeds} seed{'s' if seeds > 1 else ''}, no test."
    )


def _with_unit(value: float, unit: str) -> str:
    return f"{number(value)} {unit}".rstrip()


@canvas.styled
def draw_misalignment(errors: Errors, *, unit: str = "", cases: int | None = None) -> Figure:
    """Errors on the left and errors relative to those without shift on the right, a line per loss, a dot per seed.

    Args:
        errors: What was measured.
        unit: Unit of the errors.
        cases: How many aligned cases each error is the mean of.

    Raises:
        UsageError: As ``kept``.
    """
    ratios = kept(errors)
    plots = Plots(2, height_mm=50.0)
    left, right = plots.axes
    for place, loss in enumerate(in_order(errors)):
        look = _look(place if loss in BASELINES else place + 1 - sum(name in errors for name in BASELINES))
        for axes, table in ((left, errors[loss]), (right, ratios[loss])):
            _line(axes, table, look, method_title(loss))
    right.axhline(1.0, color=canvas.MUTED, linewidth=0.6, zorder=0)
    left.set_ylabel(metric_title("mae", unit=unit))
    right.set_ylabel("MAE divided by its own at shift 0")
    over = f"{cases} aligned held-out case{'s' if cases != 1 else ''}, " if cases else ""
    plots.title(left, "Error on aligned cases", f"{over}{direction('mae')}")
    plots.title(right, "Relative to training on aligned pairs", f"{direction('mae')}; line: nothing lost")
    for axes in plots.axes:
        axes.set_xlabel("shift of the training pairs (voxels)")
        axes.set_xticks(sorted({shift for table in errors.values() for shift in table}))
    left.set_ylim(bottom=0)
    return plots.finish(key=handles_of(right))


def _line(axes: Axes, table: Mapping[float, Sequence[float]], look: Style, label: str) -> None:
    shifts = sorted(table)
    axes.plot(shifts, [_mean(table[shift]) for shift in shifts], linewidth=1.2, markersize=4.0, label=label, **look)
    for shift in shifts:
        if len(table[shift]) > 1:
            axes.plot([shift] * len(table[shift]), table[shift], ".", color=look["color"], markersize=2.0, alpha=0.6)


def _look(place: int) -> Style:
    """Colour, marker and dash of a line: grey for baselines; from the fifth loss on, markers are hollow."""
    again, own = divmod(place - 1, len(canvas.SERIES) - 1) if place else (0, -1)
    colour, marker, dash = canvas.SERIES[own + 1]
    return {"color": colour, "marker": marker, "linestyle": dash, "markerfacecolor": canvas.PAPER if again else colour}


def _cell(values: Sequence[float], of_own: Sequence[float]) -> str:
    if not values:
        return number(None)
    return f"{number(_mean(values))} ({_mean(of_own):.2f})"


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
