"""Labelled voxels: where samples are placed so that small structures are seen often enough.

Of each label value of a case at most so many voxels are kept, drawn once, so that what a sample costs does not depend
on the volume (nnU-Net does so too: Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.windows import Sliceable

MOST_VOXELS = 1000


@dataclass(frozen=True)
class LabelledVoxels:
    """Some labelled voxels of a case.

    Attributes:
        places: For each label value above 0 that occurs, ``(n, 3)`` indices of voxels, n at most ``MOST_VOXELS``.
    """

    places: tuple[NDArray[np.int32], ...]

    def draw(self, rng: np.random.Generator) -> tuple[int, int, int] | None:
        """A voxel of a label value, both drawn with equal probability; ``None`` if nothing is labelled."""
        if not self.places:
            return None
        voxels = self.places[int(rng.integers(len(self.places)))]
        i, j, k = voxels[int(rng.integers(len(voxels)))]
        return int(i), int(j), int(k)


def labelled_voxels(labels: Sliceable | None, *, seed: str) -> LabelledVoxels:
    """Some voxels of each label value of a label map ``(i, j, k)``; none without one.

    Args:
        labels: The label map.
        seed: The same text draws the same voxels.
    """
    if labels is None:
        return LabelledVoxels(())
    array = np.rint(np.asarray(labels[:])).astype(np.int64)
    places = np.argwhere(array > 0).astype(np.int32)
    values = array[tuple(places.T)]
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    kept = []
    for value in np.unique(values):
        voxels = places[values == value]
        kept.append(rng.permutation(voxels)[:MOST_VOXELS])
    return LabelledVoxels(tuple(kept))
