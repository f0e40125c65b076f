"""Metrics of voxel values alone: errors, peak signal-to-noise ratio, correlation and agreement inside a mask.

With prediction p, truth t and N voxels in the mask: MAE = sum |p - t| / N, MSE = sum (p - t)^2 / N, RMSE = sqrt(MSE),
PSNR = 10 log10(range^2 / MSE) dB, NCC = Pearson's correlation of p and t.

Errors slice by slice, as Avula et al. report them (Table 1): a volume's total and its average per 2-D image.

The total is the sum over the slices of the slice's mean error; the average is the total divided by the number of
slices. The paper does not say over which pixels a slice's mean runs. Here it runs over the voxels of the mask, and
slices without any do not count; a mask of whole slices (``whole_slices``) gives the other reading.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from voxlate.errors import UsageError
from voxlate.metrics.metric import Image, Mask, Values, check_images, values_inside
from voxlate.volume import extent


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


_AXIAL = 2


def slice_errors(
    prediction: Image, truth: Image, *, mask: Mask, power: Literal[1, 2] = 1, axis: int = _AXIAL
) -> Values:
    """Mean error of every slice over its voxels in the mask; NaN for a slice without any.

    Args:
        prediction: ``(i, j, k)``.
        truth: ``(i, j, k)``, same unit.
        mask: ``(i, j, k)`` bool.
        power: 1 for the absolute, 2 for the squared error.
        axis: Axis that the slices are stacked along.

    Returns:
        One value per slice, in the unit of the images to the given power; not finite where a voxel is not.

    Raises:
        UsageError: If the shapes differ, the mask is missing or the axis does not exist.
    """
    check_images(prediction, truth, mask=mask, data_range=1.0)
    if axis not in {0, 1, 2}:
        raise UsageError("axis 0, 1 or 2", came=repr(axis), remedy="Axial slices of a RAS volume lie along axis 2.")
    plane = tuple(other for other in range(3) if other != axis)
    inside = np.asarray(mask, dtype=bool)
    error = np.zeros(inside.shape)
    with np.errstate(invalid="ignore"):  # two infinite voxels differ by NaN, which is what they should give
        np.subtract(prediction, truth, out=error, where=inside, dtype=np.float64)
    error = np.square(error, out=error) if power == 2 else np.abs(error, out=error)
    counts, sums = inside.sum(axis=plane), error.sum(axis=plane)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def whole_slices(mask: Mask, *, axis: int = _AXIAL) -> Mask:
    """The mask with every slice that holds a voxel filled whole; background counts, and says so by this name."""
    plane = tuple(other for other in range(3) if other != axis)
    held = np.asarray(mask, dtype=bool).any(axis=plane, keepdims=True)
    return np.broadcast_to(held, np.shape(mask))


def slice_error(
    prediction: Image, truth: Image, *, mask: Mask, data_range: float, power: Literal[1, 2], total: bool
) -> float:
    """Each axial slice's mean error, summed or averaged over the slices of the mask; NaN if not available.

    Args:
        prediction: ``(i, j, k)``, RAS.
        truth: ``(i, j, k)``, same unit.
        mask: ``(i, j, k)`` bool.
        data_range: Must be positive; has no influence.
        power: 1 for the absolute, 2 for the squared error.
        total: Whether the slices are summed, or averaged.

    Raises:
        UsageError: If the shapes differ or mask or data range cannot be used.
    """
    check_images(prediction, truth, mask=mask, data_range=data_range)
    box = extent(np.asarray(mask, dtype=bool))
    if box is None:
        return math.nan
    p, t, inside = (np.asarray(image)[box] for image in (prediction, truth, mask))
    held = inside.any(axis=(0, 1))
    errors = slice_errors(p, t, mask=inside, power=power)[held]
    if not np.isfinite(errors).all():
        return math.nan
    return float(errors.sum() if total else errors.mean())
