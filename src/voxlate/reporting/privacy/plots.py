"""Nearness: how far images lie from their nearest training image, and what an attack on membership reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.errors import counted
from voxlate.evaluation.privacy.attack import Membership, roc_curve
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.plots import Plots, draw_points, handles_of

_ROWS = {
    "synthetic": ("Synthetic", canvas.VERMILION, "o"),
    "held-out": ("Real, held out", canvas.BLUE, "D"),
    "member": ("Real, training", canvas.GREY, "s"),
}
"""From a role to its name, colour and mark, from top to bottom."""
_ROW_MM = 15.0
_HALF = 0.36


@dataclass(frozen=True)
class Strip:
    """One space.

    Attributes:
        title: Its name.
        distances: From a role to relative distances to the nearest training image: 1 is the median of training images.
        threshold: The relative distance at and below which an image is held back.
        what: What a mark is.
    """

    title: str
    distances: Mapping[str, Sequence[float]]
    threshold: float
    what: str = "image"


@canvas.styled
def draw_nearness(strips: Sequence[Strip]) -> Figure:
    """A plot per space: a row per role, a mark per image, and the threshold.

    Args:
        strips: The spaces, from top to bottom.
    """
    rows = [role for role in _ROWS if any(len(strip.distances.get(role, ())) for strip in strips)]
    plots = Plots(len(strips), columns=1, height_mm=_ROW_MM * len(rows))
    for axes, strip in zip(plots.axes, strips, strict=True):
        _draw_strip(axes, strip, rows)
        plots.title(axes, strip.title, f"held back (shaded): up to {strip.threshold:.2f}; released: farther away")
    return plots.finish()


def _draw_strip(axes: Axes, strip: Strip, rows: Sequence[str]) -> None:
    end = 1.05 * max([1.2, *(value for values in strip.distances.values() for value in values)])
    axes.axvspan(0, strip.threshold, color="#f6ece4", zorder=0, linewidth=0)
    axes.axvline(strip.threshold, color=canvas.INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    for level, role in enumerate(rows):
        _, colour, mark = _ROWS[role]
        values = np.sort(np.asarray(strip.distances.get(role, ()), dtype=np.float64))
        heights = level + _beeswarm(values, width=end / 90)
        size = 4.2 if len(values) < 150 else 2.8
        draw_points(axes, values, heights, colour=colour, marker=mark, size=size, clip_on=False)
    axes.set_xlim(0, end)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    labels = [f"{_ROWS[role][0]}\n{counted(len(strip.distances.get(role, ())), strip.what)}" for role in rows]
    axes.set_yticks(range(len(rows)), labels=labels)
    axes.tick_params(axis="y", length=0)
    for border in np.arange(len(rows) - 1) + 0.5:
        axes.axhline(border, color=canvas.HAIRLINE, linewidth=0.5, zorder=0)
    axes.grid(visible=False)
    axes.set_xlabel(
        f"distance to the nearest training {strip.what}: 0 a copy, 1 as near as these are to each other (median)"
    )


def _beeswarm(values: NDArray[np.float64], *, width: float) -> NDArray[np.float64]:
    """Heights of sorted values so that marks nearer than a width stand above one another, within half a row."""
    levels = np.zeros(len(values), dtype=int)
    ends: list[float] = []
    for at, value in enumerate(values):
        free = next((level for level, end in enumerate(ends) if value - end >= width), len(ends))
        if free == len(ends):
            ends.append(float(value))
        ends[free] = float(value)
        levels[at] = free
    # Levels alternate about the middle: 0, +1, -1, +2, ...
    signed = np.where(levels % 2 == 1, (levels + 1) // 2, -(levels // 2))
    return np.asarray(signed * min(0.13, _HALF / max(1, np.abs(signed).max(initial=0))))


@dataclass(frozen=True, eq=False)
class Attack:
    """One space.

    Attributes:
        title: Its name.
        members: Scores of training images.
        others: Scores of held-out images.
        found: What the attack reached.
    """

    title: str
    members: NDArray[np.float64]
    others: NDArray[np.float64]
    found: Membership


@canvas.styled
def draw_attacks(attacks: Sequence[Attack]) -> Figure:
    """The ROC curve of membership inference in each space, beside chance."""
    plots = Plots(1, width_mm=100.0, height_mm=None)
    [axes] = plots.axes
    axes.plot([0, 1], [0, 1], color=canvas.GREY, linewidth=0.9, linestyle=(0, (1, 1.4)), label="chance: 0.5")
    for attack, (colour, _, dash) in zip(attacks, (canvas.SERIES[2], canvas.SERIES[1], canvas.SERIES[3]), strict=False):
        false, true = roc_curve(attack.members, attack.others)
        low, high = attack.found.interval
        label = f"{attack.title}: {attack.found.auc:.2f} ({low:.2f} to {high:.2f})"
        axes.plot(false, true, color=colour, linestyle=dash, linewidth=1.5, label=label)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_xlabel("share of held-out images taken for members")
    axes.set_ylabel("share of members found")
    plots.title(axes, "Who was a member?", "ROC curves, with the area under each (95 % interval)")
    return plots.finish(key=handles_of(axes))
