"""Appearance: what the error of single voxels does not tell, since a blur lowers it and even keeps SSIM up.

Normalised mutual information (Studholme, Hill & Hawkes 1999, doi:10.1016/S0031-3203(98)00091-0) of the grey values in
the mask, with entropies H from a joint histogram of ``_BINS`` x ``_BINS`` equal bins between the least and the greatest
value of each image there:

    NMI = (H(p) + H(t)) / H(p, t)        1: independent, 2: each tells the other

Sharpness, ours, is the mean square spatial frequency of the prediction over that of the truth, as its root. With the
differences ``D_a`` of neighbours along axis ``a``, both in the mask, and the variance in the mask,

    F(x) = sum_a mean (D_a x)^2 / var x        sharpness = sqrt(F(p) / F(t))

A Gaussian blur takes more from high than from low frequencies, so it lowers ``F``; a change of brightness or contrast
does not change it. 1 is as sharp as the truth, less is blurred, more is noise or edges that the truth does not have.

Continuity: whether a volume holds together from slice to slice.

A network that sees one slice at a time decides on each anew, and its errors change from slice to slice more than they
do within one. With the differences of the error ``e = p - t`` between neighbouring voxels along axis ``a``, both inside
the mask, and there where the truth differs by no more than its median along that axis,

    J_a = mean |e(v + 1_a) - e(v)|        S = (3 max_a J_a / sum_a J_a - 1) / 2

``S`` says how far one axis stands out: 0 if the error jumps alike in all directions, 1 if it jumps across the slices of
one stack alone. Edges of the truth are left out because every blurred edge is a jump of the error, in any direction.
Where slices are thicker than pixels the error jumps more across them anyway; read the score beside that of the
baselines, which work voxel by voxel. The score is ours; Zhao's slides call what it measures "serious stitching blurs",
and show it by eye.
"""

from __future__ import annotations

import math

import numpy as np

from voxlate.metrics.metric import Image, Mask, Values, check_images, values_inside
from voxlate.volume import extent

_BINS = 64


def nmi(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Normalised mutual information over the mask, 1 to 2; NaN if an image is constant there, or not finite.

    Args:
        prediction: ``(i, j, k)``.
        truth: ``(i, j, k)``; need not be of one unit with the prediction.
        mask: ``(i, j, k)`` bool.
        data_range: Must be positive; has no influence, since the bins lie between least and greatest value.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    inside = values_inside(prediction, truth, mask=mask, data_range=data_range)
    if inside is None or min(np.ptp(inside[0]), np.ptp(inside[1])) == 0:
        return math.nan
    joint, _, _ = np.histogram2d(*inside, bins=_BINS)
    return (_entropy(joint.sum(axis=1)) + _entropy(joint.sum(axis=0))) / _entropy(joint)


def sharpness(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """How sharp the prediction is, 1 for as sharp as the truth; see the module.

    Args:
        prediction: ``(i, j, k)``.
        truth: ``(i, j, k)``, on the same grid.
        mask: ``(i, j, k)`` bool.
        data_range: Must be positive; has no influence.

    Returns:
        The ratio; NaN if an image is constant in the mask, no two voxels of it are neighbours along an axis, or a
        voxel is not finite.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    check_images(prediction, truth, mask=mask, data_range=data_range)
    inside = np.asarray(mask, dtype=bool)
    box = extent(inside)
    if box is None:
        return math.nan
    of_prediction, of_truth = (_frequency(np.asarray(image)[box], inside[box]) for image in (prediction, truth))
    return math.sqrt(of_prediction / of_truth) if of_truth > 0 else math.nan


def _frequency(image: Image, inside: Mask) -> float:
    """The mean square spatial frequency, per voxel and up to a constant."""
    values: Values = np.where(inside, np.asarray(image, dtype=np.float64), 0)
    kept = values[inside]
    if not np.isfinite(kept).all() or np.ptp(kept) == 0:
        return math.nan
    total = 0.0
    for axis in range(3):
        length = inside.shape[axis]
        both = inside.take(range(length - 1), axis) & inside.take(range(1, length), axis)
        if not both.any():
            return math.nan
        total += float(np.square(np.diff(values, axis=axis)[both]).mean())
    return total / float(kept.var())


def _entropy(counts: Values) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def stitching(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """The stitching score.

    Args:
        prediction: ``(i, j, k)``.
        truth: ``(i, j, k)``, same unit.
        mask: ``(i, j, k)`` bool.
        data_range: Must be positive; has no influence.

    Returns:
        0 (no direction stands out) to 1 (jumps along one axis alone); NaN if the prediction is perfect, an axis has no
        neighbours inside the mask, or a voxel is not finite.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    check_images(prediction, truth, mask=mask, data_range=data_range)
    box = extent(np.asarray(mask, dtype=bool))
    if box is None:
        return math.nan
    inside = np.asarray(mask, dtype=bool)[box]
    true = np.where(inside, np.asarray(truth, dtype=np.float64)[box], 0)
    error = np.where(inside, np.asarray(prediction, dtype=np.float64)[box], 0) - true
    if not np.isfinite(error).all():
        return math.nan
    jumps = [_jump(error, true, inside, axis) for axis in range(3)]
    total = math.fsum(jumps)
    return (3 * max(jumps) / total - 1) / 2 if total > 0 else math.nan


def _jump(error: Values, truth: Values, inside: Mask, axis: int) -> float:
    """Mean absolute difference of the error's neighbours along an axis, where the truth is smooth."""
    length = inside.shape[axis]
    both = inside.take(range(length - 1), axis) & inside.take(range(1, length), axis)
    if not both.any():
        return math.nan
    of_error, of_truth = (np.abs(np.diff(values, axis=axis))[both] for values in (error, truth))
    return float(of_error[of_truth <= np.median(of_truth)].mean())
