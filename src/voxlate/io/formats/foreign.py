"""What a file is that is not what its suffix says: told by its first bytes, once a reader has refused it.

Failed downloads leave pointers of Git LFS (git-lfs.com) or git-annex (git-annex.branchable.com), web pages and empty
files; hands and browsers pack, unpack and rename. Sources of the signs: the formats' own specifications.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from voxlate.errors import ReadError
from voxlate.io.paths import volume_suffix

_HEAD_BYTES = 4096
_FEW_FILES = 20
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n\f"
_AGAIN = "Download or copy it again."
_DICOM = "Call it .dcm, or give the folder of its series under a name that is no image's."
_UNPACK = "Unpack it, and give the image inside."


class Foreign(NamedTuple):
    """What a file is, as a noun phrase, and what to do about it, as a sentence."""

    what: str
    remedy: str


_EMPTY = Foreign("an empty file", _AGAIN)
_LINK = Foreign("a git-annex link to a file that was not fetched", "Fetch the content: git annex get.")
_PAGE = Foreign(
    "a web page",
    "The server sent it in place of the file, because of a log-in or an error: download it again, logged in.",
)
_POINTERS: tuple[tuple[bytes, Foreign], ...] = (
    (
        b"version https://git-lfs",
        Foreign("a Git LFS pointer, which stands for a file that was not fetched", "Fetch the content: git lfs pull."),
    ),
    (
        b"/annex/objects/",
        Foreign(
            "a git-annex pointer, which stands for a file that was not fetched", "Fetch the content: git annex get."
        ),
    ),
)
_BINARY: tuple[tuple[int, bytes, Foreign], ...] = (
    (128, b"DICM", Foreign("a DICOM file", _DICOM)),
    (0, b"\x08\x00\x05\x00", Foreign("a DICOM file without its preamble", _DICOM)),
    (0, b"\x08\x00\x00\x00", Foreign("a DICOM file without its preamble", _DICOM)),
    (0, b"\x08\x00\x08\x00", Foreign("a DICOM file without its preamble", _DICOM)),
    (0, b"\x08\x00\x16\x00", Foreign("a DICOM file without its preamble", _DICOM)),
    (0, b"PK\x03\x04", Foreign("a zip archive (or a spreadsheet, which is one)", _UNPACK)),
    (0, b"PK\x05\x06", Foreign("an empty zip archive", _AGAIN)),
    (257, b"ustar", Foreign("a tar archive", _UNPACK)),
    (0, b"7z\xbc\xaf\x27\x1c", Foreign("a 7z archive", _UNPACK)),
    (0, b"Rar!", Foreign("a RAR archive", _UNPACK)),
    (0, b"BZh", Foreign("a file packed by bzip2", "Unpack it with bunzip2.")),
    (0, b"\xfd7zXZ\0", Foreign("a file packed by xz", "Unpack it with unxz.")),
    (0, b"\x28\xb5\x2f\xfd", Foreign("a file packed by zstd", "Unpack it with unzstd.")),
    (0, b"NRRD", Foreign("a NRRD image", "Call it .nrrd.")),
    (0, b"\x89HDF", Foreign("an HDF5 file (MINC 2, MATLAB and others)", "Convert it to NIfTI.")),
    (0, b"CDF\x01", Foreign("a netCDF file (MINC 1)", "Convert it to NIfTI.")),
    (0, b"MATLAB", Foreign("a MATLAB file", "Convert it to NIfTI.")),
    (0, b"\x93NUMPY", Foreign("a NumPy array", "Save it as NIfTI, with its affine.")),
    (0, b"\x89PNG", Foreign("a PNG picture", "Give the volume that it was drawn from.")),
    (0, b"\xff\xd8\xff", Foreign("a JPEG picture", "Give the volume that it was drawn from.")),
    (0, b"II*\0", Foreign("a TIFF picture", "Convert it to NIfTI, with its spacing.")),
    (0, b"MM\0*", Foreign("a TIFF picture", "Convert it to NIfTI, with its spacing.")),
    (0, b"%PDF", Foreign("a PDF document", _AGAIN)),
)
_OWN: dict[bytes, tuple[str, ...]] = {
    b"NRRD": (".nrrd", ".nhdr"),
    b"\x89PNG": (".png",),
    b"II*\0": (".tif", ".tiff"),
    b"MM\0*": (".tif", ".tiff"),
}
"""From a sign to the suffixes under which it is in its place."""
_NIFTI = (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")
"""The header's size, 348 or 540, in both byte orders."""


def foreign(path: Path) -> Foreign | None:
    """What stands at a path, or ``None`` if it may be what its suffix says.

    Args:
        path: A file, a folder or a link to nothing.
    """
    with suppress(OSError, ValueError):
        if path.is_symlink() and not path.exists() and "annex/objects" in os.readlink(path):  # noqa: PTH115
            return _LINK
        if path.is_dir():
            return _of_folder(path)
        with path.open("rb") as file:
            return _of_bytes(file.read(_HEAD_BYTES), path.name.lower())
    return None


def refusal_of_voxels(path: Path) -> ReadError | None:
    """The error that says what stands in place of the voxels that a header names, or ``None`` if nothing is known.

    Voxels may begin with any bytes: only what is text, or nothing, is told.
    """
    found = stand_in(path)
    return ReadError("voxels", came=found.what, where=path, remedy=found.remedy) if found else None


def stand_in(path: Path) -> Foreign | None:
    """What stands in place of a file whose content may be any text or bytes, as a failed download leaves it."""
    found = foreign(path)
    return found if found in {one for _, one in _POINTERS} | {_EMPTY, _PAGE, _LINK} else None


def refusal_of(path: Path) -> ReadError | None:
    """The error that says what stands at a path in place of an image, or ``None`` if nothing is known."""
    found = foreign(path)
    suffix = volume_suffix(path)
    expected = f"an image in the format of its suffix ({suffix})" if suffix else "an image"
    return ReadError(expected, came=found.what, where=path, remedy=found.remedy) if found else None


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its first bytes."""
    found = foreign(path) if path.is_file() else None
    return found is not None and found.what in {"a DICOM file", "a DICOM file without its preamble"}


def begins_dicom(head: bytes) -> bool:
    """Whether a file that begins with these bytes, 132 or more, is DICOM."""
    signs = ((at, sign) for at, sign, found in _BINARY if found.remedy == _DICOM)
    return any(head[at : at + len(sign)] == sign for at, sign in signs)


def is_archive(path: Path) -> bool:
    """Whether a file is an archive or a packed file, by its first bytes."""
    found = foreign(path) if path.is_file() else None
    return found is not None and found.remedy.startswith("Unpack")


def _of_folder(path: Path) -> Foreign | None:
    names = sorted(entry.name for entry in path.iterdir())[:_FEW_FILES]
    if any(is_dicom(path / name) for name in names):
        return Foreign("a folder of DICOM files", _DICOM)
    if volume_suffix(path) is None:
        return None
    return Foreign("a folder", f"Give the image inside: {names[0]}." if len(names) == 1 else "Give an image inside it.")


def _of_bytes(head: bytes, name: str) -> Foreign | None:
    if not head:
        return _EMPTY
    if not head.strip(b"\0"):
        return Foreign("a file of zero bytes, whose content was lost", _AGAIN)
    if head.startswith(b"\x1f\x8b"):
        return _of_packed(head, name)
    if head.startswith(_NIFTI) and not name.endswith((".nii", ".hdr")):
        return Foreign("a NIfTI image that is not packed", "Call it .nii, or pack it with gzip.")
    for start, sign, found in _BINARY:
        if head[start:].startswith(sign) and not name.endswith(_OWN.get(sign, ())):
            return found
    return next(_of_text(head, name), None)


def _of_packed(head: bytes, name: str) -> Foreign | None:
    """What a gzip stream holds, if that is not what a ``.nii.gz`` holds."""
    with suppress(zlib.error):
        inside = zlib.decompressobj(31).decompress(head, _HEAD_BYTES)
        if inside.startswith(b"\x1f\x8b"):
            return Foreign("a file packed by gzip twice", "Unpack it once with gunzip.")
        if not inside.startswith(_NIFTI) and (found := _of_bytes(inside, name.removesuffix(".gz"))):
            remedy = "Unpack it with gunzip." if found.remedy == _DICOM else found.remedy
            return Foreign(f"{found.what}, packed by gzip", remedy)
        if not name.endswith(".gz"):
            is_nifti = inside.startswith(_NIFTI)
            return Foreign("a file packed by gzip", "Call it .nii.gz." if is_nifti else "Unpack it with gunzip.")
    return None


def _of_text(head: bytes, name: str) -> Iterator[Foreign]:
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    yield from (found for sign, found in _POINTERS if begin.startswith(sign))
    if begin.lower().startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<script")):
        yield _PAGE
    if begin.startswith((b"ObjectType", b"NDims")) and not name.endswith((".mha", ".mhd")):
        yield Foreign("a MetaImage", "Call it .mha.")
    if not begin.translate(None, _TEXT) and not name.endswith((".mhd", ".nhdr", ".mha", ".nrrd")):
        shown = begin[:40].split(b"\n")[0].decode("ascii", "replace").strip()
        yield Foreign(f"a text file that begins with {shown!r}", _AGAIN)
