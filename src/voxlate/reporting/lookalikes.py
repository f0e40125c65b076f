"""Look-alikes: a synthetic image, the real image nearest to it and their difference, in three planes, for an expert."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.reporting import canvas, tiles
from voxlate.reporting.views import PLANES, SliceChoice, choose_slice, convention, cut, picture_size_mm

EDGE, GAP, HEAD, SIDE, BAR, BAR_LABELS, LINE = 1.5, 1.2, 9.5, 28.0, 2.0, 14.0, 3.4  # mm
TALLEST = 46.0
WINDOW = (0.0, 1.0)
LIMIT = 0.5


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


@canvas.styled
def draw_look_alike(pair: LookAlike) -> Figure:
    """Rows: the synthetic image, its nearest real one, their difference; columns: the three planes.

    Args:
        pair: The pair.
    """
    i, j, k = pair.real_image.shape
    choices = [choose_slice(plane, shape=(i, j, k)) for plane in PLANES]
    sizes = [picture_size_mm((i, j, k), spacing_mm=pair.spacing_mm, plane=choice.plane) for choice in choices]
    room = canvas.PAGE_WIDTH_MM - 2 * EDGE - SIDE - 2 * GAP - BAR - BAR_LABELS
    scale = min(room / sum(size[0] for size in sizes), TALLEST / max(size[1] for size in sizes))
    tall = scale * max(size[1] for size in sizes)
    figure = canvas.new_figure(height_mm=HEAD + 3 * (tall + GAP) + LINE + EDGE)
    tiles.write(figure, EDGE, 1.2, canvas.legible(f"{pair.synthetic} beside {pair.real}"), fontweight="bold")
    tiles.write(figure, EDGE, 5.2, canvas.legible(pair.note, longest=150), fontsize=canvas.SMALL, color=canvas.MUTED)
    rows = (
        ("Synthetic", pair.synthetic, pair.synthetic_image),
        ("Nearest real", pair.real, pair.real_image),
        ("Difference", "synthetic \N{MINUS SIGN} real", pair.synthetic_image - pair.real_image),
    )
    for number, (title, below, image) in enumerate(rows):
        top = HEAD + number * (tall + GAP)
        tiles.write(figure, EDGE, top + 1, title, fontweight="bold")
        tiles.write(figure, EDGE, top + 4.6, canvas.legible(below, longest=18), fontsize=canvas.SMALL)
        left = EDGE + SIDE
        for choice, size in zip(choices, sizes, strict=True):
            _draw_tile(figure, image, choice, size=size, box=(left, top, scale * size[0], tall), row=number)
            left += scale * size[0] + GAP
        bar = tiles.place(figure, left + 1, top + 5, width=BAR, height=tall - 8)
        if number == 2:
            tiles.error_bar(bar, limit=LIMIT, height_mm=tall - 8)
            bar.set_ylabel("synthetic darker    brighter", fontsize=canvas.SMALL)
        else:
            tiles.grey_bar(bar, window=WINDOW, unit="")
    tiles.write(
        figure,
        EDGE,
        HEAD + 3 * (tall + GAP) + 0.4,
        f"Middle slices after alignment. Display: {convention(PLANES)}.",
        fontsize=canvas.SMALL,
        color=canvas.MUTED,
    )
    return figure


def _draw_tile(
    figure: Figure,
    image: NDArray[np.float32],
    choice: SliceChoice,
    *,
    size: tuple[float, float],
    box: tuple[float, float, float, float],
    row: int,
) -> None:
    left, top, width, height = box
    axes = tiles.place(figure, left, top, width=width, height=height)
    picture, signed = cut(image, choice), row == 2
    if signed:
        tiles.draw_error(axes, picture, limit=LIMIT, size_mm=size)
    else:
        tiles.draw_grey(axes, picture, window=WINDOW, size_mm=size)
    tiles.letter(axes, choice.plane, dark=signed)
    if row == 0:
        tiles.caption(axes, choice.plane, x=0.975, y=0.03, ha="right", va="bottom")
        tiles.scale_bar(axes)
