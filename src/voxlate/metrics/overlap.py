"""Overlap of two label maps: Dice's coefficient (Dice 1945, doi:10.2307/1932409) of what is not background.

``D = 2 |P and T| / (|P| + |T|)`` over the voxels of the mask with a label above 0; 1 is identical. It is not available
where neither map has such a voxel.
"""

from __future__ import annotations

import math

import numpy as np

from voxlate.metrics.metric import Image, Mask, values_inside


def dice(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Dice's coefficient of the labels above 0, whichever they are.

    Args:
        prediction: ``(i, j, k)`` label map; a value counts as the label nearest to it.
        truth: ``(i, j, k)`` label map.
        mask: ``(i, j, k)`` bool, the voxels that count.
        data_range: Not used; any positive number.

    Returns:
        0 to 1; NaN if neither map has a label in the mask, or a value is not finite.
    """
    inside = values_inside(prediction, truth, mask=mask, data_range=data_range)
    if inside is None:
        return math.nan
    predicted, true = (np.rint(values) > 0 for values in inside)
    total = int(predicted.sum()) + int(true.sum())
    return 2 * int((predicted & true).sum()) / total if total else math.nan
