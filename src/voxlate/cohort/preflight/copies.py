"""Copies: is one image another one rescaled, or do two cases show one image?

A copy obeys ``y = slope x + intercept``, up to what rounding and clipping leave.

The fault that voids a study: its data generator returned the input as the target, and the scores were perfect. Over
the foreground a straight line is fitted by least squares; if the residual's standard deviation is
below 3 % of ``y``'s the image is a copy, rounded to no less than some fifty grey levels. The most alike real pairs
(T2 and PD averages, T1 before and after contrast) leave 12 % and more. For images,
not for label maps, the fit is repeated without the twentieth of the voxels that fits worst, so that clipping or a
drawn-in caption does not hide a copy. Both images are clipped first, and the line must hold for the central 94 % of the
voxels too: a clip or metal, bright in both, is no likeness.

One image in two cases: equal files, or thumbnails that correlate above 0.9999.

A thumbnail is the image in RAS-like axis order, clipped at the percentiles 0.5 and 99.5 of its foreground, so that
neither padding nor a spoilt voxel makes people alike, averaged over 16 x 16 x 16 blocks, centred and scaled to length
1; it does not change with the file format, the intensity scale or a flip of the stored axes. Label maps are not
compared: empty or small ones are alike by right. What was moved, cropped or turned is found by
``voxlate.cohort.preflight.subjects``.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.preflight.measures.binned import Binned, Portrait
from voxlate.volume import Array, Volume

_RESIDUAL = 0.03
_TRIMMED = 0.05
_CLIPPED = (0.5, 99.5)
_CENTRE = (3, 97)
_CENTRE_RESIDUAL = 0.3
_SAMPLES = 40_000


@dataclass(frozen=True)
class Copy:
    """A straight line that turns one image into the other.

    Attributes:
        slope: Per unit of the first image; negative for an inverted copy.
        intercept: In the unit of the second image.
        residual: Standard deviation of what the line leaves, over that of the second image; 0 for an exact copy.
    """

    slope: float
    intercept: float
    residual: float

    def describe(self) -> str:
        """How the copy was made, as words."""
        if abs(self.slope - 1) < 1e-3 and abs(self.intercept) < 1e-3:
            return "a copy"
        return f"a copy scaled by {self.slope:.4g} plus {self.intercept:.4g}"


def find_copy(x: Array, y: Array, where: NDArray[np.bool_], *, trim: bool = True) -> Copy | None:
    """The line that turns ``x`` into ``y``, or ``None`` if none does.

    Args:
        x: Voxels of one image, any shape.
        y: Voxels of the other at the same places.
        where: The foreground.
        trim: Forgive the twentieth of the voxels that fits worst; not for label maps, whose lesion may be smaller.
    """
    index = np.flatnonzero(where.ravel(order="F"))
    index = index[:: max(1, index.size // (_SAMPLES if trim else index.size))]
    if index.size < 8:
        return None
    xs, ys = (array.ravel(order="F")[index].astype(np.float64) for array in (x, y))
    if trim:  # spoilt voxels in the same places of both are no likeness
        xs, ys = (np.clip(values, *np.percentile(values, _CLIPPED)) for values in (xs, ys))
    if xs.std() == 0 or ys.std() == 0:
        return None
    found = _fit(xs, ys)
    if not trim:
        return found if found.residual < _RESIDUAL else None
    if found.residual < _RESIDUAL:
        return found if _holds_in_the_centre(found, xs, ys) else None
    misfit = np.abs(ys - found.slope * xs - found.intercept)
    kept = misfit <= np.quantile(misfit, 1 - _TRIMMED)
    if ys[kept].std() < 0.1 * ys.std() or xs[kept].std() == 0:
        return None
    again = _fit(xs[kept], ys[kept])
    return again if again.residual < _RESIDUAL and _holds_in_the_centre(again, xs[kept], ys[kept]) else None


def _holds_in_the_centre(found: Copy, x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Whether the line also holds for the voxels that are neither the darkest nor the brightest of the first image."""
    low, high = np.percentile(x, _CENTRE)
    inner = (x >= low) & (x <= high)
    left = y[inner] - found.slope * x[inner] - found.intercept
    return bool(left.std() <= _CENTRE_RESIDUAL * y[inner].std() + _RESIDUAL * found.residual * y.std())


def _fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> Copy:
    slope = float(np.mean((x - x.mean()) * (y - y.mean())) / x.var())
    intercept = float(y.mean() - slope * x.mean())
    return Copy(slope, intercept, float(np.std(y - slope * x - intercept) / y.std()))


_BLOCKS = 16
_CORRELATION = 0.9999
_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Signature:
    """What is kept of an image to find it again.

    Attributes:
        case: Id of the case.
        contrast: Name of the contrast.
        digest: SHA-256 of the file.
        thumbnail: ``(4096,)`` float32 of length 1, or zeros for a constant image.
        portrait: The image in small; ``None`` if it is not to be looked for when changed.
    """

    case: str
    contrast: str
    digest: str
    thumbnail: NDArray[np.float32]
    portrait: Portrait | None = None


@dataclass(frozen=True)
class Duplicate:
    """Two cases with one image.

    Attributes:
        one: The case that comes first in the cohort.
        other: The other case.
        contrast: Name of the contrast.
        correlation: Of the thumbnails, or of the images laid over each other; 1 for equal files.
        exact: Whether the files are equal byte for byte.
        changed: How the other was changed, as words; empty if it was not.
        certain: Whether no two people of the cohort can be that alike.
    """

    one: str
    other: str
    contrast: str
    correlation: float
    exact: bool
    changed: str = ""
    certain: bool = True


def thumbnail(scan: Binned) -> NDArray[np.float32]:
    """The image's block means, centred, of length 1; ``(4096,)``."""
    low, high = scan.limits
    small = _in_ras_order(scan.volume)
    if high > low:  # the background stays apart from what is shown
        small = np.clip(small, low - (high - low) / 2, high, dtype=np.float32)
    for axis in (2, 1, 0):
        small = _block_means(small, axis)
    flat = small.ravel() - small.mean()
    length = float(np.linalg.norm(flat))
    return np.asarray(flat / length if length > 1e-9 * (1 + abs(float(small.mean()))) else 0 * flat, dtype=np.float32)


def find_duplicates(signatures: Sequence[Signature]) -> list[Duplicate]:
    """All pairs of cases that share an image of one contrast, in the order of the signatures."""
    by_contrast: dict[str, list[Signature]] = {}
    for signature in signatures:
        by_contrast.setdefault(signature.contrast, []).append(signature)
    return [duplicate for group in by_contrast.values() for duplicate in _pairs(group)]


def _pairs(group: Sequence[Signature]) -> list[Duplicate]:
    digests = np.unique([signature.digest for signature in group], return_inverse=True)[1]
    thumbnails = np.stack([signature.thumbnail for signature in group])
    found: list[Duplicate] = []
    for start in range(0, len(group), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        alike = thumbnails[rows] @ thumbnails.T
        equal = digests[rows, None] == digests[None, :]
        for row, column in np.argwhere((alike > _CORRELATION) | equal):
            one, other = group[start + row], group[column]
            if start + row < column and one.case != other.case:
                exact = bool(equal[row, column])
                value = 1.0 if exact else float(min(alike[row, column], 1.0))
                found.append(Duplicate(one.case, other.case, one.contrast, value, exact))
    return found


def _in_ras_order(volume: Volume) -> Array:
    """The voxels with axes and directions as near to RAS as swapping and flipping brings them."""
    matrix = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    order = np.argmax(np.abs(matrix), axis=0)
    if len(set(order.tolist())) < 3:
        order = np.arange(3)
    array = np.transpose(volume.array, np.argsort(order))
    signs = [matrix[world, axis] for world, axis in enumerate(np.argsort(order))]
    return array[tuple(slice(None, None, -1 if sign < 0 else 1) for sign in signs)]


def _block_means(array: Array, axis: int) -> NDArray[np.float64]:
    """Averages an axis to 16 blocks; an axis with fewer voxels repeats some."""
    length = array.shape[axis]
    starts = np.arange(_BLOCKS) * length // _BLOCKS
    if length < _BLOCKS:
        return np.asarray(np.take(array, starts, axis=axis), dtype=np.float64)
    shape = (*array.shape[:axis], _BLOCKS, *array.shape[axis + 1 :])
    means = np.empty(shape, np.float32 if array.size > 2**16 else np.float64, order="F")
    whole: tuple[slice | int, ...] = (slice(None),) * axis
    for block, (first, last) in enumerate(itertools.pairwise([*starts.tolist(), length])):
        array[(*whole, slice(first, last))].mean(axis=axis, dtype=means.dtype, out=means[(*whole, block)])
    return means
