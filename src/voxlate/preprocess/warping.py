"""Warping: where the voxels of a sample are read when it is turned, scaled and deformed, and what is read there.

A voxel ``x`` of the result is read at ``c + A (x - c) + u(x)``, with ``c`` the middle, ``A`` a rotation times a scale
and ``u`` a smooth field through displacements on a coarse grid of points. Beyond the edge of what was cut the edge goes
on.

A label map that is to be learned is read as the value with the largest share of the voxels around a place, which leaves
smoother outlines than the nearest voxel does; one of many values by the nearest voxel, which costs the same for any
number of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from voxlate.volume import Array

Sample = NDArray[np.float32]
Places = NDArray[np.float32]
_MOST_SHARING = 8
"""Label values of a sample up to which the share of each is interpolated."""


def displacement_field(displacements: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The smooth field ``(dims, *shape)`` in voxels through displacements ``(dims, points, ...)``.

    The outermost points lie on the outermost voxels.
    """
    field = displacements
    for axis, (count, points) in enumerate(zip(shape, displacements.shape[1:], strict=True), start=1):
        field = np.moveaxis(np.tensordot(_spline_matrix(count, points), field, axes=(1, axis)), 0, axis)
    return field


def rotation(angles: Sequence[float]) -> NDArray[np.float64]:
    """The rotation ``(2, 2)`` by one angle, or ``(3, 3)`` by three about the axes in turn, all in radians."""
    planes = ((0, 1),) if len(angles) == 1 else ((1, 2), (0, 2), (0, 1))
    matrix = np.eye(2 if len(angles) == 1 else 3)
    for angle, (a, b) in zip(angles, planes, strict=True):
        turn = np.eye(len(matrix))
        turn[a, a] = turn[b, b] = math.cos(angle)
        turn[a, b], turn[b, a] = -math.sin(angle), math.sin(angle)
        matrix = turn @ matrix
    return matrix


def reach(matrix: NDArray[np.float64] | None, shape: Sequence[int]) -> tuple[int, ...]:
    """How many voxels beyond each end of a sample of a shape its corners are read."""
    if matrix is None:
        return (0,) * len(shape)
    half = (np.asarray(shape) - 1) / 2
    return tuple(math.ceil(max(0.0, beyond)) for beyond in np.abs(matrix) @ half - half)


def places(
    displacements: NDArray[np.float64] | None,
    matrix: NDArray[np.float64] | None,
    *,
    shape: tuple[int, ...],
    margin: Sequence[int],
) -> Places:
    """Where each voxel of the result is read, ``(dims, *inner)`` float32, held inside the sample.

    Args:
        displacements: As of ``displacement_field``; ``None`` for none.
        matrix: What turns and scales about the middle; ``None`` for nothing.
        shape: Of the sample that is read.
        margin: By how much the result is smaller at each end.
    """
    inner = tuple(n - 2 * more for n, more in zip(shape, margin, strict=True))
    where = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in inner), indexing="ij")).astype(np.float32)
    if matrix is not None:
        where = np.tensordot(matrix.astype(np.float32), where, axes=1)
    if displacements is not None:
        where += displacement_field(displacements, inner).astype(np.float32)
    for axis, count in enumerate(shape):
        where[axis] += np.float32((count - 1) / 2)
        np.clip(where[axis], 0, count - 1, out=where[axis])
    return where


def interpolated(sample: Array, where: Places) -> Sample:
    """The values ``(c, *inner)`` of a sample ``(c, *shape)``, linearly interpolated."""
    from scipy.ndimage import map_coordinates

    result = np.empty((len(sample), *where.shape[1:]), dtype=np.float32)
    for channel, into in zip(sample, result, strict=True):
        map_coordinates(channel, where, order=1, mode="nearest", output=into)
    return result


def nearest(sample: Array, where: Places) -> Array:
    """The values ``(c, *inner)`` of the nearest voxels of a sample ``(c, *shape)``."""
    return np.asarray(sample[:, *np.rint(where).astype(np.int64)])


def prevailing(labels: Array, where: Places) -> Array:
    """The label values ``(c, *inner)`` with the largest share, of a map ``(c, *shape)``; the lower of equal ones."""
    values = np.unique(labels)
    if len(values) > _MOST_SHARING:
        return nearest(labels, where)
    shares = np.stack([interpolated((labels == value).astype(np.float32), where) for value in values])
    return np.asarray(values[shares.argmax(axis=0)])


@lru_cache(maxsize=64)
def _spline_matrix(count: int, points: int) -> NDArray[np.float64]:
    """``(count, points)``: values of the natural cubic spline through unit values at the points."""
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(np.linspace(0, max(count - 1, 1), points), np.eye(points), bc_type="natural")
    return np.asarray(spline(np.arange(count)))
