"""Images on a lattice of cubes in the world, where whatever lies at one place can be compared.

What is finer than the lattice is smoothed away first; a band pass leaves what is finer than an outline, which is alike
in all people.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from voxlate.volume import Array

_LEAST_BLUR = 0.2
_Vector = NDArray[np.float64]
Cube = NDArray[np.float32]


def smoothed(array: Array, affine: NDArray[np.float64], step_mm: float) -> Cube:
    """An image ``(i, j, k)`` without what a lattice of this step cannot show; itself where it is coarse already."""
    blur = np.maximum(0.4 * step_mm / np.linalg.norm(affine[:3, :3], axis=0) - 0.3, 0)
    values = np.asarray(array, dtype=np.float32)
    return np.asarray(ndimage.gaussian_filter(values, blur) if blur.max() > _LEAST_BLUR else values)


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
    inverse = np.linalg.inv(affine)
    corner = inverse[:3, :3] @ (centre - (edge - 1) / 2 * step_mm) + inverse[:3, 3]
    matrix = inverse[:3, :3] * step_mm
    return np.asarray(ndimage.affine_transform(array, matrix, corner, (edge,) * 3, order=1, cval=fill))


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
