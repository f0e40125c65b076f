"""Voxelwise metrics of segmentations: shares of voxels that prediction and truth agree on.

With P and T the voxels of the mask that prediction and truth label, TP = |P and T|, FP = |P| - TP, FN = |T| - TP and TN
the other voxels of the mask,

    accuracy = (TP + TN) / (TP + FP + FN + TN)      precision = TP / (TP + FP)      recall = TP / (TP + FN)
    Dice = F1 = 2 TP / (2 TP + FP + FN)             IoU = TP / (TP + FP + FN)       volume error = abs(|P| - |T|) / |T|

Any label above 0 counts, whichever it is; for one class give the maps of that class alone. Accuracy counts background,
so the larger the mask, the more it flatters. IoU: Jaccard 1912, doi:10.1111/j.1469-8137.1912.tb05611.x; what each
measure is good for: Maier-Hein et al. 2024, doi:10.1038/s41592-023-02151-z.

What is empty, here and in ``surfaces`` and ``detection``:

- Both empty: not available (NaN). There is nothing to overlap, and a 1 would let the cases without lesions, which are
  often the easy ones, decide the mean. MONAI's surface Dice does so too; BraTS 2023 gives 1, and 0 mm for HD95.
- One empty: the worst value; 0 for overlaps, and for HD95 the diagonal of the mask's box, as BraTS takes that of the
  image. So a method that stays silent pays for it, in precision too.
- What is relative to the truth alone (recall, sensitivity, volume error) is not available where the truth is empty. A
  case is then missing for every method alike.

Accuracy and the counts of ``detection`` need no such rule: a mask that is not empty has them.

Overlap of two label maps: Dice's coefficient (Dice 1945, doi:10.2307/1932409) of what is not background.

``D = 2 |P and T| / (|P| + |T|)`` over the voxels of the mask with a label above 0; 1 is identical. It is not available
where neither map has such a voxel.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from voxlate.metrics.metric import Image, Mask, check_images
from voxlate.volume import extent


class _Counts(NamedTuple):
    """Voxels of the mask: in both maps, in the prediction alone, in the truth alone, in neither."""

    tp: int
    fp: int
    fn: int
    tn: int


def accuracy(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Share of the mask's voxels, background included, that both maps label or both do not.

    Args:
        prediction: ``(i, j, k)`` label map; a value counts as the label nearest to it.
        truth: ``(i, j, k)`` label map.
        mask: ``(i, j, k)`` bool, the voxels that count.
        data_range: Not used; any positive number.

    Returns:
        0 to 1; NaN if the mask is empty or a value is not finite.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    counts = _counts(prediction, truth, mask=mask, data_range=data_range)
    return math.nan if counts is None else (counts.tp + counts.tn) / sum(counts)


def precision(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Share of the predicted voxels that are true; arguments and errors as ``accuracy``.

    Returns:
        0 to 1; 0 if only the prediction is empty; NaN if both are, or a value is not finite.
    """
    counts = _counts(prediction, truth, mask=mask, data_range=data_range)
    if counts is None or counts.tp + counts.fp + counts.fn == 0:
        return math.nan
    return counts.tp / max(counts.tp + counts.fp, 1)


def recall(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Share of the true voxels that are predicted (sensitivity); arguments and errors as ``accuracy``.

    Returns:
        0 to 1; NaN if the truth is empty or a value is not finite.
    """
    counts = _counts(prediction, truth, mask=mask, data_range=data_range)
    if counts is None or counts.tp + counts.fn == 0:
        return math.nan
    return counts.tp / (counts.tp + counts.fn)


def iou(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Intersection over union, Jaccard's index; arguments and errors as ``accuracy``.

    Returns:
        0 to 1; NaN if both maps are empty or a value is not finite.
    """
    counts = _counts(prediction, truth, mask=mask, data_range=data_range)
    if counts is None or counts.tp + counts.fp + counts.fn == 0:
        return math.nan
    return counts.tp / (counts.tp + counts.fp + counts.fn)


def volume_error(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Absolute difference of the volumes relative to the true one; arguments and errors as ``accuracy``.

    Returns:
        0 or more, 1 if only the prediction is empty; NaN if the truth is empty or a value is not finite.
    """
    counts = _counts(prediction, truth, mask=mask, data_range=data_range)
    if counts is None or counts.tp + counts.fn == 0:
        return math.nan
    return abs(counts.fp - counts.fn) / (counts.tp + counts.fn)


def _counts(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> _Counts | None:
    """The four counts, or ``None`` if the mask is empty or a value in it is not finite."""
    found = labelled_inside(prediction, truth, mask=mask, data_range=data_range)
    if found is None:
        return None
    predicted, true, inside = found
    of_prediction, of_truth, both, all_of_them = (
        int(np.count_nonzero(voxels)) for voxels in (predicted, true, predicted & true, inside)
    )
    return _Counts(both, of_prediction - both, of_truth - both, all_of_them - of_prediction - of_truth + both)


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
