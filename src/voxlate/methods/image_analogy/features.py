"""What image analogies compare: Gaussian pyramids and the neighbourhoods of two levels (Hertzmann et al. 2001).

A level of a pyramid is the level below it blurred by the binomial kernel (1, 4, 6, 4, 1) / 16 along both axes and
sampled at every second pixel (Burt & Adelson 1983, doi:10.1109/TCOM.1983.1095851). Only the foreground is averaged::

    reduced = sample(blur(image * mask) / blur(mask)),

so that no background runs into it; a reduced pixel is foreground if one of the up to four that it stands for is.

A neighbourhood is a square of pixels, or its causal half: those that come before its centre in scan order. A pixel's
feature vector holds the source's square and the target's causal half on its own level, and the squares of both around
the parent pixel on the next coarser level. Its elements are multiplied by the root of Gaussian weights that sum to one
on each level, so that a squared distance of vectors is the weighted mean of squared differences of pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from voxlate.volume import Array

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]
_BACKGROUND = -3.0  # in sds from the mean of the foreground: a value that little tissue has
_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_SD_OF_SIZE = 1 / 4


@dataclass(frozen=True)
class Stack:
    """Images of one size, each with a margin of background around it, laid out flat so that offsets are numbers.

    Attributes:
        values: ``(c, n * h * w)`` float32 with margins, ``_BACKGROUND`` outside the foreground.
        shape: ``(n, h, w)`` with margins.
        margin: Pixels of background on each side.
        foreground: ``(p,)`` flat indices of the foreground in scan order, image by image.
    """

    values: Floats
    shape: tuple[int, int, int]
    margin: int
    foreground: Indices

    @classmethod
    def of(cls, images: Array, mask: NDArray[np.bool_], *, margin: int) -> Stack:
        """Images ``(n, c, h, w)`` with their foreground ``(n, h, w)``."""
        border = ((0, 0), (margin, margin), (margin, margin))
        inside = np.pad(mask, border)
        filled = np.where(mask[:, None], images, _BACKGROUND).astype(np.float32).swapaxes(0, 1)
        padded = np.pad(filled, ((0, 0), *border), constant_values=_BACKGROUND)
        n, h, w = inside.shape
        return cls(padded.reshape(len(padded), -1), (n, h, w), margin, np.flatnonzero(inside))

    def places(self, index: Indices) -> tuple[Indices, Indices, Indices]:
        """Image, row and column of flat indices, without margins."""
        image, row, column = np.unravel_index(index, self.shape)
        return image, row - self.margin, column - self.margin

    def parents(self, index: Indices, coarser: Stack) -> Indices:
        """The flat indices, on the next coarser level, of the pixels that stand for these."""
        image, row, column = self.places(index)
        coarse_row, coarse_column = (place // 2 + coarser.margin for place in (row, column))
        _, height, width = coarser.shape
        parents: Indices = (image * height + coarse_row) * width + coarse_column
        return parents

    def steps(self, offsets: NDArray[np.intp]) -> Indices:
        """Offsets ``(m, 2)`` along rows and columns as differences of flat indices."""
        return offsets[:, 0] * self.shape[2] + offsets[:, 1]

    def around(self, index: Indices, neighbourhood: Neighbourhood) -> Floats:
        """The weighted values around pixels: ``(p, c * m)`` for ``p`` flat indices and ``m`` neighbours."""
        near = index[:, None] + self.steps(neighbourhood.offsets)
        values = self.values[:, near] * neighbourhood.roots
        return values.swapaxes(0, 1).reshape(len(index), -1)


@dataclass(frozen=True)
class Neighbourhood:
    """Neighbours of a pixel.

    Attributes:
        offsets: ``(m, 2)`` along rows and columns, in scan order.
        roots: ``(m,)`` float32, the root of each one's weight.
    """

    offsets: NDArray[np.intp]
    roots: Floats


@dataclass(frozen=True)
class Neighbourhoods:
    """All that a feature vector consists of; see the module.

    Attributes:
        source: Around the pixel in the source.
        target: Before the pixel in the target, as far as it is made.
        coarse_source: Around the parent in the source.
        coarse_target: Around the parent in the target.
    """

    source: Neighbourhood
    target: Neighbourhood
    coarse_source: Neighbourhood
    coarse_target: Neighbourhood

    @classmethod
    def of(cls, *, patch: int, coarse_patch: int, channels: tuple[int, int]) -> Neighbourhoods:
        """Squares of odd sizes, for so many channels of the source and of the target."""
        square, coarse = _square(patch), _square(coarse_patch)
        causal = square[: len(square) // 2]
        fine_parts = _weighted((square, causal), size=patch, channels=channels)
        coarse_parts = _weighted((coarse, coarse), size=coarse_patch, channels=channels)
        return cls(*fine_parts, *coarse_parts)

    @property
    def margin(self) -> int:
        """How far they reach."""
        return max(int(np.abs(part.offsets).max(initial=0)) for part in (self.source, self.coarse_source))


def _square(size: int) -> NDArray[np.intp]:
    """Offsets ``(size * size, 2)`` in scan order."""
    reach = np.arange(size) - size // 2
    return np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)


def _weighted(
    parts: Sequence[NDArray[np.intp]], *, size: int, channels: tuple[int, int]
) -> tuple[Neighbourhood, Neighbourhood]:
    """The source's and the target's part of one level, with weights that sum to one over both and their channels."""
    falls = [np.exp(-0.5 * (part**2).sum(1) / (_SD_OF_SIZE * size) ** 2) for part in parts]
    total = sum(float(fall.sum()) for fall in falls)
    roots = [np.sqrt(fall / (total * n)).astype(np.float32) for fall, n in zip(falls, channels, strict=True)]
    first, second = (Neighbourhood(part, root) for part, root in zip(parts, roots, strict=True))
    return first, second


def pyramid(images: Array, mask: NDArray[np.bool_], *, levels: int) -> list[tuple[Array, NDArray[np.bool_]]]:
    """Images and foreground on each level, the finest first.

    Args:
        images: ``(n, c, h, w)``; what lies outside the foreground is never used.
        mask: ``(n, h, w)``, true in the foreground.
        levels: How many, the images themselves included.
    """
    result = [(images, mask)]
    while len(result) < levels:
        result.append(_reduce(*result[-1]))
    return result


def _reduce(images: Array, mask: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    weight = _blur(mask[:, None].astype(np.float64))
    blurred = _blur(np.where(mask[:, None], images, 0.0)) / np.maximum(weight, 1e-12)
    height, width = mask.shape[1:]
    even = np.pad(mask, ((0, 0), (0, height % 2), (0, width % 2)))
    corners = (even[:, i::2, j::2] for i in (0, 1) for j in (0, 1))
    return blurred[:, :, ::2, ::2], np.logical_or.reduce(list(corners))


def _blur(images: Array) -> Array:
    for axis in (2, 3):
        images = correlate1d(images, _BINOMIAL, axis=axis, mode="constant")
    return images


def static_features(
    source: Stack, coarser: tuple[Stack, Stack] | None, *, index: Indices, neighbourhoods: Neighbourhoods
) -> Floats:
    """The part of feature vectors that is known before a level is made, ``(p, d)``.

    Args:
        source: The source on the level.
        coarser: Source and target on the next coarser level; ``None`` on the coarsest.
        index: ``(p,)`` flat indices of pixels in ``source``.
        neighbourhoods: What is gathered.
    """
    parts = [source.around(index, neighbourhoods.source)]
    if coarser is not None:
        parents = source.parents(index, coarser[0])
        around = (neighbourhoods.coarse_source, neighbourhoods.coarse_target)
        parts += [stack.around(parents, part) for stack, part in zip(coarser, around, strict=True)]
    return np.concatenate(parts, axis=1)
