"""The lattice that a body is painted on: axes in body coordinates, and boxes of it for what is small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.solids import Field, Knots, Points, Vector, chain, ellipsoid
from voxlate.volume import Array, Grid

Corner: TypeAlias = "Sequence[float] | Array"
Distance = Callable[[Points], Field]
"""A shape: the distance in mm of points to its surface, negative inside."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """Voxel centres of a grid whose axes are those of the world, in body coordinates.

    Attributes:
        axes: Coordinates along x, y and z in mm, rising.
    """

    axes: tuple[Field, Field, Field]

    @classmethod
    def of(cls, grid: Grid, *, factor: int, size: Vector, shift_mm: Vector) -> Lattice:
        """The lattice ``factor`` times finer than a grid with RAS axes, of a body scaled and then shifted."""
        axes: list[Field] = []
        for axis in range(3):
            steps = (np.arange(grid.shape[axis] * factor) + 0.5) / factor - 0.5
            world = grid.affine[axis, axis] * steps + grid.affine[axis, 3]
            axes.append(((world - shift_mm[axis]) / size[axis]).astype(np.float32))
        return cls((axes[0], axes[1], axes[2]))

    def points(self) -> Points:
        """All voxel centres as arrays that broadcast to ``(i, j, k)``."""
        x, y, z = self.axes
        return x[:, None, None], y[None, :, None], z[None, None, :]

    def box(self, lower: Corner, upper: Corner) -> tuple[slice, slice, slice]:
        """The voxels between two corners in mm."""
        found = [
            slice(int(np.searchsorted(axis, low)), int(np.searchsorted(axis, high, side="right")))
            for axis, low, high in zip(self.axes, lower, upper, strict=True)
        ]
        return found[0], found[1], found[2]

    def part(self, box: tuple[slice, slice, slice]) -> Points:
        """The voxel centres of a box, as ``points`` gives them."""
        x, y, z = (axis[piece] for axis, piece in zip(self.axes, box, strict=True))
        return x[:, None, None], y[None, :, None], z[None, None, :]


@dataclass(frozen=True, eq=False)
class Canvas:
    """Tissue numbers on a lattice, painted shape by shape; what is painted later covers what was there.

    Attributes:
        lattice: Where the voxels lie.
        tissues: Tissue numbers ``(i, j, k)``.
    """

    lattice: Lattice
    tissues: NDArray[np.uint8]

    def tube(self, knots: Knots, tissue: int, *, over: Sequence[int] | None = None, grown_mm: float = 0.0) -> None:
        """Paints a tube, on the tissues ``over`` only if they are given, ``grown_mm`` thicker than its knots say."""
        wider: Knots = [(place, radius + grown_mm) for place, radius in knots]
        corners = np.array([[[c - radius, c + radius] for c in place] for place, radius in wider])
        lower, upper = corners[:, :, 0].min(axis=0), corners[:, :, 1].max(axis=0)
        self._paint(lambda points: chain(points, wider), tissue, over=over, bounds=(lower - 1, upper + 1))

    def ball(
        self,
        centre: Vector,
        semi_axes: Vector,
        tissue: int,
        *,
        over: Sequence[int] | None = None,
        warp: Distance | None = None,
    ) -> None:
        """Paints an ellipsoid along the axes, its distance changed by ``warp`` if that is given."""
        middle, reach = np.asarray(centre), 1.4 * np.asarray(semi_axes)

        def distance(points: Points) -> Field:
            plain = ellipsoid(points, centre, semi_axes)
            return plain if warp is None else np.asarray(plain + warp(points), dtype=np.float32)

        self._paint(distance, tissue, over=over, bounds=(middle - reach, middle + reach))

    def _paint(
        self,
        distance: Distance,
        tissue: int,
        *,
        over: Sequence[int] | None,
        bounds: tuple[Array, Array],
    ) -> None:
        box = self.lattice.box(*bounds)
        region = self.tissues[box]
        if not region.size:
            return
        inside = distance(self.lattice.part(box)) < 0
        if over is not None:
            inside &= np.isin(region, list(over))
        region[inside] = tissue
