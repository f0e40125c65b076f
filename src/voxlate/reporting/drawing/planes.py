"""Planes: one volume in three slices through the middle of what it shows, axial, coronal and sagittal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow
from voxlate.reporting.drawing.views import PLANES, Cut, choose_slice, slices_in_words
from voxlate.volume import Array

_HEADROOM = 1.4  # white over the median of what shows: 1.4 in a real T1 and a real FLAIR image of a brain


@canvas.styled
def draw_planes(
    image: Array,
    *,
    spacing_mm: tuple[float, float, float],
    title: str,
    unit: str = "",
    window: tiles.Window | None = None,
    notes: Sequence[str] = (),
) -> Figure:
    """The three slices in one grey window, with its scale.

    Args:
        image: ``(i, j, k)`` in RAS order; what is not finite is hatched.
        spacing_mm: Voxel size along i, j, k.
        title: Above the picture.
        unit: Of the values.
        window: The values that are black and white; ``None``: the 0.5th and 99.5th percentile, and so that the
            median is no lighter than grey.
        notes: Paragraphs below the picture, the first of them in words what the picture is.
    """
    return _drawn([Planes(image, "", unit, window)], spacing_mm=spacing_mm, title=title, notes=notes)


@dataclass(frozen=True, eq=False)
class Planes:
    """A volume to be drawn in three planes.

    Attributes:
        image: ``(i, j, k)`` in RAS order; what is not finite is hatched.
        heading: Above its row.
        unit: Of the values.
        window: The values that are black and white; ``None``: the 0.5th and 99.5th percentile.
    """

    image: Array
    heading: str
    unit: str = ""
    window: tiles.Window | None = None


@canvas.styled
def draw_rows(rows: Sequence[Planes], *, spacing_mm: tuple[float, float, float]) -> Figure:
    """Volumes of one grid below each other, in the same slices, which the first decides, each in its own grey window.

    Args:
        rows: The volumes.
        spacing_mm: Voxel size along i, j, k.
    """
    return _drawn(rows, spacing_mm=spacing_mm)


def _drawn(
    rows: Sequence[Planes], *, spacing_mm: tuple[float, float, float], title: str = "", notes: Sequence[str] = ()
) -> Figure:
    bright = [_bright(row.image) for row in rows]
    i, j, k = rows[0].image.shape
    flat = [plane for plane, axis in PLANES.items() if (i, j, k)[axis] == 1]  # of one slice, that alone is a picture
    choices = [choose_slice(plane, shape=(i, j, k), mask=bright[0][1]) for plane in flat[:1] or PLANES]
    cuts = [Cut.take(choice, shape=(i, j, k), spacing_mm=spacing_mm) for choice in choices]
    drawn = []
    for row, (finite, mask) in zip(rows, bright, strict=True):
        window = row.window or _grey_window(finite, mask)
        pictures = [
            sheet.picture(cut.laid, tiles.draw_grey, cut.of(row.image), window=window, scaled=True) for cut in cuts
        ]
        drawn.append(SheetRow([*pictures, sheet.grey_scale(window, row.unit)], row.heading))
    words = slices_in_words([(cut.choice, cut.count) for cut in cuts])
    return sheet.draw_sheet([*(SheetColumn() for _ in cuts), sheet.GREYS], drawn, heading=title, notes=(*notes, words))


def shown_window(image: Array) -> tiles.Window:
    """Which values are black and white where a whole volume is shown; what is not finite decides nothing."""
    return _grey_window(*_bright(image))


def _grey_window(image: Array, mask: Array | None) -> tiles.Window:
    """The usual one; where most of what shows is nearly white, as a FLAIR image without a lesion, white lies higher."""
    low, high = tiles.grey_window(image, mask)
    middle = float(np.median(image[mask])) if mask is not None and mask.any() else 0.0
    if low == 0 and high < _HEADROOM * middle:
        high = tiles.grey_window(np.array([0.0, _HEADROOM * middle]))[1]
    return low, high


def _bright(image: Array) -> tuple[Array, Array | None]:
    """The image without what is not finite, and where it shows something."""
    inside = np.isfinite(image)
    finite = image if inside.all() else np.where(inside, image, image[inside].min() if inside.any() else 0)
    return finite, tiles.bright(finite) if finite.min() < finite.max() else None
