"""Figures of sets of images: their features in two dimensions, and distances as bars beside the floor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from voxlate.evaluation.sets.distances import FLOOR, SYNTHETIC, Sample
from voxlate.evaluation.sets.verdict import SetRow
from voxlate.evaluation.words import number
from voxlate.metrics import metrics_of
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.plots import Plots, handles_of
from voxlate.volume import Array

_MOST_POINTS = 600
_LOOKS: dict[str, Style] = {
    FLOOR: {"color": canvas.GREY, "hatch": "////", "edgecolor": canvas.PAPER, "linewidth": 0},
    SYNTHETIC: {"color": canvas.VERMILION},
}


@canvas.styled
def draw_features(synthetic: Mapping[str, Sample], real: Mapping[str, Sample], *, target: str, features: str) -> Figure:
    """One plot per view: every slice or volume by the first two principal components of the real features.

    Args:
        synthetic: By view.
        real: By view.
        target: What the images show, for the legend.
        features: Name of the network.
    """
    views = [view for view in synthetic if view in real]
    plots = Plots(len(views), width_mm=canvas.PAGE_WIDTH_MM if len(views) > 1 else 110.0)
    for axes, view in zip(plots.axes, views, strict=True):
        shares = _scatter(axes, synthetic[view].rows, real[view].rows, target=target)
        plots.title(axes, f"{view[:1].upper()}{view[1:]}")
        axes.set_xlabel(f"first component ({100 * shares[0]:.0f} % of real variance)", fontsize=canvas.SMALL)
        axes.set_ylabel(f"second ({100 * shares[1]:.0f} %)", fontsize=canvas.SMALL, labelpad=1)
    note = f"Features by {features}. At most {_MOST_POINTS} slices or volumes of each set are drawn."
    return plots.finish(key=handles_of(plots.axes[0]), notes=[note])


@canvas.styled
def draw_distances(rows: Sequence[SetRow], *, features: str) -> Figure:
    """One plot per metric: a pair of bars per view, the floor and the synthetic set.

    Args:
        rows: As ``voxlate.evaluation.sets.verdict.summarise_sets`` gives them.
        features: Name of the network.
    """
    views = list(dict.fromkeys(row.region for row in rows))
    values = {(row.region, row.method, row.metric): row for row in rows}
    plots = Plots(len(metrics_of("set")), height_mm=36.0)
    for axes, (name, metric) in zip(plots.axes, metrics_of("set").items(), strict=True):
        axes.axhline(0, color=canvas.MUTED, linewidth=0.6)
        for side, method in enumerate((FLOOR, SYNTHETIC)):
            found = [values[view, method, name] for view in views]
            _bars(axes, found, np.arange(len(views)) + (side - 0.5) * 0.4, method=method)
        plots.name_places(axes, views)
        plots.title(axes, metric.title.replace(" of the set", ""), f"{metric.better} is better")
        axes.margins(y=0.12)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}".replace("-", "\N{MINUS SIGN}", 1)))
        if metric.better == "higher":
            axes.set_ylim(0, 1.08)
        if all(math.isnan(values[view, method, name].value) for view in views for method in _LOOKS):
            _empty(axes)
    note = f"Features by {features}. Lines on KID are standard deviations over subsets."
    return plots.finish(key=handles_of(plots.axes[0]), notes=[note])


def _principal_components(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first two principal axes ``(2, c)`` of features ``(n, c)``, and their shares of the variance ``(2,)``.

    Signs are fixed: the entry of the largest size is positive. Axes that do not exist are 0.
    """
    centred = rows - rows.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    powers = np.zeros(max(2, len(sizes)))
    powers[: len(sizes)] = sizes**2
    kept = np.zeros((2, rows.shape[1]))
    kept[: min(2, len(axes))] = axes[:2]
    signs = np.sign(kept[np.arange(2), np.abs(kept).argmax(axis=1)])
    return kept * np.where(signs == 0, 1, signs)[:, None], powers[:2] / max(powers.sum(), 1e-300)


def _scatter(
    axes: Axes, synthetic: NDArray[np.float64], real: NDArray[np.float64], *, target: str
) -> NDArray[np.float64]:
    directions, shares = _principal_components(real)
    centre = real.mean(axis=0)
    for rows, colour, marker, name in (
        (real, canvas.BLUE, "s", f"real {target}"),
        (synthetic, canvas.VERMILION, "o", f"synthetic {target}"),
    ):
        kept = rows[:: -(-len(rows) // _MOST_POINTS)]
        x, y = directions @ (kept - centre).T
        axes.scatter(x, y, s=9, marker=marker, facecolors="none", edgecolors=colour, linewidths=0.7, label=name)
    return shares


def _bars(axes: Axes, rows: Sequence[SetRow], places: Array, *, method: str) -> None:
    heights = [0.0 if math.isnan(row.value) else row.value for row in rows]
    spreads = [row.sd or 0.0 for row in rows]
    axes.bar(places, heights, width=0.38, label=method, **_LOOKS[method])
    for place, height, spread, row in zip(places, heights, spreads, rows, strict=True):
        if spread:
            axes.plot([place, place], [height - spread, height + spread], color=canvas.INK, linewidth=0.8)
        if math.isnan(row.value):
            style: Style = {"ha": "center", "va": "bottom", "rotation": 90, "color": canvas.MUTED}
            axes.text(place, 0, f" {number(None)}", fontsize=canvas.SMALL, **style)


def _empty(axes: Axes) -> None:
    """No scale where nothing is shown."""
    for text in [text for text in axes.texts if text.get_rotation()]:
        text.remove()
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    style: Style = {"ha": "center", "va": "center", "color": canvas.MUTED, "fontsize": canvas.SMALL}
    axes.text(0.5, 0.5, "not available:\ntoo few samples", transform=axes.transAxes, **style)
