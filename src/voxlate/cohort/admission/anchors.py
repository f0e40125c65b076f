"""An offset of a CT, by the places of fat, muscle and the air outside, which no part of the body lacks but the head's.

Fat lies at -105 HU and muscle, or brain, at 45; air at -995. What may be off by is bounded by what the accreditation of
scanners allows (ACR, CT accreditation: water within 7 HU, air from -1005 to -970, polyethylene, which is near fat, from
-107 to -84). Fat is the lowest peak of soft tissue: two peaks 110 to 190 HU apart, a valley between them, and little
below the first one. Where the three agree on one offset 18 HU are told; fat and muscle alone tell 60.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.admission.histogram import Histogram

_FAT, _MUSCLE, _AIR = -105.0, 45.0, -995.0
_APART = (11, 19)
_BIN, _SOFT, _DARK = 10.0, (-500.0, 600.0), (-1400.0, -500.0)
_VALLEY, _BELOW, _HIGH = 0.85, 0.35, 0.15
_BELOW_BINS = 8
_LEAST_BORDER, _LOWEST = 0.02, 0.3
_SHARP_HU, _SHARP, _AROUND, _BELOW_AIR = 60.0, 0.6, 0.25, 0.01
_TOLD, _TOLD_SOFT, _TOLD_ALONE, _AGREE = 18.0, 12.0, 60.0, 30.0
_Values = NDArray[np.float64]


@dataclass(frozen=True)
class Offset:
    """By how much the values of a CT are too high.

    Attributes:
        hu: That.
        told: What tells it, in words.
    """

    hu: float
    told: str


def offset_of(seen: Histogram) -> Offset | None:
    """The offset of a CT; ``None`` where it has none, or lacks what tells it."""
    soft = _fat_and_muscle(seen.values)
    if soft is None:
        return None
    fat, muscle = soft
    off = ((fat - _FAT) + (muscle - _MUSCLE)) / 2
    told = f"fat is at {fat:.0f} and muscle at {muscle:.0f}"
    air = _air_outside(seen)
    if air is None:
        return Offset(off, told) if abs(off) > _TOLD_ALONE else None
    beside = air - _AIR
    if abs(beside) < _TOLD or abs(off) < _TOLD_SOFT or abs(off - beside) > _AGREE:
        return None
    return Offset((beside + off) / 2, f"air is at {air:.0f}, {told}")


def _fat_and_muscle(values: _Values) -> tuple[float, float] | None:
    """The two peaks of soft tissue, the pair whose lower one is highest."""
    counts = _density(values, *_SOFT)
    peaks = [n for n in _maxima(counts) if counts[n] > _HIGH * counts.max()]
    pairs = []
    for one in peaks:
        if counts[max(one - _BELOW_BINS, 0)] > _BELOW * counts[one]:
            continue
        for other in (n for n in peaks if _APART[0] <= n - one <= _APART[1]):
            low = min(counts[one], counts[other])
            if counts[one:other].min() < _VALLEY * low:
                pairs.append((float(low), one, other))
    if not pairs:
        return None
    _, one, other = max(pairs)
    return _place(one, _SOFT[0]), _place(other, _SOFT[0])


def _air_outside(seen: Histogram) -> float | None:
    """The lowest peak of the border, which is no lung."""
    counts = _density(seen.border, *_DARK)
    if counts.sum() < _LEAST_BORDER * max(seen.border.size, 1):
        return None
    peaks = [n for n in _maxima(counts) if counts[n] > _LOWEST * counts.max()]
    return _place(peaks[0], _DARK[0]) if peaks else None


def sharp_air(seen: Histogram) -> float | None:
    """Where the air around a body lies: a narrow peak of much of the border, and nothing below; lung is none."""
    air = _air_outside(seen)
    if air is None:
        return None
    dark = seen.border[(seen.border > _DARK[0]) & (seen.border < _DARK[1])]
    near = int(np.count_nonzero(np.abs(dark - air) < _SHARP_HU))
    sharp = near > max(_SHARP * dark.size, _AROUND * seen.border.size)
    return air if sharp and seen.share(-np.inf, air - 1.5 * _SHARP_HU) < _BELOW_AIR else None


def _density(values: _Values, low: float, high: float) -> _Values:
    """Smoothed counts in bins of 10 HU."""
    counts, _ = np.histogram(values, bins=np.arange(low, high + _BIN, _BIN))
    return np.convolve(counts, np.array([1, 2, 3, 2, 1]) / 9, mode="same")


def _maxima(counts: _Values) -> list[int]:
    """Bins that are higher than the two before and not lower than the two after them."""
    around = np.pad(counts, 2, constant_values=-1)
    before, after = np.maximum(around[:-4], around[1:-3]), np.maximum(around[3:-1], around[4:])
    return [int(n) for n in np.flatnonzero((counts > before) & (counts >= after))]


def _place(number: int, low: float) -> float:
    return low + (number + 0.5) * _BIN
