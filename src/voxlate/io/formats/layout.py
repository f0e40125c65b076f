"""The layout: where a file keeps its voxels, how they are packed, and what its header says about their place.

Writing puts voxels into bytes: little-endian, i running fastest, in pieces, packed the same way every time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from voxlate.errors import ReadError
from voxlate.io.formats.stream import DAMAGED, Encoding, open_file
from voxlate.volume import Affine, Array

_VOXEL_BYTES_LIMIT = 8 * 2**30
"""A file that promises more than 8 GiB of voxels is refused before a byte of them is read."""

_DEFLATE_RATIO = 1032
"""Deflate packs 258 bytes into 2 bits at best (RFC 1951): a stream that promises more cannot keep it."""


@dataclass(frozen=True)
class HeaderGeometry:
    """What a header says about the place of its voxels, before the geometry gate has judged it.

    Attributes:
        forms: Each affine that the header states, by the field's name, preferred first; RAS+ in ``unit``.
        spacing: Along i, j, k in ``unit``, used only where no form is stated and the caller accepts that.
        unit: Name of the unit of length.
        origin: Place of the first voxel in ``unit``, RAS+, where a header states it without an orientation.
    """

    forms: Mapping[str, Affine]
    spacing: tuple[float, float, float] | None = None
    unit: str = "mm"
    origin: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Layout:
    """What a header says, checked as far as it can be without reading the voxels.

    Attributes:
        header: The file with the header.
        data: The file with the voxels, often the same.
        sizes: Voxels along every stored axis, the fastest first.
        dtype: Stored type with its byte order.
        encoding: How the voxels are packed.
        file_offset: Bytes of ``data`` before the (packed) stream.
        stream_offset: Bytes of the stream before the voxels.
        placement: The stated geometry.
        slope: Factor from stored to physical values.
        intercept: Added after the factor.
        notes: What was accepted or converted.
        comment: What the header says in words, the mark of a synthetic image among it.
        has_footer: Whether something else may follow the voxels.
        decode: Gives the voxels of an image that is "decoded": by a library, perhaps from many files.
        parts: The files that the image is kept in, where these are not header and data.
        padding: Values, from and to, that mean that the image shows nothing there.
    """

    header: Path
    data: Path
    sizes: tuple[int, ...]
    dtype: np.dtype
    encoding: Encoding
    placement: HeaderGeometry
    file_offset: int = 0
    stream_offset: int = 0
    slope: float = 1.0
    intercept: float = 0.0
    notes: tuple[str, ...] = field(default=())
    comment: str = ""
    has_footer: bool = False
    decode: Callable[[], Array] | None = None
    parts: tuple[Path, ...] = ()
    padding: tuple[float, float] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along i, j, k."""
        i, j, k = self.sizes[:3]
        return i, j, k

    @property
    def trailing_axes(self) -> int:
        """Singleton axes beyond the third."""
        return len(self.sizes) - 3

    @property
    def voxel_bytes(self) -> int:
        """Bytes of all voxels, unpacked."""
        return math.prod(self.sizes) * self.dtype.itemsize

    def checked(self) -> Layout:
        """This layout, if its sizes are those of one 3-D image and its data file can hold them.

        Raises:
            ReadError: If not.
        """
        check_sizes(self.sizes, self.header)
        if self.voxel_bytes > _VOXEL_BYTES_LIMIT or self.stream_offset > _VOXEL_BYTES_LIMIT:
            raise ReadError(
                f"at most {_VOXEL_BYTES_LIMIT} bytes of voxels",
                came=f"{self.voxel_bytes} bytes for {self.sizes}",
                where=self.header,
                remedy="The header is damaged or hostile; crop or resample the image if it is not.",
            )
        with open_file(self.data):
            _check_room(self, self.data.stat().st_size - self.file_offset)
        return self


def check_sizes(sizes: tuple[int, ...], where: Path) -> None:
    """Refuses the sizes of what is not one 3-D image.

    Raises:
        ReadError: If there are fewer than three axes, more than seven, or several images.
    """
    if len(sizes) < 3 or len(sizes) > 7 or min(sizes) < 1:
        remedy = "Save one 3-D image; a single slice is a 3-D image with one voxel along k."
        raise ReadError("three axes with at least one voxel each", came=f"sizes {sizes}", where=where, remedy=remedy)
    if math.prod(sizes[3:]) != 1:
        raise ReadError(
            "one 3-D image",
            came=f"{math.prod(sizes[3:])} of them (sizes {sizes})",
            where=where,
            remedy="Take one out first, for instance nibabel's image.slicer[..., 0] or fslroi IN OUT 0 1.",
        )


def _check_room(layout: Layout, room: int) -> None:
    needed = layout.stream_offset + layout.voxel_bytes
    if layout.encoding == "raw" and (room < needed if layout.has_footer else room != needed):
        came = f"{max(room, 0)}, {'which is cut short' if room < needed else 'with bytes left over'}"
        raise ReadError(f"{needed} bytes for sizes {layout.sizes}", came=came, where=layout.data, remedy=DAMAGED)
    if layout.encoding in {"gzip", "zlib"} and needed > max(room, 0) * _DEFLATE_RATIO:
        raise ReadError(
            f"a packed stream of {needed} bytes for sizes {layout.sizes}",
            came=f"{max(room, 0)} packed bytes, which cannot hold it",
            where=layout.data,
            remedy=DAMAGED,
        )


Pieces = Iterator[bytes | memoryview]
_PIECE_BYTES = 2**20
_LEVEL = 2  # ISA-L's own default: a tenth of zlib's time for a tenth more bytes


@dataclass(frozen=True)
class Picture:
    """What a format writes: ``array`` (i, j, k) of a stored type, ``affine`` to RAS+ mm, and a comment in ASCII."""

    array: Array
    affine: Affine
    trailing_axes: int
    comment: str


@dataclass(frozen=True)
class Part:
    """One file of an image that is written: its final path and its bytes in pieces."""

    path: Path
    pieces: Pieces


def voxel_bytes(array: Array) -> Pieces:
    """The voxels of an ``(i, j, k)`` array in file order, about a mebibyte at a time."""
    slabs = array.T
    step = max(1, _PIECE_BYTES // max(1, slabs[0].size * array.dtype.itemsize))
    little = array.dtype.newbyteorder("<")
    for start in range(0, len(slabs), step):
        slab = np.ascontiguousarray(slabs[start : start + step], dtype=little)
        yield slab.reshape(-1).view(np.uint8).data


def gzipped(pieces: Iterable[bytes | memoryview]) -> Pieces:
    """A gzip stream without name and time, so that the same voxels give the same bytes."""
    return _packed(pieces, 31)


def zlibbed(pieces: Iterable[bytes | memoryview]) -> Pieces:
    """A zlib stream, as MetaImage has it."""
    return _packed(pieces, 15)


def _packed(pieces: Iterable[bytes | memoryview], window_bits: int) -> Pieces:
    from isal import isal_zlib

    packer = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, window_bits)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
