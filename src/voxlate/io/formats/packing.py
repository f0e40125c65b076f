"""Voxels into bytes: little-endian, i running fastest, in pieces, packed the same way every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.volume import Affine

Pieces = Iterator[bytes | memoryview]
_PIECE_BYTES = 2**20
_LEVEL = 2  # ISA-L's own default: a tenth of zlib's time for a tenth more bytes


@dataclass(frozen=True)
class Picture:
    """What a format writes: ``array`` (i, j, k) of a stored type, ``affine`` to RAS+ mm, and a comment in ASCII."""

    array: NDArray[Any]
    affine: Affine
    trailing_axes: int
    comment: str


@dataclass(frozen=True)
class Part:
    """One file of an image: its final path and its bytes in pieces."""

    path: Path
    pieces: Pieces


def voxel_bytes(array: NDArray[Any]) -> Pieces:
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
