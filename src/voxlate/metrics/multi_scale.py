"""Multi-scale structural similarity: of CT as SynthRAD 2025 scores it, and the same of images in any unit.

    MS-SSIM = product over l of mean_mask max(SSIM_l, 0)^w_l,   w = 0.0448, 0.2856, 0.3001, 0.2363, 0.1333

Both images are clipped to the range of CT, raised so that it begins at 0, and set to 0 outside the mask. ``SSIM_l`` is
the map under a uniform window of 7^3 voxels with sample covariances, at five scales, each half as fine as the one
before: a voxel is the mean of 2^3, of the mask every other voxel is kept. At each scale a rim of three voxels, which
the window would leave, does not count. Images shorter than 97 voxels are first continued by their outermost ones.

Weights: Wang, Simoncelli and Bovik 2003, doi:10.1109/ACSSC.2003.1292216, who take the luminance at the coarsest scale
alone; the challenge's code (github.com/SynthRAD2025/evaluation) takes it at every scale, and so does this one, to give
the same numbers. They depend on the field of view through the rim and the halving.

Images in another unit are not clipped, and raised so that the truth's least value in the mask becomes 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.metrics.hounsfield import LOWEST_HU
from voxlate.metrics.metric import Image, Mask, Values, values_inside

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW = 7
SHORTEST = 97


def ms_ssim(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Multi-scale SSIM over the mask, 0 to 1.

    Args:
        prediction: ``(i, j, k)``, HU.
        truth: ``(i, j, k)``, HU.
        mask: ``(i, j, k)`` bool.
        data_range: Both images are clipped to ``[-1024, -1024 + data_range]`` HU.

    Returns:
        The value; NaN if the mask has no voxel left at some scale, or a voxel in it is not finite.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    if values_inside(prediction, truth, mask=mask, data_range=data_range) is None:
        return math.nan
    inside = np.asarray(mask, dtype=bool)
    p, t = (np.clip(_raised(image, inside, LOWEST_HU), 0, data_range) for image in (prediction, truth))
    return _over_scales(p, t, inside, data_range=data_range)


def ms_ssim_unclipped(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Multi-scale SSIM over the mask of images in any unit, 0 to 1.

    Args:
        prediction: ``(i, j, k)``.
        truth: ``(i, j, k)``, in the same unit.
        mask: ``(i, j, k)`` bool.
        data_range: Of the values, fixed.

    Returns:
        The value; NaN if the mask has no voxel left at some scale, or a voxel in it is not finite.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    values = values_inside(prediction, truth, mask=mask, data_range=data_range)
    if values is None:
        return math.nan
    inside, lowest = np.asarray(mask, dtype=bool), float(values[1].min())
    p, t = (_raised(image, inside, lowest) for image in (prediction, truth))
    return _over_scales(p, t, inside, data_range=data_range)


def _over_scales(p: Values, t: Values, inside: Mask, *, data_range: float) -> float:
    p, t, inside = (_continued(array) for array in (p, t, inside))
    product = 1.0
    for weight in WEIGHTS:
        core = (slice(WINDOW // 2, -(WINDOW // 2)),) * 3
        counted = _ssim(p, t, data_range=data_range)[core][inside[core]]
        if counted.size == 0:
            return math.nan
        product *= float((np.maximum(counted, 0) ** weight).mean())
        p, t, inside = _halved(p), _halved(t), inside[::2, ::2, ::2]
    return product


def _raised(image: Image, inside: Mask, lowest: float) -> Values:
    values = np.zeros(inside.shape)
    values[inside] = np.asarray(image)[inside].astype(np.float64) - lowest
    return values


def _continued(array: NDArray[Any]) -> NDArray[Any]:
    lacking = [max(0, SHORTEST - size) for size in array.shape]
    return np.pad(array, [(count // 2, count - count // 2) for count in lacking], mode="edge")


def _ssim(p: Values, t: Values, *, data_range: float) -> Values:
    """The map of SSIM under the uniform window, mirrored at the border."""
    from scipy.ndimage import uniform_filter

    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    sample = WINDOW**3 / (WINDOW**3 - 1)
    mean_p, mean_t = (uniform_filter(image, WINDOW, mode="reflect") for image in (p, t))
    means, power = mean_p * mean_t, mean_p**2 + mean_t**2
    cross = sample * (uniform_filter(p * t, WINDOW, mode="reflect") - means)
    spread = sample * (uniform_filter(p * p + t * t, WINDOW, mode="reflect") - power)
    return np.asarray((2 * means + c1) * (2 * cross + c2) / ((power + c1) * (spread + c2)))


def _halved(array: Values) -> Values:
    """The mean of voxels ``2 k - 1`` and ``2 k`` along every axis; what lies before the first voxel is 0."""
    for axis in range(3):
        moved = np.moveaxis(array, axis, 0)
        half = moved[::2].copy()
        half[1:] += moved[1 : 2 * len(half) - 1 : 2]
        array = np.moveaxis(half / 2, 0, axis)
    return array
