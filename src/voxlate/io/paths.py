"""Names of image files: which suffixes there are, what a file is called without one, which files belong together."""

from __future__ import annotations

import re
from pathlib import Path

from voxlate.errors import ReadError

_PICTURES = (".png", ".tif", ".tiff")
_SUFFIXES = (".nii.gz", ".nii", ".hdr", ".mha", ".mhd", ".nrrd", ".nhdr", ".mgz", ".mgh", *_PICTURES)
_COMPANIONS = {".img": ".hdr"}


def volume_suffix(path: str | Path) -> str | None:
    """The image suffix in lower case (``.nii.gz`` is one), or ``None`` for any other file."""
    name = Path(path).name.lower()
    return next((suffix for suffix in _SUFFIXES if name.endswith(suffix) and len(name) > len(suffix)), None)


def is_volume_path(path: str | Path) -> bool:
    """Whether the name is that of an image; hidden files are not, nor pictures, nor the data half of a pair.

    Example:
        >>> is_volume_path("a/b.nii.gz"), is_volume_path("a/._b.nii.gz"), is_volume_path("a/b.img")
        (True, False, False)
    """
    suffix = volume_suffix(path)
    return suffix is not None and suffix not in _PICTURES and not Path(path).name.startswith(".")


def is_picture_path(path: str | Path) -> bool:
    """Whether the name is that of a picture, which is a slice where somebody says so and an illustration elsewhere."""
    return volume_suffix(path) in _PICTURES and not Path(path).name.startswith(".")


def volume_stem(path: str | Path) -> str:
    """The file name without its image suffix; other files lose their last suffix.

    Example:
        >>> volume_stem("a/b.nii.gz")
        'b'
    """
    path = Path(path)
    suffix = volume_suffix(path)
    return path.name[: -len(suffix)] if suffix else path.stem


def with_volume_suffix(path: Path, suffix: str) -> Path:
    """The same stem with another suffix, in the case that the old one had."""
    old = volume_suffix(path) or path.suffix
    upper = path.name[-len(old) :].isupper()
    return path.with_name(volume_stem(path) + (suffix.upper() if upper else suffix))


def header_path(path: str | Path) -> Path:
    """The file that a reader opens first: ``.hdr`` for the ``.img`` of a pair, else the path itself."""
    path = Path(path)
    header = _COMPANIONS.get(path.suffix.lower())
    return with_volume_suffix(path, header) if header else path


def sibling(header: Path, name: str) -> Path:
    """The data file that a text header names: it must lie in the header's folder or below.

    Raises:
        ReadError: If the name is absolute, climbs out of the folder, or stands for several files.
    """
    named = Path(name)
    several = re.search(r"%\d*d", name) or name.split()[:1] == ["LIST"]
    if several or not name or "\0" in name or named.is_absolute() or ".." in named.parts or "\\" in name:
        raise ReadError(
            "the name of one data file in the header's folder",
            came=repr(name),
            where=header,
            remedy="Put header and voxels side by side, or save the image as one file.",
        )
    return header.parent / named
