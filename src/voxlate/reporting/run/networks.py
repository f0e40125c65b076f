"""The networks of a recipe, drawn: a box per layer, as high as its maps and as wide as their number.

Figure 1 of Genc et al. 2022, with the sizes and the parameters written to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from voxlate.methods.outline import Outline, OutlinedLayer
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.plots import Plots

_LOOKS: dict[str, Style] = {
    "convolution": {"facecolor": "#d6e6f2", "edgecolor": canvas.BLUE},
    "convolution with a stride: halves the resolution": {
        "facecolor": "#fbe3c5",
        "edgecolor": "#b06a00",
        "hatch": "////",
    },
    "transposed convolution: doubles the resolution": {
        "facecolor": "#d3efe5",
        "edgecolor": canvas.GREEN,
        "hatch": "....",
    },
}
_HEIGHT_MM, _GAP, _LEAST, _TOP = 40.0, 0.35, 0.75, 1.32


@canvas.styled
def draw_networks(outlines: Mapping[str, Outline], *, name: str) -> Figure:
    """A row per network, from source to prediction.

    Args:
        outlines: From the name of a network to its outline.
        name: Of the recipe, for the heading.
    """
    levels = [_levels(_joins(outline)) for outline in outlines.values()]
    deepest = max(level for each in levels for level in (-1, *each.values()))
    low = -0.29 - 0.09 * deepest
    plots = Plots(len(outlines), columns=1, height_mm=_HEIGHT_MM * (_TOP - low) / _TOP)  # letters keep their distances
    widest = max(_right(outline) for outline in outlines.values())
    for axes, (title, outline), joined in zip(plots.axes, outlines.items(), levels, strict=True):
        _draw(axes, outline, joined)
        axes.set_xlim(-_GAP, widest)
        axes.set_ylim(low, _TOP)
        sample = " x ".join(map(str, outline.sample))
        plots.title(axes, f"{title[:1].upper()}{title[1:]}: {outline.parameters:,} parameters", f"a sample of {sample}")
    shown = {_look(layer) for outline in outlines.values() for layer in outline.layers}
    key = [
        Rectangle((0, 0), 1, 1, label=label, linewidth=0.8, **look) for label, look in _LOOKS.items() if label in shown
    ]
    note = (
        "Above a box: channels of its maps; n x: so many layers alike. In it: size of the kernel, and its dilation. "
        "Below: side of the maps. A filled arrow: an earlier layer's maps go in, too; an empty one: they alone."
    )
    return plots.finish(heading=f"Networks of {name}", key=key, notes=[note])


def _draw(axes: Axes, outline: Outline, levels: Mapping[tuple[int, int], int]) -> None:
    left, middles, side = 0.0, [], outline.sample[0]
    for layer in outline.layers:
        width, height = _width(layer), 0.16 + 0.84 * math.sqrt(layer.size[0] / side)
        axes.add_patch(Rectangle((left, (1 - height) / 2), width, height, linewidth=0.8, **_LOOKS[_look(layer)]))
        middles.append(left + width / 2)
        _write(axes, layer, middles[-1])
        left += width + _GAP
    for (start, end), level in levels.items():
        low, alone = -0.24 - 0.09 * level, end - 1 not in outline.layers[end].sees
        line = [(middles[start], -0.17), (middles[start], low), (middles[end], low), (middles[end], -0.17)]
        axes.plot(*zip(*line, strict=True), color=canvas.MUTED, linewidth=0.8)
        head = canvas.PAPER if alone else canvas.MUTED
        axes.plot(middles[end], -0.17, marker="^", markersize=3.5, color=canvas.MUTED, markerfacecolor=head)
    axes.set_axis_off()


def _write(axes: Axes, layer: OutlinedLayer, middle: float) -> None:
    """Channels above, side below, size and dilation of the kernel inside."""
    above = f"{layer.times} x\n{layer.channels}" if layer.times > 1 else str(layer.channels)
    small: Style = {"fontsize": canvas.SMALL, "ha": "center"}
    ground: Style = {"bbox": {"facecolor": canvas.PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.4}}
    kernel = layer.kind.partition("convolution ")[2].partition(",")[0].split(" x ")[0]
    dilation = layer.kind.partition("dilation ")[2]
    axes.text(middle, 1.04, above, va="bottom", **small)
    axes.text(middle, -0.04, str(layer.size[0]), va="top", color=canvas.MUTED, **small)
    axes.text(middle, 0.5, f"{kernel}\nof {dilation}" if dilation else kernel, va="center", **small, **ground)


def _joins(outline: Outline) -> list[tuple[int, int]]:
    """Pairs of layers of which the second sees the first's maps, and does not merely follow it."""
    return [(start, end) for end, layer in enumerate(outline.layers) for start in layer.sees if start < end - 1]


def _levels(joins: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """How far down each pair's line runs: short ones first, and side by side where they do not overlap."""
    found: dict[tuple[int, int], int] = {}
    for start, end in sorted(joins, key=lambda pair: (pair[1] - pair[0], pair)):
        taken = {level for (other, last), level in found.items() if other < end and start < last}
        found[start, end] = next(level for level in range(len(joins)) if level not in taken)
    return found


def _right(outline: Outline) -> float:
    return sum(_width(layer) + _GAP for layer in outline.layers)


def _width(layer: OutlinedLayer) -> float:
    """By the number of channels, with room for a number."""
    return _LEAST + 0.06 * math.sqrt(layer.channels) + 0.25 * math.log2(layer.times)


def _look(layer: OutlinedLayer) -> str:
    plain, halving, doubling = _LOOKS
    if layer.kind.startswith("transposed"):
        return doubling
    return halving if "stride" in layer.kind else plain
