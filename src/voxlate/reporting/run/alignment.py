"""Alignment: what registration did to one case, as a chessboard of both contrasts before and after it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow, Tile
from voxlate.reporting.drawing.views import Cut, Plane, choose_slice, slices_in_words
from voxlate.volume import Array

_SQUARES = 8
"""Squares of the chessboard across a picture."""
_SHOWN: tuple[Plane, ...] = ("axial", "sagittal")


@dataclass(frozen=True, eq=False)
class Aligned:
    """One case, ready to be shown; arrays are ``(i, j, k)`` in RAS order and of one shape.

    Attributes:
        case: Name of the case.
        reference: The contrast that stays.
        before: The other contrast as its header places it.
        after: The same, registered.
        titles: Of the reference and of the other contrast.
        spacing_mm: Voxel size along i, j, k.
        mask: Foreground.
        notes: What registration says of it, printed below.
    """

    case: str
    reference: Array
    before: Array
    after: Array
    titles: tuple[str, str]
    spacing_mm: tuple[float, float, float]
    mask: Array
    notes: tuple[str, ...] = field(default=())


@canvas.styled
def draw_alignment(shown: Aligned) -> Figure:
    """The reference, the registered contrast, and both in squares before and after; one row per plane."""
    i, j, k = shown.after.shape
    choices = [choose_slice(plane, shape=(i, j, k), mask=shown.mask) for plane in _SHOWN]
    cuts = [
        Cut.take(choice, shape=shown.after.shape, spacing_mm=shown.spacing_mm, mask=shown.mask) for choice in choices
    ]
    fixed, moving = shown.titles
    squares = f"squares of {fixed} and {moving}"
    columns = [
        SheetColumn(f"Reference: {fixed}", shown.case),
        SheetColumn(f"Registered: {moving}", "brought to the reference"),
        SheetColumn("Before registration", squares),
        SheetColumn("After registration", squares),
    ]
    notes = [*shown.notes, slices_in_words([(cut.choice, cut.count) for cut in cuts])]
    return sheet.draw_sheet(columns, [SheetRow(_cells(shown, cut)) for cut in cuts], notes=notes)


def _chessboard(first: Array, second: Array, *, size_mm: tuple[float, float]) -> Array:
    """Two pictures of one shape in turns, in squares an eighth of the width; the upper left one is of the first."""
    rows, columns = first.shape
    edge = size_mm[0] / _SQUARES
    down = ((np.arange(rows) + 0.5) * size_mm[1] / rows // edge).astype(int)
    across = ((np.arange(columns) + 0.5) * size_mm[0] / columns // edge).astype(int)
    return np.where((down[:, None] + across[None, :]) % 2 == 0, first, second)


def _cells(shown: Aligned, cut: Cut) -> list[Tile]:
    windows = tiles.grey_window(shown.reference, shown.mask), tiles.grey_window(shown.after, shown.mask)

    def picture(array: Array, window: tiles.Window) -> Array:
        values = cut.of(array).astype(np.float64)
        return np.clip((values - window[0]) / (window[1] - window[0]), 0, 1)

    still = picture(shown.reference, windows[0])
    before, after = (picture(array, windows[1]) for array in (shown.before, shown.after))
    pictures = [still, after, *(_chessboard(still, other, size_mm=cut.laid.size_mm) for other in (before, after))]
    return [
        sheet.picture(cut.laid, tiles.draw_grey, one, window=(0.0, 1.0), scaled=place == 0)
        for place, one in enumerate(pictures)
    ]
