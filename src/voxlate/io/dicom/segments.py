"""Label maps from DICOM Segmentation (PS3.3 A.51): a value for each segment, on the planes that it was drawn on.

A value is what the description of each segment states, as Voxlate writes it (``left kidney, label 205``), else the
segment's number. Whoever writes such a file may leave out planes, and segments, that hold nothing: planes between
others are empty. The grid is that of the series that the file refers to where it lies nearby, else that of its own
planes from the first to the last. A label map has one label in a voxel: segments that overlap are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from voxlate.errors import ReadError, counted
from voxlate.io.dicom.frames import Instance, Plane, read_planes
from voxlate.io.dicom.header import macro, numbers, parsing, read_header, text
from voxlate.io.dicom.sources import Source
from voxlate.io.dicom.stacks import PlaneStack, planes_on, spaced_stack, stacks_of
from voxlate.volume import Array

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_LABEL_MAPS = "1.2.840.10008.5.1.4.1.1.66.7"
_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", _LABEL_MAPS)
"""Storage of segments, and of label maps (2024)."""
_VALUED = re.compile(r"(?P<name>.*), label (?P<value>[1-9][0-9]{0,8})", re.DOTALL)
_HALF = 0.5


@dataclass(frozen=True, eq=False)
class Segments:
    """What a segmentation marks, and where.

    Attributes:
        source: The file.
        series: The unique identifiers of the series that it refers to.
        planes: Of each frame.
        numbers: The segment of each frame; 0 where the pixels tell it, as those of a label map do.
        values: From a segment's number to its label.
        names: From a label to its name.
        full: The stored value of what belongs to a segment entirely.
        spacing_mm: Of neighbouring planes, as the file states it; 0 if it does not.
        is_synthetic: Whether it says that it was computed.
    """

    source: Source
    series: frozenset[str]
    planes: tuple[Plane, ...]
    numbers: tuple[int, ...]
    values: dict[int, int]
    names: dict[int, str]
    full: int
    spacing_mm: float
    is_synthetic: bool

    @property
    def dtype(self) -> np.dtype:
        """The smallest type that holds the labels."""
        return np.min_scalar_type(max(self.values.values(), default=0))

    def upon(self, instances: Iterable[Instance]) -> PlaneStack | None:
        """The planes of the series that they were drawn on; ``None`` if it is not there.

        Args:
            instances: Files that lie nearby.
        """
        drawn = [one for one in instances if one.series.split(" ")[1:2] and one.series.split(" ")[1] in self.series]
        try:
            stacks = stacks_of(drawn, where=self.source.place) if drawn else []
        except ReadError:
            stacks = []
        return next((one for one in stacks if planes_on(one, self.planes) is not None), None)

    def alone(self) -> PlaneStack:
        """Their own planes, and those between.

        Raises:
            GeometryError: If these do not lie at even steps.
        """
        return spaced_stack(self.planes, gap_mm=self.spacing_mm, where=self.source.place)

    def read(self, stack: PlaneStack) -> Array:
        """The labels ``(column, row, plane)`` on planes that they lie on.

        Raises:
            ReadError: If a voxel belongs to two segments, or the pixels cannot be decoded.
        """
        columns, rows = stack.frames[0].shape
        labels = np.zeros((columns, rows, len(stack.frames)), self.dtype, order="F")
        places, twice = planes_on(stack, self.planes) or [], 0
        for number, place, pixels in zip(self.numbers, places, _frames_of(self), strict=True):
            plane = labels[:, :, place]
            for segment in [number] if number else np.unique(pixels).tolist():
                inside = (pixels >= _HALF * self.full if number else pixels == segment).T
                twice += int(np.count_nonzero(plane[inside]))
                plane[inside] = self.values.get(segment, 0)
        if twice:
            came, remedy = f"{counted(twice, 'voxel')} of several", "Write segments that overlap as files of their own."
            raise ReadError("one segment in a voxel", came=came, where=self.source.place, remedy=remedy)
        return labels


def read_segments(source: Source) -> Segments | None:
    """The segments of a file; ``None`` of any other file.

    Raises:
        ReadError: If it cannot be parsed, or its frames have no place.
    """
    if text(read_header(source), "SOPClassUID") not in _SEGMENTATIONS:
        return None
    with parsing(source):
        dataset = read_header(source, whole=True)
        planes = read_planes(dataset, source, text(dataset, "SeriesInstanceUID"))
        is_map = text(dataset, "SOPClassUID") == _LABEL_MAPS or text(dataset, "SegmentationType") == "LABELMAP"
        segments = [0] * len(planes) if is_map else [*_segments_of(dataset, source)]
        values, names = _described(dataset)
        unknown = sorted({*segments} - {0, *values})
        if unknown or not values:
            came = f"segment {unknown[0]}, which is not" if unknown else "none"
            remedy = "Ask for the segmentation anew."
            raise ReadError("segments that are described", came=came, where=source.place, remedy=remedy)
        return Segments(
            source,
            frozenset(_series_of(dataset)),
            tuple(planes),
            tuple(segments),
            values,
            names,
            full=int((numbers(dataset, "MaximumFractionalValue", source=source) or (1.0,))[0]),
            spacing_mm=_spacing(dataset, source),
            is_synthetic=text(dataset, "SyntheticData") == "YES",
        )


def _spacing(dataset: Dataset, source: Source) -> float:
    each = dataset.get("PerFrameFunctionalGroupsSequence") or [None]
    measures = macro([each[0], macro([dataset], "SharedFunctionalGroupsSequence")], "PixelMeasuresSequence")
    return abs((numbers(measures, "SpacingBetweenSlices", source=source) or (0.0,))[0])


def _segments_of(dataset: Dataset, source: Source) -> Iterator[int]:
    """The segment of each frame."""
    shared = macro([dataset], "SharedFunctionalGroupsSequence")
    for groups in dataset.get("PerFrameFunctionalGroupsSequence") or ():
        told = macro([groups, shared], "SegmentIdentificationSequence")
        found = numbers(told, "ReferencedSegmentNumber", source=source)
        if not found:
            remedy = "Ask for the segmentation anew."
            raise ReadError("a segment for each frame", came="none", where=source.place, remedy=remedy)
        yield int(found[0])


def _described(dataset: Dataset) -> tuple[dict[int, int], dict[int, str]]:
    """The label of each segment, and the names of labels."""
    told = {int(one.SegmentNumber): one for one in dataset.get("SegmentSequence") or () if one.get("SegmentNumber")}
    ours = {number: _VALUED.fullmatch(text(one, "SegmentDescription")) for number, one in told.items()}
    stated = {number: int(found["value"]) for number, found in ours.items() if found}
    values = stated if len({*stated.values()}) == len(told) else {number: number for number in told}
    names = {}
    for number, one in told.items():
        found = ours[number] if values is stated else None
        names[values[number]] = found["name"] if found else text(one, "SegmentLabel").strip()
    return values, {value: name for value, name in names.items() if name and name != f"label {value}"}


def _series_of(dataset: Dataset) -> Iterator[str]:
    for series in dataset.get("ReferencedSeriesSequence") or ():
        yield text(series, "SeriesInstanceUID")


def _frames_of(segments: Segments) -> Iterator[Array]:
    """The pixels ``(row, column)`` of each frame, one at a time: there are as many as segments and planes together."""
    from pydicom.pixels.utils import iter_pixels

    source, (columns, rows) = segments.source, segments.planes[0].shape
    dataset, size = read_header(source, pixels=True), columns * rows
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    packed = dataset.get("BitsAllocated") == 1 and syntax is not None and not syntax.is_encapsulated
    with parsing(source, packed=f"pixels in {syntax.name if syntax else 'an unnamed syntax'}"):
        if not packed:
            yield from iter_pixels(dataset, raw=True)
            return
        for number in range(len(segments.planes)):  # bits go on from one frame to the next without a gap
            first, rest = divmod(number * size, 8)
            octets = np.frombuffer(dataset.PixelData, np.uint8, -(-(rest + size) // 8), first)
            yield np.unpackbits(octets, bitorder="little")[rest : rest + size].reshape(rows, columns)
