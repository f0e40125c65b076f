"""Texture: an image as its local structure, which another window, gamma or bias field hardly changes.

Each voxel is replaced by how far it lies from the mean of its surroundings, in their standard deviations:

    t = (x - mean(x)) / sd(x),    over a cube of seven voxels

as in the local correlation of Cachier et al. (2003, doi:10.1016/S1077-3142(03)00002-X). An inverted image has the same
texture with the other sign. Nothing is said of voxels that hold one constant value, as where an image is padded, masked
or zeroed, and these change nothing around them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.evaluation.privacy.template import Field, Small
from voxlate.volume import Grid

_AROUND = 7
"""Voxels along a side of the surroundings."""
_FLOOR = 0.1
"""Of the median standard deviation: what is added to every one, so that noise in flat regions stays small."""
_MOST = 3.0
_LEAST_KNOWN = 0.05
"""Where less of the surroundings is known, nothing is said."""


@dataclass(frozen=True, eq=False)
class Texture:
    """The local structure of an image.

    Attributes:
        values: ``(i, j, k)`` in standard deviations; 0 where nothing is known.
        known: ``(i, j, k)``, 1 or 0.
        grid: Its grid, with axes in RAS+ order.
    """

    values: Field
    known: Field
    grid: Grid

    def blurred(self, sd: float) -> Field:
        """The values after a smoothing over what is known.

        Args:
            sd: Standard deviation in voxels.
        """
        from scipy.ndimage import gaussian_filter

        weight = np.maximum(gaussian_filter(self.known, sd), _LEAST_KNOWN)
        return np.asarray(gaussian_filter(self.values, sd) / weight * self.known, dtype=np.float32)


def texture_of(image: Small) -> Texture:
    """The texture of an image.

    Args:
        image: The image.
    """
    from scipy.ndimage import uniform_filter

    array = image.array.astype(np.float64)
    known = ~_blank(array)
    weight = known.astype(np.float64)
    share = np.maximum(uniform_filter(weight, _AROUND), 1e-9)
    mean = uniform_filter(array * weight, _AROUND) / share
    spread = np.sqrt(np.maximum(uniform_filter(array**2 * weight, _AROUND) / share - mean**2, 0))
    usual = float(np.median(spread[known])) if known.any() else 0.0
    deviation = (array - mean) / (spread + _FLOOR * usual + 1e-9) * weight
    return Texture(np.clip(deviation, -_MOST, _MOST).astype(np.float32), weight.astype(np.float32), image.grid)


def _blank(array: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Voxels in and beside cubes of the one value that fills most cubes of three voxels, as padding does.

    What lies beside them is partly padding after an image was brought to a coarser grid.
    """
    from scipy.ndimage import binary_dilation, maximum_filter, minimum_filter

    constant = np.isclose(maximum_filter(array, 3), minimum_filter(array, 3), rtol=0, atol=1e-6)
    if not constant.any():
        return constant
    values, counts = np.unique(array[constant].round(5), return_counts=True)
    padding = constant & np.isclose(array, values[counts.argmax()], rtol=0, atol=1e-5)
    return np.asarray(binary_dilation(padding, np.ones((3, 3, 3), dtype=bool), iterations=2))
