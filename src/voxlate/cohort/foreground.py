"""A quick foreground, good enough to compare images: where an image differs from its background.

If one value fills more than a tenth of the image (skull-stripped scans, padded CT) everything else is foreground;
otherwise what lies above Otsu's threshold (Otsu 1979, doi 10.1109/TSMC.1979.4310076) of the values clipped at their
percentiles 0.5 and 99.5. CT: above -500 HU. The masks that training uses are made by ``voxlate.preprocess``.

Bringing two images of a case onto one grid by the nearest voxel, for comparison only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxlate.contrast import Kind
from voxlate.volume import Array, Grid, Volume

_BODY_HU = -500.0
_CONSTANT_SHARE = 0.9
_FILLS = 0.1
_PADS = 0.01
_PARALLEL = 1e-6
_PERCENTILES = (0.5, 99.5)


def foreground(array: Array, *, kind: Kind = "mr") -> NDArray[np.bool_]:
    """Where an image shows something, same shape as the image.

    Args:
        array: Voxels, any shape, finite.
        kind: ``label``: not zero; ``ct``: above -500 HU if the image reaches below; ``mr``, ``pet``: see above.
    """
    if kind == "label":
        return np.asarray(array != 0)
    if kind == "ct" and array.min() < _BODY_HU:
        return np.asarray(array > _BODY_HU)
    sample = array.ravel(order="K")[:: max(1, array.size // 60_000)]
    padding = _padding(sample)
    if padding is not None:
        return np.asarray(foreground(np.where(array == padding, sample[sample != padding].min(), array), kind=kind))
    filling = _filling(sample)
    if filling is not None:
        return np.asarray(array != filling)
    return np.asarray(array > otsu_threshold(np.clip(sample, *np.percentile(sample, _PERCENTILES))))


def _filling(sample: Array) -> float | None:
    """The value that fills more than a tenth of the voxels, and not all; ``None`` without one."""
    low, high = sample.min(), sample.max()
    if sample.dtype.kind in "iu" and int(high) - int(low) < sample.size:  # counted by place, which needs no order
        counts = np.bincount(sample.astype(np.int64) - int(low))
        values = np.arange(int(low), int(high) + 1)
    else:
        values, counts = np.unique(sample, return_counts=True)
    return values[counts.argmax()].item() if counts.max() > _FILLS * sample.size and low < high else None


def _padding(sample: Array) -> float | None:
    """A lowest value that many voxels have and that lies further off than all others are wide, ``None`` without one."""
    lowest = sample.min()
    if lowest >= 0:
        return None
    others = sample[sample != lowest]
    if others.size in (0, sample.size) or sample.size - others.size < _PADS * sample.size:
        return None
    low, high = float(others.min()), float(np.percentile(others, _PERCENTILES[1]))
    return float(lowest) if low - float(lowest) > high - low > 0 else None


def constant_background(array: Array) -> float | None:
    """The one value that nearly all of the border has, or ``None`` if the background is not constant."""
    faces = [array[0], array[-1], array[:, 0], array[:, -1], array[:, :, 0], array[:, :, -1]]
    border = np.concatenate([face.ravel() for face in faces])
    value = np.median(border)
    share = float(np.mean(border == value))
    return float(value) if share >= _CONSTANT_SHARE else None


def otsu_threshold(values: Array, *, bins: int = 256) -> float:
    """The threshold that parts values into two classes of the greatest variance between them."""
    numbers = values.astype(np.float64)
    low, high = numbers.min(), numbers.max()
    if np.spacing(max(abs(low), abs(high))) * bins > high - low:  # a small range so far from 0 has no room for bins
        return float(low) + (otsu_threshold(numbers - low, bins=bins) if high > low else 0.0)
    counts, edges = np.histogram(numbers, bins=bins)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * centres)
    apart = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    between = below * above * apart**2
    return float(edges[1:-1][np.isclose(between, between.max(), rtol=1e-9)].mean())


def onto_grid(volume: Volume, grid: Grid, *, outside: float) -> Array:
    """The voxels of a volume at the places of a grid, nearest neighbour, ``(i, j, k)`` of the grid.

    Args:
        volume: What to sample.
        grid: Where.
        outside: Value beyond the volume.
    """
    if volume.grid.matches(grid):
        return volume.array
    mapping = np.linalg.inv(volume.affine) @ grid.affine
    result = np.full(grid.shape, outside, dtype=volume.array.dtype, order="F")
    along = _axis_of_each(mapping[:3, :3])
    if along is not None:
        return _by_axes(volume.array, result, mapping, along=along)
    j, k = np.meshgrid(np.arange(grid.shape[1]), np.arange(grid.shape[2]), indexing="ij")
    plane = np.einsum("ab,bjk->ajk", mapping[:3, 1:3], np.stack([j, k]).astype(np.float64))
    for i in range(grid.shape[0]):
        place = np.rint(plane + (mapping[:3, 0] * i + mapping[:3, 3])[:, None, None]).astype(np.int64)
        inside = np.all((place >= 0) & (place < np.array(volume.shape)[:, None, None]), axis=0)
        a, b, c = place[:, inside]
        result[i, inside] = volume.array[a, b, c]
    return result


def _axis_of_each(matrix: NDArray[np.float64]) -> list[int] | None:
    """Which axis of the grid each axis of the volume runs along, ``None`` if one runs along none."""
    along = np.abs(matrix).argmax(axis=1)
    beside = np.array(matrix)
    beside[range(3), along] = 0
    return along.tolist() if len(set(along.tolist())) == 3 and np.abs(beside).max() < _PARALLEL else None


def _by_axes(array: Array, result: Array, mapping: NDArray[np.float64], *, along: list[int]) -> Array:
    """Fills the result where the axes of both grids are parallel: an index per axis."""
    wanted, found = [np.arange(0)] * 3, [np.arange(0)] * 3
    for axis, other in enumerate(along):
        place = np.rint(mapping[axis, other] * np.arange(result.shape[other]) + mapping[axis, 3]).astype(np.int64)
        wanted[other] = np.flatnonzero((place >= 0) & (place < array.shape[axis]))
        found[axis] = place[wanted[other]]
    result[np.ix_(*wanted)] = np.transpose(array[np.ix_(*found)], np.argsort(along))
    return result


def overlaps(one: Grid, other: Grid) -> bool:
    """Whether the boxes that two grids fill in the world share a place."""
    corners = one.corners_mm(), other.corners_mm()
    reach = [max(grid.spacing_mm) / 2 for grid in (one, other)]
    low = [points.min(axis=0) - half for points, half in zip(corners, reach, strict=True)]
    high = [points.max(axis=0) + half for points, half in zip(corners, reach, strict=True)]
    return bool(np.all(np.maximum(*low) < np.minimum(*high)))
