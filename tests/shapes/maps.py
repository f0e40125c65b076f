"""Label maps whose truth is known: an ellipsoid with another inside, off its middle, in anisotropic voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxlate.contrast import get_contrast
from voxlate.volume import Volume

SPACING_MM = (1.5, 1.5, 2.0)
SHAPE = (40, 36, 30)
OUTER, INNER = 300, 7


def ellipsoids(outer_mm: Sequence[float], *, inner: float = 0.5, shift_mm: float = 0.0) -> Volume:
    """An ellipsoid of label 300 with semi-axes in mm, and one of label 7, of a share of its size, inside."""
    place = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in SHAPE), indexing="ij")
    x, y, z = (axis * edge for axis, edge in zip(place, SPACING_MM, strict=True))
    x = x - shift_mm
    a, b, c = outer_mm
    radius = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
    array = np.where(radius < 1, OUTER, 0)
    array = np.where(radius < inner, INNER, array).astype(np.uint16)
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = (-80, 12, 5)
    return Volume(array, affine, get_contrast("labels"))


def population(count: int, *, seed: int = 0) -> list[Volume]:
    """Ellipsoids of random size, in random places."""
    rng = np.random.default_rng(seed)
    return [
        ellipsoids(rng.uniform((14, 12, 15), (22, 20, 24)), inner=rng.uniform(0.4, 0.6), shift_mm=rng.uniform(-3, 3))
        for _ in range(count)
    ]


def dice(one: Volume, other: Volume, value: int) -> float:
    """Of one label."""
    a, b = one.array == value, other.array == value
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))
