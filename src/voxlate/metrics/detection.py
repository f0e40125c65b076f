"""Detection of lesions: how many are found, missed and invented, whatever their size.

A lesion is a connected component of labelled voxels inside the mask, neighbours being the 26 voxels that share a face,
an edge or a corner. One voxel in common is enough:

    TP = components of the truth that the prediction touches      FN = the other components of the truth
    FP = components of the prediction that touch no truth

    sensitivity = TP / (TP + FN)      precision = TP / (TP + FP)      F1 = 2 TP / (2 TP + FP + FN)

TP counts lesions of the truth: one predicted component that covers two of them finds both, two that lie in one of them
find one. The counts are those of the ISLES and ATLAS challenges and of Metrics Reloaded's code (Maier-Hein et al. 2024,
doi:10.1038/s41592-023-02151-z), which take six neighbours; 26 are those of BraTS 2023, so that a lesion that is one
voxel thin and runs aslant stays one. The rule for empty sets is that of ``segmentation``.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from voxlate.metrics.metric import Image, Mask
from voxlate.metrics.segmentation import labelled_inside
from voxlate.volume import extent

_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


class Detection(NamedTuple):
    """Numbers of lesions.

    Attributes:
        tp: Lesions of the truth that are found.
        fp: Lesions of the prediction that touch no truth.
        fn: Lesions of the truth that are missed.
    """

    tp: int
    fp: int
    fn: int

    @property
    def sensitivity(self) -> float:
        """Share of the true lesions that are found; NaN if there are none."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else math.nan

    @property
    def precision(self) -> float:
        """``TP / (TP + FP)``; 0 if nothing is predicted but there are lesions, NaN if there are none at all."""
        return self.tp / max(self.tp + self.fp, 1) if any(self) else math.nan

    @property
    def f1(self) -> float:
        """``2 TP / (2 TP + FP + FN)``; NaN if there are no lesions at all."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if any(self) else math.nan


def detect(prediction: Image, truth: Image, *, mask: Mask, data_range: float = 1.0) -> Detection | None:
    """Lesions found, invented and missed, counted once for all metrics.

    Args:
        prediction: ``(i, j, k)`` label map; a value counts as the label nearest to it.
        truth: ``(i, j, k)`` label map.
        mask: ``(i, j, k)`` bool, the voxels that count; outside it there is background.
        data_range: Not used; any positive number.

    Returns:
        The numbers; ``None`` if the mask is empty or a value is not finite.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    found = labelled_inside(prediction, truth, mask=mask, data_range=data_range)
    if found is None:
        return None
    box = extent(found[0] | found[1])
    if box is None:
        return Detection(0, 0, 0)
    predicted, true = found[0][box], found[1][box]
    lesions, touched = _touched(true, predicted)
    invented, real = _touched(predicted, true)
    return Detection(tp=touched, fp=invented - real, fn=lesions - touched)


def detection_score(
    prediction: Image,
    truth: Image,
    *,
    mask: Mask,
    data_range: float,
    of: Literal["tp", "fp", "fn", "sensitivity", "precision", "f1"],
) -> float:
    """One number of ``detect``, with the signature of a metric; NaN if not available.

    Args:
        prediction: ``(i, j, k)`` label map; a value counts as the label nearest to it.
        truth: ``(i, j, k)`` label map.
        mask: ``(i, j, k)`` bool, the voxels that count.
        data_range: Not used; any positive number.
        of: Which number.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    found = detect(prediction, truth, mask=mask, data_range=data_range)
    return math.nan if found is None else float(getattr(found, of))


def _touched(components: Mask, other: Mask) -> tuple[int, int]:
    """How many components a set has, and how many of them have a voxel in common with another set."""
    numbers: NDArray[np.int32] = np.empty(components.shape, dtype=np.int32)
    count = label(components, structure=_NEIGHBOURS, output=numbers)
    return int(count), np.unique(numbers[components & other]).size
