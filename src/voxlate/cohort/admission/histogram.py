"""The values of an image without what decides nothing: padding, and the few that lie beyond all others.

Padding is a value that at least 1 % of the voxels have, five times as many as the next values that occur: the commonest
value of the border, or one that lies below all else. The rest is cut at the 0.1th and 99.9th percentile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.foreground import otsu_threshold
from voxlate.volume import Array

_SAMPLES = 200_000
_COMMON, _ALONE = 0.01, 5.0
_RARE = 0.005
_CUT = (0.1, 99.9)
_FINE = 20.0
_BIN, _BINS = 5.0, 20_000
_REACH = 60.0
_DENSE = 0.2


@dataclass(frozen=True)
class Peak:
    """The mode of a part of the values.

    Attributes:
        place: Where it is.
        share: Of all values, those in the part.
        around: Of the part's values, those within 60 of the mode.
    """

    place: float
    share: float
    around: float

    @property
    def stands_out(self) -> bool:
        """Whether a good part of the values lies around the mode."""
        return self.around > _DENSE and self.share > 0.01


@dataclass(frozen=True)
class Histogram:
    """What is kept of an image's values.

    Attributes:
        values: A sample without padding, cut at both ends, ascending; at least one.
        padding: The values that were taken for padding.
        border: A sample of the outermost voxels without padding, ascending.
        lowest: Of all voxels but padding.
        highest: Of all voxels but padding.
        every: A sample with padding and both ends, ascending.
    """

    values: NDArray[np.float64]
    padding: tuple[float, ...]
    border: NDArray[np.float64]
    lowest: float
    highest: float
    every: NDArray[np.float64]

    def share(self, low: float, high: float) -> float:
        """The share of values from ``low`` up to ``high``."""
        first, last = np.searchsorted(self.values, (low, high))
        return float(last - first) / self.values.size

    def outside(self, low: float, high: float) -> float:
        """The share of all voxels, padding among them, below ``low`` or above ``high``."""
        return float(np.mean((self.every < low) | (self.every > high)))

    def every_share(self, value: float) -> float:
        """The share of all voxels, padding among them, that have the value, or are rounded to it."""
        first, last = np.searchsorted(self.every, (value - 0.5, value + 0.5))
        return float(last - first) / self.every.size

    def border_share(self, low: float, high: float) -> float | None:
        """The share of the border from ``low`` up to ``high``; ``None`` where most of the border is padding."""
        return float(np.mean((self.border >= low) & (self.border < high))) if self.border.size else None

    def mode(self, low: float, high: float) -> tuple[float, float]:
        """The place between two values that most lie around, and the share of those there that lies within 60 of it."""
        inside = self.values[slice(*np.searchsorted(self.values, (low, high)))]
        if inside.size == 0:
            return low, 0.0
        above = inside - inside[0]
        width = max(_BIN, above[-1] / _BINS)
        counts, edges = np.histogram(above, bins=np.arange(-3.5 * width, above[-1] + 4 * width, width))
        smooth = np.convolve(counts, (1, 2, 3, 2, 1), mode="same")
        place = float(inside[0] + edges[smooth.argmax()] + width / 2)
        return place, float(np.mean(np.abs(inside - place) <= _REACH))

    def parts(self) -> tuple[Peak, Peak]:
        """The modes of the values below and above Otsu's threshold."""
        threshold = otsu_threshold(self.values)
        below = self.share(-np.inf, threshold)
        low, high = self.mode(-np.inf, threshold), self.mode(threshold, np.inf)
        return Peak(low[0], below, low[1]), Peak(high[0], 1 - below, high[1])


def take_histogram(array: Array) -> Histogram:
    """The histogram of an image ``(i, j, k)`` of finite values that are not all equal."""
    every = _ascending(array.ravel(order="K")[:: max(1, array.size // _SAMPLES)])
    faces = [array[0], array[-1], array[:, 0], array[:, -1], array[:, :, 0], array[:, :, -1]]
    step = max(1, sum(face.size for face in faces) // _SAMPLES)
    border = _ascending(np.concatenate([face.ravel()[::step] for face in faces]))
    where, outer = every, border
    padding = _padding(where, outer)
    if not padding and np.ptp(_ends(every)) > _FINE:  # padding that was interpolated
        where, outer = np.rint(every), np.rint(border)
        padding = _padding(where, outer)
    values = _without(every, where, padding)
    if values.size == 0:
        padding, values = (), every
    kept = _without(border, outer, padding)
    least, most = float(array.min()), float(array.max())
    return Histogram(
        values=values[slice(*_cut(values))],
        padding=padding,
        border=kept if kept.size >= border.size / 4 else kept[:0],
        lowest=float(values[0]) if round(least) in padding else least,
        highest=float(values[-1]) if round(most) in padding else most,
        every=every,
    )


def _ascending(values: Array) -> NDArray[np.float64]:
    """Sorted once, in the stored type: 16 bits are sorted by counting."""
    return np.sort(values, kind="stable" if values.dtype.itemsize <= 2 else None).astype(np.float64)


def _without(
    values: NDArray[np.float64], where: NDArray[np.float64], padding: tuple[float, ...]
) -> NDArray[np.float64]:
    return values[~np.isin(where, padding)] if padding else values


def _counts(ascending: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The values that occur, and how often."""
    first = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
    return ascending[first], np.diff(np.append(first, ascending.size))


def _ends(ascending: NDArray[np.float64]) -> NDArray[np.float64]:
    """The percentiles 0.1 and 99.9, without sorting once more."""
    place = np.array(_CUT) / 100 * (ascending.size - 1)
    below = place.astype(np.intp)
    above = np.minimum(below + 1, ascending.size - 1)
    return np.asarray(ascending[below] + (place - below) * (ascending[above] - ascending[below]))


def _cut(values: NDArray[np.float64]) -> tuple[int, int]:
    low, high = _ends(values)
    return int(np.searchsorted(values, low)), int(np.searchsorted(values, high, side="right"))


def _padding(values: NDArray[np.float64], border: NDArray[np.float64]) -> tuple[float, ...]:
    found, counts = _counts(values)
    outer, outer_counts = _counts(border)
    commonest = outer[outer_counts.argmax()]
    around = np.pad(counts, 2)
    neighbours = np.max([around[shift : shift + counts.size] for shift in (0, 1, 3, 4)], axis=0)
    padding: list[float] = []
    beneath = np.cumsum(counts) - counts
    taken = 0
    for place in np.flatnonzero((counts >= max(_COMMON * values.size, 2)) & (counts >= _ALONE * neighbours)):
        if beneath[place] - taken <= _RARE * values.size or found[place] == commonest:
            padding.append(float(found[place]))
            taken += int(counts[place])
    return tuple(padding)
