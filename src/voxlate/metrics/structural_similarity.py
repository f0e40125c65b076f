"""Structural similarity in three dimensions, averaged over a mask.

    SSIM = (2 mp mt + c1) (2 spt + c2) / ((mp^2 + mt^2 + c1) (sp^2 + st^2 + c2)),  c1 = (0.01 R)^2,  c2 = (0.03 R)^2

with means, variances and covariance under a Gaussian window of 11 taps and sigma 1.5 voxels along every axis, mirrored
at the image border, and R the data range. Source: Wang, Bovik, Sheikh and Simoncelli 2004, doi:10.1109/TIP.2003.819861,
whose two-dimensional window is extended to three. A volume of one slice gives their two-dimensional value.

Only tiles that hold voxels of the mask are computed. A Gaussian along one axis is a banded matrix, so a tile is
smoothed by three small matrix products, which keeps the work in the cache and needs no copy of the volume.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import numpy as np

from voxlate.metrics.metric import Image, Mask, Values, check_images
from voxlate.volume import extent

SIGMA_VOXELS = 1.5
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
    weights = np.exp(-0.5 * (offsets / SIGMA_VOXELS) ** 2)
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
