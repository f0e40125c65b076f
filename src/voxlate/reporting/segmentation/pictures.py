"""Findings in pictures: what a segmentation found beside what is truly there, class by class.

A row is a slice of a case: the image, then an overlay per class in which what is hit, missed and invented can be told
apart without colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.cohort.labels.classes import members
from voxlate.evaluation.segmentation.scores import Classes, class_regions, values_of, whole
from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.overlays import draw_overlay, overlay_key
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow
from voxlate.reporting.drawing.views import Cut, Plane, SliceChoice, choose_slice, slices_in_words

Array = NDArray[Any]
TALLEST_MM = 62.0
MOST_OVERLAYS = 3


@dataclass(frozen=True, eq=False)
class Finding:
    """One case; arrays ``(i, j, k)`` in RAS order, of one shape.

    Attributes:
        case: Name of the case.
        image: The image that was segmented.
        title: What it shows (``FLAIR``).
        truth: True label map.
        found: Label map that was found.
        classes: From the name of a class to its label values.
        spacing_mm: Voxel size along i, j, k.
        numbers: From a region to the text under its overlay.
    """

    case: str
    image: Array
    title: str
    truth: Array
    found: Array
    classes: Classes
    spacing_mm: tuple[float, float, float]
    numbers: Mapping[str, str]

    @property
    def shown(self) -> list[str]:
        """The regions that have an overlay: all if there are few, else all labels together and the first classes."""
        regions = list(class_regions(self.classes))
        if len(regions) <= MOST_OVERLAYS:
            return regions
        main = whole(self.classes)
        return [main, *(name for name in regions if name != main)][:MOST_OVERLAYS]

    def of(self, region: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The voxels of a region, found and true."""
        values = values_of(region, self.classes)
        return members(self.found, values), members(self.truth, values)

    def choose(self, plane: Plane = "axial") -> SliceChoice:
        """The slice to show: the largest true area, else the largest found one, else the middle of the image."""
        i, j, k = self.image.shape
        found, true = self.of(whole(self.classes))
        if not true.any() and found.any():
            choice = choose_slice(plane, shape=(i, j, k), lesion=found)
            return replace(choice, rule="largest area that was found")
        choice = choose_slice(plane, shape=(i, j, k), mask=tiles.bright(self.image), lesion=true)
        return replace(choice, rule="largest true area") if true.any() else choice

    def cut(self, plane: Plane = "axial") -> Cut:
        """That slice, and the part of it that is shown: what is no background, and every label."""
        inside = tiles.bright(self.image) | (self.truth > 0) | (self.found > 0)
        return Cut.take(self.choose(plane), shape=self.image.shape, spacing_mm=self.spacing_mm, mask=inside)


@canvas.styled
def draw_finding(
    finding: Finding, *, planes: Sequence[Plane] = ("axial", "coronal", "sagittal"), heading: str = ""
) -> Figure:
    """One case, a row per plane.

    Args:
        finding: The case.
        planes: From top to bottom.
        heading: Printed above the pictures; by default the case's name.
    """
    last = len(planes) - 1
    cuts = [finding.cut(plane) for plane in planes]
    rows = [
        _row(finding, cut, heading="" if number else heading or finding.case, numbers=number == last)
        for number, cut in enumerate(cuts)
    ]
    return _draw(finding, cuts, rows)


@canvas.styled
def draw_findings(findings: Mapping[str, Finding], *, plane: Plane = "axial") -> Figure:
    """Several cases of the same classes, a row each.

    Args:
        findings: From a label (``worst``, ``median``, ``best``, a recipe) to the case, from top to bottom.
        plane: The plane of every row.
    """
    cuts = {label: finding.cut(plane) for label, finding in findings.items()}
    rows = [
        _row(finding, cuts[label], heading=f"{label}: {finding.case}", numbers=True)
        for label, finding in findings.items()
    ]
    return _draw(next(iter(findings.values())), list(cuts.values()), rows)


def _row(finding: Finding, cut: Cut, *, heading: str, numbers: bool) -> SheetRow:
    picture, window = cut.of(finding.image), tiles.grey_window(finding.image, tiles.bright(finding.image))
    cells = [sheet.picture(cut.laid, tiles.draw_grey, picture, window=window, scaled=True)]
    for region in finding.shown:
        found, true = (cut.of(part) for part in finding.of(region))
        below = finding.numbers.get(region, "") if numbers else ""
        overlaid: dict[str, Any] = {"found": found, "true": true, "window": window, "below": below}
        cells.append(sheet.picture(cut.laid, draw_overlay, picture, **overlaid))
    return SheetRow(cells, heading)


def _draw(first: Finding, cuts: Sequence[Cut], rows: Sequence[SheetRow]) -> Figure:
    left_out = len(class_regions(first.classes)) - len(first.shown)
    more = f" {left_out} further class{'es are' if left_out > 1 else ' is'} not drawn." if left_out else ""
    slices = slices_in_words([(cut.choice, cut.count) for cut in cuts])
    columns = [SheetColumn(name[:1].upper() + name[1:], "found beside true") for name in first.shown]
    return sheet.draw_sheet(
        [SheetColumn(first.title, "image"), *columns],
        rows,
        key=overlay_key,
        notes=[f"{slices} Numbers are of the whole volume.{more}"],
        tallest_mm=TALLEST_MM,
    )
