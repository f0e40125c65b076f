"""Several views beside each other: what each predicts, what their combination makes of it, and whether that is better.

A volume that is put together from slices shows its seams in the other two planes, so every view is shown in all three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.panels import Panel
from voxlate.reporting.drawing.views import PLANES, Plane, convention, cut, foreground_box, picture_size_mm
from voxlate.roles import MODEL

SHOWN: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
GAP, EDGE, HEAD, LINE, FOOT, BAR = 1.2, 1.5, 9.0, 4.6, 3.2, 2.0  # mm


@dataclass(frozen=True, eq=False)
class _Grid:
    """What every row of the figure shares; lengths in mm."""

    panel: Panel
    window: tiles.Window
    limit: float
    width: float
    height: float

    @classmethod
    def of(cls, panel: Panel) -> _Grid:
        window = panel.window or tiles.grey_window(panel.truth, panel.mask)
        width = (canvas.PAGE_WIDTH_MM - 2 * EDGE - 5 * GAP) / 6
        sizes = [_size(panel, plane) for plane in SHOWN]
        height = width * max(tall / wide for wide, tall in sizes)
        return cls(panel, window, tiles.error_limit([window]), width, height)

    def left(self, column: int) -> float:
        return EDGE + column * (self.width + GAP)

    def top(self, row: int) -> float:
        return HEAD + row * (self.height + LINE + GAP)

    def place(self, figure: Figure, row: int, column: int) -> Axes:
        return tiles.place(figure, self.left(column), self.top(row) + LINE, width=self.width, height=self.height)

    def cut(self, array: NDArray[Any], plane: Plane) -> NDArray[Any]:
        box = foreground_box(self.panel.mask, shape=self.panel.truth.shape)
        return cut(array, self.panel.choose(plane), box=box)


def _size(panel: Panel, plane: Plane) -> tuple[float, float]:
    box = foreground_box(panel.mask, shape=panel.truth.shape)
    i, j, k = (side.stop - side.start for side in box)
    return picture_size_mm((i, j, k), spacing_mm=panel.spacing_mm, plane=plane)


@canvas.styled
def draw_views(panel: Panel, predictions: Mapping[str, NDArray[Any]], *, numbers: Mapping[str, str]) -> Figure:
    """One case by every view and by their combination, in three planes, with the errors, and the truth.

    Args:
        panel: The case.
        predictions: From the name of a view, and ``model`` for the combination, to its prediction ``(i, j, k)``.
        numbers: From the same names to what is written above the row.
    """
    grid = _Grid.of(panel)
    last = len(predictions)
    figure = canvas.new_figure(height_mm=grid.top(last + 1) + 2 * FOOT + EDGE)
    _write_head(figure, grid)
    for row, (name, prediction) in enumerate(predictions.items()):
        title = "combined" if name == MODEL else f"{name} slices"
        tiles.write(figure, EDGE, grid.top(row) + 0.7, f"{title}: {numbers.get(name, '')}", fontweight="bold")
        _draw_greys(figure, grid, prediction, row=row)
        _draw_errors(figure, grid, prediction, row=row)
    tiles.write(figure, EDGE, grid.top(last) + 0.7, "truth", fontweight="bold")
    _draw_greys(figure, grid, panel.truth, row=last)
    _draw_bars(figure, grid, row=last)
    for place, line in zip((0.0, FOOT), _foot(panel), strict=True):
        tiles.write(figure, EDGE, grid.top(last + 1) + place, line, color=canvas.MUTED, fontsize=canvas.SMALL)
    return figure


def _write_head(figure: Figure, grid: _Grid) -> None:
    panel = grid.panel
    columns = [
        (0, f"Prediction: {panel.target}", f"{canvas.legible(panel.case, longest=40)}; one grey window"),
        (3, "Error", f"prediction \N{MINUS SIGN} truth, {panel.unit or 'normalised'}, inside the mask; one scale"),
    ]
    for column, title, below in columns:
        tiles.write(figure, grid.left(column), 1.5, title, fontsize=canvas.HEADING, fontweight="bold")
        tiles.write(figure, grid.left(column), 5.1, below, fontsize=canvas.SMALL, color=canvas.MUTED)


def _draw_greys(figure: Figure, grid: _Grid, image: NDArray[Any], *, row: int) -> None:
    for column, plane in enumerate(SHOWN):
        axes = grid.place(figure, row, column)
        tiles.draw_grey(axes, grid.cut(image, plane), window=grid.window, size_mm=_size(grid.panel, plane))
        tiles.letter(axes, plane)


def _draw_errors(figure: Figure, grid: _Grid, prediction: NDArray[Any], *, row: int) -> None:
    panel = grid.panel
    for column, plane in enumerate(SHOWN, start=len(SHOWN)):
        axes = grid.place(figure, row, column)
        error = grid.cut(prediction, plane).astype(np.float64) - grid.cut(panel.truth, plane).astype(np.float64)
        mask = None if panel.mask is None else grid.cut(panel.mask, plane)
        tiles.draw_error(axes, error, limit=grid.limit, size_mm=_size(panel, plane), mask=mask)
        tiles.letter(axes, plane, dark=True)


def _draw_bars(figure: Figure, grid: _Grid, *, row: int) -> None:
    """The two scales, beside the truth, which has no error."""
    top, tall = grid.top(row) + LINE + 4.0, grid.height - 6.0
    grey = tiles.place(figure, grid.left(3) + 2.0, top, width=BAR, height=tall)
    tiles.grey_bar(grey, window=grid.window, unit=grid.panel.unit)
    colour = tiles.place(figure, grid.left(4), top, width=BAR, height=tall)
    tiles.error_bar(colour, limit=grid.limit, height_mm=tall)


def _foot(panel: Panel) -> tuple[str, str]:
    places = ", ".join(f"{plane} {panel.choose(plane).index + 1}/{panel.truth.shape[PLANES[plane]]}" for plane in SHOWN)
    rule = panel.choose(SHOWN[0]).rule
    return f"Slices from left to right: {places} (chosen by rule: {rule}).", f"Display: {convention(SHOWN)}."
