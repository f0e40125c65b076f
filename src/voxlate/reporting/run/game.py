"""The adversarial game over time: losses and accuracies of both networks (Habijan & Galic 2022, Figures 2 and 3).

A game in balance keeps the discriminator a little better than chance. If its accuracies go to 1 and stay, the generator
learns nothing from it; if both stay at one half, neither does the discriminator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxlate.errors import UsageError
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.plots import Plots, count_along
from voxlate.reporting.run.curves import Curve, read_curves, smooth
from voxlate.training.loop.journal import Entry

_LOSSES = {"discriminator": "discriminator", "adversarial": "generator, adversarial term"}
_SHARES = {
    "accuracy_real": "real patches called real",
    "accuracy_fake": "predicted patches called predicted",
    "fooled": "predicted patches called real, generator's step",
}
_COIN = math.log(2)


def has_game(rows: Sequence[Entry]) -> bool:
    """Whether a run's log is one of an adversarial pair."""
    return any("discriminator" in row.numbers for row in rows)


@canvas.styled
def draw_game(rows: Sequence[Entry], *, objective: str = "vanilla") -> Figure:
    """Adversarial losses of both networks on the left, the discriminator's accuracies on the right.

    Args:
        rows: The log of a run, in order.
        objective: The game; the loss of a discriminator that tosses a coin is marked for ``vanilla``.

    Raises:
        UsageError: If the log is not one of an adversarial pair.
    """
    if not has_game(rows):
        raise UsageError("the log of an adversarial pair", came="another one", remedy="Draw its curves instead.")
    curves = {curve.name: curve for curve in read_curves(rows)[0]}
    plots = Plots(2, height_mm=42.0)
    left, right = plots.axes
    _draw(left, curves, _LOSSES)
    plots.title(left, "Adversarial loss", _coin(left, objective))
    _draw(right, curves, _SHARES)
    right.axhline(0.5, color=canvas.MUTED, linewidth=0.6)
    right.set_ylim(-0.02, 1.02)
    plots.title(right, "Discriminator's accuracy", "patches that see the foreground; line: chance")
    for axes in plots.axes:
        axes.set_xlabel("step (running means)")
        count_along(axes)
        plots.key(axes)
    return plots.finish()


def _coin(axes: Axes, objective: str) -> str:
    if objective != "vanilla":
        return "each network lowers its own"
    axes.axhline(_COIN, color=canvas.MUTED, linewidth=0.6)
    return "line: ln 2, a discriminator that tosses a coin"


def _draw(axes: Axes, curves: Mapping[str, Curve], names: Mapping[str, str]) -> None:
    for (name, words), place in zip(names.items(), (1, 2, 4), strict=False):
        if name in curves:
            curve, (colour, _, dash) = curves[name], canvas.SERIES[place]
            values = smooth(curve.values, width=max(1, curve.values.size // 50))
            axes.plot(curve.steps, curve.values, color=colour, linewidth=0.3, alpha=0.15)
            axes.plot(curve.steps, values, color=colour, linewidth=1.2, linestyle=dash, label=words)
