"""Every file under a folder, in natural order, parted into images and what is none.

Hidden files, temporary files and folders called ``derivatives`` are no data; each sort is named once. Links are
followed, once per folder, so that a loop ends.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voxlate.cohort.case import LeftOut, natural_key
from voxlate.errors import UsageError
from voxlate.io import is_picture_path, is_volume_path, volume_stem
from voxlate.io.formats.foreign import foreign, is_archive, is_dicom

_METADATA = {
    "participants.tsv", "participants.json", "cases.csv", "manifest.csv", "dataset.json", "dataset_description.json",
    "seen.json", "phantom.json", "acquisitions.tsv", "split.csv", "completed.csv", "name_mapping.csv", ".bidsignore",
    "sessions.tsv", "README", "README.md", "CHANGES",
}  # fmt: skip
_TEMPORARY = re.compile(r"(^~|~$|^\.voxlate-partial-|\.tmp\b|\.part(ial)?$|\.crdownload$|\.swp$)", re.IGNORECASE)
_VOXELS_OF_HEADER = {".img": (".hdr",), ".raw": (".mhd", ".nhdr"), ".zraw": (".mhd",), ".gz": (".mhd", ".nhdr")}


@dataclass(frozen=True)
class Listing:
    """What lies under a folder.

    Attributes:
        root: The folder.
        images: Files that are named like images, in natural order of their relative paths.
        dicom: Files that are DICOM, whatever they are called, likewise.
        left_out: The rest, with reasons.
    """

    root: Path
    images: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]
    dicom: tuple[Path, ...] = ()


def list_folder(root: Path) -> Listing:
    """Lists a folder and all folders below.

    Raises:
        UsageError: If ``root`` is no folder.
    """
    if not root.is_dir():
        came = "a file" if root.exists() else "a path that does not exist"
        raise UsageError("a folder", came=came, where=root, remedy="Give the folder of the data set.")
    images: list[Path] = []
    ignored: dict[str, list[Path]] = {}
    left_out: list[LeftOut] = []
    others: list[Path] = []
    pictures: list[Path] = []
    stems: set[Path] = set()
    for path in _files(root, ignored, left_out):
        kind = _ignored_as(path.name)
        if kind:
            ignored.setdefault(kind, []).append(path)
        elif not path.exists():
            found = foreign(path)
            reason = f"{found.what}. {found.remedy}" if found else "a link to a file that does not exist"
            left_out.append(LeftOut(path, reason.rstrip("."), "missing_file"))
        elif _voxels_of_header(path):
            continue
        elif is_volume_path(path) or is_picture_path(path):
            (images if is_volume_path(path) else pictures).append(path)
            stems.add(path.parent / volume_stem(path))
        elif path.name not in _METADATA:
            others.append(path)
    dicom = [path for path in others if is_dicom(path)]
    others = [path for path in others if path not in set(dicom)]
    if images or dicom:  # pictures beside volumes are illustrations; alone they are slices
        others += pictures
    suffixes = {stem.name.rpartition("_")[2] for stem in stems if stem.name.startswith("sub-")}
    told = {path for path in others if path.suffix == ".json" and _is_told_of(path, stems, suffixes)}
    left_out += _no_images([path for path in others if path not in told])
    for kind, paths in ignored.items():
        more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
        left_out.append(LeftOut(paths[0], f"{kind}, ignored{more}", "ignored"))
    return Listing(root, tuple(images or ([] if dicom else pictures)), tuple(left_out), tuple(dicom))


def _is_told_of(path: Path, stems: set[Path], suffixes: set[str]) -> bool:
    """Whether a JSON file is that of an image, or in BIDS of all images of a suffix."""
    return path.with_suffix("") in stems or path.stem.rpartition("_")[2] in suffixes


def _no_images(paths: list[Path]) -> Iterator[LeftOut]:
    """What is not named like an image and is no DICOM: archives, and the rest once for each suffix."""
    rest: dict[str, list[Path]] = {}
    for path in paths:
        if is_archive(path):
            yield LeftOut(path, "an archive: unpack it", "archive")
        else:
            rest.setdefault(path.suffix or path.name, []).append(path)
    for name, found in rest.items():
        more = f" (and {len(found) - 1} more {f'called {name}' if name == found[0].name else f'named *{name}'})"
        yield LeftOut(found[0], f"not an image{more if len(found) > 1 else ''}", "not_an_image")


def _files(root: Path, ignored: dict[str, list[Path]], left_out: list[LeftOut]) -> Iterator[Path]:
    seen: set[str] = set()

    def refused(error: OSError) -> None:
        left_out.append(LeftOut(Path(error.filename or root), f"cannot be listed: {error.strerror}"))

    for folder, names, files in os.walk(root, followlinks=True, onerror=refused):
        real = os.path.realpath(folder)
        if real in seen:
            names.clear()
            continue
        seen.add(real)
        for name in list(names):
            kind = "a folder of derivatives" if name.casefold() == "derivatives" else _ignored_as(name)
            if kind:
                ignored.setdefault(kind, []).append(Path(folder, name))
                names.remove(name)
        names.sort(key=natural_key)
        yield from (Path(folder, name) for name in sorted(files, key=natural_key))


def _ignored_as(name: str) -> str:
    if _TEMPORARY.search(name):
        return "a temporary file"
    return "a hidden file" if name.startswith(".") else ""


def _voxels_of_header(path: Path) -> bool:
    headers = _VOXELS_OF_HEADER.get(path.suffix.casefold(), ())
    stem = path.name.split(".raw")[0] if path.suffix == ".gz" else path.stem
    return (path.suffix != ".gz" or ".raw" in path.name) and any((path.parent / (stem + h)).exists() for h in headers)
