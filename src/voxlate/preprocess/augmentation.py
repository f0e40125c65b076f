"""Augmentation: random changes of training samples, drawn apart from being applied.

- flip: left and right, the only symmetry that patients nearly have.
- elastic: Gaussian displacements on a coarse grid of points, joined by a smooth (cubic spline) field, as for the U-Net
  (Ronneberger et al. 2015, arXiv:1505.04597); the same field moves source, target and mask.
- bias: the source times ``exp(b)``, with ``b`` a Legendre polynomial of third order with a standard deviation of
  0.1-0.3.
- gamma: the source between its own minimum and maximum, raised to a power of 0.7-1.4.
- noise: Gaussian, added to the source, a standard deviation of 0.01-0.05 of its range.

The ranges of bias, gamma and noise are our choice: what 1.5-3 T scanners show. Bias and gamma act relative to the
sample's minimum, so that they do the same whatever the normaliser is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from voxlate.config.training import Augmentation
from voxlate.volume import Array

Sample = NDArray[np.float32]
_BIAS_ORDER = 3
_BIAS_SD = (0.1, 0.3)
_GAMMA = (0.7, 1.4)
_NOISE_SD = (0.01, 0.05)


@dataclass(frozen=True)
class Drawn:
    """What is done to one sample; ``None`` where nothing is.

    Attributes:
        flip_axis: Spatial axis to be flipped.
        displacements: ``(dims, points, ...)`` in voxels, on the coarse grid.
        bias: Coefficients of the Legendre polynomials, ``(4, 4[, 4])``, and none for the constant.
        gamma: Exponent.
        noise_sd: As a share of the range of the source.
        noise_seed: Draws the noise.
    """

    flip_axis: int | None = None
    displacements: NDArray[np.float64] | None = None
    bias: NDArray[np.float64] | None = None
    gamma: float | None = None
    noise_sd: float | None = None
    noise_seed: int = 0


def draw_augmentation(options: Augmentation, *, dims: int, flip_axis: int | None, rng: np.random.Generator) -> Drawn:
    """Draws what is done to one sample.

    Args:
        options: Probabilities and strengths.
        dims: Number of spatial axes, 2 or 3.
        flip_axis: The spatial axis that is left-right in the sample; ``None`` if there is none.
        rng: The only source of chance.
    """
    # Every chance is drawn in a fixed order, so that switching one off does not change the others.
    flip, elastic, bias, gamma, noise = rng.random(5)
    seeds = [int(seed) for seed in rng.integers(0, 2**63, size=4)]
    return Drawn(
        flip_axis=flip_axis if flip < options.flip else None,
        displacements=_draw_displacements(options, dims, seeds[0]) if elastic < options.elastic else None,
        bias=_draw_bias(dims, seeds[1]) if bias < options.bias else None,
        gamma=float(np.exp(np.random.default_rng(seeds[2]).uniform(*np.log(_GAMMA))))
        if gamma < options.gamma
        else None,
        noise_sd=float(np.random.default_rng(seeds[3]).uniform(*_NOISE_SD)) if noise < options.noise else None,
        noise_seed=seeds[3],
    )


def apply_augmentation(
    drawn: Drawn,
    source: Sample,
    target: Sample,
    mask: Sample,
    *,
    source_labels: bool | Sequence[bool] = False,
    target_labels: bool = False,
) -> tuple[Sample, Sample, Sample]:
    """Applies what was drawn; the arrays given are not changed.

    Args:
        drawn: From ``draw_augmentation`` with the sample's number of axes.
        source: ``(c, *spatial)``, normalised.
        target: ``(t, *spatial)``, the same spatial size.
        mask: ``(m, *spatial)``, 0 or 1, or a label map: moved by the nearest voxel.
        source_labels: Whether the source, or which of its channels, is a label map: moved by the nearest voxel,
            intensities left alone.
        target_labels: The target is a label map: moved by the nearest voxel.

    Returns:
        Source, target and mask, float32 in C order.
    """
    are_labels = np.broadcast_to(np.asarray(source_labels, dtype=np.bool_), source.shape[0])
    images, maps, goal, inside = _moved(
        drawn, source[~are_labels], source[are_labels], target, mask, nearest=(False, True, target_labels, True)
    )
    if images.size:
        images = _with_noise(drawn, _with_gamma(drawn, _with_bias(drawn, images)))
    changed = np.empty((source.shape[0], *goal.shape[1:]), dtype=np.float32)
    changed[~are_labels], changed[are_labels] = images, maps
    goal, inside = (np.ascontiguousarray(array, dtype=np.float32) for array in (goal, inside))
    return changed, goal, inside


def displacement_field(displacements: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The smooth field ``(dims, *shape)`` in voxels through displacements ``(dims, points, ...)``.

    The outermost points lie on the outermost voxels.
    """
    field = displacements
    for axis, (count, points) in enumerate(zip(shape, displacements.shape[1:], strict=True), start=1):
        field = np.moveaxis(np.tensordot(_spline_matrix(count, points), field, axes=(1, axis)), 0, axis)
    return field


def _draw_displacements(options: Augmentation, dims: int, seed: int) -> NDArray[np.float64]:
    shape = (dims, *(options.elastic_points,) * dims)
    return np.random.default_rng(seed).normal(0.0, options.elastic_sd_voxels, shape)


def _draw_bias(dims: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    orders = np.indices((_BIAS_ORDER + 1,) * dims).sum(axis=0)
    drawn = rng.normal(size=orders.shape) / (1.0 + orders)
    drawn[(orders == 0) | (orders > _BIAS_ORDER)] = 0.0
    # The variance of a Legendre polynomial of order n over its interval is 1 / (2 n + 1).
    n = np.indices(orders.shape)
    variance = float((drawn**2 / np.prod(2 * n + 1, axis=0)).sum())
    return np.asarray(drawn * rng.uniform(*_BIAS_SD) / np.sqrt(variance))


def _moved(drawn: Drawn, *samples: Sample, nearest: tuple[bool, ...]) -> list[Array]:
    """Samples after the elastic deformation and the flip."""
    moved: list[Array] = list(samples)
    if drawn.displacements is not None:
        where = _positions(drawn.displacements, samples[0].shape[1:])
        whole = _nearest_index(where, samples[0].shape[1:])
        moved = [
            _pick(sample, whole) if by_nearest else _interpolated(sample, where)
            for sample, by_nearest in zip(samples, nearest, strict=True)
        ]
    if drawn.flip_axis is not None:
        moved = [np.flip(sample, 1 + drawn.flip_axis) for sample in moved]
    return moved


def _positions(displacements: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Where each voxel is read, held inside the sample: beyond its edge the edge goes on."""
    where = displacement_field(displacements, shape).astype(np.float32)
    for axis, count in enumerate(shape):
        line = np.arange(count, dtype=np.float32)
        where[axis] += line.reshape([-1 if a == axis else 1 for a in range(len(shape))])
        np.clip(where[axis], 0, count - 1, out=where[axis])
    return where


def _nearest_index(where: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.int64]:
    return np.asarray(np.ravel_multi_index(tuple(np.rint(where).astype(np.int64)), shape), dtype=np.int64)


def _pick(sample: Sample, index: NDArray[np.int64]) -> Sample:
    return sample.reshape(sample.shape[0], index.size)[:, index.ravel()].reshape(sample.shape)


def _interpolated(sample: Sample, where: NDArray[np.float32]) -> Sample:
    from scipy.ndimage import map_coordinates

    result = np.empty(sample.shape, dtype=np.float32)
    for channel, into in zip(sample, result, strict=True):
        map_coordinates(channel, where, order=1, mode="nearest", output=into)
    return result


def _with_bias(drawn: Drawn, source: Sample) -> Sample:
    if drawn.bias is None:
        return source
    field = drawn.bias
    for axis, count in enumerate(source.shape[1:]):
        basis = np.polynomial.legendre.legvander(np.linspace(-1, 1, count), _BIAS_ORDER)
        field = np.moveaxis(np.tensordot(basis, field, axes=(1, axis)), 0, axis)
    low = _ends(source)[0]
    return np.asarray(low + (source - low) * np.exp(field).astype(np.float32), dtype=np.float32)


def _with_gamma(drawn: Drawn, source: Sample) -> Sample:
    if drawn.gamma is None:
        return source
    low, span = _ends(source)
    return np.asarray(low + span * ((source - low) / span) ** np.float32(drawn.gamma), dtype=np.float32)


def _with_noise(drawn: Drawn, source: Sample) -> Sample:
    if drawn.noise_sd is None:
        return source
    noise = np.random.default_rng(drawn.noise_seed).standard_normal(source.shape, dtype=np.float32)
    return np.asarray(source + np.float32(drawn.noise_sd) * _ends(source)[1] * noise, dtype=np.float32)


def _ends(source: Sample) -> tuple[Sample, Sample]:
    """Minimum and range of each channel, shaped to broadcast; the range of a constant channel counts as 1."""
    axes = tuple(range(1, source.ndim))
    low = source.min(axis=axes, keepdims=True)
    span = source.max(axis=axes, keepdims=True) - low
    return low, np.where(span > 0, span, np.float32(1.0))


@lru_cache(maxsize=64)
def _spline_matrix(count: int, points: int) -> NDArray[np.float64]:
    """``(count, points)``: values of the natural cubic spline through unit values at the points."""
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(np.linspace(0, max(count - 1, 1), points), np.eye(points), bc_type="natural")
    return np.asarray(spline(np.arange(count)))
