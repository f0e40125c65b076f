"""Look-alikes: a synthetic image, the real image nearest to it and their difference, in three planes, for an expert.

The same of their label maps: each structure in a colour of its own, and where the two maps differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.views import PLANES, SliceChoice, choose_slice, convention, cut, picture_size_mm

EDGE, GAP, HEAD, SIDE, BAR, BAR_LABELS, NAMES, LINE = 1.5, 1.2, 9.5, 28.0, 2.0, 14.0, 24.0, 3.4  # mm
TALLEST = 46.0
WINDOW = (0.0, 1.0)
LIMIT = 0.5
STRUCTURES = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")
"""Of up to eight structures; of more, colours are taken from a map."""
BACKGROUND, SAME = "#000000", "#6d7175"
DIFFERENCES = ((canvas.VERMILION, "synthetic only"), ("#56b4e9", "real only"), (canvas.PAPER, "another structure"))
Drawing = Callable[[Axes, NDArray[Any], tuple[float, float]], None]
"""Draws a slice of a row into axes; width and height of the slice in mm."""


@dataclass(frozen=True, eq=False)
class LookAlike:
    """A pair on one grid.

    Attributes:
        synthetic: Id of the synthetic case.
        real: Id of the real case.
        synthetic_image: ``(i, j, k)`` in RAS order, 0 to 1; NaN where the image does not reach.
        real_image: The same.
        spacing_mm: Of the grid.
        note: What is known of the pair, a line.
    """

    synthetic: str
    real: str
    synthetic_image: NDArray[np.float32]
    real_image: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]
    note: str


@dataclass(frozen=True, eq=False)
class LabelPair:
    """The label maps of a pair on one grid.

    Attributes:
        synthetic: Id of the synthetic case.
        real: Id of the real case.
        synthetic_map: Label values ``(i, j, k)`` in RAS order.
        real_map: The same.
        spacing_mm: Of the grid.
        note: What is known of the pair, a line.
        names: From a label's value to its name, as far as they are known.
    """

    synthetic: str
    real: str
    synthetic_map: NDArray[np.integer]
    real_map: NDArray[np.integer]
    spacing_mm: tuple[float, float, float]
    note: str
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Row:
    """A row of a sheet: what stands beside it, what is cut, how a slice is drawn, and its key at the right."""

    title: str
    below: str
    array: NDArray[Any]
    draw: Drawing
    key: Callable[[Figure, float, float, float], None]
    dark: bool = False


@canvas.styled
def draw_look_alike(pair: LookAlike) -> Figure:
    """Rows: the synthetic image, its nearest real one, their difference; columns: the three planes.

    Args:
        pair: The pair.
    """

    def grey(axes: Axes, picture: NDArray[Any], size_mm: tuple[float, float]) -> None:
        tiles.draw_grey(axes, picture, window=WINDOW, size_mm=size_mm)

    def error(axes: Axes, picture: NDArray[Any], size_mm: tuple[float, float]) -> None:
        tiles.draw_error(axes, picture, limit=LIMIT, size_mm=size_mm)

    difference = pair.synthetic_image - pair.real_image
    rows = (
        _Row("Synthetic", pair.synthetic, pair.synthetic_image, grey, _grey_key),
        _Row("Nearest real", pair.real, pair.real_image, grey, _grey_key),
        _Row("Difference", "synthetic \N{MINUS SIGN} real", difference, error, _error_key, dark=True),
    )
    return _sheet(rows, title=f"{pair.synthetic} beside {pair.real}", note=pair.note, spacing_mm=pair.spacing_mm)


@canvas.styled
def draw_label_pair(pair: LabelPair) -> Figure:
    """Rows: the synthetic label map, the real one, where they differ; columns: the three planes.

    Args:
        pair: The pair.
    """
    values = np.union1d(pair.synthetic_map, pair.real_map)
    values = values[values != 0]
    colours = np.array([to_rgb(BACKGROUND), *map(to_rgb, structure_colours(len(values)))])
    apart = _differences(pair)
    marks = np.array([to_rgb(one) for one in (BACKGROUND, SAME, *(colour for colour, _ in DIFFERENCES))])

    def painted(palette: NDArray[np.float64]) -> Drawing:
        def paint(axes: Axes, picture: NDArray[Any], size_mm: tuple[float, float]) -> None:
            tiles.draw_colours(axes, palette[picture], size_mm=size_mm)

        return paint

    names = [canvas.legible(pair.names.get(value, str(value)), longest=18) for value in values.tolist()]
    structures = _patch_key(colours[1:], names if len(names) <= len(STRUCTURES) else [])
    kinds = _patch_key(marks[1:], ["the same", *(name for _, name in DIFFERENCES)])
    ours, theirs = (
        np.where(one == 0, 0, np.searchsorted(values, one) + 1) for one in (pair.synthetic_map, pair.real_map)
    )
    rows = (
        _Row("Synthetic map", pair.synthetic, ours, painted(colours), structures),
        _Row("Real map", pair.real, theirs, painted(colours), structures),
        _Row("Difference", "", apart, painted(marks), kinds),
    )
    title = f"Label maps of {pair.synthetic} and {pair.real}"
    return _sheet(rows, title=title, note=pair.note, spacing_mm=pair.spacing_mm, key_mm=NAMES)


def structure_colours(count: int) -> list[Any]:
    """So many colours: those of Okabe and Ito, and for more than eight a map's, equally far apart."""
    if count <= len(STRUCTURES):
        return list(STRUCTURES[:count])
    return [mpl.colormaps["turbo"](place) for place in np.linspace(0.05, 0.95, count)]


def _differences(pair: LabelPair) -> NDArray[np.int64]:
    """0 background in both, 1 the same structure, then the kinds of ``DIFFERENCES``."""
    ours, theirs = pair.synthetic_map, pair.real_map
    differ = ours != theirs
    found = np.where(differ, 4, np.where(ours != 0, 1, 0))
    found[differ & (theirs == 0)] = 2
    found[differ & (ours == 0)] = 3
    return found


def _sheet(
    rows: Sequence[_Row], *, title: str, note: str, spacing_mm: tuple[float, float, float], key_mm: float = BAR_LABELS
) -> Figure:
    i, j, k = rows[0].array.shape
    choices = [choose_slice(plane, shape=(i, j, k)) for plane in PLANES]
    sizes = [picture_size_mm((i, j, k), spacing_mm=spacing_mm, plane=choice.plane) for choice in choices]
    room = canvas.PAGE_WIDTH_MM - 2 * EDGE - SIDE - 2 * GAP - BAR - key_mm
    scale = min(room / sum(size[0] for size in sizes), TALLEST / max(size[1] for size in sizes))
    tall = scale * max(size[1] for size in sizes)
    figure = canvas.new_figure(height_mm=HEAD + 3 * (tall + GAP) + LINE + EDGE)
    tiles.write(figure, EDGE, 1.2, canvas.legible(title), fontweight="bold")
    tiles.write(figure, EDGE, 5.2, canvas.legible(note, longest=150), fontsize=canvas.SMALL, color=canvas.MUTED)
    for number, row in enumerate(rows):
        top = HEAD + number * (tall + GAP)
        tiles.write(figure, EDGE, top + 1, row.title, fontweight="bold")
        tiles.write(figure, EDGE, top + 4.6, canvas.legible(row.below, longest=18), fontsize=canvas.SMALL)
        left = EDGE + SIDE
        for choice, size in zip(choices, sizes, strict=True):
            axes = tiles.place(figure, left, top, width=scale * size[0], height=tall)
            row.draw(axes, cut(row.array, choice), size)
            _letter(axes, choice, row, first=number == 0)
            left += scale * size[0] + GAP
        row.key(figure, left + 1, top + 5, tall - 8)
    tiles.write(
        figure,
        EDGE,
        HEAD + 3 * (tall + GAP) + 0.4,
        f"Middle slices after alignment. Display: {convention(PLANES)}.",
        fontsize=canvas.SMALL,
        color=canvas.MUTED,
    )
    return figure


def _letter(axes: Axes, choice: SliceChoice, row: _Row, *, first: bool) -> None:
    tiles.letter(axes, choice.plane, dark=row.dark)
    if first:
        tiles.caption(axes, choice.plane, x=0.975, y=0.03, ha="right", va="bottom")
        tiles.scale_bar(axes)


def _grey_key(figure: Figure, left: float, top: float, height: float) -> None:
    tiles.grey_bar(tiles.place(figure, left, top, width=BAR, height=height), window=WINDOW, unit="")


def _error_key(figure: Figure, left: float, top: float, height: float) -> None:
    bar = tiles.place(figure, left, top, width=BAR, height=height)
    tiles.error_bar(bar, limit=LIMIT, height_mm=height)
    bar.set_ylabel("synthetic darker    brighter", fontsize=canvas.SMALL)


def _patch_key(colours: NDArray[np.float64], names: Sequence[str]) -> Callable[[Figure, float, float, float], None]:
    """A patch and a name for each colour; nothing without names."""

    def key(figure: Figure, left: float, top: float, height: float) -> None:
        if not names:
            return
        axes = tiles.place(figure, left, top, width=NAMES, height=height)
        patches = [
            Patch(facecolor=colour, edgecolor=canvas.INK, linewidth=0.3, label=name)
            for colour, name in zip(colours, names, strict=True)
        ]
        axes.legend(
            handles=patches,
            loc="upper left",
            fontsize=canvas.SMALL - 0.5,
            borderpad=0,
            borderaxespad=0,
            handlelength=1,
            handletextpad=0.4,
            labelspacing=0.3,
        )

    return key
