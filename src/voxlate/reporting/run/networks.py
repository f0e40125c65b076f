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
    "convolution with a stride: halves the resolution": {"facecolor": "#fbe3c5", "edgecolor": "#b06a00", "hatch": "////"},
    "transposed convolution: doubles the resolution": {
        "facecolor": "#d3efe5",
        "edgecolor": canvas.GREEN,
        "hatch": "....",
    },
}
_HEIGHT_MM, _GAP, _LEAST = 40.0, 0.35, 0.75


@canvas.styled
def draw_networks(outlines: Mapping[str, Outline], *, name: str) -> Figure:
    """A row per network, from source to prediction.

    Args:
        outlines: From the name of a network to its outline.
        name: Of the recipe, for the heading.
    """
    plots = Plots(len(outlines), columns=1, height_mm=_HEIGHT_MM)
    widest = max(_right(outline) for outline in outlines.values())
    for axes, (title, outline) in zip(plots.axes, outlines.items(), strict=True):
        _draw(axes, outline, widest=widest)
        sample = " x ".join(map(str, outline.sample))
        plots.title(axes, f"{title[:1].upper()}{title[1:]}: {outline.parameters:,} parameters", f"a sample of {sample}")
    shown = {_look(layer) for outline in outlines.values() for layer in outline.layers}
    key = [Rectangle((0, 0), 1, 1, label=label, linewidth=0.8, **look) for label, look in _LOOKS.items() if label in shown]
    note = "Above a box: channels of its maps; n x: so many layers alike. In it: size of the kernel. Below: their side."
    joined = "Layers that see more channels than the one before them gives see an earlier layer's maps too."
    return plots.finish(heading=f"Networks of {name}", key=key, notes=[f"{note} {joined}"])


def _draw(axes: Axes, outline: Outline, *, widest: float) -> None:
    left, tallest = 0.0, max(layer.size[0] for layer in outline.layers)
    for layer in outline.layers:
        width, height = _width(layer), 0.16 + 0.84 * math.sqrt(layer.size[0] / tallest)
        look = _LOOKS[_look(layer)]
        axes.add_patch(Rectangle((left, (1 - height) / 2), width, height, linewidth=0.8, **look))
        above = f"{layer.times} x\n{layer.channels}" if layer.times > 1 else str(layer.channels)
        middle, small = left + width / 2, {"fontsize": canvas.SMALL, "ha": "center"}
        axes.text(middle, 1.04, above, va="bottom", **small)
        axes.text(middle, -0.04, str(layer.size[0]), va="top", color=canvas.MUTED, **small)
        kernel = layer.kind.partition("convolution ")[2].partition(",")[0].split(" x ")[0]
        ground: Style = {"bbox": {"facecolor": canvas.PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.4}}
        axes.text(middle, 0.5, kernel, va="center", **small, **ground)
        left += width + _GAP
    axes.set_xlim(-_GAP, widest)
    axes.set_ylim(-0.16, 1.32)
    axes.set_axis_off()


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
