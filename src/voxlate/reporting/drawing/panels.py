"""Panels: source, prediction and truth in one grey window, and the error beside them.

The pictures of Avula et al. (T1 to T2 by a convolutional network, Figures 14 to 18) made comparable: one grey window
for all, one fixed error scale for all rows, slices chosen by rule, numbers with metric, region and unit.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.regions import LESION, in_words
from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.views import (
    PLANES,
    Plane,
    SliceChoice,
    choose_slice,
    convention,
    cut,
    foreground_box,
    picture_size_mm,
)

Array = NDArray[Any]
GAP, BAR, EDGE, HEAD, LINE = 1.2, 2.0, 1.5, 8.8, 3.4  # mm
GREY_LABELS, ERROR_LABELS = 7.5, 11.0  # mm
LOWEST_ROW = 14.0  # mm; a stack of few slices leaves room for the bars beside it


@dataclass(frozen=True, eq=False)
class Panel:
    """One case, ready to be shown.

    Every array is ``(i, j, k)`` in RAS order and of one shape; a single slice has one voxel along its axis.

    Attributes:
        case: Name of the case.
        sources: From a title (``T1``) to the source's values.
        prediction: Values in the target's unit.
        truth: Values in the target's unit.
        target: Title of the target (``T2``).
        unit: Unit of prediction, truth and error; empty or ``1`` for normalised values.
        spacing_mm: Voxel size along i, j, k.
        mask: Foreground, non-zero inside; the error is shown inside it.
        lesion: Lesion, or any label, non-zero inside; outlined, and decides the slice.
        labelled: What these labels mark, ``lesion`` or ``labels``, see ``voxlate.cohort.labels.labelling``.
        window: Grey window of prediction and truth; by default the truth's range inside the mask.
        source_windows: Grey windows of the sources that have another unit or scale; the others share the one window.
        numbers: What is printed under the pictures, one line each, with metric, region and unit.

    Raises:
        UsageError: If the arrays differ in shape.
    """

    case: str
    sources: Mapping[str, Array]
    prediction: Array
    truth: Array
    target: str
    unit: str = ""
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    mask: Array | None = None
    lesion: Array | None = None
    labelled: str = LESION
    window: tiles.Window | None = None
    source_windows: Mapping[str, tiles.Window] = field(default_factory=dict)
    numbers: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        optional = [array for array in (self.mask, self.lesion) if array is not None]
        shapes = {array.shape for array in (*self.sources.values(), self.prediction, self.truth, *optional)}
        if len(shapes) != 1 or self.truth.ndim != 3:
            raise UsageError(
                "3-D arrays of one shape",
                came=f"shapes {', '.join(map(str, sorted(shapes)))}",
                where=self.case,
                remedy="Bring every array of the panel onto one grid.",
            )

    def choose(self, plane: Plane = "axial") -> SliceChoice:
        """The slice to show in that plane, by rule."""
        i, j, k = self.truth.shape
        return choose_slice(plane, shape=(i, j, k), mask=self.mask, lesion=self.lesion, labelled=self.labelled)


def source_windows(title: str, source: Array, mask: Array | None, *, unit: str) -> dict[str, tiles.Window]:
    """The grey window of a normalised source beside a target in ``unit``: its own, unless both are normalised."""
    return {} if unit in {"", "1"} else {title: tiles.grey_window(source, mask)}


def _unit(unit: str) -> str:
    return "normalised" if unit in {"", "1"} else unit


def _window(panel: Panel) -> tiles.Window:
    return panel.window or tiles.grey_window(panel.truth, panel.mask)


@dataclass(frozen=True, eq=False)
class _Row:
    panel: Panel
    choice: SliceChoice
    heading: str
    numbers: tuple[str, ...]

    def text_mm(self) -> float:
        heading = LINE + 1.0 if self.heading else 0.0
        return heading + GAP + (LINE * len(self.numbers) + 1.5 if self.numbers else 0.0)

    def size_mm(self) -> tuple[float, float]:
        box = foreground_box(self.panel.mask, shape=self.panel.truth.shape)
        i, j, k = (side.stop - side.start for side in box)
        return picture_size_mm((i, j, k), spacing_mm=self.panel.spacing_mm, plane=self.choice.plane)


@dataclass(frozen=True)
class _Layout:
    """Places in mm: where columns begin and how large tiles are."""

    columns: tuple[float, ...]
    grey_bar: float
    error_bar: float
    width: float
    heights: tuple[float, ...]


@canvas.styled
def draw_translation(
    panel: Panel,
    *,
    planes: Sequence[Plane] = ("axial",),
    limit: float | None = None,
    heading: str = "",
) -> Figure:
    """One case: source, prediction, truth and error, one row per plane.

    Args:
        panel: The case.
        planes: The planes to show, from top to bottom.
        limit: End of the error scale in the target's unit; by default a quarter of the grey window.
        heading: Printed above the pictures; by default the case's name.
    """
    rows = []
    for number, plane in enumerate(planes):
        last = number == len(planes) - 1
        title = (heading or panel.case) if number == 0 else ""
        rows.append(_Row(panel, panel.choose(plane), title, panel.numbers if last else ()))
    return _draw(rows, limit=limit or tiles.error_limit([_window(panel)]))


@canvas.styled
def draw_cases(panels: Mapping[str, Panel], *, plane: Plane = "axial", limit: float | None = None) -> Figure:
    """Several cases on one error scale, one row each.

    Args:
        panels: From a label (``worst``, ``median``, ``best``) to the case, from top to bottom.
        plane: The plane of every row.
        limit: End of the error scale in the target's unit; by default a quarter of the widest grey window.
    """
    rows = [
        _Row(panel, panel.choose(plane), f"{label}: {panel.case}" if label else panel.case, panel.numbers)
        for label, panel in panels.items()
    ]
    return _draw(rows, limit=limit or tiles.error_limit(list(map(_window, panels.values()))))


def _draw(rows: Sequence[_Row], *, limit: float) -> Figure:
    layout = _arrange(rows)
    footer = _footer(rows)
    height = HEAD + LINE * len(footer) + EDGE + 1.0
    for row, tile in zip(rows, layout.heights, strict=True):
        height += (
            tile + GAP + LINE * len(row.numbers) + (LINE + 1.0 if row.heading else 0) + (1.5 if row.numbers else 0)
        )
    figure = canvas.new_figure(height_mm=height)
    _write_titles(figure, rows[0].panel, layout)
    top = HEAD
    for row, tile in zip(rows, layout.heights, strict=True):
        top = _draw_row(figure, row, layout=layout, top=top, height=tile, limit=limit)
    for number, line in enumerate(footer):
        tiles.write(figure, EDGE, top + 1.0 + LINE * number, line, color=canvas.MUTED, fontsize=canvas.SMALL)
    return figure


def _arrange(rows: Sequence[_Row]) -> _Layout:
    count = len(rows[0].panel.sources) + 3
    sizes = [row.size_mm() for row in rows]
    bars = 2 * GAP + 2 * BAR + GREY_LABELS + ERROR_LABELS
    room = canvas.PAGE_WIDTH_MM - 2 * EDGE - bars - GAP * (count - 2)
    width = room / count
    scale = width / max(size[0] for size in sizes)
    tallest = 75.0
    scale = min(scale, tallest / max(size[1] for size in sizes))
    columns = [EDGE + number * (width + GAP) for number in range(count - 1)]
    grey_bar = columns[-1] + width + GAP
    columns.append(grey_bar + BAR + GREY_LABELS)
    heights = tuple(max(LOWEST_ROW, size[1] * scale) for size in sizes)
    return _Layout(tuple(columns), grey_bar, columns[-1] + width + GAP, width, heights)


def _write_titles(figure: Figure, panel: Panel, layout: _Layout) -> None:
    titles = []
    for name in panel.sources:
        own = panel.source_windows.get(name)
        greys = "grey: " + " to ".join(map(tiles.tick_text, own)) if own else "same grey window"
        titles.append((f"Source: {name}", greys))
    titles += [(f"Prediction: {panel.target}", "synthetic"), (f"Truth: {panel.target}", "reference")]
    titles += [("Error", f"prediction \N{MINUS SIGN} truth, {_unit(panel.unit)}")]
    for left, (title, below) in zip(layout.columns, titles, strict=True):
        tiles.write(figure, left, 1.5, canvas.legible(title, longest=30), fontsize=canvas.HEADING, fontweight="bold")
        tiles.write(figure, left, 5.1, canvas.legible(below, longest=44), fontsize=canvas.SMALL, color=canvas.MUTED)


def _draw_row(figure: Figure, row: _Row, *, layout: _Layout, top: float, height: float, limit: float) -> float:
    """Draws one row from ``top`` and returns where the next one begins, in mm."""
    panel, choice = row.panel, row.choice
    if row.heading:
        tiles.write(figure, EDGE, top + 0.4, canvas.legible(row.heading), fontweight="bold")
        top += LINE + 1.0
    box, size = foreground_box(panel.mask, shape=panel.truth.shape), row.size_mm()
    window = _window(panel)
    pictures = [(array, panel.source_windows.get(name, window)) for name, array in panel.sources.items()]
    pictures += [(panel.prediction, window), (panel.truth, window)]
    lesion = None if panel.lesion is None else cut(panel.lesion, choice, box=box)
    for number, (left, (array, greys)) in enumerate(zip(layout.columns, pictures, strict=False)):
        axes = tiles.place(figure, left, top, width=layout.width, height=height)
        tiles.draw_grey(axes, cut(array, choice, box=box), window=greys, size_mm=size)
        tiles.letter(axes, choice.plane)
        if lesion is not None:
            tiles.outline(axes, lesion, size_mm=size, colour=canvas.OUTLINE, halo="#000000")
        if number == 0:
            tiles.scale_bar(axes)
            tiles.caption(axes, choice.plane, x=0.975, y=0.03, ha="right", va="bottom")
    axes = tiles.place(figure, layout.columns[-1], top, width=layout.width, height=height)
    predicted, true = (cut(array, choice, box=box).astype(np.float64) for array in (panel.prediction, panel.truth))
    mask = None if panel.mask is None else cut(panel.mask, choice, box=box)
    tiles.draw_error(axes, predicted - true, limit=limit, size_mm=size, mask=mask)
    if lesion is not None:
        tiles.outline(axes, lesion, size_mm=size, colour=canvas.INK, halo=canvas.PAPER)
    tiles.letter(axes, choice.plane, dark=True)
    _draw_bars(figure, panel, layout=layout, top=top, height=height, limit=limit)
    top += height + GAP
    for line in row.numbers:
        tiles.write(figure, EDGE, top + 0.3, canvas.legible(line, longest=150))
        top += LINE
    return top + (1.5 if row.numbers else 0)


def _draw_bars(figure: Figure, panel: Panel, *, layout: _Layout, top: float, height: float, limit: float) -> None:
    above, below = 5.0, 2.0  # mm; the unit stands above
    tall = height - above - below
    grey = tiles.place(figure, layout.grey_bar, top + above, width=BAR, height=tall)
    tiles.grey_bar(grey, window=_window(panel), unit="" if panel.unit == "1" else panel.unit)
    colour = tiles.place(figure, layout.error_bar, top + below, width=BAR, height=height - 2 * below)
    tiles.error_bar(colour, limit=limit, height_mm=height - 2 * below)


def _footer(rows: Sequence[_Row]) -> list[str]:
    planes: list[Plane] = list(dict.fromkeys(row.choice.plane for row in rows))
    slices = []
    for plane in planes:
        shown = [row for row in rows if row.choice.plane == plane]
        places = ", ".join(f"{row.choice.index + 1}/{row.panel.truth.shape[PLANES[plane]]}" for row in shown)
        slices.append(f"{plane} {places}")
    rules = dict.fromkeys(row.choice.rule for row in rows)
    lines = [f"Slices: {'; '.join(slices)} (chosen by rule: {', '.join(rules)}).", f"Display: {convention(planes)}."]
    labelled = [row.panel for row in rows if row.panel.lesion is not None and np.any(row.panel.lesion)]
    enclosed = dict.fromkeys(in_words(panel.labelled) for panel in labelled)
    masks = any(row.panel.mask is not None for row in rows)
    notes = [f"the line encloses the {what}" for what in enclosed] + ["the error is shown inside the mask"] * masks
    if notes:
        lines.append("; ".join(notes).capitalize() + ".")
    return textwrap.wrap(" ".join(lines), width=142)
