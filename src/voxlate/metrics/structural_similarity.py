"""Structural similarity in three dimensions, averaged over a mask, at one scale or at five.

    SSIM = (2 mp mt + c1) (2 spt + c2) / ((mp^2 + mt^2 + c1) (sp^2 + st^2 + c2)),  c1 = (0.01 R)^2,  c2 = (0.03 R)^2

with means, variances and covariance under a Gaussian window of 11 taps and sigma 1.5 voxels along every axis, mirrored
at the image border, and R the data range. Source: Wang, Bovik, Sheikh and Simoncelli 2004, doi:10.1109/TIP.2003.819861,
whose two-dimensional window is extended to three. A volume of one slice gives their two-dimensional value.

Only tiles that hold voxels of the mask are computed. A Gaussian along one axis is a banded matrix, so a tile is
smoothed by three small matrix products, which keeps the work in the cache and needs no copy of the volume.

Multi-scale structural similarity: of CT as SynthRAD 2025 scores it, and the same of images in any unit.

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
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import numpy as np

from voxlate.metrics.hounsfield import LOWEST_HU
from voxlate.metrics.metric import Image, Mask, Values, check_images, values_inside
from voxlate.volume import Array, extent

_SIGMA_VOXELS = 1.5
RADIUS = 5
_TILE = 32
_Tile = tuple[slice, slice, slice]


def ssim(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Mean of the SSIM map over the mask, -1 to 1; the windows of voxels at its edge reach beyond it.

    NaN if the mask is empty, or a voxel that a window reaches is not finite.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used. A zero background is perfectly similar
            to itself, so there is no default mask: give the foreground.
    """
    check_images(prediction, truth, mask=mask, data_range=data_range)
    inside = np.asarray(mask, dtype=bool)
    total, count = 0.0, 0
    for tile, similarity in _similarity(prediction, truth, mask=inside, data_range=data_range):
        values = similarity[inside[tile]]
        total += float(values.sum())
        count += values.size
    return total / count if count else math.nan


def ssim_map(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> Values:
    """SSIM of every voxel of the mask, ``(i, j, k)``; NaN elsewhere.

    Raises:
        UsageError: As ``ssim``.
    """
    check_images(prediction, truth, mask=mask, data_range=data_range)
    inside = np.asarray(mask, dtype=bool)
    result = np.full(inside.shape, np.nan)
    for tile, similarity in _similarity(prediction, truth, mask=inside, data_range=data_range):
        result[tile] = np.where(inside[tile], similarity, np.nan)
    return result


def apart_from(hidden: Mask, mask: Mask) -> Mask:
    """The voxels of a mask whose windows do not reach what is hidden; all of them if every window does.

    Args:
        hidden: ``(i, j, k)`` bool, where the truth shows nothing, so that no window can say how similar it is.
        mask: ``(i, j, k)`` bool.
    """
    from scipy.ndimage import maximum_filter

    reached = maximum_filter(np.asarray(hidden, dtype=bool).view(np.uint8), 2 * RADIUS + 1, mode="constant") != 0
    apart = np.asarray(mask & ~reached)
    return apart if apart.any() else mask


def _similarity(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> Iterator[tuple[_Tile, Values]]:
    """SSIM of the tiles that hold voxels of the mask."""
    predicted, true = np.asarray(prediction), np.asarray(truth)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    for tile in _tiles(mask):
        reach = tuple(_reach(part, size) for part, size in zip(tile, mask.shape, strict=True))
        p, t = predicted[reach].astype(np.float64), true[reach].astype(np.float64)
        finite = np.isfinite(p) & np.isfinite(t)
        broken = not finite.all()
        if broken:
            p[~finite] = t[~finite] = 0
        matrices = [_window(part.start, part.stop, size) for part, size in zip(tile, mask.shape, strict=True)]
        mean_p, mean_t = _smooth(p, matrices), _smooth(t, matrices)
        cross, squares = _smooth(p * t, matrices), _smooth(p * p + t * t, matrices)
        similarity = _combine(mean_p, mean_t, cross=cross, squares=squares, c1=c1, c2=c2)
        if broken:
            similarity[_smooth((~finite).astype(np.float64), matrices) > 0] = np.nan
        yield tile, similarity


def _combine(mean_p: Values, mean_t: Values, *, cross: Values, squares: Values, c1: float, c2: float) -> Values:
    """The formula from E[p], E[t], E[p t] and E[p^2 + t^2], in place where possible."""
    means = mean_p * mean_t
    power = np.square(mean_p, out=mean_p)
    power += np.square(mean_t, out=mean_t)
    cross -= means
    squares -= power
    means *= 2
    means += c1
    cross *= 2
    cross += c2
    power += c1
    squares += c2
    means *= cross
    power *= squares
    means /= power
    return means


def _tiles(mask: Mask) -> Iterator[_Tile]:
    """Tiles of the mask's bounding box that hold a voxel of the mask, each shrunk to what it holds."""
    box = extent(mask)
    if box is None:
        return
    starts = [range(part.start, part.stop, _TILE) for part in box]
    for corner in product(*starts):
        tile = tuple(slice(a, min(a + _TILE, part.stop)) for a, part in zip(corner, box, strict=True))
        held = extent(mask[tile])
        if held is not None:
            i, j, k = (slice(a + part.start, a + part.stop) for a, part in zip(corner, held, strict=True))
            yield i, j, k


def _reach(part: slice, size: int) -> slice:
    return slice(max(0, part.start - RADIUS), min(size, part.stop + RADIUS))


@lru_cache(maxsize=1024)
def _window(start: int, stop: int, size: int) -> Values:
    """The Gaussian from the voxels that outputs ``start:stop`` reach to these outputs, mirrored at both ends.

    The mirror repeats the outermost voxel (``c b a | a b c``), as ``reflect`` of ``scipy.ndimage`` does.
    """
    offsets = np.arange(-RADIUS, RADIUS + 1)
    weights = np.exp(-0.5 * (offsets / _SIGMA_VOXELS) ** 2)
    weights /= weights.sum()
    outputs = np.arange(start, stop)
    inputs = (outputs[:, None] + offsets) % (2 * size)
    inputs = np.where(inputs < size, inputs, 2 * size - 1 - inputs)
    reach = _reach(slice(start, stop), size)
    matrix = np.zeros((stop - start, reach.stop - reach.start))
    np.add.at(matrix, (np.arange(len(outputs))[:, None], inputs - reach.start), weights)
    return matrix


def _smooth(array: Values, matrices: list[Values]) -> Values:
    """The array with one matrix applied along each axis.

    As stacks of products so small that the matrix library keeps each on one thread: threads that wait for each other
    on a busy machine cost ten times what they gain here.
    """
    along_i, along_j, along_k = matrices
    smoothed = np.matmul(along_i, array.swapaxes(0, 1))
    smoothed = np.matmul(along_j, smoothed.swapaxes(0, 1))
    return np.asarray(np.matmul(smoothed, along_k.T))


_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW = 7
_SHORTEST = 97


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
    rim, product = _WINDOW // 2, 1.0
    core = (slice(rim, -rim),) * 3
    for weight in _WEIGHTS:
        found = extent(inside[core])
        if found is None:
            return math.nan
        near = tuple(slice(one.start, one.stop + 2 * rim) for one in found)  # all that the windows of its voxels reach
        values = _ssim(p[near], t[near], data_range=data_range)[core][inside[core][found]]
        product *= float((np.maximum(values, 0) ** weight).mean())
        p, t, inside = _halved(p), _halved(t), inside[::2, ::2, ::2]
    return product


def _raised(image: Image, inside: Mask, lowest: float) -> Values:
    values = np.zeros(inside.shape)
    values[inside] = np.asarray(image)[inside].astype(np.float64) - lowest
    return values


def _continued(array: Array) -> Array:
    lacking = [max(0, _SHORTEST - size) for size in array.shape]
    return np.pad(array, [(count // 2, count - count // 2) for count in lacking], mode="edge")


def _ssim(p: Values, t: Values, *, data_range: float) -> Values:
    """The map of SSIM under the uniform window; its rim, where the window leaves the images, is for nobody."""
    from scipy.ndimage import uniform_filter

    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    sample = _WINDOW**3 / (_WINDOW**3 - 1)
    mean_p, mean_t = (uniform_filter(image, _WINDOW, mode="reflect") for image in (p, t))
    means, power = mean_p * mean_t, mean_p**2 + mean_t**2
    cross = sample * (uniform_filter(p * t, _WINDOW, mode="reflect") - means)
    spread = sample * (uniform_filter(p * p + t * t, _WINDOW, mode="reflect") - power)
    return np.asarray((2 * means + c1) * (2 * cross + c2) / ((power + c1) * (spread + c2)))


def _halved(array: Values) -> Values:
    """The mean of voxels ``2 k - 1`` and ``2 k`` along every axis; what lies before the first voxel is 0."""
    for axis in range(3):
        moved = np.moveaxis(array, axis, 0)
        half = moved[::2].copy()
        half[1:] += moved[1 : 2 * len(half) - 1 : 2]
        array = np.moveaxis(half / 2, 0, axis)
    return array
