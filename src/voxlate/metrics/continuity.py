"""Continuity: whether a volume holds together from slice to slice.

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

from voxlate.metrics.metric import Image, Mask, Values, check_images
from voxlate.volume import extent


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
