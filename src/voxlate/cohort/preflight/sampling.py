"""Bringing two images of a case onto one grid by the nearest voxel, for comparison only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.volume import Grid, Volume


def onto_grid(volume: Volume, grid: Grid, *, outside: float) -> NDArray[Any]:
    """The voxels of a volume at the places of a grid, nearest neighbour, ``(i, j, k)`` of the grid.

    Args:
        volume: What to sample.
        grid: Where.
        outside: Value beyond the volume.
    """
    if volume.grid.matches(grid):
        return volume.array
    mapping = np.linalg.inv(volume.affine) @ grid.affine
    result = np.full(grid.shape, outside, dtype=volume.array.dtype)
    j, k = np.meshgrid(np.arange(grid.shape[1]), np.arange(grid.shape[2]), indexing="ij")
    plane = np.einsum("ab,bjk->ajk", mapping[:3, 1:3], np.stack([j, k]).astype(np.float64))
    for i in range(grid.shape[0]):
        place = np.rint(plane + (mapping[:3, 0] * i + mapping[:3, 3])[:, None, None]).astype(np.int64)
        inside = np.all((place >= 0) & (place < np.array(volume.shape)[:, None, None]), axis=0)
        a, b, c = place[:, inside]
        result[i, inside] = volume.array[a, b, c]
    return result


def overlaps(one: Grid, other: Grid) -> bool:
    """Whether the boxes that two grids fill in the world share a place."""
    corners = one.corners_mm(), other.corners_mm()
    reach = [max(grid.spacing_mm) / 2 for grid in (one, other)]
    low = [points.min(axis=0) - half for points, half in zip(corners, reach, strict=True)]
    high = [points.max(axis=0) + half for points, half in zip(corners, reach, strict=True)]
    return bool(np.all(np.maximum(*low) < np.minimum(*high)))
