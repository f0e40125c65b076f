"""Planes: one volume in three slices through the middle of what it shows, axial, coronal and sagittal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow
from voxlate.reporting.drawing.views import PLANES, Cut, choose_slice, slices_in_words
from voxlate.volume import Array


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
        window: The values that are black and white; ``None``: the 0.5th and 99.5th percentile.
        notes: Paragraphs below the picture, the first of them in words what the picture is.
    """
    inside = np.isfinite(image)
    finite = image if inside.all() else np.where(inside, image, image[inside].min() if inside.any() else 0)
    mask = tiles.bright(finite) if finite.min() < finite.max() else None
    i, j, k = image.shape
    choices = [choose_slice(plane, shape=(i, j, k), mask=mask) for plane in PLANES]
    cuts = [Cut.take(choice, shape=image.shape, spacing_mm=spacing_mm) for choice in choices]
    window = window or tiles.grey_window(finite, mask)
    pictures = [
        sheet.picture(cut.laid, tiles.draw_grey, cut.of(image), window=window, scaled=True, above=cut.choice.plane)
        for cut in cuts
    ]
    words = slices_in_words([(cut.choice, cut.count) for cut in cuts])
    return sheet.draw_sheet(
        [*(SheetColumn() for _ in cuts), sheet.GREYS],
        [SheetRow([*pictures, sheet.grey_scale(window, unit)])],
        heading=title,
        notes=(*notes, words),
    )
