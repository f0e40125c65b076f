"""Content and style reconstructions: what the frozen network of style transfer keeps (Gatys et al. 2016, Figure 1)."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.words import number
from voxlate.inference.model import load_model
from voxlate.io.atomic import write_bytes
from voxlate.methods.style_transfer.method import StyleTransfer
from voxlate.methods.style_transfer.reconstruction import Reconstruction, Reconstructions, reconstruct
from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.views import PLANES, Plane, SliceChoice, convention, cut, foreground_box, picture_size_mm
from voxlate.windows import Window

GAP, EDGE, HEAD, LINE = 1.0, 1.5, 6.5, 3.4  # mm
TITLE, BELOW = 4.2, 4.6  # mm above and below a tile
WIDEST_TILE = 42.0  # mm
LEAST = 1e-4
FOOTER = (
    "Made from noise. Upper row: from the features of one layer. Lower row: from Gram matrices of a layer and of all"
    " to its left, over all exemplars. Distance: what is left of the one that was minimised, 0 for none. One grey"
    " window, the range of the exemplar targets. The exemplar in the middle of the list. Display: {}."
)


def write_reconstructions(run: Path, file: Path) -> None:
    """Draws the reconstructions of a run of style transfer.

    Args:
        run: The run.
        file: The PNG.

    Raises:
        UsageError: If its method is another one.
    """
    model = load_model(run)
    method, recipe = getattr(model.predict, "translator", None), model.bundle.recipe
    if not isinstance(method, StyleTransfer):
        raise UsageError("a run of style_transfer", came=recipe.method.name, where=run, remedy="Draw its figures.")
    axis = Window(recipe.window).axis
    figure = draw_reconstructions(
        reconstruct(method),
        plane=next(plane for plane, across in PLANES.items() if across == axis),
        spacing_mm=model.bundle.plan.spacing_mm or model.bundle.fingerprint.spacing_mm,
        titles=(get_contrast(recipe.source[0]).title, get_contrast(recipe.target).title),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, canvas.to_png(figure))


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
    sheet, footer = _Sheet(found, plane, spacing_mm), textwrap.wrap(FOOTER.format(convention([plane])), width=130)
    upper = HEAD + TITLE
    lower = upper + sheet.height + BELOW + TITLE
    below = lower + sheet.height + BELOW + 0.6
    figure = canvas.new_figure(height_mm=below + len(footer) * LINE + 1.0)
    heading = "What the frozen network keeps of content and style"
    tiles.write(figure, EDGE, 1.2, heading, fontsize=canvas.HEADING, fontweight="bold")
    source, target = (canvas.legible(title, longest=20) for title in titles)
    sheet.draw(figure, found.content, at=(0, upper), title=f"content: {source}")
    sheet.draw(figure, found.style, at=(0, lower), title=f"style: {target}")
    sheet.draw_row(figure, upper, found.contents, prefix="")
    sheet.draw_row(figure, lower, found.styles, prefix="+ ")
    for place, line in enumerate(footer):
        tiles.write(figure, EDGE, below + place * LINE, line, color=canvas.MUTED, fontsize=canvas.SMALL)
    return figure


class _Sheet:
    """Where the tiles of a figure stand, and how large they are."""

    def __init__(self, found: Reconstructions, plane: Plane, spacing_mm: tuple[float, float, float]) -> None:
        self.plane, self.window, self.mask = plane, found.window, self._volume(found.mask, plane)
        self.box = foreground_box(self.mask, shape=self.mask.shape)
        i, j, k = (side.stop - side.start for side in self.box)
        self.size = picture_size_mm((i, j, k), spacing_mm=spacing_mm, plane=plane)
        columns = 1 + max(len(found.contents), len(found.styles))
        self.width = min(WIDEST_TILE, (canvas.PAGE_WIDTH_MM - 2 * EDGE - (columns - 1) * GAP) / columns)
        self.height = self.width * self.size[1] / self.size[0]

    def draw_row(self, figure: Figure, top: float, row: Mapping[str, Reconstruction], *, prefix: str) -> None:
        for place, (name, one) in enumerate(row.items(), start=1):
            title = canvas.legible(name if place == 1 else prefix + name, longest=24)
            self.draw(figure, one.image, at=(place, top), title=title)
            left, below = EDGE + place * (self.width + GAP), top + self.height + 0.5
            left_over = number(one.distance) if one.distance >= LEAST else f"below {LEAST:g}"
            tiles.write(figure, left, below, f"distance {left_over}", fontsize=canvas.SMALL)

    def draw(self, figure: Figure, image: NDArray[np.float32], *, at: tuple[int, float], title: str) -> None:
        """One tile in a column, counted from 0, and from a height in mm on."""
        place, top = at
        left = EDGE + place * (self.width + GAP)
        axes = tiles.place(figure, left, top, width=self.width, height=self.height)
        volume = np.where(self.mask, self._volume(image, self.plane), self.window[0])
        tiles.draw_grey(
            axes, cut(volume, SliceChoice(self.plane, 0, ""), box=self.box), window=self.window, size_mm=self.size
        )
        tiles.letter(axes, self.plane)
        weight = "bold" if place == 0 else "normal"
        tiles.write(figure, left, top - 3.7, title, fontweight=weight, fontsize=canvas.SMALL + 0.5)

    @staticmethod
    def _volume(picture: NDArray[np.generic], plane: Plane) -> NDArray[np.generic]:
        """A slice as a volume with one voxel along the axis that its plane cuts across."""
        return np.expand_dims(picture, PLANES[plane])
