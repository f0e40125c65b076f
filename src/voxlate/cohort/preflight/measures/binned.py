"""An image made ready to be compared: its foreground, its values in bins, and a portrait of it.

What is derived from an image is derived once, however many others it is compared with. Values are taken between their
percentiles 0.5 and 99.5: neither padding nor one spoilt voxel decides what an image looks like. Voxels are counted
with the first axis fastest, as they lie in files, so that no copy is made.

The portrait is a small image: means over blocks, of the foreground alone, in 255 steps; 0 is background. Cases are
compared with each other by their portraits, so that memory is bounded by 110 kB per image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.foreground import foreground, onto_grid
from voxlate.contrast import Kind
from voxlate.volume import Array, Grid, Volume

BINS = 32
_SAMPLES = 60_000
_PERCENTILES = (0.5, 99.5)
_PORTRAIT_EDGE = 48
_STEPS = 255
_LEAST_VOXELS = 200
_BIN_OF_STEP = bytes([0, *(1 + step * BINS // _STEPS for step in range(_STEPS))])

Bins = NDArray[np.uint8]


@dataclass(frozen=True)
class Binned:
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

    def whole(self) -> Binned:
        """The same with its background as part of what is shown."""
        result = Binned(self.volume)
        result.__dict__["shown"] = np.ones(self.volume.shape, dtype=bool, order="F")
        return result

    @cached_property
    def bins(self) -> Bins:
        """The foreground's values in bins 1 to 32, ``(i, j, k)``; 0 elsewhere."""
        if self.kind == "label":
            return np.minimum(self.steps, BINS)
        flat = self.steps.tobytes(order="F").translate(_BIN_OF_STEP)  # twice as fast as an array of places
        return np.frombuffer(flat, dtype=np.uint8).reshape(self.steps.shape, order="F")

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The percentiles 0.5 and 99.5 of the foreground; 0 and 0 where there is none."""
        if not self.places.size:
            return 0.0, 0.0
        low, high = np.percentile(self.flat[self.places].astype(np.float64), _PERCENTILES)
        return float(low), float(high)

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Where ``flat`` is foreground, every n-th of at most 60,000 voxels."""
        index = np.flatnonzero(self.shown.ravel(order="F"))
        return index[:: max(1, index.size // _SAMPLES)]

    def on(self, grid: Grid) -> Binned:
        """The image at the places of a grid, by the nearest voxel; itself if it lies there."""
        if self.grid.matches(grid):
            return self
        outside = float(self.volume.array.min())
        array = onto_grid(self.volume, grid, outside=outside)
        return Binned(Volume(array, grid.affine, self.volume.contrast))

    def portrait(self) -> Portrait:
        """The image in small."""
        steps = self.steps
        factor = [-(-edge // _PORTRAIT_EDGE) for edge in steps.shape]
        if self.kind == "label":
            middles = tuple(slice(by // 2, edge // by * by, by) for by, edge in zip(factor, steps.shape, strict=True))
            return Portrait(np.asfortranarray(steps[middles]), self._coarser(factor), of_labels=True)
        filled = block_sums(steps > 0, factor)
        means = block_sums(steps, factor) / np.maximum(filled, 1)
        small = np.where(2 * filled >= np.prod(factor), np.clip(np.rint(means), 1, 255), 0).astype(np.uint8)
        return Portrait(small, self._coarser(factor))

    def _coarser(self, factor: list[int]) -> NDArray[np.float64]:
        affine = np.array(self.volume.affine, dtype=np.float64)
        affine[:3, 3] += affine[:3, :3] @ ((np.array(factor) - 1) / 2)
        affine[:3, :3] *= factor
        return affine

    @cached_property
    def steps(self) -> Bins:
        """The foreground's values in steps 1 to 255; 0 elsewhere. Of a label map each label is a step of its own."""
        array = self.volume.array
        result: Bins = np.zeros(array.shape, dtype=np.uint8, order="F")
        if not self.places.size:
            return result
        stepped = self._stepping()
        if array.dtype.kind in "iu" and array.dtype.itemsize <= 2:  # a table of all values is shorter than the image
            unsigned = np.dtype(f"u{array.dtype.itemsize}")
            every = np.arange(np.iinfo(unsigned).max + 1, dtype=unsigned).view(array.dtype)
            found = stepped(every).take(self.flat.view(unsigned)).reshape(array.shape, order="F")
            np.multiply(found, self.shown, out=result)
            return result
        np.copyto(result, stepped(array), where=self.shown)
        return result

    def _stepping(self) -> Callable[[Array], Bins]:
        """From values to their steps."""
        if self.kind == "label":
            known = np.unique(self.flat[self.places])[:_STEPS]
            return lambda values: (1 + np.searchsorted(known[1:], values, side="right")).astype(np.uint8)
        return partial(_stepped, low=self.limits[0], high=self.limits[1])


def _stepped(values: Array, low: float, high: float) -> Bins:
    """Values between two limits in steps 1 to 255."""
    scaled = np.subtract(values, np.float32(low), dtype=np.float32, order="K")
    scaled *= np.float32(_STEPS / (high - low) if high > low else 0.0)
    np.clip(scaled, 0, _STEPS - 1, out=scaled)
    scaled += 1
    return scaled.astype(np.uint8)


@dataclass(frozen=True)
class Portrait:
    """An image in small.

    Attributes:
        steps: Values from 1 to 255 in the foreground, 0 in the background; at most 48 voxels along an edge.
        affine: To RAS+ mm, ``(4, 4)``.
        of_labels: Whether each step is a label.
    """

    steps: Bins
    affine: NDArray[np.float64]
    of_labels: bool = False

    @property
    def grid(self) -> Grid:
        """Where its voxels lie."""
        return Grid(self.steps.shape, self.affine)

    def frame(self) -> tuple[NDArray[np.float64], float] | None:
        """The centre of what is shown, RAS+ mm, and how wide that is (radius of gyration, mm); ``None`` of little."""
        index = np.argwhere(self.steps > 0)
        if len(index) < _LEAST_VOXELS:
            return None
        places = index @ self.affine[:3, :3].T + self.affine[:3, 3]
        centre = places.mean(axis=0)
        return centre, float(np.sqrt(((places - centre) ** 2).sum(axis=1).mean()))


def block_sums(array: NDArray[np.bool_] | Bins, factor: list[int]) -> NDArray[np.uint32]:
    """Sums over blocks of so many voxels along each axis; what does not fill a block is left out."""
    sums: Array = array.astype(np.uint8, copy=False)
    exact = np.uint16 if 255 * np.prod(factor) < 2**16 else np.uint32
    for axis in (2, 1, 0):  # the slowest axis first: whole planes are added
        by = factor[axis]
        if by == 1:
            continue
        length = sums.shape[axis] // by * by
        parts = [sums[(slice(None),) * axis + (slice(first, length, by),)] for first in range(by)]
        sums = parts[0].astype(exact)
        for part in parts[1:]:
            sums += part
    return sums.astype(np.uint32, copy=False)
