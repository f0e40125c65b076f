"""Attempts: the cases of a task in pictures, and how Dice moves from arm to arm.

One row per case: the real image, the synthetic one, and what was found in each arm beside what is truly there. The
overlays show the part of the slice that the frame encloses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from voxlate.cohort.labels.classes import members
from voxlate.contrast import get_contrast
from voxlate.evaluation.segmentation.scores import values_of
from voxlate.evaluation.segmentation.segmenters import Segmenter
from voxlate.evaluation.task.arms import Attempt
from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.overlays import draw_overlay, overlay_key
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow
from voxlate.reporting.drawing.views import Cut, Laid, SliceChoice, choose_slice, slices_in_words
from voxlate.roles import ARMS, REAL, SYNTHETIC, WITHOUT
from voxlate.volume import Array

_TALLEST_MM = 48.0
_LEAST_ZOOM_MM, _ZOOM_MARGIN_MM = 40.0, 10.0
_NEARLY_ALL = 0.85
"""A part of a slice that is larger is shown as the whole slice."""


@dataclass(frozen=True, eq=False)
class AttemptSlice:
    """What is shown of a case: one axial slice of every arm, as ``Cut.of`` gives it.

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

    @property
    def laid(self) -> Laid:
        """How the slice lies on the page."""
        return Laid("axial", self.size_mm)

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
            need = max((hit[-1] + 1 - hit[0]) * step + 2 * _ZOOM_MARGIN_MM, _LEAST_ZOOM_MM)
            share = max(share, need / size)
            middle.append((hit[0] + hit[-1] + 1) / 2)
        if share > _NEARLY_ALL:
            return everything
        sides = []
        for axis, centre in enumerate(middle):
            count = marked.shape[axis]
            wide = min(count, round(share * count))
            first = int(np.clip(round(centre - wide / 2), 0, count - wide))
            sides.append(slice(first, first + wide))
        return sides[0], sides[1]

    def arrays(self) -> dict[str, Array]:
        """All of it as arrays, to be kept beside the scores of the case; ``slice_of`` reads them."""
        kept = {
            "true": self.true,
            "size_mm": np.array(self.size_mm),
            "index": np.array(self.choice.index),
            "rule": np.array(self.choice.rule),
            "count": np.array(self.count),
        }
        for arm in self.found:
            kept[f"image {arm}"], kept[f"window {arm}"] = self.images[arm], np.array(self.windows[arm])
            kept[f"shown {arm}"], kept[f"found {arm}"] = np.array(self.shown[arm]), self.found[arm]
        return kept

    @property
    def framed(self) -> bool:
        """Whether the overlays show a part of the slice."""
        rows, columns = self.zoom()
        return (rows.stop - rows.start, columns.stop - columns.start) != self.true.shape


def _take_slice(attempt: Attempt, *, true: Array, found: Mapping[str, Array]) -> AttemptSlice:
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
    windows = {arm: tiles.grey_window(image, tiles.bright(image)) for arm, image in attempt.images.items()}
    mask = tiles.bright(attempt.images[REAL]) | true
    cut = Cut.take(choice, shape=attempt.truth.shape, spacing_mm=attempt.spacing_mm, mask=mask)
    return AttemptSlice(
        case=attempt.case_id,
        images={arm: cut.of(image).copy() for arm, image in attempt.images.items()},
        windows=windows,
        shown=attempt.shown,
        found={arm: cut.of(labels).copy() for arm, labels in found.items()},
        true=cut.of(true).copy(),
        size_mm=cut.laid.size_mm,
        choice=choice,
        count=cut.count,
    )


def picture_of(attempt: Attempt, *, segmenter: Segmenter, other: Segmenter | None, region: str) -> dict[str, Array]:
    """What the picture of a case needs, to be kept beside its scores.

    Args:
        attempt: The case in every arm.
        segmenter: Who found the labels.
        other: Who found those of the arm without the target, if it was another one.
        region: The region that is drawn.
    """
    found = {}
    for arm in attempt.images:
        labels = attempt.found[arm]
        who = other if arm == WITHOUT and other is not None else segmenter
        found[arm] = members(labels, values_of(region, who.classes))
    true = members(attempt.truth, values_of(region, segmenter.truth_classes))
    return _take_slice(attempt, true=true, found=found).arrays()


def slice_of(arrays: Mapping[str, Array], *, case: str) -> AttemptSlice:
    """The case as it is drawn.

    Args:
        arrays: Of ``picture_of``.
        case: Name of the case.
    """
    arms = [arm for arm in ARMS if f"found {arm}" in arrays]
    width, height = (float(side) for side in arrays["size_mm"])
    windows = {arm: (float(arrays[f"window {arm}"][0]), float(arrays[f"window {arm}"][1])) for arm in arms}
    return AttemptSlice(
        case=case,
        images={arm: arrays[f"image {arm}"] for arm in arms},
        windows=windows,
        shown={arm: str(arrays[f"shown {arm}"]) for arm in arms},
        found={arm: arrays[f"found {arm}"] for arm in arms},
        true=arrays["true"],
        size_mm=(width, height),
        choice=SliceChoice("axial", int(arrays["index"]), str(arrays["rule"])),
        count=int(arrays["count"]),
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
    framed = ["Overlays show what the frame encloses."] if any(row.framed for row in shown) else []
    slices = slices_in_words([(row.choice, row.count) for row in shown])
    return sheet.draw_sheet(
        _columns(shown[0], arms),
        [_row(row, arms, heading=heading, texts=numbers[row.case]) for heading, row in rows.items()],
        key=overlay_key,
        notes=[" ".join([slices, *framed, "Each image has its own grey window."])],
        tallest_mm=_TALLEST_MM,
    )


def _columns(row: AttemptSlice, arms: Sequence[str]) -> list[SheetColumn]:
    target = get_contrast(row.shown[REAL]).title
    found = {REAL: f"Found with real {target}", SYNTHETIC: "Found with synthetic", WITHOUT: f"Found without {target}"}
    columns = [SheetColumn(f"Real {target}", "image"), SheetColumn(f"Synthetic {target}", "image")]
    return [*columns, *(SheetColumn(found[arm], f"on {get_contrast(row.shown[arm]).title}") for arm in arms)]


def _row(row: AttemptSlice, arms: Sequence[str], *, heading: str, texts: Mapping[str, str]) -> SheetRow:
    zoom = row.zoom()
    cells = [
        sheet.picture(
            row.laid, tiles.draw_grey, row.images[arm], window=row.windows[arm], scaled=True, over=partial(_frame, row)
        )
        for arm in (REAL, SYNTHETIC)
    ]
    across, down = _steps(row)
    part = Laid(row.laid.plane, ((zoom[1].stop - zoom[1].start) * across, (zoom[0].stop - zoom[0].start) * down))
    for arm in arms:
        settings: Style = {"window": row.windows[arm], "below": texts.get(arm, "")}
        found, true, image = row.found[arm][zoom], row.true[zoom], row.images[arm][zoom]
        overlaid = sheet.picture(part, draw_overlay, image, found=found, true=true, scaled=True, **settings)
        cells.append(replace(overlaid, size_mm=row.size_mm))  # as large on the page as the images
    return SheetRow(cells, heading)


def _steps(row: AttemptSlice) -> tuple[float, float]:
    """Width and height of a voxel in mm."""
    rows, columns = row.true.shape
    return row.size_mm[0] / columns, row.size_mm[1] / rows


def _frame(row: AttemptSlice, axes: Axes) -> None:
    """What the overlays show; not drawn if that is all."""
    rows, columns = row.zoom()
    if not row.framed:
        return
    across, down = _steps(row)
    corner = columns.start * across, (row.true.shape[0] - rows.stop) * down
    size = (columns.stop - columns.start) * across, (rows.stop - rows.start) * down
    for colour, line in (("#000000", 1.3), (canvas.PAPER, 0.6)):
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=line))
