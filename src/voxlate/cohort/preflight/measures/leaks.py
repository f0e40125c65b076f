"""Does the target stand in the source? Relations that two images of one person never have by right.

At places where both images show something:

- remapped: the target is a function of the source (gamma, window, grey levels), whatever function. With the places in
  the order of the source, ``sqrt(mean((r[n+1] - r[n])^2) / 2) / std(r)`` of the target's ranks ``r`` is near 0 then
  (von Neumann's ratio on ranks, after Chatterjee 2021, doi 10.1080/01621459.2020.1758115); likewise with the two
  exchanged. Below 0.05 it is one; the most alike real pair (T2 and PD averages) has 0.29, simulated ones 0.23.
- filtered: the target is a linear filter of the source (blurred, sharpened). Half of the places are fitted by least
  squares from the source's neighbours at distances 1 to 6, the other half is held against it; the residual's standard
  deviation is below 0.15 of the target's, and below half of what a straight line leaves: the neighbours explain it.
  Real pairs leave 0.32, simulated ones 0.13, of which the neighbours explain next to nothing.
- leaking: the target holds the source's noise (noise was added to the source, or the two were blended). Anatomy is
  smooth where noise is not: the third mixed difference of both images, ``[-1 2 -1]`` along each axis, is correlated
  over the flattest 15 % of the foreground, and over the air around it where that is not constant. Independent scans
  correlate by 0.18 at most in the one (T1 before and after contrast; averages of many people: 0.28), 0.03 in the other.
  Where a straight line leaves less than 0.12 of the target, a correlation of 0.15 is enough; in voxels wider than
  3 mm, where anatomy is not smooth either (simulated heads: 0.36), 0.5 is asked for.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.volume import Array

_REMAPPED = 0.05
_FILTERED = 0.15
_EXPLAINED = 0.5
_NOISE = 0.30
_NEARLY, _NOISE_NEARLY = 0.12, 0.15
_NOISE_COARSE, _COARSE_MM = 0.5, 3.0
_AIR = 0.06
_SIGMAS = 6.0
_SAMPLES = 6_000
_AIR_SAMPLES = 12_000
_LEAST = 500
_FLATTEST = 0.15
_STEPS = (1, 2, 4, 6)
_CLIPPED = (5.0, 95.0)
_Values = NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """How nearly an image follows from another; 0 where it does to the last digit.

    Attributes:
        remapped: Spread of the one given the other, the smaller of both ways, 0 to 1.
        straight: Residual of the second image on a straight line of the first, 0 to 1.
        filtered: The same as a linear filter of the first.
        noise: Correlation of their noise in the foreground; 0 where that cannot be told.
        air: Correlation of their noise in the air; 0 likewise.
        coarse: Whether voxels are wider than 3 mm, where anatomy is not smooth from one to the next.
    """

    remapped: float = 1.0
    straight: float = 1.0
    filtered: float = 1.0
    noise: float = 0.0
    air: float = 0.0
    coarse: bool = False

    @property
    def how(self) -> str:
        """How the second image was made from the first, as words; empty if it was not."""
        if self.remapped < _REMAPPED:
            return "a copy with its grey values changed (by gamma, window or steps)"
        explained = self.filtered < min(_FILTERED, _EXPLAINED * self.straight)
        return "a filtered (blurred or sharpened) copy" if explained else ""

    @property
    def leaks(self) -> bool:
        """Whether the two share noise."""
        least = _NOISE_NEARLY if self.straight < _NEARLY else _NOISE
        least = max(least, _NOISE_COARSE) if self.coarse else least
        return self.noise > least or self.air > _AIR


def find_likeness(one: Binned, other: Binned) -> Likeness:
    """Compares two images at the same places."""
    margin = [_margin(edge) for edge in one.grid.shape]
    inner = np.zeros(one.bins.shape, dtype=bool, order="F")
    inner[tuple(slice(by, edge - by) for by, edge in zip(margin, one.grid.shape, strict=True))] = True
    shown = (one.bins > 0) & (other.bins > 0)
    places = _thinned(shown & inner, _SAMPLES)
    if places.size < _LEAST:
        return Likeness()
    x, y = (scan.flat[places].astype(np.float64) for scan in (one, other))
    if x.std() == 0 or y.std() == 0:
        return Likeness()
    remapped = min(_spread(x, rankdata(y)), _spread(y, rankdata(x)))
    if remapped < _REMAPPED:
        return Likeness(remapped)
    straight, filtered = _filter_residuals(one, places, y, margin=margin)
    if not min(margin):
        return Likeness(remapped, straight, filtered)
    noise, air = _noise_in_the_flat(one, other, inner), _noise_in_the_air(one, other, inner)
    return Likeness(remapped, straight, filtered, noise, air, min(one.grid.spacing_mm) > _COARSE_MM)


def _margin(edge: int) -> int:
    """How many voxels of an axis are kept free on both sides; 0 where there are too few."""
    return 6 if edge >= 32 else 4 if edge >= 16 else 0


def _thinned(where: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """Every n-th of the places that are true, about as many as asked for."""
    index = np.flatnonzero(where.ravel(order="F"))
    return index[:: max(1, index.size // most)]


def _spread(x: _Values, ranks: _Values) -> float:
    """What neighbours by one image differ in the other, 1 if the images tell nothing about each other."""
    order = np.lexsort((np.random.default_rng(1).random(x.size), x))
    scale = ranks.std()
    return float(np.sqrt(np.mean(np.diff(ranks[order]) ** 2) / 2) / scale) if scale > 0 else 1.0


def _filter_residuals(one: Binned, places: NDArray[np.intp], y: _Values, *, margin: list[int]) -> tuple[float, float]:
    """What the best straight line and the best linear filter leave of the second image, on places not fitted to."""
    columns = [np.ones(places.size), one.flat[places].astype(np.float64)]
    for step in _STEPS:
        columns += [
            one.flat[places[:, None] + ring].mean(axis=1, dtype=np.float64) for ring in _rings(one, step, margin)
        ]
    table = np.stack(columns, axis=1)
    table[:, 1:] = (table[:, 1:] - table[:, 1:].mean(axis=0)) / (table[:, 1:].std(axis=0) + 1e-12)
    fitted = np.arange(places.size) % 2 == 0
    left = []
    for some in (table[:, :2], table):
        weights = np.linalg.lstsq(some[fitted], y[fitted], rcond=None)[0]
        left.append(float(min(1.0, np.std(y[~fitted] - some[~fitted] @ weights) / max(np.std(y[~fitted]), 1e-12))))
    return left[0], left[1]


def _rings(scan: Binned, step: int, margin: list[int]) -> list[NDArray[np.intp]]:
    """Offsets of the neighbours at so many voxels along one, two or three axes, those alike in their axes together."""
    rings: dict[tuple[int, ...], list[int]] = {}
    for way in itertools.product((-1, 0, 1), repeat=3):
        if any(way) and all(not by or step <= most for by, most in zip(way, margin, strict=True)):
            offset = step * sum(by * stride for by, stride in zip(way, _strides(scan), strict=True))
            rings.setdefault(tuple(map(abs, way)), []).append(offset)
    return [np.array(ring) for ring in rings.values()]


def _strides(scan: Binned) -> tuple[int, int, int]:
    i, j, _ = scan.bins.shape
    return 1, i, i * j


def _around(values: Array, scan: Binned, places: NDArray[np.intp], *, step: int = 1) -> Array:
    """The 27 voxels round each place, ``(places, 3, 3, 3)``."""
    ways = np.array(list(itertools.product((-step, 0, step), repeat=3))) @ _strides(scan)
    return np.asarray(values[places[:, None] + ways]).reshape(-1, 3, 3, 3)


def _roughness(around: Array) -> _Values:
    """The third mixed difference."""
    kernel = np.array([-1.0, 2.0, -1.0])
    return np.asarray(np.einsum("nijk,i,j,k->n", around.astype(np.float64), kernel, kernel, kernel))


def _slope(around: Array) -> _Values:
    """How steep the image is, by means over faces, which noise touches little."""
    slopes = [
        np.take(around, 2, axis).mean((1, 2), np.float64) - np.take(around, 0, axis).mean((1, 2), np.float64)
        for axis in (1, 2, 3)
    ]
    return np.asarray(np.sqrt(np.sum(np.square(slopes), axis=0)))


def _noise_in_the_flat(one: Binned, other: Binned, inner: NDArray[np.bool_]) -> float:
    places = _thinned(inner & (one.bins > 0) & (other.bins > 0), 2 * _AIR_SAMPLES)
    for scan, step in itertools.product((one, other), (1, 2)):
        places = places[_around(scan.bins.ravel(order="F"), scan, places, step=step).all(axis=(1, 2, 3))]
    if places.size < _LEAST:
        return 0.0
    around = [_around(scan.flat, scan, places) for scan in (one, other)]
    steep = np.max([rankdata(_slope(voxels)) for voxels in around], axis=0)
    flat = steep <= np.quantile(steep, _FLATTEST)
    return _correlation(*(_roughness(voxels[flat]) for voxels in around))


def _noise_in_the_air(one: Binned, other: Binned, inner: NDArray[np.bool_]) -> float:
    places = _thinned(inner & (one.bins == 0) & (other.bins == 0), _AIR_SAMPLES)
    for scan in (one, other):
        for step in (1, 2, 4):
            places = places[~_around(scan.bins.ravel(order="F"), scan, places, step=step).any(axis=(1, 2, 3))]
    if places.size < _LEAST:
        return 0.0
    around = [_around(scan.flat, scan, places) for scan in (one, other)]
    busy = np.logical_and(*(np.ptp(voxels, axis=(1, 2, 3)) > 0 for voxels in around))
    return _correlation(*(_roughness(voxels[busy]) for voxels in around)) if np.count_nonzero(busy) >= _LEAST else 0.0


def _correlation(x: _Values, y: _Values) -> float:
    """Of values clipped at their percentiles 5 and 95; 0 unless it is six standard errors from 0."""
    if x.size < 100:
        return 0.0
    x, y = (np.clip(values, *np.percentile(values, _CLIPPED)) for values in (x, y))
    if x.std() == 0 or y.std() == 0:
        return 0.0
    found = float(np.corrcoef(x, y)[0, 1])
    return found if abs(found) > _SIGMAS / np.sqrt(x.size) else 0.0
