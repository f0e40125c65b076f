"""The losses by name."""

from __future__ import annotations

from collections.abc import Callable

from voxlate.losses.pixelwise import Loss, euclidean, huber, l1, l2
from voxlate.losses.ssim import ssim

LOSSES: dict[str, Callable[..., Loss]] = {"l1": l1, "l2": l2, "euclidean": euclidean, "huber": huber, "ssim": ssim}
