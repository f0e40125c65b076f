"""One case as several variants predict it: source, truth, predictions and errors, and what is labelled enlarged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.regions import LESION, in_words
from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.panels import Panel
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow
from voxlate.reporting.drawing.views import PLANES, Cut, Plane, slices_in_words

_MARGIN_MM = 12.0  # around the lesion


@canvas.styled
def draw_contrasted(panels: Mapping[str, Panel], *, plane: Plane = "axial", heading: str = "") -> Figure:
    """Source, truth, and prediction and error of each variant in one row, and what is labelled enlarged in a second.

    Args:
        panels: From a variant to the case as it predicts it; all share source, truth, mask and labels.
        plane: The plane of the slice, which is chosen by rule: the largest labelled area.
        heading: Printed above the pictures; by default the case's name.
    """
    shown = next(iter(panels.values()))
    cut = shown.cut(plane)
    close = _around_lesion(shown, cut)
    notes = [
        f"{slices_in_words([(cut.choice, cut.count)])} Error: prediction \N{MINUS SIGN} truth, {shown.error_unit}."
    ]
    if close is not None:
        verb = "it is" if shown.labelled == LESION else "they are"
        notes.append(f"The line encloses the {in_words(shown.labelled)}; below {verb} enlarged.")
    whole = _row(panels, cut)
    numbers = tuple(f"{name}: {line}" for name, panel in panels.items() for line in panel.numbers)
    rows = [whole] if close is None else [whole, replace(_row(panels, close), enlarged=True)]
    return sheet.draw_sheet(
        _columns(panels),
        [*rows[:-1], replace(rows[-1], numbers=numbers)],
        heading=heading or shown.case,
        notes=[" ".join(notes)],
        tallest_mm=60.0,
    )


def _columns(panels: Mapping[str, Panel]) -> list[SheetColumn]:
    shown = next(iter(panels.values()))
    greys = [SheetColumn("Source", next(iter(shown.sources))), SheetColumn("Truth", shown.target)]
    greys += [SheetColumn("Prediction", name) for name in panels]
    return [*greys, sheet.GREYS, *(SheetColumn("Error", name) for name in panels), sheet.ERRORS]


def _row(panels: Mapping[str, Panel], cut: Cut) -> SheetRow:
    shown = next(iter(panels.values()))
    limit = tiles.error_limit([shown.greys])
    [(name, source), *_] = shown.sources.items()
    predictions = {f" {variant}": panel.prediction for variant, panel in panels.items()}
    greys = shown.grey_cells({name: source, " truth": shown.truth, **predictions}, cut)
    errors = [replace(panel, lesion=shown.lesion).error_cell(cut, limit=limit) for panel in panels.values()]
    return SheetRow((*greys, sheet.grey_scale(shown.greys, shown.unit), *errors, sheet.error_scale(limit)))


def _around_lesion(panel: Panel, cut: Cut) -> Cut | None:
    """The lesion in the slice with a margin, a square in mm; ``None`` if there is none, or nothing to enlarge."""
    if panel.lesion is None or not np.any(panel.lesion):
        return None
    axis, within = PLANES[cut.choice.plane], cut.box
    area = np.take(np.asarray(panel.lesion) != 0, cut.choice.index, axis=axis)
    sides = [side for side in range(3) if side != axis]
    found = [np.flatnonzero(area.any(axis=1 - place)) for place in range(2)]
    middles = [(places[0] + places[-1] + 1) / 2 for places in found]
    reach = max(_length_mm(places, panel.spacing_mm[side]) for places, side in zip(found, sides, strict=True)) / 2
    box = list(within)
    for middle, side in zip(middles, sides, strict=True):
        half = max(2.0, (reach + _MARGIN_MM) / panel.spacing_mm[side])
        length = min(round(2 * half), panel.truth.shape[side])
        start = min(max(0, round(middle - half)), panel.truth.shape[side] - length)
        box[side] = slice(start, start + length)
    larger = all(box[side].stop - box[side].start >= within[side].stop - within[side].start for side in sides)
    return None if larger else replace(cut, box=(box[0], box[1], box[2]))


def _length_mm(places: NDArray[np.intp], step_mm: float) -> float:
    """From the first to the last voxel, both included, in mm."""
    return float(places[-1] - places[0] + 1) * step_mm
