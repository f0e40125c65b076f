"""Small image files for these tests, written with nibabel so that our own writer is not needed to test our reader."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.case import Case
from voxlate.volume import Grid

Triple = tuple[int, ...]
AXIS_ORDERS: list[tuple[Triple, Triple]] = [
    (order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)
]


def affine_of(
    order: tuple[int, ...] = (0, 1, 2),
    signs: tuple[int, ...] = (1, 1, 1),
    *,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    origin: tuple[float, float, float] = (-10.0, 5.0, 3.0),
    oblique_degrees: float = 0.0,
) -> NDArray[np.float64]:
    """An affine whose voxel axis ``a`` runs along world axis ``order[a]``, turned by some degrees."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
        affine[world, axis] = sign * spacing[axis]
    angle = np.deg2rad(oblique_degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    about_z = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine[:3, :3] = about_x @ about_z @ affine[:3, :3]
    affine[:3, 3] = origin
    return affine


def head(shape: tuple[int, int, int], *, seed: int = 0, centre: tuple[float, float, float] = (0, 0, 0)) -> NDArray[Any]:
    """A label map of an ellipsoid: 0 outside, 1 a shell, 2 and 3 two tissues mingled inside."""
    from scipy.ndimage import gaussian_filter

    lines = [np.linspace(-1, 1, n) for n in shape]
    x, y, z = np.meshgrid(*lines, indexing="ij")
    radius = np.sqrt(((x - centre[0]) / 0.7) ** 2 + ((y - centre[1]) / 0.85) ** 2 + ((z - centre[2]) / 0.75) ** 2)
    inner = gaussian_filter(np.random.default_rng(seed).normal(size=shape), min(shape) / 16) > 0
    labels = (radius < 1).astype(np.uint8)
    labels[radius < 0.85] = np.where(inner, 2, 3)[radius < 0.85]
    return labels


def painted(labels: NDArray[Any], values: tuple[float, ...], *, noise: float = 0.0, seed: int = 1) -> NDArray[Any]:
    """An image with one value per label and noise."""
    rng = np.random.default_rng(seed)
    image = np.array(values, dtype=np.float32)[labels]
    return (image + noise * rng.standard_normal(labels.shape)).astype(np.float32)


def write(path: Path, array: NDArray[Any], affine: NDArray[np.float64]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path


def make_case(folder: Path, images: dict[str, tuple[NDArray[Any], NDArray[np.float64]]], *, name: str = "one") -> Case:
    paths = {c: write(folder / name / f"{c}.nii.gz", array, affine) for c, (array, affine) in images.items()}
    return Case(name, name, paths, {})


def grid_of(array: NDArray[Any], affine: NDArray[np.float64]) -> Grid:
    i, j, k = array.shape
    return Grid((i, j, k), affine)
