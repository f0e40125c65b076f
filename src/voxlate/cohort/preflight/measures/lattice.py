"""Images on a lattice of cubes in the world, where whatever lies at one place can be compared.

What is finer than the lattice is smoothed away first; a band pass leaves what is finer than an outline, which is alike
in all people.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from voxlate.volume import Array

_LEAST_BLUR = 0.2
_BESIDE = 1e-3
_Vector = NDArray[np.float64]
Cube = NDArray[np.float32]


def smoothed(array: Array, affine: NDArray[np.float64], step_mm: float) -> Cube:
    """An image ``(i, j, k)`` without what a lattice of this step cannot show; itself where it is coarse already."""
    blur = _blur(affine, step_mm)
    values = np.asarray(array, dtype=np.float32)
    return np.asarray(ndimage.gaussian_filter(values, blur) if blur.any() else values)


def _blur(affine: NDArray[np.float64], step_mm: float) -> _Vector:
    """Standard deviations in voxels; 0 where the image is coarse already."""
    blur = np.maximum(0.4 * step_mm / np.linalg.norm(affine[:3, :3], axis=0) - 0.3, 0)
    return np.asarray(blur if blur.max() > _LEAST_BLUR else np.zeros(3))


def lay(
    array: Cube, affine: NDArray[np.float64], *, centre: _Vector, step_mm: float, edge: int, fill: float = 0.0
) -> Cube:
    """A smoothed image on a lattice along the world's axes, ``(edge, edge, edge)``, by linear interpolation.

    Args:
        array: Voxels ``(i, j, k)``.
        affine: To RAS+ mm, ``(4, 4)``.
        centre: Of the lattice, RAS+ mm.
        step_mm: Between its places.
        edge: Its places along each axis.
        fill: Where the image does not reach.
    """
    matrix, corner = _voxels_of(affine, centre=centre, step_mm=step_mm, edge=edge)
    return np.asarray(ndimage.affine_transform(array, matrix, corner, (edge,) * 3, order=1, cval=fill))


def on_lattice(array: Array, affine: NDArray[np.float64], *, centre: _Vector, step_mm: float, edge: int) -> Cube:
    """An image smoothed and on a lattice: by one product of matrices for each axis that the world has, too.

    Args:
        array: Voxels ``(i, j, k)``.
        affine: To RAS+ mm, ``(4, 4)``.
        centre: Of the lattice, RAS+ mm.
        step_mm: Between its places.
        edge: Its places along each axis.
    """
    matrix, corner = _voxels_of(affine, centre=centre, step_mm=step_mm, edge=edge)
    along = np.abs(matrix).argmax(axis=1)
    beside = np.array(matrix)
    beside[range(3), along] = 0
    if set(along.tolist()) != {0, 1, 2} or np.abs(beside).max() * edge > _BESIDE:
        return lay(smoothed(array, affine, step_mm), affine, centre=centre, step_mm=step_mm, edge=edge)
    blur = _blur(affine, step_mm)
    values = np.asarray(array, dtype=np.float32)
    for axis, length in enumerate(array.shape):  # each product puts its axis last, so the three come round in order
        places = corner[axis] + matrix[axis, along[axis]] * np.arange(edge)
        weights = _weights(places, length) @ _blurring(length, float(blur[axis]))
        values = np.tensordot(values, weights.astype(np.float32), axes=(0, 1))
    return np.asarray(values.transpose(np.argsort(along)))


def _voxels_of(
    affine: NDArray[np.float64], *, centre: _Vector, step_mm: float, edge: int
) -> tuple[NDArray[np.float64], _Vector]:
    """From a lattice's indices to an image's: matrix, and the place of the first."""
    inverse = np.linalg.inv(affine)
    corner = inverse[:3, :3] @ (centre - (edge - 1) / 2 * step_mm) + inverse[:3, 3]
    return np.asarray(inverse[:3, :3] * step_mm), np.asarray(corner)


def _weights(places: _Vector, length: int) -> NDArray[np.float64]:
    """Of each voxel of a row at places between them, ``(places, length)``; none beyond the row."""
    near = 1 - np.abs(places[:, None] - np.arange(length))
    within = (places >= 0) & (places <= length - 1)
    return np.where(within[:, None], np.maximum(near, 0), 0)


@lru_cache(maxsize=64)
def _blurring(length: int, sd: float) -> NDArray[np.float64]:
    """The Gaussian filter of a row as a matrix."""
    identity = np.eye(length)
    return np.asarray(ndimage.gaussian_filter1d(identity, sd, axis=0)) if sd > 0 else identity


def band_passed(values: Cube, inside: NDArray[np.bool_], sd: float) -> Cube:
    """Values less the mean of what lies around them inside, 0 elsewhere.

    Args:
        values: ``(i, j, k)``, finite.
        inside: The places that count.
        sd: How far around, in places.
    """
    weight = ndimage.gaussian_filter(inside.astype(np.float32), sd)
    kept = np.where(inside, values, 0).astype(np.float32)
    around = ndimage.gaussian_filter(kept, sd) / np.maximum(weight, 1e-3)
    return np.where(inside, kept - around, 0).astype(np.float32)
