"""Where a label map lies in its image: the middle of what is labelled, its size, and the grid around it.

A drawn map gets the grid of a training map that is about as large: its number of voxels, its spacing, and the place of
the middle in it, so that new maps lie in their images, and are cut by their edges, as the real ones are. Nothing else
of a header is taken over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.contrast import get_contrast
from voxlate.preprocess.orientation import ras_grid, to_ras
from voxlate.shapes.arrays import take
from voxlate.shapes.interface import State
from voxlate.volume import Volume, extent

_NEIGHBOURS = 3
"""One of so many training maps of about the same size gives the grid."""
_MOST_VOXELS_AXIS = 2048
_MOST_VOXELS = 2**29


@dataclass(frozen=True)
class Placement:
    """A label map's place in its image, along RAS axes.

    Attributes:
        shape: Voxels of the image.
        spacing_mm: Of the voxels.
        centre: Voxel index of the centroid of the labelled voxels, not rounded.
        extent_mm: Edges of the smallest box around the labelled voxels.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    centre: tuple[float, float, float]
    extent_mm: tuple[float, float, float]

    def positions(self, axis: int) -> NDArray[np.float64]:
        """Of each voxel along an axis, mm from the centre."""
        return np.asarray((np.arange(self.shape[axis]) - self.centre[axis]) * self.spacing_mm[axis], dtype=np.float64)

    def volume(self, labels: NDArray[np.integer]) -> Volume:
        """A label map on this grid, the world's origin at its centre."""
        affine = np.diag([*self.spacing_mm, 1.0])
        affine[:3, 3] = -np.array(self.centre) * self.spacing_mm
        return Volume(labels, affine, get_contrast("labels"))


def ras_labels(labels: Volume) -> NDArray[np.integer]:
    """Label values as whole numbers, axes in RAS order."""
    array = to_ras(labels.array, labels.affine)
    return array if array.dtype.kind in "iu" else np.rint(array).astype(np.int32)


def place(labels: Volume) -> Placement | None:
    """The place of a label map; ``None`` if nothing is labelled."""
    array, grid = ras_labels(labels), ras_grid(labels.grid)
    box = extent(array)
    if box is None:
        return None
    inside = array[box] != 0
    total = inside.sum()
    centre = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        weight = inside.sum(axis=others)
        centre.append(box[axis].start + float(weight @ np.arange(len(weight)) / total))
    edges = [(part.stop - part.start) * edge for part, edge in zip(box, grid.spacing_mm, strict=True)]
    return Placement(grid.shape, grid.spacing_mm, _three(centre), _three(edges))


def choose(placements: Sequence[Placement], extent_mm: Sequence[float], rng: np.random.Generator) -> Placement:
    """The place for a drawn map: that of one of the training maps whose extents differ least from its own."""
    known = np.log([place.extent_mm for place in placements])
    apart = np.abs(known - np.log(np.maximum(extent_mm, 1e-3))).sum(axis=1)
    nearest = np.argsort(apart, kind="stable")[:_NEIGHBOURS]
    return placements[int(nearest[int(rng.integers(len(nearest)))])]


def placements_state(placements: Sequence[Placement]) -> dict[str, NDArray[np.float64] | NDArray[np.int32]]:
    """Places as arrays."""
    return {
        "places.shape": np.array([one.shape for one in placements], dtype=np.int32),
        "places.spacing_mm": np.array([one.spacing_mm for one in placements]),
        "places.centre": np.array([one.centre for one in placements]),
        "places.extent_mm": np.array([one.extent_mm for one in placements]),
    }


PLACES = ("places.shape", "places.spacing_mm", "places.centre", "places.extent_mm")


def placements_from(state: State) -> tuple[Placement, ...]:
    """The places that ``placements_state`` wrote.

    Raises:
        BundleError: If the arrays are others, or of grids that no image has.
    """
    shapes = take(state, PLACES[0], shape=(None, 3), kind="i", low=1, high=_MOST_VOXELS_AXIS)
    form = (len(shapes), 3)
    spacings = take(state, PLACES[1], shape=form, kind="f", low=1e-3, high=1e3)
    centres = take(state, PLACES[2], shape=form, kind="f", low=-1.0, high=_MOST_VOXELS_AXIS)
    extents = take(state, PLACES[3], shape=form, kind="f", low=1e-3, high=1e5)
    take(
        {PLACES[0]: shapes.astype(np.int64).prod(axis=1)}, PLACES[0], shape=(None,), kind="i", low=1, high=_MOST_VOXELS
    )
    return tuple(
        Placement(_whole(shape), _three(spacing), _three(centre), _three(edges))
        for shape, spacing, centre, edges in zip(shapes, spacings, centres, extents, strict=True)
    )


def _three(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float, float]:
    i, j, k = (float(value) for value in values)
    return i, j, k


def _whole(values: NDArray[np.integer]) -> tuple[int, int, int]:
    i, j, k = (int(value) for value in values)
    return i, j, k
