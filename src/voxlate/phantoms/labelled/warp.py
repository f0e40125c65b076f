"""The shape of a head, varied: turned, scaled, sheared, bent smoothly, mirrored; and laid on the lattice of tissues.

The displacement is a cubic B-spline over a coarse lattice of random vectors, evaluated axis by axis. Labels are taken
from the nearest voxel; a mirrored head has the numbers of left and right exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.labelled.heads import HeadMap
from voxlate.phantoms.labelled.table import LabelTable
from voxlate.phantoms.solids import Field
from voxlate.volume import Grid

_SLAB = 16


@dataclass(frozen=True, eq=False)
class Warp:
    """Where in the map the tissue at a place of the new head comes from: ``c + M (p - c) + bend(p)``, in RAS+ mm.

    Attributes:
        matrix: ``(3, 3)``.
        bend_mm: Vectors of the coarse lattice ``(3, n, n, n)``.
        knots_mm: Distance between points of that lattice.
        mirrored: Whether left and right are exchanged.
    """

    matrix: NDArray[np.float64]
    bend_mm: Field
    knots_mm: float
    mirrored: bool


def draw_warp(rng: np.random.Generator, *, strength: float, may_mirror: bool, reach_mm: float) -> Warp:
    """A change of shape.

    Args:
        rng: Decides all of it.
        strength: Factor of turns, scales and bends; 0 leaves the head as it is.
        may_mirror: Whether it may be mirrored.
        reach_mm: Longest edge of what is to be bent.
    """
    x, y, z = np.deg2rad(strength * np.array([8.0, 5.0, 5.0]) * rng.uniform(-1, 1, size=3))
    turn = np.array([[1, -z, y], [z, 1, -x], [-y, x, 1]])
    matrix = turn @ np.diag(1 + strength * rng.uniform(-0.09, 0.09, size=3))
    matrix = matrix + strength * 0.03 * rng.uniform(-1, 1, size=(3, 3)) * (1 - np.eye(3))
    knots = float(rng.uniform(26, 44))
    count = int(np.ceil(reach_mm / knots)) + 4
    height = strength * rng.uniform(1.0, 0.17 * knots)
    bend = (height * rng.standard_normal((3, count, count, count))).astype(np.float32)
    mirrored = bool(rng.uniform() < 0.5) and may_mirror
    return Warp(matrix @ np.diag([-1.0 if mirrored else 1.0, 1, 1]), bend, knots, mirrored)


def _spline(count: int, knots: float, step: float, points: int) -> Field:
    """``(count, points)``: weights of cubic B-splines ``knots`` mm apart, at places ``step`` mm apart."""
    place = np.abs(np.arange(count)[:, None] * step / knots + 1 - np.arange(points)[None, :])
    inner = 2 / 3 - place**2 + place**3 / 2
    outer = (2 - place) ** 3 / 6
    return np.where(place < 1, inner, np.where(place < 2, outer, 0)).astype(np.float32)


def laid_out(head: HeadMap, grid: Grid, warp: Warp, *, table: LabelTable) -> tuple[HeadMap, NDArray[np.bool_]]:
    """The head in its new shape on a lattice whose axes are those of the world, and where the map ended.

    Args:
        head: The head on the map's grid.
        grid: The lattice.
        warp: The change of shape.
        table: Which numbers are left and right of one structure.
    """
    back = np.linalg.inv(head.affine)
    middle = (head.affine @ np.array([*(np.array(head.labels.shape) - 1) / 2, 1.0]))[:3]
    pull = np.eye(4)
    pull[:3, :3] = warp.matrix
    pull[:3, 3] = middle - warp.matrix @ middle
    whole = (back @ pull @ grid.affine).astype(np.float32)
    bend = np.tensordot(back[:3, :3], warp.bend_mm, axes=1).astype(np.float32)
    points = bend.shape[1]
    i, j, k = (_spline(n, warp.knots_mm, step, points) for n, step in zip(grid.shape, grid.spacing_mm, strict=True))
    bend = np.einsum("cxyz,jy,kz->cxjk", bend, j, k, optimize=True)
    shape = head.labels.shape
    flat = np.zeros(grid.shape, dtype=np.int32)
    outside = np.zeros(grid.shape, dtype=np.bool_)
    _, second, third = (np.arange(n, dtype=np.float32) for n in grid.shape)
    for start in range(0, grid.shape[0], _SLAB):
        part = slice(start, start + _SLAB)
        first = np.arange(start, min(start + _SLAB, grid.shape[0]), dtype=np.float32)
        for axis in range(3):
            plane = (whole[axis, 1] * second)[:, None] + (whole[axis, 2] * third + whole[axis, 3])[None, :]
            place = np.tensordot(i[part], bend[axis], axes=1) + (whole[axis, 0] * first)[:, None, None] + plane
            nearest = np.rint(place).astype(np.int32)
            outside[part] |= (nearest < 0) | (nearest >= shape[axis])
            flat[part] *= shape[axis]
            flat[part] += np.clip(nearest, 0, shape[axis] - 1)
    values, labels = head.values, head.labels.ravel()
    if warp.mirrored:
        swapped = table.swaps(values)
        values = np.union1d(values, swapped)
        labels = np.searchsorted(values, swapped).astype(np.uint16)[labels]
    return HeadMap(labels[flat], head.tissues.ravel()[flat], values, head.materials, grid.affine), outside
