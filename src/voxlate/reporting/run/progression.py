"""The progression strip: one slice over training time, with its error, and the truth at the end.

The figure of Avula et al. (Figure 15) with the step and the error of each moment written to it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.evaluation.words import number
from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.tiles import error_limit, grey_window
from voxlate.reporting.drawing.views import Box, SliceChoice, convention, cut, foreground_box, picture_size_mm

Array = NDArray[Any]
GAP, EDGE, HEAD, LINE, BAR = 1.0, 1.5, 9.5, 3.4, 2.0  # mm
WIDEST_TILE = 34.0  # mm


@dataclass(frozen=True, eq=False)
class Frame:
    """The prediction at one moment of training.

    Attributes:
        step: Optimiser steps done.
        prediction: ``(i, j, k)`` in RAS order, or one slice with a single voxel along its axis.
        mae: Mean absolute error on the validation cases at that step, in the unit of the figure.
    """

    step: int
    prediction: Array
    mae: float


class Stepped(Protocol):
    """Whatever belongs to a moment of training."""

    @property
    def step(self) -> int:
        """Optimiser steps done."""


AtStep = TypeVar("AtStep", bound=Stepped)


def choose_frames(frames: Sequence[AtStep], *, most: int = 6) -> list[AtStep]:
    """At most ``most`` frames: the first, the last, and between them evenly on a logarithmic scale of steps.

    Early steps change the picture most, so they are shown more densely.
    """
    ordered = sorted(frames, key=lambda frame: frame.step)
    if len(ordered) <= most:
        return ordered
    steps = np.log1p([frame.step for frame in ordered])
    wanted = np.linspace(steps[0], steps[-1], most)
    places = {int(np.abs(steps - moment).argmin()) for moment in wanted}
    return [ordered[place] for place in sorted(places)]


@dataclass(frozen=True, eq=False)
class _Strip:
    truth: Array
    mask: Array | None
    choice: SliceChoice
    box: Box
    size_mm: tuple[float, float]
    tile: tuple[float, float]
    window: tiles.Window
    limit: float
    unit: str

    def left(self, place: int) -> float:
        return EDGE + place * (self.tile[0] + GAP)


@canvas.styled
def draw_progression(
    frames: Sequence[Frame],
    *,
    truth: Array,
    choice: SliceChoice,
    spacing_mm: tuple[float, float, float],
    unit: str = "",
    target: str = "",
    mask: Array | None = None,
    case: str = "",
) -> Figure:
    """The same slice at several steps (upper row), its error (lower row), and the truth at the end.

    Args:
        frames: Moments of training; at most six are shown, see ``choose_frames``.
        truth: ``(i, j, k)`` like the predictions.
        choice: The slice; its index refers to these arrays.
        spacing_mm: Voxel size along i, j, k.
        unit: Unit of the values; empty for normalised ones.
        target: Title of the target.
        mask: Foreground like the truth; the error is shown inside it.
        case: Name of the case.

    Raises:
        UsageError: If there is no frame, or a frame has another shape than the truth.
    """
    if not frames or any(frame.prediction.shape != truth.shape for frame in frames):
        shapes = ", ".join(str(frame.prediction.shape) for frame in frames) or "no frame"
        raise UsageError(f"frames of shape {truth.shape}", came=shapes, remedy="Keep one slice of one case.")
    shown = choose_frames(frames)
    box = foreground_box(mask, shape=truth.shape)
    i, j, k = (side.stop - side.start for side in box)
    size = picture_size_mm((i, j, k), spacing_mm=spacing_mm, plane=choice.plane)
    room = canvas.PAGE_WIDTH_MM - 2 * EDGE - len(shown) * GAP
    width = min(room / (len(shown) + 1), WIDEST_TILE)
    window = grey_window(truth, mask)
    tile = (width, width * size[1] / size[0])
    strip = _Strip(truth, mask, choice, box, size, tile, window, error_limit([window]), unit)
    name = f"{target} of {case}" if target and case else target or case
    return _draw(shown, strip, heading="Prediction over training time" + (f": {name}" if name else ""))


def _draw(frames: Sequence[Frame], strip: _Strip, *, heading: str) -> Figure:
    height = strip.tile[1]
    below = HEAD + 2 * height + GAP
    figure = canvas.new_figure(height_mm=below + 2 * LINE + 4.5)
    tiles.write(figure, EDGE, 1.2, canvas.legible(heading), fontsize=canvas.HEADING, fontweight="bold")
    for place, frame in enumerate(frames):
        _draw_frame(figure, frame, strip=strip, left=strip.left(place))
    last = strip.left(len(frames))
    _draw_tile(figure, strip.truth, strip=strip, left=last)
    tiles.write(figure, last, HEAD - 3.6, "truth", fontweight="bold")
    bar = tiles.place(figure, last, HEAD + height + GAP + 2, width=BAR, height=height - 4)
    tiles.error_bar(bar, limit=strip.limit, height_mm=height - 4)
    unit = strip.unit or "normalised"
    footer = f"Upper row: prediction. Lower row: error (prediction \N{MINUS SIGN} truth, {unit}), below it the MAE on "
    footer += f"the validation cases. Display: {convention([strip.choice.plane])}."
    for place, line in enumerate(textwrap.wrap(footer, width=142)):
        top = below + LINE + 1.4 + place * LINE
        tiles.write(figure, EDGE, top, line, color=canvas.MUTED, fontsize=canvas.SMALL)
    return figure


def _draw_frame(figure: Figure, frame: Frame, *, strip: _Strip, left: float) -> None:
    width, height = strip.tile
    _draw_tile(figure, frame.prediction, strip=strip, left=left)
    tiles.write(figure, left, HEAD - 3.6, f"step {frame.step:,}".replace(",", "\N{THIN SPACE}"))
    top = HEAD + height + GAP
    axes = tiles.place(figure, left, top, width=width, height=height)
    difference = frame.prediction.astype(np.float64) - strip.truth.astype(np.float64)
    error = cut(difference, strip.choice, box=strip.box)
    mask = None if strip.mask is None else cut(strip.mask, strip.choice, box=strip.box)
    tiles.draw_error(axes, error, limit=strip.limit, size_mm=strip.size_mm, mask=mask)
    unit = f" {strip.unit}" if strip.unit else ""
    tiles.write(figure, left, top + height + 0.6, f"MAE {number(frame.mae)}{unit}", fontsize=canvas.SMALL + 0.5)


def _draw_tile(figure: Figure, array: Array, *, strip: _Strip, left: float) -> None:
    axes = tiles.place(figure, left, HEAD, width=strip.tile[0], height=strip.tile[1])
    tiles.draw_grey(axes, cut(array, strip.choice, box=strip.box), window=strip.window, size_mm=strip.size_mm)
    tiles.letter(axes, strip.choice.plane)
