"""The patient's outline of a structure set (RTSTRUCT, PS3.3 A.19) as a mask upon the series that it was drawn on.

The structure that is meant is the one of type EXTERNAL, else one called BODY, EXTERNAL or SKIN. Contours are closed
polygons in planes of the series, in mm; a voxel belongs to the outline if an odd number of a plane's contours holds its
centre, so that a contour inside another one is a hole. A plane between two others without a contour takes its nearest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import GeometryError, ReadError, counted
from voxlate.io.dicom.frames import Instance
from voxlate.io.dicom.header import numbers, parsing, read_header, text
from voxlate.io.dicom.sources import Source
from voxlate.io.dicom.stacks import PlaneStack

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
_TYPE, _NAMES = "EXTERNAL", ("body", "external", "skin")
_BESIDE = 0.25
"""Of the distance of planes: how far a contour may lie from one."""
_REMEDY = "Draw the outline on the planes of the series, or give a mask as an image."


@dataclass(frozen=True)
class BodyOutline:
    """The outline that a structure set has, or none.

    Attributes:
        source: The file.
        series: The unique identifiers of the series that it was drawn on.
        name: What the structure is called, by words of a list; empty if there is none.
        contours: Each ``(n, 3)``, LPS in mm.
    """

    source: Source
    series: frozenset[str]
    name: str
    contours: tuple[NDArray[np.float64], ...]


def read_outline(source: Source) -> BodyOutline | None:
    """The outline of a structure set; ``None`` of any other file.

    Raises:
        ReadError: If it cannot be parsed, or its contours are no polygons.
    """
    if text(read_header(source), "SOPClassUID") != _STRUCTURE_SET:
        return None
    with parsing(source):
        dataset = read_header(source, whole=True)
        number, name = _structure(dataset)
        contours = [
            _polygon(contour, source)
            for structure in dataset.get("ROIContourSequence") or ()
            if text(structure, "ReferencedROINumber") == number
            for contour in structure.get("ContourSequence") or ()
            if text(contour, "ContourGeometricType") == "CLOSED_PLANAR"
        ]
        return BodyOutline(source, frozenset(_series(dataset)), name if contours else "", tuple(contours))


def _structure(dataset: Dataset) -> tuple[str, str]:
    """Number and name of the structure that is the outline; empty if none is."""
    typed = {
        text(one, "ReferencedROINumber")
        for one in dataset.get("RTROIObservationsSequence") or ()
        if text(one, "RTROIInterpretedType").upper() == _TYPE
    }
    named = {text(one, "ROINumber"): text(one, "ROIName") for one in dataset.get("StructureSetROISequence") or ()}
    for number in named:
        if number in typed:
            return number, f"of type {_TYPE}"
    for wanted in _NAMES:
        for number, name in named.items():
            if name.strip().casefold() == wanted:
                return number, f"called {wanted.upper()}"
    return "", ""


def _series(dataset: Dataset) -> Iterable[str]:
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for series in study.get("RTReferencedSeriesSequence") or ():
                yield text(series, "SeriesInstanceUID")


def _polygon(contour: Dataset, source: Source) -> NDArray[np.float64]:
    values = numbers(contour, "ContourData", source=source)
    if len(values) < 9 or len(values) % 3:
        came = f"{len(values)} numbers"
        raise ReadError("three points or more of a contour", came=came, where=source.place, remedy=_REMEDY)
    return np.array(values).reshape(-1, 3)


def drawn_on(outline: BodyOutline, instances: Iterable[Instance]) -> list[Instance]:
    """Those files that are of the series which an outline was drawn on."""
    return [one for one in instances if one.series.split(" ")[1:2] and one.series.split(" ")[1] in outline.series]


def rasterise(outline: BodyOutline, stack: PlaneStack) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The outline as a mask ``(column, row, plane)`` of a series' planes, and what was assumed.

    Raises:
        GeometryError: If a contour lies between two planes, or across them, or beyond them all.
    """
    columns, rows = stack.frames[0].shape
    mask = np.zeros((columns, rows, len(stack.frames)), bool)
    inverse = np.linalg.inv(stack.affine)
    drawn = set()
    for contour in outline.contours:
        points = (contour * [-1, -1, 1]) @ inverse[:3, :3].T + inverse[:3, 3]
        plane = round(float(points[:, 2].mean()))
        furthest = float(np.abs(points[:, 2] - plane).max())
        if furthest > _BESIDE or not 0 <= plane < len(stack.frames):
            came = f"one {furthest * stack.distance_mm:.2f} mm beside the nearest, or beyond them"
            where = outline.source.place
            raise GeometryError("contours on the planes of the series", came=came, where=where, remedy=_REMEDY)
        mask[:, :, plane] ^= _filled(points[:, :2], columns, rows)
        drawn.add(plane)
    lacking = [plane for plane in range(min(drawn), max(drawn)) if plane not in drawn]
    for plane in lacking:
        mask[:, :, plane] = mask[:, :, min(drawn, key=lambda one: abs(one - plane))]
    notes = (
        (f"Of {counted(len(lacking), 'plane')} without a contour the nearest contour was taken.",) if lacking else ()
    )
    return mask.astype(np.uint8), notes


def _filled(polygon: NDArray[np.float64], columns: int, rows: int) -> NDArray[np.bool_]:
    """Which pixel centres ``(column, row)`` a polygon holds: those with an odd number of its edges to their left."""
    inside = np.zeros((columns, rows), bool)
    first, second = polygon, np.roll(polygon, -1, axis=0)
    low, high = np.minimum(first[:, 1], second[:, 1]), np.maximum(first[:, 1], second[:, 1])
    for row in range(max(int(np.ceil(low.min())), 0), min(int(np.floor(high.max())), rows - 1) + 1):
        crossed = (low <= row) & (row < high)
        (x0, y0), (x1, y1) = first[crossed].T, second[crossed].T
        edges = np.sort(x0 + (row - y0) * (x1 - x0) / (y1 - y0))
        inside[:, row] = np.searchsorted(edges, np.arange(columns), side="right") % 2 == 1
    return inside
