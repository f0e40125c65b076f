"""The real scans that the default model may learn from, or is measured on.

Two patients of Lesjak et al. 2017 on one grid, stripped of the skull, whose lesions are drawn; and studies of the
longitudinal collection of the same source as acquired: whole heads, thick slices, a grid of its own for each contrast.
Whether a person is in both is not told: what is to be measured on the two learns without the studies.
"""

from __future__ import annotations

from pathlib import Path

from voxlate.io import read_volume, write_volume
from voxlate.preprocess.masking import find_foreground
from voxlate.preprocess.registration.registration import register
from voxlate.preprocess.resampling import resample
from voxlate.volume import Volume

_FILES = {"t1": "T1", "t1c": "T1POST", "t2": "T2", "flair": "FLAIR", "labels": "GOLD_STANDARD"}
_STUDY = {"T1W": "t1", "T2W": "t2", "FLAIR": "flair"}


def list_patients(data: Path) -> dict[str, dict[str, Path]]:
    """From a patient to the files of the contrasts and of the lesions.

    Args:
        data: The folder with ``open_ms``.
    """
    return {
        folder.name: {name: (folder / f"{stem}.nii.gz").resolve() for name, stem in _FILES.items()}
        for folder in sorted((data / "open_ms").glob("patient*"))
    }


def register_studies(data: Path, folder: Path) -> dict[str, dict[str, Path]]:
    """From a study to the files of its contrasts, those on other grids brought to that of the first, rigidly.

    Args:
        data: The folder with ``open_ms_raw``.
        folder: Where the moved images are kept; those that lie there are not made again.
    """
    found: dict[str, dict[str, Path]] = {}
    for path in sorted((data / "open_ms_raw").glob("patient*/study*.nii.gz"), key=_rank):
        study, suffix = path.name.removesuffix(".nii.gz").split("_")
        files = found.setdefault(f"{path.parent.name}-{study}", {})
        first = next(iter(files.values()), None)
        files[_STUDY[suffix]] = path.resolve() if first is None else _moved(path, first, folder / path.parent.name)
    return {study: files for study, files in found.items() if len(files) > 1}


def _rank(path: Path) -> tuple[str, str, int]:
    """By person and study, T1 first."""
    study, suffix = path.name.removesuffix(".nii.gz").split("_")
    return path.parent.name, study, list(_STUDY).index(suffix)


def _moved(path: Path, reference: Path, folder: Path) -> Path:
    """The file of an image that lies as the reference does."""
    place = folder / path.name
    if not place.exists():
        fixed, moving = read_volume(reference), read_volume(path)
        mask = find_foreground(fixed.array, "otsu", spacing_mm=fixed.spacing_mm)
        found = register(fixed.array, fixed.grid, moving.array, moving_grid=moving.grid, kind="rigid", mask=mask)
        array = resample(moving.array, moving.grid, fixed.grid, transform=found.transform)
        folder.mkdir(parents=True, exist_ok=True)
        write_volume(Volume(array, fixed.affine), place)
    return place.resolve()
