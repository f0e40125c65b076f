"""Is one image computed from the other, voxel by voxel or neighbourhood by neighbourhood, and only noise added?

Three fits of the second image, each on half of the places and held against the other half; the residual's standard
deviation is given as a share of the image's own:

- straight: a line.
- pointwise: a function of the first image's value, by means over quantiles with lines between them.
- local: an additive model (Hastie and Tibshirani 1986, doi 10.1214/ss/1177013604) of what is found round each voxel:
  means over its neighbours at distances 1 to 6, and piecewise linear functions of value, mean, order statistics, spread
  and slopes. So it holds filters, medians, gradients and their grey values changed.

Whether the rest is noise: *white* is the correlation of what the better of the first two fits leaves with the same at
the next voxel along any axis, which is high where anatomy is left; *follows* is the slope, at the finest scale (third
mixed difference), of the second image on the fitted first, and three standard errors. Where noise was added to a
function of the first image it is 1; of two noisy scans it is far less, since the noise of the first is not in the
second.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.volume import Array

_STEPS = (1, 2, 4, 6)
_QUANTILES = 24
_KNOTS = np.linspace(0, 1, 7)[1:-1]
_RIDGE = 1e-7
_CLIPPED = (0.5, 99.5)
_LEAST = 1_000
_MANY, _FEWER, _CLEARLY = 3_000, 3, 0.55
_Values = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """How nearly an image follows from another one's neighbourhoods, and what is left.

    Attributes:
        straight: Residual on a line of the first image, 0 to 1.
        pointwise: The same on a function of its value.
        local: The same on a function of what lies round each voxel.
        white: Correlation of what is left with its neighbour's, the largest of three axes; 1 where that cannot be told.
        follows: Slope of the second image's finest detail on that of the fitted first, at most.
    """

    straight: float
    pointwise: float
    local: float
    white: float
    follows: float


def fit_neighbourhood(one: Binned, other: Binned, places: NDArray[np.intp], *, margin: list[int]) -> Fit:
    """Fits the second image from the first one.

    Args:
        one: An image.
        other: Another at the same places.
        places: Indices into ``flat``, ``margin`` voxels from the border at least.
        margin: How many voxels of each axis are free on both sides; 0 or more than two.
    """
    x, y = (scan.flat[places].astype(np.float64) for scan in (one, other))
    low, high = np.percentile(y, _CLIPPED)
    y = np.clip(y, low, high)
    if y.std() == 0:
        return Fit(1.0, 1.0, 1.0, 1.0, 0.0)
    lines = [_line(x[::2], y[::2]), _means(x[::2], y[::2])]
    straight, pointwise = (_left(y, np.interp(x, *line)) for line in lines)
    fewer = _FEWER if places.size >= _MANY else 1
    local = _local(one, places[::fewer], y[::fewer], margin=margin)
    if fewer > 1 and local < min(_CLEARLY, _CLEARLY * pointwise):  # else it is far from what a filter leaves
        local = _local(one, places, y, margin=margin)
    if not min(margin):
        return Fit(straight, pointwise, local, 1.0, 0.0)
    near = around(one.flat, one, places).astype(np.float64)
    line = lines[0] if straight < pointwise else lines[1]
    rest = y - np.interp(x, *line)
    beside = [
        np.clip(other.flat[places + by], low, high) - np.interp(one.flat[places + by], *line) for by in _strides(one)
    ]
    white = max(abs(correlated(rest, values)) for values in beside)
    detail = roughness(np.interp(near, *line))
    there = roughness(np.clip(around(other.flat, other, places), low, high))
    follows = _slope_at_most(detail, there)
    return Fit(straight, pointwise, local, white if places.size >= _LEAST else 1.0, follows)


def _left(y: _Values, prediction: _Values) -> float:
    """What a prediction leaves at the places that it was not fitted to, as a share of the image's own spread."""
    return min(1.0, float(np.std(y[1::2] - prediction[1::2])) / max(float(y[1::2].std()), 1e-12))


def _local(one: Binned, places: NDArray[np.intp], y: _Values, *, margin: list[int]) -> float:
    """What an additive model of the neighbourhoods leaves."""
    linear = [
        one.flat.take(ring[:, None] + places).mean(axis=0) for step in _STEPS for ring in _rings(one, step, margin)
    ]
    if not min(margin):
        return _left(y, _solved([one.flat[places].astype(np.float64), *linear], y))
    near = around(one.flat, one, places).astype(np.float64)
    features = _features(near, around(one.flat, one, places, step=2).reshape(len(near), -1))
    return _left(y, _solved([*linear, *(part for feature in features for part in _hinges(feature))], y))


def _line(x: _Values, y: _Values) -> tuple[_Values, _Values]:
    """Two points of the straight line by least squares."""
    ends = float(x.min()) + np.array([0.0, float(np.ptp(x)) or 1.0])
    slope = float(np.mean((x - x.mean()) * (y - y.mean())) / max(float(x.var()), 1e-300))
    return ends, y.mean() + slope * (ends - x.mean())


def _slope_at_most(x: _Values, y: _Values) -> float:
    """The slope through 0, and three standard errors."""
    square = max(float(x @ x), 1e-12)
    slope = float(x @ y) / square
    return slope + 3 * float(np.std(y - slope * x)) / float(np.sqrt(square))


def _means(x: _Values, y: _Values) -> tuple[_Values, _Values]:
    """Values of the first image, ascending, and the second's means there."""
    order = np.argsort(x, kind="stable")
    parts = np.array_split(order, _QUANTILES)
    return np.array([x[part].mean() for part in parts]), np.array([y[part].mean() for part in parts])


def _features(near: _Values, far: Array) -> list[_Values]:
    """What lies round each voxel: ``near`` are its 27, ``far`` those at twice the distance."""
    flat = np.sort(near.reshape(len(near), -1), axis=1)
    both = np.partition(np.concatenate([flat, far], axis=1), flat.shape[1], axis=1)[:, flat.shape[1]]
    differences = [np.take(near, 2, axis) - np.take(near, 0, axis) for axis in (1, 2, 3)]
    steep = np.sqrt(sum(np.square(by[:, 1, 1]) for by in differences))
    smooth = np.array([1.0, 2.0, 1.0])
    sobel = np.sqrt(sum(np.square(np.einsum("nij,i,j->n", by, smooth, smooth)) for by in differences))
    ordered = [flat[:, rank] for rank in (0, 6, 13, 20, 26)]
    plane = np.median(near[:, :, :, 1].reshape(len(near), -1), axis=1)
    return [near[:, 1, 1, 1], flat.mean(axis=1), flat.std(axis=1), steep, sobel, plane, both, *ordered]


def _hinges(feature: _Values) -> list[_Values]:
    """A piecewise linear function's parts."""
    return [feature, *(np.maximum(feature - knot, 0) for knot in np.unique(np.quantile(feature, _KNOTS)))]


def _solved(parts: list[_Values], y: _Values) -> _Values:
    """The least-squares prediction everywhere from every second row."""
    table = np.stack([np.ones(y.size), *parts])
    table[1:] -= table[1:].mean(axis=1, keepdims=True)
    table[1:] /= table[1:].std(axis=1, keepdims=True) + 1e-12
    known = np.ascontiguousarray(table[:, ::2])
    square = known @ known.T
    square[np.diag_indices_from(square)] += _RIDGE * known.shape[1]
    return np.asarray(np.linalg.solve(square, known @ y[::2]) @ table)


def _rings(scan: Binned, step: int, margin: list[int]) -> list[NDArray[np.intp]]:
    """Offsets of the neighbours at so many voxels along one, two or three axes, those alike in their axes together."""
    rings: dict[tuple[int, ...], list[int]] = {}
    for way in itertools.product((-1, 0, 1), repeat=3):
        if any(way) and all(not by or step <= most for by, most in zip(way, margin, strict=True)):
            offset = step * sum(by * stride for by, stride in zip(way, _strides(scan), strict=True))
            rings.setdefault(tuple(map(abs, way)), []).append(offset)
    return [np.array(ring) for ring in rings.values()]


def _strides(scan: Binned) -> tuple[int, int, int]:
    """How far the next voxel along each axis lies in ``flat``."""
    i, j, _ = scan.volume.shape
    return 1, i, i * j


def around(values: Array, scan: Binned, places: NDArray[np.intp], *, step: int = 1) -> Array:
    """The 27 voxels round each place, ``(places, 3, 3, 3)``."""
    ways = np.array(list(itertools.product((-step, 0, step), repeat=3))) @ np.array(_strides(scan), dtype=np.intp)
    return np.asarray(values.take(places[:, None] + ways.astype(np.intp))).reshape(-1, 3, 3, 3)


def roughness(near: Array) -> _Values:
    """The third mixed difference, ``[-1 2 -1]`` along each axis, of the 27 voxels round each place."""
    kernel = np.array([-1.0, 2.0, -1.0])
    weights = np.einsum("i,j,k->ijk", kernel, kernel, kernel).ravel()
    return np.asarray(near.reshape(-1, 27).astype(np.float64) @ weights)


def correlated(x: _Values, y: _Values) -> float:
    """The correlation; 0 if one of them is constant."""
    return float(np.corrcoef(x, y)[0, 1]) if x.std() > 0 and y.std() > 0 else 0.0
