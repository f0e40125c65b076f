"""The image formats by suffix: each reads a layout from a header and turns a picture into files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voxlate.errors import UsageError
from voxlate.io.formats import metaimage, mgh, nifti, nrrd, pictures
from voxlate.io.formats.foreign import foreign
from voxlate.io.formats.layout import Layout, Part, Picture
from voxlate.io.paths import volume_suffix


@dataclass(frozen=True)
class Format:
    """How files of one suffix are read and written; without ``parts`` they are only read."""

    read_layout: Callable[[Path], Layout]
    parts: Callable[[Picture, Path], list[Part]] | None = None


_NIFTI = Format(nifti.read_layout, nifti.parts)
_META = Format(metaimage.read_layout, metaimage.parts)
_NRRD = Format(nrrd.read_layout, nrrd.parts)

FORMATS: dict[str, Format] = {
    ".nii.gz": _NIFTI,
    ".nii": _NIFTI,
    ".hdr": _NIFTI,
    ".mha": _META,
    ".mhd": _META,
    ".nrrd": _NRRD,
    ".nhdr": _NRRD,
    ".mgz": Format(mgh.read_layout),
    ".mgh": Format(mgh.read_layout),
    ".png": Format(pictures.read_layout),
    ".tif": Format(pictures.read_layout),
    ".tiff": Format(pictures.read_layout),
}
WRITTEN = tuple(suffix for suffix, one in FORMATS.items() if one.parts is not None)
"""The suffixes of the images that are written."""


def format_of(path: Path) -> Format:
    """The format that a path's suffix names.

    Raises:
        UsageError: If it names none.
    """
    suffix = volume_suffix(path)
    if suffix is None:
        found = foreign(path)
        came = f"{path.name!r}, {found.what}" if found else repr(path.name)
        names = f"Use a name that ends in one of {', '.join(FORMATS)}."
        raise UsageError("the name of an image file", came=came, where=path, remedy=found.remedy if found else names)
    return FORMATS[suffix]
