"""Content and style reconstructions: what the frozen network of style transfer keeps (Gatys et al. 2016, Figure 1)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.evaluation.words import number
from voxlate.methods.style_transfer.reconstruction import Reconstruction, Reconstructions
from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow, Tile
from voxlate.reporting.drawing.views import PLANES, Cut, Plane, SliceChoice, convention

_WIDEST_TILE = 42.0  # mm
_LEAST = 1e-4
_FOOTER = (
    "Made from noise. Upper row: from the features of one layer. Lower row: from Gram matrices of a layer and of all"
    " to its left, over all exemplars. Distance: what is left of the one that was minimised, 0 for none. One grey"
    " window, the range of the exemplar targets. The exemplar in the middle of the list. Display: {}."
)


@canvas.styled
def draw_reconstructions(
    found: Reconstructions,
    *,
    plane: Plane = "axial",
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    titles: tuple[str, str] = ("source", "target"),
) -> Figure:
    """Content from one layer at a time in the upper row, style from growing sets of layers in the lower.

    Args:
        found: The images.
        plane: Of the slices.
        spacing_mm: Voxel size along i, j, k.
        titles: Of source and target.
    """
    mask = _volume(found.mask, plane)
    cut = Cut.take(SliceChoice(plane, 0, ""), shape=mask.shape, spacing_mm=spacing_mm, mask=mask)

    def tile(image: NDArray[np.float32], title: str, *, below: str = "", scaled: bool = False) -> Tile:
        picture = cut.of(np.where(mask, _volume(image, plane), found.window[0]))
        texts: Style = {"above": title, "below": below}
        return sheet.picture(cut.laid, tiles.draw_grey, picture, window=found.window, scaled=scaled, **texts)

    def row(first: Tile, images: Mapping[str, Reconstruction], *, joined: str) -> list[Tile | None]:
        made = [
            tile(one.image, joined * (place > 0) + name, below=f"distance {_distance(one)}")
            for place, (name, one) in enumerate(images.items())
        ]
        return [first, *made, *[None] * (columns - 1 - len(made))]

    columns = 1 + max(len(found.contents), len(found.styles))
    return sheet.draw_sheet(
        [SheetColumn()] * columns,
        [
            SheetRow(row(tile(found.content, f"content: {titles[0]}", scaled=True), found.contents, joined="")),
            SheetRow(row(tile(found.style, f"style: {titles[1]}"), found.styles, joined="+ ")),
        ],
        heading="What the frozen network keeps of content and style",
        notes=[_FOOTER.format(convention([plane]))],
        widest_mm=_WIDEST_TILE,
    )


def _distance(one: Reconstruction) -> str:
    return number(one.distance) if one.distance >= _LEAST else f"below {_LEAST:g}"


def _volume(picture: NDArray[np.generic], plane: Plane) -> NDArray[np.generic]:
    """A slice as a volume with one voxel along the axis that its plane cuts across."""
    return np.expand_dims(picture, PLANES[plane])
