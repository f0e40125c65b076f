"""Voxels of DICOM planes: decoded by libraries, scaled plane by plane by what each one's own header says.

Decoders: pydicom's own (uncompressed, RLE), CharLS and GDCM, all under permissive licences.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from voxlate.errors import ReadError
from voxlate.io.dicom.frames import Plane
from voxlate.io.dicom.header import parsing, read_header
from voxlate.io.dicom.sources import Source
from voxlate.io.dicom.stacks import PlaneStack
from voxlate.io.formats.stream import DAMAGED
from voxlate.volume import Array

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

logger = logging.getLogger(__name__)


def value_type(stack: PlaneStack) -> np.dtype:
    """What the values of a volume are kept in: integers where no plane has a slope or a fraction, else float32."""
    if any(frame.scale[0] != 1 or not float(frame.scale[1]).is_integer() for frame in stack.frames):
        return np.dtype(np.float32)
    ends = [end + frame.scale[1] for frame in stack.frames for end in _stored_range(frame)]
    return _narrowest(min(ends), max(ends))


def _narrowest(low: float, high: float) -> np.dtype:
    """The smallest integer type of 16 bits or more that holds a range; float64 beyond 32 bits."""
    types = (np.uint16, np.int16, np.uint32, np.int32)
    fitting = (np.dtype(one) for one in types if np.iinfo(one).min <= low <= high <= np.iinfo(one).max)
    return next(fitting, np.dtype(np.float64))


def read_values(stack: PlaneStack) -> Array:
    """The voxels ``(column, row, plane)`` in physical values.

    Raises:
        ReadError: If a plane cannot be decoded, or is not of the size that its header states.
    """
    kind = value_type(stack)
    columns, rows = stack.frames[0].shape
    values = np.empty((columns, rows, len(stack.frames)), kind, order="F")
    by_source: dict[Source, list[tuple[int, Plane]]] = defaultdict(list)
    for number, frame in enumerate(stack.frames):
        by_source[frame.source].append((number, frame))
    for source, frames in by_source.items():
        planes = _decoded(source, [frame for _, frame in frames])
        for (number, frame), plane in zip(frames, planes, strict=True):
            if plane.shape != (rows, columns):
                came = f"{plane.shape} pixels"
                raise ReadError(f"{(rows, columns)} pixels", came=came, where=source.place, remedy=DAMAGED)
            slope, intercept = frame.scale
            scaled = plane if frame.scale == (1.0, 0.0) else plane.astype(np.float64) * slope + intercept
            values[:, :, number] = scaled.T
    fitting = _narrowest(values.min(), values.max()) if kind.kind in "iu" else kind
    return values.astype(fitting, copy=False) if fitting.itemsize < kind.itemsize else values


def _tell_beyond(dataset: Dataset, frame: Plane) -> None:
    """Warns of bits above those that the header states, which are none of the value (PS3.5, 8.1.1) and are cut off."""
    bits, signed = frame.stored
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if signed or dataset.get("BitsAllocated") != 16 or bits >= 16 or syntax is None or syntax.is_compressed:
        return
    stored = np.frombuffer(
        dataset.PixelData, "<u2" if syntax.is_little_endian else ">u2", dataset.Rows * dataset.Columns
    )
    if stored.max() >= 1 << bits:
        words = "values beyond the %d bits that its header states, whose higher bits were cut off: look at the image"
        logger.warning(f"%s: {words}", frame.source.place, bits)


def _tile(picture: Array, frame: Plane) -> Array:
    """The plane's part of the picture that it is in."""
    if not frame.across:
        return picture
    columns, rows = frame.shape
    down, right = divmod(frame.number, frame.across)
    return picture[down * rows : (down + 1) * rows, right * columns : (right + 1) * columns]


def _stored_range(frame: Plane) -> tuple[int, int]:
    bits, signed = frame.stored
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


def _decoded(source: Source, frames: list[Plane]) -> list[Array]:
    from pydicom.pixels.utils import iter_pixels

    dataset = read_header(source, pixels=True)
    if "PixelData" not in dataset:
        raise ReadError("pixels", came="a header alone", where=source.place, remedy=DAMAGED)
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    _tell_beyond(dataset, frames[0])
    with parsing(source, packed=f"pixels in {syntax.name if syntax else 'an unnamed syntax'}"):
        if "PerFrameFunctionalGroupsSequence" not in dataset:
            return [_tile(dataset.pixel_array, frame) for frame in frames]
        numbers = [frame.number for frame in frames]
        return list(iter_pixels(dataset, indices=numbers, raw=True))
