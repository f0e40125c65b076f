"""Metrics of CT in Hounsfield units: tissue classes of the truth, overlap of bone, PSNR within the range of CT.

Papers on synthetic CT part air, soft tissue and bone by thresholds of their own. Here air is below -200 HU, lower than
any fat (adipose tissue: -98 HU), and bone above 250 HU, higher than any soft tissue (connective tissue: 100 HU); both
CT numbers are those of Schneider et al. 2000, doi:10.1088/0031-9155/45/2/314. Lung counts as air.

The range of CT is [-1024, 3071] HU, twelve bits. SynthRAD clips both images to it before PSNR and MS-SSIM (challenge
report, Huijben et al. 2024, doi:10.1016/j.media.2024.103276; the range is that of github.com/SynthRAD2025/evaluation,
while the 2023 challenge ended it at 3000). Its masked MAE, which clips nothing, is ``mae``.
"""

from __future__ import annotations

import math

import numpy as np

from voxlate.metrics.metric import Image, Mask, values_inside

LOWEST_HU = -1024.0
_AIR_BELOW_HU = -200.0
_BONE_ABOVE_HU = 250.0
TISSUES = ("air", "soft tissue", "bone")


def tissue_regions(truth: Image, *, mask: Mask) -> dict[str, Mask]:
    """Where the true CT shows air, soft tissue and bone inside a mask; a voxel that is not finite is in none.

    Args:
        truth: ``(i, j, k)``, HU.
        mask: ``(i, j, k)`` bool.
    """
    inside, array = np.asarray(mask, dtype=bool), np.asarray(truth)
    air, bone = array < _AIR_BELOW_HU, array > _BONE_ABOVE_HU
    soft = (array >= _AIR_BELOW_HU) & (array <= _BONE_ABOVE_HU)
    return dict(zip(TISSUES, (air & inside, soft & inside, bone & inside), strict=True))


def bone_dice(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """Dice's coefficient ``2 |P and T| / (|P| + |T|)`` of what is above 250 HU in the mask.

    Args:
        prediction: ``(i, j, k)``, HU.
        truth: ``(i, j, k)``, HU.
        mask: ``(i, j, k)`` bool.
        data_range: Must be positive; has no influence.

    Returns:
        0 to 1; NaN if neither image shows bone there, or a voxel is not finite.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    inside = values_inside(prediction, truth, mask=mask, data_range=data_range)
    if inside is None:
        return math.nan
    predicted, true = (values > _BONE_ABOVE_HU for values in inside)
    total = int(predicted.sum()) + int(true.sum())
    return 2 * int((predicted & true).sum()) / total if total else math.nan


def psnr_in_range(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
    """PSNR over the mask in dB, both images clipped to ``[-1024, -1024 + data_range]`` HU; infinite for equal images.

    Raises:
        UsageError: If the shapes differ, or mask or data range cannot be used.
    """
    inside = values_inside(prediction, truth, mask=mask, data_range=data_range)
    if inside is None:
        return math.nan
    predicted, true = (np.clip(values, LOWEST_HU, LOWEST_HU + data_range) for values in inside)
    error = float(np.square(predicted - true).mean())
    return 10 * math.log10(data_range**2 / error) if error else math.inf
