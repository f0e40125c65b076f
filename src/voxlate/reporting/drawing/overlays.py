"""Overlays: what a segmentation found beside what is truly there, on the image in greys.

What is found and true (hit), true but not found (missed) and found but not true (invented) have a colour each, of those
that colour-blind readers tell apart, and a pattern each, so that nothing depends on colour alone. A solid line encloses
what is true, a dashed line what is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.canvas import Style
from voxlate.volume import Array

Picture = Array
_OPACITY = 0.55
_CLASSES = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")
"""Of up to eight classes; of more, colours are taken from a map."""


@dataclass(frozen=True)
class _Mark:
    """How one of the three outcomes is drawn.

    Attributes:
        title: What it is called.
        colour: Of the area.
        hatch: Its pattern, in matplotlib's letters; empty for a plain area.
    """

    title: str
    colour: str
    hatch: str


_HIT = _Mark("hit", canvas.GREEN, "")
_MISSED = _Mark("missed", canvas.BLUE, "/" * 6)
_INVENTED = _Mark("invented", canvas.VERMILION, "." * 4)
_TRUE_LINE, _FOUND_LINE = "#ffffff", "#f0e442"


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
        picture: ``(rows, columns)``, the image that was segmented, as ``Cut.of`` gives it.
        found: The same shape; what is not 0 was found.
        true: The same shape; what is not 0 is true.
        window: The values that are black and white.
        size_mm: Width and height of the slice.
    """
    tiles.draw_grey(axes, picture, window=window, size_mm=size_mm)
    inside, real = np.asarray(found) != 0, np.asarray(true) != 0
    for mark, area in zip((_HIT, _MISSED, _INVENTED), outcome_areas(inside, real).values(), strict=True):
        _fill(axes, area, mark, size_mm=size_mm)
    lines: Style = {"size_mm": size_mm, "halo": "#000000", "linewidths": 0.7}
    tiles.outline(axes, real, colour=_TRUE_LINE, **lines)
    tiles.outline(axes, inside, colour=_FOUND_LINE, linestyles=[(0, (3, 2))], **lines)


def class_colours(count: int) -> list[str]:
    """So many colours: those of Okabe and Ito, and for more than eight a map's, equally far apart."""
    if count <= len(_CLASSES):
        return list(_CLASSES[:count])
    return [to_hex(mpl.colormaps["turbo"](place)) for place in np.linspace(0.05, 0.95, count)]


def paint_labels(picture: Picture, values: Array) -> Picture:
    """A slice of a label map in colours: black where it is 0, and one for each value that the whole map has.

    Args:
        picture: ``(rows, columns)``.
        values: Of the whole map, ascending; 0 may be among them.

    Returns:
        ``(rows, columns, 3)``, 0 to 1.
    """
    labels = values[values != 0]
    colours = np.array([to_rgb("#000000"), *map(to_rgb, class_colours(len(labels)))])
    return colours[np.where(picture == 0, 0, np.searchsorted(labels, picture) + 1)]


def draw_painted(
    axes: Axes,
    picture: Picture,
    *,
    areas: Mapping[str, Picture],
    window: tiles.Window,
    size_mm: tuple[float, float],
) -> None:
    """A slice in greys with areas in colours over it.

    Args:
        axes: Where it is drawn.
        picture: ``(rows, columns)``, as ``Cut.of`` gives it.
        areas: From a colour to the area that has it, of the same shape; later ones lie above earlier ones.
        window: The values that are black and white.
        size_mm: Width and height of the slice.
    """
    tiles.draw_grey(axes, picture, window=window, size_mm=size_mm)
    for colour, area in areas.items():
        _fill(axes, np.asarray(area) != 0, _Mark("", colour, ""), size_mm=size_mm)


def class_key(colours: Mapping[str, str]) -> list[Patch]:
    """Handles of a legend: from the name of a class to its colour."""
    return [
        Patch(facecolor=colour, edgecolor=canvas.INK, linewidth=0.3, label=name) for name, colour in colours.items()
    ]


def outcome_areas(found: Picture, true: Picture) -> dict[str, Picture]:
    """From the colours of hit, missed and invented to where they are.

    Args:
        found: What is not 0 was found.
        true: The same shape; what is not 0 is true.
    """
    inside, real = np.asarray(found) != 0, np.asarray(true) != 0
    return {_HIT.colour: inside & real, _MISSED.colour: real & ~inside, _INVENTED.colour: inside & ~real}


OUTCOMES = {mark.title: mark.colour for mark in (_HIT, _MISSED, _INVENTED)}
"""From an outcome to its colour."""


def overlay_key(axes: Axes) -> None:
    """The legend of overlays in one row."""
    areas = [
        Patch(facecolor=mark.colour, hatch=mark.hatch, edgecolor=canvas.PAPER, linewidth=0, label=mark.title)
        for mark in (_HIT, _MISSED, _INVENTED)
    ]
    halo = [withStroke(linewidth=2.4, foreground="#000000")]
    lines = [
        Line2D([], [], color=_TRUE_LINE, linewidth=0.9, path_effects=halo, label="outline of what is true"),
        Line2D([], [], color=_FOUND_LINE, linewidth=0.9, linestyle="--", path_effects=halo, label="of what was found"),
    ]
    axes.legend(
        handles=[*areas, *lines], loc="center left", ncols=5, fontsize=canvas.SMALL, borderpad=0, borderaxespad=0
    )


def _fill(axes: Axes, area: Picture, mark: _Mark, *, size_mm: tuple[float, float]) -> None:
    """The voxels of an area in its colour, and its pattern over them."""
    if not area.any():
        return
    limits = axes.get_xlim(), axes.get_ylim()
    colour = np.zeros((*area.shape, 4))
    colour[area] = (*(int(mark.colour[place : place + 2], 16) / 255 for place in (1, 3, 5)), _OPACITY)
    axes.imshow(colour, extent=(0, size_mm[0], 0, size_mm[1]), aspect="auto", interpolation="nearest")
    if mark.hatch:
        x, y = tiles.edges_mm(area.shape, size_mm)
        drawn = axes.contourf(
            x, y, np.pad(area, 1).astype(float), levels=[0.5, 1.5], colors="none", hatches=[mark.hatch]
        )
        drawn.set_edgecolor(canvas.PAPER)
        drawn.set_linewidth(0.0)
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])
