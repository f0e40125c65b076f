"""Where DICOM files lie: a folder and what is below it, the folder of a file, a zip archive, or what a DICOMDIR is of.

A file is DICOM by its bytes (PS3.10: "DICM" behind a preamble of 128), whatever it is called. Of an archive nothing is
unpacked to disk, and one whose names climb out, are absolute, or are links is refused as a whole.
"""

from __future__ import annotations

import io
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from voxlate.errors import ReadError
from voxlate.io.formats.foreign import begins_dicom, is_dicom
from voxlate.io.formats.stream import DAMAGED
from voxlate.io.paths import volume_suffix

_UNPACKED_LIMIT, _MEMBER_LIMIT = 8 * 2**30, 2 * 2**30
"""An archive that promises more than 8 GiB, or 2 GiB of one file, is refused before a byte of it is read."""
_ZIP = b"PK\x03\x04"
_DIRECTORY = re.compile(r"DICOMDIR([.;].{0,4})?", re.IGNORECASE)
"""With a version on some discs; an image may be called DICOMDIR-001."""


@dataclass(frozen=True, order=True)
class Source:
    """A DICOM file: by its path, or by the path of an archive and its name there."""

    path: Path
    member: str = ""

    @classmethod
    def at(cls, place: Path) -> Source:
        """The file at a place, or that of the archive which the place leads into (``a.zip/series/IM1``)."""
        archive = next((above for above in place.parents if above.is_file()), None)
        return cls(place) if archive is None else cls(archive, place.relative_to(archive).as_posix())

    @property
    def place(self) -> Path:
        """A path that leads to it, into an archive too."""
        return self.path / self.member

    def open(self) -> BinaryIO:
        """Its bytes.

        Raises:
            ReadError: If the archive is damaged.
        """
        if not self.member:
            return self.path.open("rb")
        try:
            with ZipFile(self.path) as archive:
                return io.BytesIO(archive.read(self.member))
        except (BadZipFile, RuntimeError, EOFError, zlib.error) as error:
            raise ReadError("a sound archive", came=str(error), where=self.path, remedy=DAMAGED) from error

    @property
    def name(self) -> str:
        """Its own name, without the folders."""
        return PurePosixPath(self.member).name or self.path.name


def volume_in(path: Path) -> tuple[Path, str]:
    """A file, and the name of one of its volumes, where a path leads into a DICOM file (``e.dcm/echo-time-80.0``).

    Otherwise the path itself, and nothing.
    """
    return (path.parent, path.name) if is_dicom(path.parent) else (path, "")


def has_dicom(path: Path) -> bool:
    """Whether a path is, or holds, DICOM: a file, a folder at any depth, a zip archive, a DICOMDIR, a volume in one."""
    path, _ = volume_in(path)
    if path.is_dir():
        return any(True for _ in _below(path))
    if not path.is_file():
        inside = Source.at(path)
        return bool(inside.member) and is_archive(inside.path) and inside in _members(inside.path)
    return is_dicom(path) or (is_archive(path) and any(True for _ in _members(path)))


def sources_of(path: Path) -> list[Source]:
    """The DICOM files that a path stands for, in the order of their names.

    Of a file those beside it are taken too: a series of slices is many files, and any of them stands for it.

    Raises:
        ReadError: If an archive is refused.
    """
    path, _ = volume_in(path)
    if path.is_dir():
        return sorted(map(Source, _below(path)))
    if not path.is_file():
        archive = Source.at(path).path
        return sorted(one for one in _members(archive) if one.place.parent == path.parent) if archive != path else []
    if is_archive(path):
        return sorted(_members(path))
    if _DIRECTORY.fullmatch(path.name):
        return sorted(map(Source, _below(path.parent)))
    return sorted(Source(one) for one in path.parent.iterdir() if _is_image(one))


def nearby(source: Source) -> Iterator[list[Source]]:
    """The files that lie beside a file, and in folders there; then those of the folder above, and of folders in that.

    Of an archive, all that it holds.
    """
    if source.member:
        yield sources_of(source.path)
        return
    for folder in list(source.path.resolve().parents)[:2]:
        yield sorted(Source(one) for pattern in ("*", "*/*") for one in folder.glob(pattern) if _is_image(one))


def _below(folder: Path) -> Iterator[Path]:
    for one in folder.rglob("*"):
        if not any(part.startswith(".") for part in one.relative_to(folder).parts) and _is_image(one):
            yield one


def _is_image(path: Path) -> bool:
    is_other = volume_suffix(path) is not None or _DIRECTORY.fullmatch(path.name) is not None
    return not is_other and is_dicom(path)


def is_archive(path: Path) -> bool:
    """Whether a file is a zip archive."""
    with path.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP


def _members(path: Path) -> Iterator[Source]:
    try:
        with ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            _check_archive(infos, path)
            for info in infos:
                name = PurePosixPath(info.filename).name
                if not name.startswith(".") and not _DIRECTORY.fullmatch(name):
                    with archive.open(info) as file:
                        if begins_dicom(file.read(132)):
                            yield Source(path, info.filename)
    except (BadZipFile, RuntimeError, EOFError, zlib.error) as error:
        raise ReadError("a sound archive", came=str(error), where=path, remedy=DAMAGED) from error


def _check_archive(infos: list[ZipInfo], path: Path) -> None:
    for info in infos:
        name = PurePosixPath(info.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0] or stat.S_ISLNK(info.external_attr >> 16):
            raise ReadError(
                "an archive of files below one folder",
                came=f"a link, or a name that leads out of it: {info.filename!r}",
                where=path,
                remedy="Do not unpack it; ask for it anew from a source that you trust.",
            )
    promised, largest = sum(info.file_size for info in infos), max((info.file_size for info in infos), default=0)
    if promised > _UNPACKED_LIMIT or largest > _MEMBER_LIMIT:
        wanted = f"an archive of at most {_UNPACKED_LIMIT} bytes, {_MEMBER_LIMIT} in a file"
        came = f"{promised} bytes, {largest} in a file, packed in {path.stat().st_size}"
        remedy = "It is damaged or hostile; give the series as a folder if it is not."
        raise ReadError(wanted, came=came, where=path, remedy=remedy)
