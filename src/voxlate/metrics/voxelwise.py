"""Metrics of voxel values alone: errors, peak signal-to-noise ratio, correlation and agreement inside a mask.

With prediction p, truth t and N voxels in the mask: MAE = sum |p - t| / N, MSE = sum (p - t)^2 / N, RMSE = sqrt(MSE),
PSNR = 10 log10(range^2 / MSE) dB, NCC = Pearson's correlation of p and t.
"""

from __future__ import annotations

import math

import numpy as np

from voxlate.metrics.metric import Image, Mask, values_inside


def mae(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Mean absolute error over the mask, in the unit of the images; NaN if not available.

    Raises:
        UsageError: If the shapes differ or mask or data range cannot be used.
    """
    inside = values_inside(prediction, truth, mask=mask, data_range=data_range)
    return math.nan if inside is None else float(np.abs(inside[0] - inside[1]).mean())


def mse(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Mean squared error over the mask, in the squared unit of the images; NaN if not available.

    Raises:
        UsageError: If the shapes differ or mask or data range cannot be used.
    """
    inside = values_inside(prediction, truth, mask=mask, data_range=data_range)
    return math.nan if inside is None else float(np.square(inside[0] - inside[1]).mean())


def rmse(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Root of the mean squared error over the mask, in the unit of the images; NaN if not available.

    Raises:
        UsageError: If the shapes differ or mask or data range cannot be used.
    """
    return math.sqrt(mse(prediction, truth, mask=mask, data_range=data_range))


def psnr(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Peak signal-to-noise ratio over the mask in dB, the peak being ``data_range``; infinite for equal images.

    Raises:
        UsageError: If the shapes differ or mask or data range cannot be used.
    """
    error = mse(prediction, truth, mask=mask, data_range=data_range)
    if error == 0:
        return math.inf
    return 20 * math.log10(data_range) - 10 * math.log10(error)


def ncc(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Normalised cross-correlation (Pearson's r) over the mask, -1 to 1; NaN if either image is constant there.

    Raises:
        UsageError: If the shapes differ or mask or data range cannot be used.
    """
    inside = values_inside(prediction, truth, mask=mask, data_range=data_range)
    if inside is None or min(np.ptp(inside[0]), np.ptp(inside[1])) == 0:
        return math.nan
    first, second = (values - values.mean() for values in inside)
    # sums, not dot products: the same to the last bit on any number of threads
    correlation = (first * second).sum() / math.sqrt((first * first).sum() * (second * second).sum())
    return float(np.clip(correlation, -1, 1))


def agreement(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Percentage of the mask's voxels in which prediction and truth are equal; NaN if not available.

    Args:
        prediction: ``(i, j, k)``, such as whether a voxel passes.
        truth: ``(i, j, k)``, such as that every voxel should.
        mask: ``(i, j, k)`` bool, the voxels that count.
        data_range: Not used; any positive number.

    Raises:
        UsageError: If the shapes differ or mask or data range cannot be used.
    """
    inside = values_inside(prediction, truth, mask=mask, data_range=data_range)
    return math.nan if inside is None else 100 * float((inside[0] == inside[1]).mean())
