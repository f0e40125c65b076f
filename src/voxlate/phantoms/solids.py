"""Implicit shapes and noise: distances in mm, negative inside, as functions of points.

A point set is a tuple ``(x, y, z)`` of arrays in mm that broadcast. The ellipsoid's distance is the first-order one,
``k0 (k0 - 1) / k1`` with ``k0 = |p / a|`` and ``k1 = |p / a^2|``, exact at the surface; the smooth union is the
polynomial one. Noise is white noise on a periodic lattice, cut to a band of wavelengths.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxlate.volume import Array

Field: TypeAlias = "NDArray[np.float32]"
Points: TypeAlias = "tuple[Field, Field, Field]"
Vector: TypeAlias = "tuple[float, float, float]"


def ellipsoid(points: Points, centre: Vector, semi_axes: Vector) -> Field:
    """Distance to an ellipsoid with axes along x, y, z."""
    first: Field | np.float32 = np.float32(0)
    second: Field | np.float32 = np.float32(0)
    for value, middle, axis in zip(points, centre, semi_axes, strict=True):
        offset = (value - np.float32(middle)) / np.float32(axis)
        first = first + offset * offset
        offset = offset / np.float32(axis)
        second = second + offset * offset
    k0, k1 = np.sqrt(first), np.sqrt(second)
    return np.asarray(k0 * (k0 - 1) / (k1 + np.float32(1e-6)), dtype=np.float32)


def capsule(points: Points, ends: tuple[Vector, Vector], radii: tuple[float, float]) -> Field:
    """Distance to a rod between two points whose radius goes linearly from one to the other."""
    start, end = (np.asarray(end, dtype=np.float32) for end in ends)
    axis = end - start
    offsets = [value - begin for value, begin in zip(points, start, strict=True)]
    along = sum(offset * part for offset, part in zip(offsets, axis, strict=True)) / np.float32(axis @ axis)
    along = np.clip(along, 0, 1).astype(np.float32)
    squared = sum((offset - along * part) ** 2 for offset, part in zip(offsets, axis, strict=True))
    return np.asarray(np.sqrt(squared) - (radii[0] + (radii[1] - radii[0]) * along), dtype=np.float32)


Knots: TypeAlias = "list[tuple[Vector, float]]"


def tube(points: Points, knots: Knots, *, blend_mm: float = 3.0) -> NDArray[np.intp]:
    """Indices of the points inside ``chain(points, knots)``; flat points, of which only the near ones are computed."""
    corners = np.array([[[c - radius, c + radius] for c in knot] for knot, radius in knots])
    index = _within(points, corners[:, :, 0].min(axis=0), corners[:, :, 1].max(axis=0))
    near = (points[0][index], points[1][index], points[2][index])
    return np.asarray(index[chain(near, knots, blend_mm=blend_mm) < 0])


def ball(points: Points, centre: Vector, semi_axes: Vector) -> NDArray[np.intp]:
    """Indices of the points inside ``ellipsoid(points, centre, semi_axes)``; flat points."""
    middle, reach = np.asarray(centre), np.asarray(semi_axes)
    index = _within(points, middle - reach, middle + reach)
    near = (points[0][index], points[1][index], points[2][index])
    return np.asarray(index[ellipsoid(near, centre, semi_axes) < 0])


def _within(points: Points, lower: Array, upper: Array) -> NDArray[np.intp]:
    mask = np.ones(points[0].shape, dtype=np.bool_)
    for axis, low, high in zip(points, lower - 1, upper + 1, strict=True):
        mask &= axis > np.float32(low)
        mask &= axis < np.float32(high)
    return np.flatnonzero(mask)


def chain(points: Points, knots: Knots, *, blend_mm: float = 3.0) -> Field:
    """Distance to a smooth tube through knots ``(point, radius)``."""
    pieces = [
        capsule(points, (first[0], second[0]), (first[1], second[1])) for first, second in itertools.pairwise(knots)
    ]
    result = pieces[0]
    for piece in pieces[1:]:
        result = smooth_union(result, piece, blend_mm=blend_mm)
    return result


def smooth_union(first: Field, second: Field, *, blend_mm: float) -> Field:
    """Distance to the union of two shapes, their seam rounded over ``blend_mm``."""
    overlap = np.maximum(blend_mm - np.abs(first - second), 0) / np.float32(blend_mm)
    return np.asarray(np.minimum(first, second) - overlap * overlap * np.float32(blend_mm / 4), dtype=np.float32)


def smooth_intersection(first: Field, second: Field, *, blend_mm: float) -> Field:
    """Distance to what two shapes share, the edge rounded over ``blend_mm``."""
    return np.asarray(-smooth_union(-first, -second, blend_mm=blend_mm), dtype=np.float32)


def smooth_step(value: Array) -> Field:
    """From 0 to 1 with level ends as the argument goes from 0 to 1."""
    t = np.clip(value, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


@dataclass(frozen=True)
class Noise:
    """A smooth random field of mean 0 and standard deviation 1, periodic over its lattice.

    Attributes:
        lattice: Values ``(n, n, n)``.
        spacing_mm: Distance of the lattice points.
    """

    lattice: Field
    spacing_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, *, wavelength_mm: float, bandwidth: float = 0.25) -> Noise:
        """Noise whose wavelengths lie around ``wavelength_mm`` within a relative ``bandwidth``."""
        points, spacing = 64, wavelength_mm / 8
        spectrum = np.fft.rfftn(rng.standard_normal((points, points, points), dtype=np.float32))
        whole, half = np.fft.fftfreq(points, spacing), np.fft.rfftfreq(points, spacing)
        frequency = np.sqrt(whole[:, None, None] ** 2 + whole[None, :, None] ** 2 + half[None, None, :] ** 2)
        spectrum *= np.exp(-0.5 * ((frequency * wavelength_mm - 1) / bandwidth) ** 2)
        lattice = np.fft.irfftn(spectrum, s=(points, points, points), axes=(0, 1, 2))
        return cls(((lattice - lattice.mean()) / lattice.std()).astype(np.float32), spacing)

    def at(self, points: Points) -> Field:
        """Values at points, linear between lattice points."""
        return _sample(self.lattice, self.spacing_mm, points)

    def sheets(self, points: Points) -> Field:
        """Distance in mm to the nearest zero surface of the field, to first order ``|n| / |grad n|``."""
        slopes = np.gradient(self.lattice, self.spacing_mm)
        steepness = np.sqrt(slopes[0] ** 2 + slopes[1] ** 2 + slopes[2] ** 2)
        distance = (self.lattice / (steepness + 0.02)).astype(np.float32)
        return np.abs(_sample(distance, self.spacing_mm, points))


def _sample(lattice: Field, spacing_mm: float, points: Points) -> Field:
    from scipy.ndimage import map_coordinates

    shape = np.broadcast_shapes(*(np.shape(axis) for axis in points))
    where = np.empty((3, *shape), dtype=np.float32)
    for row, axis in zip(where, points, strict=True):
        row[...] = axis / np.float32(spacing_mm)
    result: Field = map_coordinates(lattice, where, order=1, mode="grid-wrap", output=np.float32)
    return result


def refine(field: Array, factor: int) -> Field:
    """A field on a lattice ``factor`` times finer that covers the same voxels, linear in between."""
    result = np.asarray(field, dtype=np.float32)
    for axis in range(result.ndim if factor > 1 else 0):
        length = result.shape[axis]
        place = np.clip((np.arange(length * factor) + 0.5) / factor - 0.5, 0, length - 1)
        below = np.minimum(place.astype(np.int64), max(length - 2, 0))
        weight = (place - below).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(result.ndim)])
        low = np.take(result, below, axis=axis)
        high = np.take(result, np.minimum(below + 1, length - 1), axis=axis)
        high -= low
        high *= weight
        low += high
        result = low
    return result
