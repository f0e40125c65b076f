"""What the text headers of MetaImage and NRRD share: bounded lines, numbers with an error that names the field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from voxlate.errors import ReadError
from voxlate.volume import Affine

_LINE_BYTES = 2**16
_HEADER_BYTES = 2**20
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From ITK's and DICOM's world (left, posterior, superior) to RAS+ and back."""
FILE_NOTES = "ITK_FileNotes"
"""The key that ITK carries along when it converts, into the ``descrip`` of NIfTI too; comments it leaves behind."""


def lines(file: BinaryIO, where: Path, *, may_end: bool = False) -> Iterator[str]:
    """The lines of a header without their ends, at most a mebibyte of them.

    Raises:
        ReadError: If the header does not end, unless the file ``may_end`` with it.
    """
    total = 0
    while line := file.readline(_LINE_BYTES):
        total += len(line)
        if total > _HEADER_BYTES or (len(line) == _LINE_BYTES and not line.endswith(b"\n")):
            may_end = False
            break
        yield line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
    if not may_end:
        raise refusal("a text header that ends", f"{total} bytes without its end", where)


def refusal(expected: str, came: str, where: Path) -> ReadError:
    """The error for a header that cannot be used."""
    remedy = "The header is damaged or of another kind; export the image again, for instance as .nii.gz."
    return ReadError(expected, came=came[:200], where=where, remedy=remedy)


def numbers(text: str, *, count: int, field: str, where: Path) -> Affine:
    """``count`` numbers, float64; NaN and infinity pass, for the geometry gate to refuse.

    Raises:
        ReadError: If the text holds anything else.
    """
    try:
        values = np.array([float(word) for word in text.split()], dtype=np.float64)
    except ValueError:
        values = np.array([])
    if len(values) != count:
        raise refusal(f"{count} numbers in {field!r}", repr(text), where)
    return values


def integers(text: str, *, field: str, where: Path) -> tuple[int, ...]:
    """Whole numbers.

    Raises:
        ReadError: If the text holds anything else.
    """
    words = text.split()
    if not words or not all(len(word) < 20 and word.lstrip("+-").isdecimal() for word in words):
        raise refusal(f"whole numbers in {field!r}", repr(text), where)
    return tuple(int(word) for word in words)
