"""The progression strip: one slice over training time, with its error, and the truth at the end.

The figure of Avula et al. (Figure 15) with the step and the error of each moment written to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from matplotlib.figure import Figure

from voxlate.errors import UsageError
from voxlate.evaluation.words import number
from voxlate.io.atomic import replacing
from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.panels import label_cell
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow, Tile
from voxlate.reporting.drawing.views import Cut, SliceChoice, convention
from voxlate.volume import Array

_NOTE = (
    "Upper row: prediction. Lower row: error (prediction \N{MINUS SIGN} truth, {}), below it the slice's MAE. "
    "Display: {}."
)
_WIDEST_TILE, _WIDEST_OF_ONE = 34.0, 68.0  # mm


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The prediction at one moment of training.

    Attributes:
        step: Optimiser steps done.
        prediction: ``(i, j, k)`` in RAS order, or one slice with a single voxel along its axis.
        mae: Mean absolute error in the foreground of the slice, in the unit of the figure.
    """

    step: int
    prediction: Array
    mae: float


@dataclass(frozen=True, eq=False)
class KeptSlice:
    """One slice of a validation case after some steps, as a run keeps it for its strip.

    Attributes:
        step: Optimiser steps done.
        mae: In the foreground of the slice, in ``unit``.
        case: Id of the case.
        spacing_mm: Of the volume, along i, j, k.
        rule: Why this slice.
        prediction: ``(i, j, 1)`` in RAS order, like ``truth`` and ``mask``.
        truth: The true target.
        mask: The foreground.
        unit: Of the target; empty for normalised values.
        condition: The label map that the image is made of, if it is made of one.
    """

    step: int
    mae: float
    case: str
    spacing_mm: tuple[float, float, float]
    rule: str
    prediction: Array
    truth: Array
    mask: Array
    unit: str = ""
    condition: Array | None = None

    def keep(self, path: Path) -> None:
        """Writes the slice, whole or not at all.

        Raises:
            WriteError: If it could not be written.
        """
        with replacing(path) as temporary:
            values = {part.name: getattr(self, part.name) for part in fields(self)}
            np.savez_compressed(temporary, **{name: value for name, value in values.items() if value is not None})

    @classmethod
    def load(cls, path: Path) -> KeptSlice:
        """What ``keep`` wrote."""
        kept = read_arrays(path)
        i, j, k = map(float, kept.pop("spacing_mm"))
        return cls(**kept, spacing_mm=(i, j, k))


def read_arrays(path: Path) -> dict[str, Any]:
    """The arrays of an ``.npz`` file by name, those without an axis as plain values."""
    with np.load(path) as file:
        return {name: values if values.ndim else values.item() for name, values in file.items()}


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


def widest_tile(frames: Sequence[Stepped]) -> float:
    """The width of a picture at most in mm: one moment beside the truth has room for larger ones than a strip."""
    return _WIDEST_OF_ONE if len(frames) == 1 else _WIDEST_TILE


def steps_in_words(step: int) -> str:
    """``step 12 000``, with a thin space."""
    return f"step {step:,}".replace(",", "\N{THIN SPACE}")


@canvas.styled
def draw_progression(
    frames: Sequence[Snapshot],
    *,
    truth: Array,
    choice: SliceChoice,
    spacing_mm: tuple[float, float, float],
    unit: str = "",
    target: str = "",
    mask: Array | None = None,
    case: str = "",
    condition: Array | None = None,
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
        condition: The label map that the image is made of, like the truth; drawn before the predictions.

    Raises:
        UsageError: If there is no frame, or a frame has another shape than the truth.
    """
    if not frames or any(frame.prediction.shape != truth.shape for frame in frames):
        shapes = ", ".join(str(frame.prediction.shape) for frame in frames) or "no frame"
        raise UsageError(f"frames of shape {truth.shape}", came=shapes, remedy="Keep one slice of one case.")
    shown = choose_frames(frames)
    cut = Cut.take(choice, shape=truth.shape, spacing_mm=spacing_mm, mask=mask)
    window = tiles.grey_window(truth, mask)
    limit = tiles.error_limit([window])
    true, inside = cut.of(truth).astype(np.float64), None if mask is None else cut.of(mask)
    pictures = [*(cut.of(frame.prediction) for frame in shown), true]
    greys = [sheet.picture(cut.laid, tiles.draw_grey, picture, window=window) for picture in pictures]
    below = [f"MAE {number(frame.mae)}{f' {unit}' if unit else ''}" for frame in shown]
    errors = [
        sheet.picture(cut.laid, tiles.draw_error, picture - true, below=text, limit=limit, mask=inside, dark=True)
        for text, picture in zip(below, pictures, strict=False)
    ]
    name = f"{target} of {case}" if target and case else target or case
    columns = [*(SheetColumn(steps_in_words(frame.step)) for frame in shown), SheetColumn("truth")]
    rows: list[list[Tile | None]] = [[*greys], [*errors, sheet.error_scale(limit)]]
    if condition is not None:
        columns = [SheetColumn("condition"), *columns]
        rows = [[first, *row] for first, row in zip((label_cell(cut, condition), None), rows, strict=True)]
    return sheet.draw_sheet(
        columns,
        [SheetRow(row) for row in rows],
        heading="Prediction over training time" + (f": {name}" if name else ""),
        notes=[_NOTE.format(unit or "normalised", convention([choice.plane]))],
        widest_mm=widest_tile(shown),
    )
