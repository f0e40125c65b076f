"""Attempts: the cases of a task in pictures, and how Dice moves from arm to arm.

One row per case: the real image, the synthetic one, and what was found in each arm beside what is truly there. The
overlays show the part of the slice that the frame encloses.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from voxlate.contrast import get_contrast
from voxlate.evaluation.task.arms import Attempt
from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.overlays import draw_overlay, overlay_key
from voxlate.reporting.drawing.views import CONVENTION, SliceChoice, choose_slice, cut, foreground_box, picture_size_mm
from voxlate.roles import REAL, SYNTHETIC, WITHOUT

Array = NDArray[Any]
EDGE, GAP, LINE, HEAD, KEY = 2.0, 1.6, 3.7, 9.5, 6.0  # mm
TALLEST_MM = 48.0
LEAST_ZOOM_MM, ZOOM_MARGIN_MM = 40.0, 10.0
NEARLY_ALL = 0.85
"""A part of a slice that is larger is shown as the whole slice."""


@dataclass(frozen=True, eq=False)
class AttemptSlice:
    """What is shown of a case: one axial slice of every arm, as ``cut`` gives it.

    Attributes:
        case: The case.
        images: From an arm to the image that was segmented.
        windows: From an arm to the grey window of that image.
        shown: From an arm to the contrast of that image.
        found: From an arm to what was found.
        true: What is truly there.
        size_mm: Width and height of the slice.
        choice: The slice and the rule that chose it.
        count: Number of slices of the volume.
    """

    case: str
    images: Mapping[str, Array]
    windows: Mapping[str, tiles.Window]
    shown: Mapping[str, str]
    found: Mapping[str, Array]
    true: Array
    size_mm: tuple[float, float]
    choice: SliceChoice
    count: int

    def zoom(self) -> tuple[slice, slice]:
        """Rows and columns around all that is true or found, in the slice's proportions; the whole if nearly all is."""
        marked = np.logical_or.reduce([self.true, *self.found.values()])
        everything = slice(0, marked.shape[0]), slice(0, marked.shape[1])
        if not marked.any():
            return everything
        share, middle = 0.0, []
        for axis, size in ((0, self.size_mm[1]), (1, self.size_mm[0])):
            hit = np.flatnonzero(marked.any(axis=1 - axis))
            step = size / marked.shape[axis]
            need = max((hit[-1] + 1 - hit[0]) * step + 2 * ZOOM_MARGIN_MM, LEAST_ZOOM_MM)
            share = max(share, need / size)
            middle.append((hit[0] + hit[-1] + 1) / 2)
        if share > NEARLY_ALL:
            return everything
        sides = []
        for axis, centre in enumerate(middle):
            count = marked.shape[axis]
            wide = min(count, round(share * count))
            first = int(np.clip(round(centre - wide / 2), 0, count - wide))
            sides.append(slice(first, first + wide))
        return sides[0], sides[1]

    @property
    def framed(self) -> bool:
        """Whether the overlays show a part of the slice."""
        rows, columns = self.zoom()
        return (rows.stop - rows.start, columns.stop - columns.start) != self.true.shape


def take_slice(attempt: Attempt, *, true: Array, found: Mapping[str, Array]) -> AttemptSlice:
    """The slice of a case that is shown: the largest true area, else the largest found one.

    Args:
        attempt: The case in every arm.
        true: ``(i, j, k)`` bool, what is truly there.
        found: From an arm to what was found, ``(i, j, k)`` bool.
    """
    i, j, k = attempt.truth.shape
    choice = choose_slice("axial", shape=(i, j, k), lesion=true)
    union = np.logical_or.reduce(list(found.values()))
    if true.any():
        choice = replace(choice, rule="largest true area")
    elif union.any():
        choice = replace(choose_slice("axial", shape=(i, j, k), lesion=union), rule="largest area that was found")
    windows = {arm: tiles.grey_window(image, _bright(image)) for arm, image in attempt.images.items()}
    box = foreground_box(_bright(attempt.images[REAL]) | true, shape=(i, j, k))
    sides = tuple(part.stop - part.start for part in box)
    return AttemptSlice(
        case=attempt.case_id,
        images={arm: cut(image, choice, box=box).copy() for arm, image in attempt.images.items()},
        windows=windows,
        shown=attempt.shown,
        found={arm: cut(labels, choice, box=box).copy() for arm, labels in found.items()},
        true=cut(true, choice, box=box).copy(),
        size_mm=picture_size_mm((sides[0], sides[1], sides[2]), spacing_mm=attempt.spacing_mm, plane="axial"),
        choice=choice,
        count=k,
    )


@canvas.styled
def draw_attempts(rows: Mapping[str, AttemptSlice], *, numbers: Mapping[str, Mapping[str, str]]) -> Figure:
    """Cases one under the other: both images, and what was found in each arm.

    Args:
        rows: From a heading to the case, from top to bottom.
        numbers: From a case to the text under each arm's overlay.
    """
    shown = list(rows.values())
    arms = [arm for arm in (REAL, SYNTHETIC, WITHOUT) if arm in shown[0].found]
    width = (canvas.PAGE_WIDTH_MM - 2 * EDGE - GAP * (len(arms) + 1)) / (len(arms) + 2)
    heights = [min(TALLEST_MM, width * row.size_mm[1] / row.size_mm[0]) for row in shown]
    notes = _notes(shown)
    height = HEAD + KEY + LINE * len(notes) + 1.5 + sum(tall + 2 * LINE + 3.0 for tall in heights)
    figure = canvas.new_figure(height_mm=height)
    lefts = [EDGE + number * (width + GAP) for number in range(len(arms) + 2)]
    _titles(figure, lefts, shown[0], arms)
    top = HEAD
    for (heading, row), tall in zip(rows.items(), heights, strict=True):
        tiles.write(figure, EDGE, top, canvas.legible(heading, longest=120), fontweight="bold")
        top += LINE + 0.6
        _draw_row(figure, row, lefts=lefts, top=top, size=(width, tall), texts=numbers[row.case])
        top += tall + LINE + 2.4
    overlay_key(figure, EDGE, top, width=canvas.PAGE_WIDTH_MM - 2 * EDGE)
    for number, line in enumerate(notes):
        tiles.write(figure, EDGE, top + KEY + LINE * number, line, color=canvas.MUTED, fontsize=canvas.SMALL)
    return figure


def _titles(figure: Figure, lefts: Sequence[float], row: AttemptSlice, arms: Sequence[str]) -> None:
    target = get_contrast(row.shown[REAL]).title
    heads = [(f"Real {target}", "image"), (f"Synthetic {target}", "image")]
    found = {REAL: f"Found with real {target}", SYNTHETIC: "Found with synthetic", WITHOUT: f"Found without {target}"}
    heads += [(found[arm], f"on {get_contrast(row.shown[arm]).title}") for arm in arms]
    for left, (title, below) in zip(lefts, heads, strict=True):
        tiles.write(figure, left, 1.2, canvas.legible(title, longest=28), fontsize=canvas.TEXT, fontweight="bold")
        tiles.write(figure, left, 4.9, canvas.legible(below, longest=30), fontsize=canvas.SMALL, color=canvas.MUTED)


def _draw_row(
    figure: Figure,
    row: AttemptSlice,
    *,
    lefts: Sequence[float],
    top: float,
    size: tuple[float, float],
    texts: Mapping[str, str],
) -> None:
    zoom = row.zoom()
    for left, arm in zip(lefts, (REAL, SYNTHETIC), strict=False):
        axes = tiles.place(figure, left, top, width=size[0], height=size[1])
        tiles.draw_grey(axes, row.images[arm], window=row.windows[arm], size_mm=row.size_mm)
        tiles.letter(axes, "axial")
        tiles.scale_bar(axes)
        _frame(axes, zoom, row)
    part = tuple((side.stop - side.start) * step for side, step in zip(reversed(zoom), _steps(row), strict=True))
    for left, arm in zip(lefts[2:], row.found, strict=True):
        axes = tiles.place(figure, left, top, width=size[0], height=size[1])
        draw_overlay(
            axes,
            row.images[arm][zoom],
            found=row.found[arm][zoom],
            true=row.true[zoom],
            window=row.windows[arm],
            size_mm=(part[0], part[1]),
        )
        tiles.letter(axes, "axial")
        tiles.scale_bar(axes)
        tiles.write(figure, left, top + size[1] + 0.5, texts.get(arm, ""), fontsize=canvas.SMALL)


def _steps(row: AttemptSlice) -> tuple[float, float]:
    """Width and height of a voxel in mm."""
    rows, columns = row.true.shape
    return row.size_mm[0] / columns, row.size_mm[1] / rows


def _frame(axes: Axes, zoom: tuple[slice, slice], row: AttemptSlice) -> None:
    """What the overlays show; not drawn if that is all."""
    rows, columns = zoom
    if not row.framed:
        return
    across, down = _steps(row)
    corner = columns.start * across, (row.true.shape[0] - rows.stop) * down
    size = (columns.stop - columns.start) * across, (rows.stop - rows.start) * down
    for colour, line in (("#000000", 1.3), (canvas.PAPER, 0.6)):
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=line))


def _notes(rows: Sequence[AttemptSlice]) -> list[str]:
    places = ", ".join(f"{row.choice.index + 1}/{row.count}" for row in rows)
    rules = ", ".join(dict.fromkeys(row.choice.rule for row in rows))
    framed = "Overlays show what the frame encloses. " if any(row.framed for row in rows) else ""
    text = (
        f"Slices: axial {places} (chosen by rule: {rules}). Display: {CONVENTION}. {framed}Each image has its own grey "
        "window."
    )
    return textwrap.wrap(text, width=142)


def _bright(image: Array) -> NDArray[np.bool_]:
    """Roughly what is no background, to place pictures and grey windows by."""
    low, high = np.percentile(image, [0.5, 99.5])
    return np.asarray(image > low + 0.05 * (high - low))
