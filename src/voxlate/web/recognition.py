"""What an upload shows, found out in a process of its own, since whatever parses a stranger's file may crash.

It unpacks archives, finds volumes and series, describes each as ``voxlate info`` does, and writes a view of it: the
volume with its axes in RAS+ order, which the page shows without parsing anything foreign.
"""

from __future__ import annotations

import logging
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from voxlate.cohort.layouts.naming import contrast_of_file
from voxlate.contrast import get_contrast
from voxlate.errors import ReadError, VoxlateError, counted
from voxlate.io import is_volume_path, read_volume, write_volume
from voxlate.io.dicom import list_stacks
from voxlate.io.formats.foreign import is_dicom
from voxlate.io.paths import volume_stem, volume_suffix
from voxlate.io.reading import read_maker
from voxlate.jobs.job import write_json
from voxlate.plainyaml import Json
from voxlate.preprocess.orientation import ras_grid, to_ras
from voxlate.verbs import info
from voxlate.volume import Volume
from voxlate.web.places import FILES, RECOGNISED, VIEWS

logger = logging.getLogger(__name__)
_UNPACKED_BYTES, _UNPACKED_FILES = 8 * 2**30, 20_000
_PIECE = 2**20


def write_view(volume: Volume, path: Path) -> None:
    """Writes what the page shows of a volume: the same voxels, their axes in RAS+ order."""
    grid = ras_grid(volume.grid)
    array = np.ascontiguousarray(to_ras(volume.array, volume.affine))
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = Volume(array, grid.affine, contrast=volume.contrast, provenance=volume.provenance)
    write_volume(shown, path, overwrite=True)


def window_of(volume: Volume) -> tuple[float, float]:
    """Where grey begins and ends: for CT -160 to 240 HU, else as in the picture beside a translated file."""
    from voxlate.reporting.drawing.planes import shown_window

    if volume.contrast is not None and volume.contrast.kind == "ct":
        return -160.0, 240.0
    return shown_window(np.asarray(volume.array))


def _recognise(folder: Path) -> Json:
    """The scans of an upload, and what was left out, with reasons."""
    files, left = folder / FILES, list[str]()
    for archive in [path for path in sorted(files.iterdir()) if zipfile.is_zipfile(path)]:
        _unpack(archive, files)
    scans: list[Json] = []
    for number, path in enumerate(_volumes(files, left), start=1):
        try:
            scans.append(_described(path, str(number), folder))
        except VoxlateError as error:
            left.append(f"Scan {number} is left out: expected {error.expected}, got {error.came}. {error.remedy}")
    if not scans and not left:
        left.append("No scan was found. Give NIfTI, MetaImage, NRRD or MGH files, DICOM, or a zip archive of these.")
    return {"scans": scans, "left_out": left}


def _volumes(files: Path, left: list[str]) -> Iterator[Path]:
    """The files of volumes, and a folder for each series of DICOM."""
    paths = sorted(files.iterdir())
    yield from (path for path in paths if path.is_file() and is_volume_path(path))
    others = [path for path in paths if path.is_file() and volume_suffix(path) is None]
    dicom = [path for path in others if is_dicom(path)]
    for number, (_, stack) in enumerate(list_stacks(dicom), start=1):
        if isinstance(stack, ReadError):
            left.append(f"A series is left out: expected {stack.expected}, got {stack.came}. {stack.remedy}")
            continue
        place = files / f"series{number:03d}"
        place.mkdir(exist_ok=True)
        for source in {frame.source.path for frame in stack.frames}:
            if source.parent == files:
                source.rename(place / source.name)
        yield place
    halves = {path.suffix for path in others} & {".img", ".raw", ".zraw"}
    foreign = [path for path in others if path not in dicom and path.suffix not in halves]
    if foreign:
        left.append(f"{counted(len(foreign), 'file')} of no known format, and not looked at.")


def _described(path: Path, number: str, folder: Path) -> Json:
    told = info(path)
    by_name = contrast_of_file(volume_stem(path)) if path.is_file() else None
    contrast = told["contrast"] or (by_name.name if by_name else None)
    volume = read_volume(path, contrast=get_contrast(contrast) if contrast else None)
    write_view(volume, folder / VIEWS / f"{number}.nii")
    reason = told.get("contrast_by") or ("its file name says so" if contrast else "neither name nor header tells")
    return {
        "id": number,
        "path": str(path.relative_to(folder)),
        "form": "dicom" if path.is_dir() else "file",
        "contrast": contrast,
        "reason": reason,
        "shape": told["shape"],
        "spacing_mm": told["spacing_mm"],
        "axes": told["axes"],
        "window": window_of(volume),
        "synthetic": bool(told["synthetic"]),
        "by_model": read_maker(path) == "model",
        "warnings": [finding["finding"] for finding in told["findings"]] + list(told["notes"]),
    }


def _unpack(archive: Path, files: Path) -> None:
    """Puts the files of an archive beside it, under numbers, counting what comes out; then it is removed.

    Raises:
        ReadError: If more comes out than a server takes.
    """
    size = 0
    with zipfile.ZipFile(archive) as packed:
        entries = [entry for entry in packed.infolist() if not entry.is_dir() and not _is_litter(entry.filename)]
        if len(entries) > _UNPACKED_FILES:
            raise _bomb(f"{len(entries)} files")
        for number, entry in enumerate(entries):
            name = Path(entry.filename).name
            suffix = volume_suffix(name) or ""
            shown = contrast_of_file(volume_stem(name)) if suffix else None
            inner = f"{archive.name[:9]}-{number:05d}{f'_{shown.name}' if shown else ''}{suffix}"
            with packed.open(entry) as source, (files / inner).open("wb") as target:
                while piece := source.read(_PIECE):
                    size += len(piece)
                    if size > _UNPACKED_BYTES:
                        raise _bomb("more")
                    target.write(piece)
    archive.unlink()


def _is_litter(name: str) -> bool:
    return "__MACOSX" in name or Path(name).name.startswith(".")


def _bomb(came: str) -> ReadError:
    expected = f"an archive of at most {_UNPACKED_FILES} files and {_UNPACKED_BYTES / 2**30:.0f} GiB"
    return ReadError(expected, came=came, where="the archive", remedy="Upload less at once.")


def recognise(folder: Path) -> None:
    """Recognises the upload of a folder, as the work of a process: what is said goes to its file ``log``."""
    with (folder / "log").open("wb") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())
    logging.basicConfig(level=logging.WARNING)
    try:
        found = _recognise(folder)
    except (VoxlateError, zipfile.BadZipFile, OSError) as error:
        logger.exception("refused")
        words = (
            f"Expected {error.expected}, got {error.came}. {error.remedy}" if isinstance(error, VoxlateError) else ""
        )
        found = {"scans": [], "left_out": [words or "The archive is damaged. Pack it anew."]}
    write_json(folder / RECOGNISED, found)
