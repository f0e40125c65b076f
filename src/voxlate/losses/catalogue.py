"""The losses by name."""

from __future__ import annotations

from collections.abc import Callable

from voxlate.losses.features import features
from voxlate.losses.lesion import lesion_mask
from voxlate.losses.pixelwise import Loss, dead_zone_huber, euclidean, huber, l1, l2
from voxlate.losses.pooled import pooling
from voxlate.losses.ssim import ssim

_PLAIN: dict[str, Callable[..., Loss]] = {
    "l1": l1,
    "l2": l2,
    "euclidean": euclidean,
    "huber": huber,
    "dead_zone_huber": dead_zone_huber,
    "ssim": ssim,
    "lesion_mask": lesion_mask,
    "features": features,
}

LOSSES: dict[str, Callable[..., Loss]] = {**_PLAIN, "pooled": pooling(_PLAIN)}

LABELLED = frozenset({"lesion_mask"})
"""Those that need label maps."""
