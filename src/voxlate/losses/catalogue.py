"""The losses by name."""

from __future__ import annotations

from collections.abc import Callable

from voxlate.losses.features import features
from voxlate.losses.lesion import lesion_mask
from voxlate.losses.pixelwise import Loss, dead_zone_huber, euclidean, gradient, huber, l1, l2
from voxlate.losses.pooled import pooling
from voxlate.losses.segmentation import bce, border_bce, border_softmax, dice, focal, iou
from voxlate.losses.ssim import ssim

_IMAGES: dict[str, Callable[..., Loss]] = {
    "l1": l1,
    "l2": l2,
    "gradient": gradient,
    "euclidean": euclidean,
    "huber": huber,
    "dead_zone_huber": dead_zone_huber,
    "ssim": ssim,
    "lesion_mask": lesion_mask,
    "features": features,
}

_SEGMENTATIONS: dict[str, Callable[..., Loss]] = {
    "bce": bce,
    "focal": focal,
    "dice": dice,
    "iou": iou,
    "border_bce": border_bce,
    "border_softmax": border_softmax,
}

LOSSES: dict[str, Callable[..., Loss]] = {**_IMAGES, "pooled": pooling(_IMAGES), **_SEGMENTATIONS}

LABELLED = frozenset({"lesion_mask"})
"""Those that need label maps."""


def segmenting() -> frozenset[str]:
    """Those that compare logits with maps of 0 and 1; all others compare images.

    A plugin's loss says so by an attribute ``segments``, as a network says its ``divisor``.
    """
    return frozenset(_SEGMENTATIONS) | {name for name, entry in LOSSES.items() if getattr(entry, "segments", False)}
