"""Overlays: what a segmentation found beside what is truly there, on the image in greys.

What is found and true (hit), true but not found (missed) and found but not true (invented) have a colour each, of those
that colour-blind readers tell apart, and a pattern each, so that nothing depends on colour alone. A solid line encloses
what is true, a dashed line what is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from voxlate.reporting.drawing import canvas, tiles

Picture = NDArray[Any]
OPACITY = 0.55


@dataclass(frozen=True)
class Mark:
    """How one of the three outcomes is drawn.

    Attributes:
        title: What it is called.
        colour: Of the area.
        hatch: Its pattern, in matplotlib's letters; empty for a plain area.
    """

    title: str
    colour: str
    hatch: str


HIT = Mark("hit", canvas.GREEN, "")
MISSED = Mark("missed", canvas.BLUE, "/" * 6)
INVENTED = Mark("invented", canvas.VERMILION, "." * 4)
TRUE_LINE, FOUND_LINE = "#ffffff", "#f0e442"


def draw_overlay(
    axes: Axes,
    picture: Picture,
    *,
    found: Picture,
    true: Picture,
    window: tiles.Window,
    size_mm: tuple[float, float],
) -> None:
    """A slice in greys with hits, misses and inventions coloured, and both outlines.

    Args:
        axes: Where it is drawn.
        picture: ``(rows, columns)``, the image that was segmented, as ``voxlate.reporting.drawing.views.cut`` gives it.
        found: The same shape; what is not 0 was found.
        true: The same shape; what is not 0 is true.
        window: The values that are black and white.
        size_mm: Width and height of the slice.
    """
    tiles.draw_grey(axes, picture, window=window, size_mm=size_mm)
    inside, real = np.asarray(found) != 0, np.asarray(true) != 0
    for mark, area in ((HIT, inside & real), (MISSED, real & ~inside), (INVENTED, inside & ~real)):
        _fill(axes, area, mark, size_mm=size_mm)
    _line(axes, real, size_mm=size_mm, colour=TRUE_LINE, dashed=False)
    _line(axes, inside, size_mm=size_mm, colour=FOUND_LINE, dashed=True)


def overlay_key(figure: Figure, left: float, top: float, *, width: float, height: float = 4.0) -> None:
    """The legend of overlays in one row, at a place in mm from the figure's top left corner.

    Args:
        figure: Where it is drawn.
        left: Of the row, in mm.
        top: Of the row, in mm.
        width: Of the row, in mm.
        height: Of the row, in mm.
    """
    axes = tiles.place(figure, left, top, width=width, height=height)
    areas = [
        Patch(facecolor=mark.colour, hatch=mark.hatch, edgecolor=canvas.PAPER, linewidth=0, label=mark.title)
        for mark in (HIT, MISSED, INVENTED)
    ]
    halo = [withStroke(linewidth=2.4, foreground="#000000")]
    lines = [
        Line2D([], [], color=TRUE_LINE, linewidth=0.9, path_effects=halo, label="outline of what is true"),
        Line2D([], [], color=FOUND_LINE, linewidth=0.9, linestyle="--", path_effects=halo, label="of what was found"),
    ]
    axes.legend(
        handles=[*areas, *lines], loc="center left", ncols=5, fontsize=canvas.SMALL, borderpad=0, borderaxespad=0
    )


def _edges(shape: tuple[int, ...], size_mm: tuple[float, float]) -> tuple[Picture, Picture]:
    """Coordinates in mm of the voxel centres of a slice with one voxel around it."""
    rows, columns = shape
    x = (np.arange(-1, columns + 1) + 0.5) * size_mm[0] / columns
    y = (rows - np.arange(-1, rows + 1) - 0.5) * size_mm[1] / rows
    return x, y


def _fill(axes: Axes, area: Picture, mark: Mark, *, size_mm: tuple[float, float]) -> None:
    """The voxels of an area in its colour, and its pattern over them."""
    if not area.any():
        return
    limits = axes.get_xlim(), axes.get_ylim()
    colour = np.zeros((*area.shape, 4))
    colour[area] = (*(int(mark.colour[place : place + 2], 16) / 255 for place in (1, 3, 5)), OPACITY)
    axes.imshow(colour, extent=(0, size_mm[0], 0, size_mm[1]), aspect="auto", interpolation="nearest")
    if mark.hatch:
        x, y = _edges(area.shape, size_mm)
        drawn = axes.contourf(
            x, y, np.pad(area, 1).astype(float), levels=[0.5, 1.5], colors="none", hatches=[mark.hatch]
        )
        drawn.set_edgecolor(canvas.PAPER)
        drawn.set_linewidth(0.0)
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])


def _line(axes: Axes, region: Picture, *, size_mm: tuple[float, float], colour: str, dashed: bool) -> None:
    """The border of a region, solid or dashed, on a dark halo."""
    if not region.any():
        return
    limits = axes.get_xlim(), axes.get_ylim()
    x, y = _edges(region.shape, size_mm)
    inside = np.pad(region, 1).astype(float)
    style = (0, (3, 2)) if dashed else "solid"
    drawn = axes.contour(x, y, inside, levels=[0.5], colors=colour, linewidths=0.7, linestyles=[style])
    drawn.set_path_effects([withStroke(linewidth=1.3, foreground="#000000")])
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])
