"""One case as several variants predict it: source, truth, predictions and errors, and what is labelled enlarged."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.evaluation.words import MINUS
from voxlate.regions import LESION, in_words
from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.panels import Panel
from voxlate.reporting.drawing.views import (
    PLANES,
    Box,
    Plane,
    SliceChoice,
    convention,
    cut,
    foreground_box,
    picture_size_mm,
)

EDGE, GAP, BAR, HEAD, LINE = 1.5, 1.2, 2.0, 12.5, 3.4  # mm
GREY_LABELS, ERROR_LABELS = 6.5, 11.0  # mm
TALLEST = 60.0  # mm
MARGIN_MM = 12.0  # around the lesion


@dataclass(frozen=True)
class _Columns:
    """Left edges of the tiles and of the bars, and a tile's width, in mm."""

    greys: tuple[float, ...]
    grey_bar: float
    errors: tuple[float, ...]
    error_bar: float
    width: float


@canvas.styled
def draw_contrasted(panels: Mapping[str, Panel], *, plane: Plane = "axial", heading: str = "") -> Figure:
    """Source, truth, and prediction and error of each variant in one row, and what is labelled enlarged in a second.

    Args:
        panels: From a variant to the case as it predicts it; all share source, truth, mask and labels.
        plane: The plane of the slice, which is chosen by rule: the largest labelled area.
        heading: Printed above the pictures; by default the case's name.
    """
    shown = next(iter(panels.values()))
    choice, columns = shown.choose(plane), _arrange(len(panels))
    boxes = [foreground_box(shown.mask, shape=shown.truth.shape)]
    close = _around_lesion(shown, choice, within=boxes[0])
    boxes += [close] if close is not None else []
    heights = [_height(shown, box, plane, columns.width) for box in boxes]
    numbers = [f"{name}: {line}" for name, panel in panels.items() for line in panel.numbers]
    footer = _footer(shown, choice, enlarged=close is not None)
    total = HEAD + sum(heights) + GAP * len(heights) + LINE * (len(numbers) + len(footer)) + 1.5
    figure = canvas.new_figure(height_mm=total)
    _write_titles(figure, panels, columns, heading=heading or shown.case)
    top = HEAD
    for place, (box, height) in enumerate(zip(boxes, heights, strict=True)):
        _draw_row(figure, panels, choice, box=box, columns=columns, where=(top, height), first=place == 0)
        top += height + GAP
    _draw_bars(figure, panels, columns, top=HEAD, height=heights[0])
    for place, line in enumerate([*numbers, *footer]):
        ink = canvas.INK if place < len(numbers) else canvas.MUTED
        style = {"color": ink, "fontsize": canvas.SMALL}
        tiles.write(figure, EDGE, top + 0.8 + LINE * place, canvas.legible(line, longest=160), **style)
    return figure


def _arrange(variants: int) -> _Columns:
    tiles_in_all = 2 + 2 * variants
    bars = 2 * (GAP + BAR) + GREY_LABELS + ERROR_LABELS
    width = (canvas.PAGE_WIDTH_MM - 2 * EDGE - bars - GAP * (tiles_in_all - 2)) / tiles_in_all
    greys = tuple(EDGE + place * (width + GAP) for place in range(2 + variants))
    grey_bar = greys[-1] + width + GAP
    start = grey_bar + BAR + GREY_LABELS
    errors = tuple(start + place * (width + GAP) for place in range(variants))
    return _Columns(greys, grey_bar, errors, errors[-1] + width + GAP, width)


def _height(panel: Panel, box: Box, plane: Plane, width: float) -> float:
    across, down = _size(panel, box, plane)
    return min(TALLEST, width * down / across)


def _size(panel: Panel, box: Box, plane: Plane) -> tuple[float, float]:
    i, j, k = (side.stop - side.start for side in box)
    return picture_size_mm((i, j, k), spacing_mm=panel.spacing_mm, plane=plane)


def _around_lesion(panel: Panel, choice: SliceChoice, *, within: Box) -> Box | None:
    """The lesion in the slice with a margin, a square in mm; ``None`` if there is none, or nothing to enlarge."""
    if panel.lesion is None or not np.any(panel.lesion):
        return None
    axis = PLANES[choice.plane]
    area = np.take(np.asarray(panel.lesion) != 0, choice.index, axis=axis)
    sides = [side for side in range(3) if side != axis]
    found = [np.flatnonzero(area.any(axis=1 - place)) for place in range(2)]
    middles = [(places[0] + places[-1] + 1) / 2 for places in found]
    reach = max(_length_mm(places, panel.spacing_mm[side]) for places, side in zip(found, sides, strict=True)) / 2
    box = list(within)
    for middle, side in zip(middles, sides, strict=True):
        half = max(2.0, (reach + MARGIN_MM) / panel.spacing_mm[side])
        length = min(round(2 * half), panel.truth.shape[side])
        start = min(max(0, round(middle - half)), panel.truth.shape[side] - length)
        box[side] = slice(start, start + length)
    larger = all(box[side].stop - box[side].start >= within[side].stop - within[side].start for side in sides)
    return None if larger else (box[0], box[1], box[2])


def _length_mm(places: NDArray[np.intp], step_mm: float) -> float:
    """From the first to the last voxel, both included, in mm."""
    return float(places[-1] - places[0] + 1) * step_mm


def _write_titles(figure: Figure, panels: Mapping[str, Panel], columns: _Columns, *, heading: str) -> None:
    shown = next(iter(panels.values()))
    [source, *_] = shown.sources
    tiles.write(figure, EDGE, 1.2, canvas.legible(heading, longest=110), fontweight="bold")
    titles = [("Source", source), ("Truth", shown.target)]
    titles += [("Prediction", name) for name in panels] + [("Error", name) for name in panels]
    for left, (title, below) in zip((*columns.greys, *columns.errors), titles, strict=True):
        tiles.write(figure, left, 5.4, title, fontsize=canvas.TEXT, fontweight="bold")
        tiles.write(figure, left, 8.8, canvas.legible(below, longest=18), fontsize=canvas.SMALL, color=canvas.MUTED)


def _draw_row(
    figure: Figure,
    panels: Mapping[str, Panel],
    choice: SliceChoice,
    *,
    box: Box,
    columns: _Columns,
    where: tuple[float, float],
    first: bool,
) -> None:
    """Draws every tile of one row; ``where`` is its top and its height in mm."""
    shown, (top, height) = next(iter(panels.values())), where
    size, window = _size(shown, box, choice.plane), _window(shown)
    limit = tiles.error_limit([window])
    lesion = None if shown.lesion is None else cut(shown.lesion, choice, box=box)
    mask = None if shown.mask is None else cut(shown.mask, choice, box=box)
    [(name, source), *_] = shown.sources.items()
    pictures = [(source, shown.source_windows.get(name, window)), (shown.truth, window)]
    pictures += [(panel.prediction, window) for panel in panels.values()]
    for place, (left, (array, greys)) in enumerate(zip(columns.greys, pictures, strict=True)):
        axes = tiles.place(figure, left, top, width=columns.width, height=height)
        tiles.draw_grey(axes, cut(array, choice, box=box), window=greys, size_mm=size)
        if first:
            tiles.letter(axes, choice.plane)
        if lesion is not None:
            tiles.outline(axes, lesion, size_mm=size, colour=canvas.OUTLINE, halo="#000000")
        if place == 0:
            tiles.scale_bar(axes)
    truth = cut(shown.truth, choice, box=box).astype(np.float64)
    for left, panel in zip(columns.errors, panels.values(), strict=True):
        axes = tiles.place(figure, left, top, width=columns.width, height=height)
        error = cut(panel.prediction, choice, box=box).astype(np.float64) - truth
        tiles.draw_error(axes, error, limit=limit, size_mm=size, mask=mask)
        if lesion is not None:
            tiles.outline(axes, lesion, size_mm=size, colour=canvas.INK, halo=canvas.PAPER)


def _window(panel: Panel) -> tiles.Window:
    return panel.window or tiles.grey_window(panel.truth, panel.mask)


def _draw_bars(figure: Figure, panels: Mapping[str, Panel], columns: _Columns, *, top: float, height: float) -> None:
    shown = next(iter(panels.values()))
    window, unit = _window(shown), "" if shown.unit == "1" else shown.unit
    grey = tiles.place(figure, columns.grey_bar, top + 3.0, width=BAR, height=height - 4.0)
    tiles.grey_bar(grey, window=window, unit=unit)
    colour = tiles.place(figure, columns.error_bar, top + 1.0, width=BAR, height=height - 2.0)
    tiles.error_bar(colour, limit=tiles.error_limit([window]), height_mm=height - 2.0)


def _footer(panel: Panel, choice: SliceChoice, *, enlarged: bool) -> list[str]:
    unit = "normalised" if panel.unit in {"", "1"} else panel.unit
    place = f"{choice.plane} {choice.index + 1}/{panel.truth.shape[PLANES[choice.plane]]}"
    lines = [
        f"Error: prediction {MINUS} truth, {unit}. Slice: {place} (chosen by rule: {choice.rule}).",
        f"Display: {convention([choice.plane])}.",
    ]
    if enlarged:
        verb = "it is" if panel.labelled == LESION else "they are"
        lines.append(f"The line encloses the {in_words(panel.labelled)}; below {verb} enlarged.")
    return textwrap.wrap(" ".join(lines), width=150)
