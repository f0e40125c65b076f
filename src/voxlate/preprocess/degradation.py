"""Degradation: what scanners do to an image's values, as random changes of the source of a training sample.

The ranges of bias, gamma and noise are our choice, what 1.5-3 T scanners show; those of blur, brightness, contrast and
resolution are nnU-Net's (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z, supplementary note 4). Values are changed
relative to the sample's minimum, its mean or its range, so that they do the same whatever the normaliser is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.config.training import Augmentation

Sample = NDArray[np.float32]
_BIAS_ORDER = 3
_BIAS_SD = (0.1, 0.3)
_GAMMA = (0.7, 1.4)
_NOISE_SD = (0.01, 0.05)
_BLUR_SD = (0.5, 1.0)
_FACTOR = (0.75, 1.25)
_COARSER = (1.0, 2.0)


@dataclass(frozen=True)
class Degraded:
    """What is done to the values of one sample; ``None`` where nothing is.

    Attributes:
        bias: Coefficients of the Legendre polynomials, ``(4, 4[, 4])``, and none for the constant.
        gamma: Exponent.
        noise_sd: As a share of the range of the source.
        noise_seed: Draws the noise.
        blur_sd: Standard deviation of a Gaussian, in voxels.
        brightness: Factor of what lies above the minimum.
        contrast: Factor of what differs from the mean.
        coarser: How many times larger the voxels are that the source is sampled with, and brought back from.
    """

    bias: NDArray[np.float64] | None = None
    gamma: float | None = None
    noise_sd: float | None = None
    noise_seed: int = 0
    blur_sd: float | None = None
    brightness: float | None = None
    contrast: float | None = None
    coarser: float | None = None


def draw_degradation(options: Augmentation, *, dims: int, chances: dict[str, float], seeds: dict[str, int]) -> Degraded:
    """Draws what is done to the values of one sample.

    Args:
        options: Probabilities.
        dims: Number of spatial axes, 2 or 3.
        chances: From an option to a number between 0 and 1: it is done where that is below its probability.
        seeds: From an option to what draws its strength.
    """

    def drawn(name: str, within: tuple[float, float], scale: Callable[[float], float] = float) -> float | None:
        if chances[name] >= getattr(options, name):
            return None
        return scale(float(np.random.default_rng(seeds[name]).uniform(*within)))

    return Degraded(
        bias=_draw_bias(dims, seeds["bias"]) if chances["bias"] < options.bias else None,
        gamma=drawn("gamma", (float(np.log(_GAMMA[0])), float(np.log(_GAMMA[1]))), lambda x: float(np.exp(x))),
        noise_sd=drawn("noise", _NOISE_SD),
        noise_seed=seeds["noise"],
        blur_sd=drawn("blur", _BLUR_SD),
        brightness=drawn("brightness", _FACTOR),
        contrast=drawn("contrast", _FACTOR),
        coarser=drawn("low_resolution", _COARSER),
    )


def degrade(drawn: Degraded, source: Sample) -> Sample:
    """The source ``(c, *spatial)`` with all that was drawn, in the order in which a scanner does it."""
    changes = (_with_blur, _with_bias, _with_brightness, _with_contrast, _with_gamma, _with_coarser, _with_noise)
    for change in changes:
        source = change(drawn, source)
    return source


def _draw_bias(dims: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    orders = np.indices((_BIAS_ORDER + 1,) * dims).sum(axis=0)
    drawn = rng.normal(size=orders.shape) / (1.0 + orders)
    drawn[(orders == 0) | (orders > _BIAS_ORDER)] = 0.0
    # The variance of a Legendre polynomial of order n over its interval is 1 / (2 n + 1).
    n = np.indices(orders.shape)
    variance = float((drawn**2 / np.prod(2 * n + 1, axis=0)).sum())
    return np.asarray(drawn * rng.uniform(*_BIAS_SD) / np.sqrt(variance))


def _with_blur(drawn: Degraded, source: Sample) -> Sample:
    if drawn.blur_sd is None:
        return source
    from scipy.ndimage import gaussian_filter

    blurred = gaussian_filter(source, drawn.blur_sd, axes=tuple(range(1, source.ndim)), mode="nearest")
    return np.asarray(blurred, dtype=np.float32)


def _with_bias(drawn: Degraded, source: Sample) -> Sample:
    if drawn.bias is None:
        return source
    field = drawn.bias
    for axis, count in enumerate(source.shape[1:]):
        basis = np.polynomial.legendre.legvander(np.linspace(-1, 1, count), _BIAS_ORDER)
        field = np.moveaxis(np.tensordot(basis, field, axes=(1, axis)), 0, axis)
    low = _ends(source)[0]
    return np.asarray(low + (source - low) * np.exp(field).astype(np.float32), dtype=np.float32)


def _with_brightness(drawn: Degraded, source: Sample) -> Sample:
    if drawn.brightness is None:
        return source
    low = _ends(source)[0]
    return low + (source - low) * np.float32(drawn.brightness)


def _with_contrast(drawn: Degraded, source: Sample) -> Sample:
    """Nearer to the mean or farther from it, within the range that there was."""
    if drawn.contrast is None:
        return source
    mean = source.mean(axis=tuple(range(1, source.ndim)), keepdims=True)
    low, span = _ends(source)
    spread: Sample = np.clip(mean + (source - mean) * np.float32(drawn.contrast), low, low + span)
    return spread


def _with_gamma(drawn: Degraded, source: Sample) -> Sample:
    if drawn.gamma is None:
        return source
    low, span = _ends(source)
    return np.asarray(low + span * ((source - low) / span) ** np.float32(drawn.gamma), dtype=np.float32)


def _with_coarser(drawn: Degraded, source: Sample) -> Sample:
    """Sampled by the nearest of larger voxels, and brought back by linear interpolation."""
    if drawn.coarser is None:
        return source
    from scipy.ndimage import zoom

    few = [max(2, round(n / drawn.coarser)) if n > 1 else 1 for n in source.shape[1:]]
    result = np.empty_like(source)
    for channel, into in zip(source, result, strict=True):
        picked = channel[
            np.ix_(*(np.rint(np.linspace(0, n - 1, m)).astype(int) for n, m in zip(into.shape, few, strict=True)))
        ]
        zoom(picked, [n / m for n, m in zip(into.shape, few, strict=True)], order=1, output=into)
    return result


def _with_noise(drawn: Degraded, source: Sample) -> Sample:
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
