"""Does the target stand in the source? Relations that two images of one person never have by right.

At places where both images show something:

- remapped: the target is a function of the source (gamma, window, grey levels), whatever function. With the places in
  the order of the source, ``sqrt(mean((r[n+1] - r[n])^2) / 2) / std(r)`` of the target's ranks ``r`` is near 0 then
  (von Neumann's ratio on ranks, after Chatterjee 2021, doi 10.1080/01621459.2020.1758115); likewise with the two
  exchanged. Below 0.05 it is one; the most alike real pair (T2 and PD averages) has 0.29, simulated ones 0.23.
- computed: the target follows from the source's neighbourhoods (blurred, sharpened, its median, its gradient), by an
  additive model of them (``neighbourhood``) that leaves less than 0.40 of the target's spread, and less than 0.42 of
  what the best function of the value alone leaves: the neighbours explain it. Filters leave 0.01 to 0.4 of that; real
  pairs at least 0.67, simulated ones 0.48.
- noisy: what the best line or function of the source leaves is noise: neighbours in it correlate by less than 0.12, and
  the target may follow the source at the finest scale as it does at large (two noisy scans never do). Real pairs
  correlate by 0.6 and more in what is left, simulated ones by 0.33.
- leaking: the target holds the source's noise (noise was added to the source, or the two were blended). Anatomy is
  smooth where noise is not: the third mixed difference of both images, ``[-1 2 -1]`` along each axis, is correlated
  over the flattest 15 % of the foreground, and over the air around it where that is not constant. Independent scans
  correlate by 0.18 at most in the one (T1 before and after contrast; averages of many people: 0.28), 0.03 in the other.
  Where a straight line leaves less than 0.12 of the target, a correlation of 0.15 is enough; in voxels wider than
  3 mm, where anatomy is not smooth either (simulated heads: 0.36), 0.5 is asked for. Where the two are rougher by half
  outside the flat places, and more alike there (scans averaged to 2 mm: 0.58 to 0.65 in the flat, 0.72 everywhere), it
  is anatomy that they share: noise is as strong in the flat, and shared there most.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.cohort.preflight.measures.neighbourhood import around, correlated, fit_neighbourhood, roughness
from voxlate.cohort.preflight.measures.ranks import average_ranks
from voxlate.volume import Array

_REMAPPED = 0.05
_COMPUTED, _EXPLAINED = 0.40, 0.42
_TELLING, _WHITE, _FOLLOWS = 0.7, 0.12, 0.85
_NOISE = 0.30
_NEARLY, _NOISE_NEARLY = 0.12, 0.15
_NOISE_COARSE, _COARSE_MM = 0.5, 3.0
_AIR = 0.06
_SIGMAS = 6.0
_SAMPLES = 5_000
_AIR_SAMPLES = 12_000
_LEAST = 500
_LEAST_SHARED = 0.2
_FLATTEST = 0.15
_ROUGHER, _LESS = 0.65, 0.9
_CLIPPED = (5.0, 95.0)
_Values = NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """How nearly an image follows from another; 0 where it does to the last digit.

    Attributes:
        remapped: Spread of the one given the other, the smaller of both ways, 0 to 1.
        straight: Residual of the second image on a straight line of the first, 0 to 1.
        pointwise: The same on a function of its value.
        local: The same on a function of what lies round each voxel.
        white: Correlation of what is left with its neighbour, 0 where only noise is left.
        follows: Slope of the second image's finest detail on that of the first, fitted; 1 where it is the first's.
        noise: Correlation of their noise in the foreground; 0 where that cannot be told.
        air: Correlation of their noise in the air; 0 likewise.
        coarse: Whether voxels are wider than 3 mm, where anatomy is not smooth from one to the next.
    """

    remapped: float = 1.0
    straight: float = 1.0
    pointwise: float = 1.0
    local: float = 1.0
    white: float = 1.0
    follows: float = 0.0
    noise: float = 0.0
    air: float = 0.0
    coarse: bool = False

    @property
    def how(self) -> str:
        """How the second image was made from the first, as words; empty if it was not."""
        if self.remapped < _REMAPPED:
            return "a copy with its grey values changed (by gamma, window or steps)"
        computed = self.local < min(_COMPUTED, _EXPLAINED * self.pointwise)
        return "a filtered copy (blurred, sharpened, its median or gradient)" if computed else ""

    @property
    def noisy(self) -> bool:
        """Whether noise is all that keeps the second image from being a function of the first."""
        left = min(self.straight, self.pointwise)
        return left < _TELLING and self.white < _WHITE and self.follows > _FOLLOWS

    @property
    def leaks(self) -> bool:
        """Whether the two share noise, or the second is the first with noise."""
        least = _NOISE_NEARLY if self.straight < _NEARLY else _NOISE
        least = max(least, _NOISE_COARSE) if self.coarse else least
        return self.noise > least or self.air > _AIR or self.noisy


def find_likeness(one: Binned, other: Binned) -> Likeness:
    """Compares two images at the same places."""
    margin = [_margin(edge) for edge in one.grid.shape]
    inner = np.zeros(one.bins.shape, dtype=bool, order="F")
    inner[tuple(slice(by, edge - by) for by, edge in zip(margin, one.grid.shape, strict=True))] = True
    shown = one.shown & other.shown
    both = np.flatnonzero((shown & inner).ravel(order="F"))
    places = _every(both, _SAMPLES)
    if np.count_nonzero(shown) < _LEAST_SHARED * np.count_nonzero(one.shown):  # grey values folded make the air bright
        places = _every(np.flatnonzero((one.shown & inner).ravel(order="F")), _SAMPLES)
    if places.size < _LEAST:
        return Likeness()
    x, y = (scan.flat[places].astype(np.float64) for scan in (one, other))
    if x.std() == 0 or y.std() == 0:
        return Likeness()
    remapped = min(_spread(x, average_ranks(y)), _spread(y, average_ranks(x)))
    if remapped < _REMAPPED:
        return Likeness(remapped)
    fit = fit_neighbourhood(one, other, places, margin=margin)
    found = Likeness(remapped, fit.straight, fit.pointwise, fit.local, fit.white, fit.follows)
    if not min(margin):
        return found
    noise, air = _noise_in_the_flat(one, other, both), _noise_in_the_air(one, other, inner)
    return replace(found, noise=noise, air=air, coarse=min(one.grid.spacing_mm) > _COARSE_MM)


def _margin(edge: int) -> int:
    """How many voxels of an axis are kept free on both sides; 0 where there are too few."""
    return 6 if edge >= 32 else 4 if edge >= 16 else 0


def _every(places: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Every n-th of the places, about as many as asked for."""
    return places[:: max(1, places.size // most)]


def _spread(x: _Values, ranks: _Values) -> float:
    """What neighbours by one image differ in the other, 1 if the images tell nothing about each other."""
    order = np.lexsort((np.random.default_rng(1).random(x.size), x))
    scale = ranks.std()
    return float(np.sqrt(np.mean(np.diff(ranks[order]) ** 2) / 2) / scale) if scale > 0 else 1.0


def _slope(near: Array) -> _Values:
    """How steep the image is, by means over faces, which noise touches little."""
    slopes = [
        np.take(near, 2, axis).mean((1, 2), np.float64) - np.take(near, 0, axis).mean((1, 2), np.float64)
        for axis in (1, 2, 3)
    ]
    return np.asarray(np.sqrt(np.sum(np.square(slopes), axis=0)))


def _noise_in_the_flat(one: Binned, other: Binned, both: NDArray[np.intp]) -> float:
    places = _every(both, 2 * _AIR_SAMPLES)
    for scan, step in itertools.product((one, other), (1, 2)):
        places = places[around(scan.bins.ravel(order="F"), scan, places, step=step).all(axis=(1, 2, 3))]
    if places.size < _LEAST:
        return 0.0
    near = [around(scan.flat, scan, places) for scan in (one, other)]
    steep = np.max([average_ranks(_slope(voxels)) for voxels in near], axis=0)
    flat = steep <= np.quantile(steep, _FLATTEST)
    rough = [roughness(voxels) for voxels in near]
    found = _correlation(*(values[flat] for values in rough))
    follows_anatomy = all(_typical(values[flat]) < _ROUGHER * _typical(values[~flat]) for values in rough)
    if follows_anatomy and abs(found) < _LESS * abs(_correlation(*rough)):
        return 0.0
    return found


def _typical(values: _Values) -> float:
    return float(np.median(np.abs(values)))


def _noise_in_the_air(one: Binned, other: Binned, inner: NDArray[np.bool_]) -> float:
    dark = inner & ~(one.shown | other.shown)
    places = _every(np.flatnonzero(dark.ravel(order="F")), _AIR_SAMPLES)
    for scan in (one, other):
        for step in (1, 2, 4):
            places = places[~around(scan.bins.ravel(order="F"), scan, places, step=step).any(axis=(1, 2, 3))]
    if places.size < _LEAST:
        return 0.0
    near = [around(scan.flat, scan, places) for scan in (one, other)]
    busy = np.logical_and(*(np.ptp(voxels, axis=(1, 2, 3)) > 0 for voxels in near))
    return _correlation(*(roughness(voxels[busy]) for voxels in near)) if np.count_nonzero(busy) >= _LEAST else 0.0


def _correlation(x: _Values, y: _Values) -> float:
    """Of values clipped at their percentiles 5 and 95; 0 unless it is six standard errors from 0."""
    if x.size < 100:
        return 0.0
    x, y = (np.clip(values, *np.percentile(values, _CLIPPED)) for values in (x, y))
    found = correlated(x, y)
    return found if abs(found) > _SIGMAS / np.sqrt(x.size) else 0.0
