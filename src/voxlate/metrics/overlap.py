"""Overlap of two label maps: Dice's coefficient (Dice 1945, doi:10.2307/1932409) of what is not background.

``D = 2 |P and T| / (|P| + |T|)`` over the voxels of the mask with a label above 0; 1 is identical. It is not available
where neither map has such a voxel.
"""

from __future__ import annotations

import math

import numpy as np

from voxlate.metrics.metric import Image, Mask, check_images
from voxlate.volume import extent


def labelled_inside(
    prediction: Image, truth: Image, *, mask: Mask, data_range: float
) -> tuple[Mask, Mask, Mask] | None:
    """Where each map has a label above 0 inside the mask, and the mask, all three cut to the mask's box.

    Args:
        prediction: ``(i, j, k)`` label map; a value counts as the label nearest to it.
        truth: ``(i, j, k)`` label map.
        mask: ``(i, j, k)`` bool, the voxels that count; outside it there is background.
        data_range: Not used; any positive number.

    Returns:
        Prediction, truth and mask, bool, of one shape; ``None`` if the mask is empty or a value in it is not finite.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    check_images(prediction, truth, mask=mask, data_range=data_range)
    whole = np.asarray(mask, dtype=bool)
    box = extent(whole)
    if box is None:
        return None
    inside = whole[box]
    sets = []
    for image in (prediction, truth):
        labels = np.asarray(image)[box]
        if np.issubdtype(labels.dtype, np.inexact) and not (np.isfinite(labels) | ~inside).all():
            return None
        sets.append((labels > 0.5) & inside if labels.dtype != bool else labels & inside)  # 0.5 rounds to 0
    return sets[0], sets[1], inside


def dice(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Dice's coefficient of the labels above 0, whichever they are.

    Args:
        prediction: ``(i, j, k)`` label map; a value counts as the label nearest to it.
        truth: ``(i, j, k)`` label map.
        mask: ``(i, j, k)`` bool, the voxels that count.
        data_range: Not used; any positive number.

    Returns:
        0 to 1; NaN if neither map has a label in the mask, or a value is not finite.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    found = labelled_inside(prediction, truth, mask=mask, data_range=data_range)
    if found is None:
        return math.nan
    predicted, true, _ = found
    total = int(np.count_nonzero(predicted)) + int(np.count_nonzero(true))
    return 2 * int(np.count_nonzero(predicted & true)) / total if total else math.nan
