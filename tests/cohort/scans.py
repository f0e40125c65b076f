"""Small head-like scans for the tests: one anatomy per seed, contrasts as maps of its tissue, written by nibabel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

SHAPE = (40, 36, 32)
NAMES = {"t1": "T1", "t1c": "T1POST", "t2": "T2", "flair": "FLAIR"}


def tissue(seed: int, shape: tuple[int, int, int] = SHAPE) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A smooth random tissue parameter and an ellipsoid head."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal(shape), 1.5)
    field /= field.std()
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    head = sum((axis / 0.85) ** 2 for axis in axes) < 1
    return field, np.asarray(head)


def images(seed: int) -> dict[str, NDArray[Any]]:
    """Contrasts and labels of one subject; the contrasts differ nonlinearly and by their own noise."""
    field, head = tissue(seed)
    maps = {
        "t1": 500 + 120 * np.tanh(field),
        "t1c": 480 + 110 * np.tanh(field) + 80 * (field > 1),
        "t2": 300 + 90 * np.abs(field - 0.5),
        "flair": 200 + 60 * np.cos(field) + 30 * field,
    }
    noise = np.random.default_rng(seed + 1000)
    scans: dict[str, NDArray[Any]] = {
        name: (np.where(head, signal + noise.normal(0, 6, SHAPE), 0)).astype(np.float32)
        for name, signal in maps.items()
    }
    scans["labels"] = ((field > 1.5) & head).astype(np.uint8)
    return scans


def write(path: Path, array: NDArray[Any], affine: NDArray[Any] | None = None) -> Path:
    """Writes NIfTI with both forms set."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([1.0, 1.0, 1.0, 1.0]) if affine is None else affine
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    nib.save(image, path)
    return path


def write_case(folder: Path, scans: Mapping[str, NDArray[Any]]) -> None:
    """Writes ``<contrast>.nii.gz`` into a folder."""
    for name, array in scans.items():
        write(folder / f"{name}.nii.gz", array)


def touch(*paths: Path) -> None:
    """Makes empty files; an index looks at names only."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
