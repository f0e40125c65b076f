"""An image made ready to be compared: its foreground, its values in bins, and a portrait of it.

What is derived from an image is derived once, however many others it is compared with. Values are taken between their
percentiles 0.5 and 99.5: neither padding nor one spoilt voxel decides what an image looks like. Voxels are counted
with the first axis fastest, as they lie in files, so that no copy is made.

The portrait is a small image: means over blocks, of the foreground alone, in 255 steps; 0 is background. Cases are
compared with each other by their portraits, so that memory is bounded by 110 kB per image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.foreground import foreground, onto_grid
from voxlate.contrast import Kind
from voxlate.volume import Array, Grid, Volume

BINS = 32
_SAMPLES = 60_000
_PERCENTILES = (0.5, 99.5)
_PORTRAIT_EDGE = 48

Bins = NDArray[np.uint8]


@dataclass(frozen=True)
class Scan:
    """One image.

    Attributes:
        volume: Voxels and their place.
    """

    volume: Volume

    @property
    def kind(self) -> Kind:
        """What is measured; ``mr`` where that is not told."""
        return self.volume.contrast.kind if self.volume.contrast else "mr"

    @property
    def grid(self) -> Grid:
        """Where the voxels lie."""
        return self.volume.grid

    @cached_property
    def flat(self) -> Array:
        """The voxels, first axis fastest."""
        return self.volume.array.ravel(order="F")

    @cached_property
    def shown(self) -> NDArray[np.bool_]:
        """The foreground, ``(i, j, k)``."""
        return foreground(self.volume.array, kind=self.kind)

    @cached_property
    def bins(self) -> Bins:
        """The foreground's values in bins 1 to 32, ``(i, j, k)``; 0 elsewhere."""
        return self._in_steps(BINS)

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Where ``flat`` is foreground, every n-th of at most 60,000 voxels."""
        index = np.flatnonzero(self.shown.ravel(order="F"))
        return index[:: max(1, index.size // _SAMPLES)]

    def on(self, grid: Grid) -> Scan:
        """The image at the places of a grid, by the nearest voxel; itself if it lies there."""
        if self.grid.matches(grid):
            return self
        outside = float(self.volume.array.min())
        array = onto_grid(self.volume, grid, outside=outside)
        return Scan(Volume(array, grid.affine, self.volume.contrast))

    def portrait(self) -> Portrait:
        """The image in small."""
        steps = self._in_steps(255)
        factor = [-(-edge // _PORTRAIT_EDGE) for edge in steps.shape]
        filled = block_sums(steps > 0, factor)
        means = block_sums(steps, factor) / np.maximum(filled, 1)
        small = np.where(2 * filled >= np.prod(factor), np.clip(np.rint(means), 1, 255), 0).astype(np.uint8)
        affine = np.array(self.volume.affine, dtype=np.float64)
        affine[:3, 3] += affine[:3, :3] @ ((np.array(factor) - 1) / 2)
        affine[:3, :3] *= factor
        return Portrait(small, affine)

    def _in_steps(self, steps: int) -> Bins:
        """The foreground's values in steps from 1 on; 0 elsewhere. Of a label map each label is a step of its own."""
        array = self.volume.array
        result: Bins = np.zeros(array.shape, dtype=np.uint8, order="F")
        if not self.places.size:
            return result
        values = self.flat[self.places].astype(np.float64)
        if self.kind == "label":
            known = np.unique(values)[:steps]
            np.copyto(result, 1 + np.searchsorted(known[1:], array, side="right"), where=self.shown, casting="unsafe")
            return result
        low, high = np.percentile(values, _PERCENTILES)
        scale = np.float32(steps / (high - low) if high > low else 0.0)
        scaled = np.asarray(array - np.asarray(low).astype(np.float32), dtype=np.float32)
        np.multiply(scaled, scale, out=scaled)
        np.clip(scaled, 0, steps - 1, out=scaled)
        np.copyto(result, scaled + 1, where=self.shown, casting="unsafe")
        return result


@dataclass(frozen=True)
class Portrait:
    """An image in small.

    Attributes:
        steps: Values from 1 to 255 in the foreground, 0 in the background; at most 48 voxels along an edge.
        affine: To RAS+ mm, ``(4, 4)``.
    """

    steps: Bins
    affine: NDArray[np.float64]

    @property
    def grid(self) -> Grid:
        """Where its voxels lie."""
        return Grid(self.steps.shape, self.affine)


def block_sums(array: NDArray[np.bool_] | Bins, factor: list[int]) -> NDArray[np.int32]:
    """Sums over blocks of so many voxels along each axis; what does not fill a block is left out."""
    shape = [edge // by for edge, by in zip(array.shape, factor, strict=True)]
    i, j, k = (edge * by for edge, by in zip(shape, factor, strict=True))
    parted = (factor[0], shape[0], factor[1], shape[1], factor[2], shape[2])
    return np.asarray(array[:i, :j, :k].reshape(parted, order="F").sum(axis=(0, 2, 4), dtype=np.int32))
