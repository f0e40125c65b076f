"""The window: the one object that cuts volumes for training and stitches predictions in inference.

2-D, 2.5-D and 3-D differ only here. A ``Box`` says where in the volume a prediction lies; a sample is what a network
sees of it:

- ``slices`` on an axis: the box is one slice thick, the sample has two spatial axes and, per contrast, ``2 k + 1``
  channels, the neighbouring slices in the order of their index (``k = 0``: 2-D, ``k > 0``: 2.5-D);
- ``patches``: boxes of a fixed size; the whole ``volume``: one box. The sample has three spatial axes.

Boxes may reach beyond the array: images are continued by replication of the edge or by mirroring, masks are empty
there. With a ``margin``, boxes cover that many voxels more on every side, so that what is predicted at a border has
context, mirrored where the image ends (the overlap-tile strategy of Ronneberger et al. 2015, arXiv:1505.04597). In
inference, overlapping predictions are averaged with Gaussian weights, a standard deviation of 1/8 of the box
as in nnU-Net (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z). MONAI's importance map is not used: it takes
seconds to import for a product of three exponentials, and raises small weights to 1e-3, which at the corners of a
patch is a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from voxlate.config.window import WindowOptions
from voxlate.errors import UsageError
from voxlate.volume import Array, extent

Triple = tuple[int, int, int]
_SD_OF_SIZE = 1 / 8


class Sliceable(Protocol):
    """An array in memory or on disk that is read with basic slices: numpy's, blosc2's."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of elements along each axis."""

    def __getitem__(self, key: Any, /) -> Any:  # noqa: ANN401  (numpy and blosc2 type their indices differently)
        """The elements in a tuple of slices."""


@dataclass(frozen=True)
class Box:
    """A block of voxels ``[start, start + size)`` along i, j, k; it may reach beyond the array."""

    start: Triple
    size: Triple

    @property
    def stop(self) -> Triple:
        """The first voxel behind the box along i, j, k."""
        i, j, k = (a + n for a, n in zip(self.start, self.size, strict=True))
        return i, j, k


def bounding_box(mask: Sliceable) -> Box | None:
    """The smallest box around the voxels of a mask ``(i, j, k)``, or ``None`` if it has none."""
    block = extent(np.asarray(mask[:]))
    return None if block is None else _box([s.start for s in block], [s.stop - s.start for s in block])


class Window:
    """How samples are cut out of volumes and predictions put back.

    Args:
        options: Kind, one axis, neighbours, size, overlap, margin and padding.

    Raises:
        UsageError: If neighbours are asked for in a window that is not one of slices, or it has several axes.

    Example:
        >>> window = Window(WindowOptions(kind="slices", axis=2))
        >>> [box.start for box in window.cover((4, 4, 2))]
        [(0, 0, 0), (0, 0, 1)]
    """

    def __init__(self, options: WindowOptions) -> None:
        if options.kind != "slices" and options.neighbours:
            raise UsageError(
                "no neighbouring slices beside 3-D windows",
                came=f"neighbours {options.neighbours} with kind {options.kind!r}",
                where="window.neighbours",
                remedy="Use kind slices, or neighbours 0.",
            )
        if isinstance(options.axis, tuple):
            raise UsageError(
                "one axis",
                came=str(list(options.axis)),
                where="window.axis",
                remedy="Only networks that learn slice by slice can have several views.",
            )
        self.options = options
        self.axis: int | None = options.axis if options.kind == "slices" else None
        """The axis that slices are counted along; ``None`` for 3-D windows."""

    @property
    def dims(self) -> Literal[2, 3]:
        """Number of spatial axes of a sample."""
        return self.options.dims

    @property
    def lateral_axis(self) -> int | None:
        """Index, among a sample's spatial axes, of the left-right axis; ``None`` if a sample has none."""
        return None if self.axis == 0 else 0

    def input_channels(self, contrasts: int) -> int:
        """Channels of a sample that is cut from so many contrasts."""
        return contrasts * (2 * self.options.neighbours + 1)

    def cover(
        self,
        shape: Sequence[int],
        *,
        within: Box | None = None,
        divisor: int = 1,
        tile: Sequence[int] | None = None,
    ) -> list[Box]:
        """Boxes that together cover every voxel inside ``within``, for inference.

        Slices are covered by one box each and the whole volume by one box, unless a ``tile`` is given, since one pass
        is faster than many and needs no blending; patches are covered by tiles of their size. Neighbouring tiles
        overlap by at least ``overlap`` of their size.

        Args:
            shape: Of the array, along i, j, k.
            within: Where predictions are wanted; the whole array if not given.
            divisor: In the sample's spatial axes, sizes are rounded up to multiples of it. A box moves inward rather
                than reach beyond the array, where it fits.
            tile: The largest size of a box in the sample's spatial axes, for example when memory is short.
        """
        limits = self._limits(self.options.size if self.options.kind == "patches" and tile is None else tile)
        spans = []
        margin = self.options.margin
        for axis, (n, (low, high)) in enumerate(zip(shape, _ends(shape, within), strict=True)):
            if axis == self.axis:
                spans.append([(start, 1) for start in range(low, high)])
                continue
            room = high - low + 2 * margin
            size = _round_up(min(room, limits[axis] or room), divisor)
            step = max(1, int(size * (1 - self.options.overlap)))
            count = 1 + max(0, -(-(room - size) // step))
            first, last = _place(low - margin, high + margin, size=size, ends=(-margin, n + margin))
            spans.append([(round(start), size) for start in np.linspace(first, last, count)])
        return [_box(*zip(*ends, strict=True)) for ends in product(*spans)]

    def draw(
        self, shape: Sequence[int], *, within: Box | None = None, rng: np.random.Generator, divisor: int = 1
    ) -> Box:
        """A random box for training, uniform over ``within`` (the whole array if not given).

        Its size is the window's ``size``, or that of ``within`` with the margin where none is given, rounded up to
        multiples of ``divisor``; it reaches beyond ``within`` by more than the margin only where it does not fit in it,
        and as far beyond the array only where it does not fit in that.
        """
        limits = self._limits(self.options.size)
        spans = []
        for axis, (n, (low, high)) in enumerate(zip(shape, _ends(shape, within), strict=True)):
            margin = 0 if axis == self.axis else self.options.margin
            size = 1 if axis == self.axis else _round_up(limits[axis] or high - low + 2 * margin, divisor)
            first, last = _place(low - margin, high + margin, size=size, ends=(-margin, n + margin))
            spans.append((int(rng.integers(first, last + 1)), size))
        return _box(*zip(*spans, strict=True))

    def around(self, voxel: Sequence[int]) -> Box:
        """The box of the window's ``size`` with a voxel in its middle; it may reach beyond the array."""
        size = [1 if limit is None else limit for limit in self._limits(self.options.size)]
        return _box([centre - n // 2 for centre, n in zip(voxel, size, strict=True)], size)

    def sample_shape(self, box: Box) -> tuple[int, ...]:
        """The spatial shape of the sample of a box."""
        return tuple(n for axis, n in enumerate(box.size) if axis != self.axis)

    def grown(self, box: Box, margin: Sequence[int]) -> Box:
        """The box with so many voxels more at each end of a sample's spatial axes; it may reach beyond the array."""
        more = list(margin)
        if self.axis is not None:
            more.insert(self.axis, 0)
        start = [first - n for first, n in zip(box.start, more, strict=True)]
        return _box(start, [size + 2 * n for size, n in zip(box.size, more, strict=True)])

    def cut(self, array: Sliceable, box: Box) -> Array:
        """A source sample: ``(c (2 k + 1), *spatial)`` from an array ``(c, i, j, k)``, or ``(i, j, k)``.

        The channels of a contrast are its slices from ``-k`` to ``+k``; contrasts follow one another.
        """
        return self._sample(array, box, neighbours=self.options.neighbours)

    def cut_centre(self, array: Sliceable, box: Box) -> Array:
        """A target or mask sample, ``(c, *spatial)``: as ``cut`` without neighbours. Boolean masks end at the edge."""
        return self._sample(array, box, neighbours=0)

    def _sample(self, array: Sliceable, box: Box, *, neighbours: int) -> Array:
        start, stop = list(box.start), list(box.stop)
        if self.axis is not None:
            start[self.axis] -= neighbours
            stop[self.axis] += neighbours
        block = _read(array, start=start, stop=stop, mirrored=self.options.padding == "mirror")
        if self.axis is None:
            return np.ascontiguousarray(block)
        block = np.moveaxis(block, 1 + self.axis, 1)
        return np.ascontiguousarray(block.reshape(-1, *block.shape[2:]))

    def _limits(self, size: Sequence[int] | None) -> list[int | None]:
        """A size of the sample's spatial axes, spread over i, j, k."""
        limits: list[int | None] = list(size) if size is not None else [None] * self.dims
        if len(limits) != self.dims:
            raise UsageError(
                f"a size of {self.dims} numbers for a window of {self.options.kind}",
                came=str(tuple(limits)),
                remedy="Give one number per spatial axis of a sample.",
            )
        if self.axis is not None:
            limits.insert(self.axis, 1)
        return limits


class Stitcher:
    """Puts predictions together, the overlapping ones as a weighted mean.

    The mean is updated as ``mean += (prediction - mean) * weight / sum of weights``, which in contrast to dividing two
    sums at the end leaves a value exactly as it is where all predictions of a voxel agree. Memory is allocated once:
    the result and one array of weights, both float32. Voxels that no box covered are 0.

    Args:
        window: Whose boxes will come.
        channels: Channels of a prediction.
        shape: Of the volume, along i, j, k.
    """

    def __init__(self, window: Window, *, channels: int, shape: Sequence[int]) -> None:
        self._axis = window.axis
        i, j, k = shape
        self._shape: Triple = i, j, k
        # Slices lie one behind the other in memory: written across it, each voxel would touch its own cache line.
        order = self._inner((i, j, k))
        self._mean = np.zeros((channels, *order), dtype=np.float32)
        self._weights = np.zeros(order, dtype=np.float32)

    def add(self, box: Box, prediction: Array) -> None:
        """Adds the prediction ``(c, *spatial)`` of a box; what lies outside the volume is dropped."""
        sizes = self._inner(box.size)
        spans = [
            (max(0, start), min(length, start + size), max(0, -start))
            for start, size, length in zip(self._inner(box.start), sizes, self._inner(self._shape), strict=True)
        ]
        (low, high, skip), *plane = spans
        place = tuple(slice(first, last) for first, last, _ in plane)
        source = tuple(slice(first, first + last - start) for start, last, first in plane)
        values = np.asarray(prediction, dtype=np.float32).reshape(-1, *sizes)
        lines = [_gaussian(n) for n in sizes]
        across = np.multiply.outer(lines[1], lines[2])[source]
        for step in range(high - low):  # plane by plane the temporary arrays stay in the cache
            weight = across * lines[0][skip + step]
            total = self._weights[low + step][place]
            total += weight
            mean = self._mean[:, low + step][:, *place]
            mean += (values[:, skip + step][:, *source] - mean) * (weight / total)

    def result(self) -> NDArray[np.float32]:
        """The stitched volume ``(c, i, j, k)`` float32, a view that need not be contiguous."""
        return self._mean if self._axis is None else np.moveaxis(self._mean, 1, 1 + self._axis)

    def _inner(self, triple: Triple) -> Triple:
        """From (i, j, k) to the order in memory, which has the slice axis first."""
        if self._axis is None:
            return triple
        a, b = (triple[axis] for axis in range(3) if axis != self._axis)
        return triple[self._axis], a, b


def _gaussian(size: int) -> NDArray[np.float32]:
    """Weights along one axis that fall off from the centre; positive to the ends."""
    place = (np.arange(size, dtype=np.float64) - (size - 1) / 2) / (size * _SD_OF_SIZE)
    return np.exp(-0.5 * place**2).astype(np.float32)


def _read(array: Sliceable, *, start: Sequence[int], stop: Sequence[int], mirrored: bool) -> Array:
    """The block ``[start, stop)`` of an array ``(i, j, k)`` or ``(c, i, j, k)`` as ``(c, i, j, k)``."""
    shape = array.shape[-3:]
    inside = tuple(slice(max(0, a), min(n, b)) for a, b, n in zip(start, stop, shape, strict=True))
    block = np.asarray(array[inside] if len(array.shape) == 3 else array[(slice(None), *inside)])
    block = block.reshape(-1, *block.shape[-3:])
    beyond = [(span.start - a, b - span.stop) for a, b, span in zip(start, stop, inside, strict=True)]
    if not any(side for ends in beyond for side in ends):
        return block
    widths = [(0, 0), *beyond]
    if block.dtype == np.bool_:
        return np.pad(block, widths)
    return np.pad(block, widths, mode="reflect" if mirrored else "edge")


def _ends(shape: Sequence[int], within: Box | None) -> list[tuple[int, int]]:
    box = within or _box((0, 0, 0), shape)
    return [(max(0, a), min(n, b)) for a, b, n in zip(box.start, box.stop, shape, strict=True)]


def _place(low: int, high: int, *, size: int, ends: tuple[int, int]) -> tuple[int, int]:
    """First and last start of a box of ``size`` for the span ``[low, high)`` of an axis from end to end."""
    if size <= high - low:
        return low, high - size
    first, last = ends
    start = low - (size - (high - low)) // 2
    start = min(max(start, first), last - size) if size <= last - first else first - (size - (last - first)) // 2
    return start, start


def _round_up(size: int, divisor: int) -> int:
    return -(-size // divisor) * divisor


def _box(start: Sequence[int], size: Sequence[int]) -> Box:
    (a, b, c), (i, j, k) = start, size
    return Box((int(a), int(b), int(c)), (int(i), int(j), int(k)))
