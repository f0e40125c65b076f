"""Metrics of a whole volume against their independent implementations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from harness import Comparison
from inputs import WHOLE, head
from monai.metrics import SSIMMetric, compute_hausdorff_distance
from skimage.metrics import structural_similarity

from voxlate.metrics.structural_similarity import ssim
from voxlate.metrics.surfaces import hd95

_RANGE = 1500.0


def metrics(_: Path) -> Iterator[Comparison]:
    """3-D SSIM, HD95."""
    size = " x ".join(map(str, WHOLE))
    truth, mask = head(WHOLE, seed=1)
    prediction = np.where(mask, truth + 0.3 * head(WHOLE, seed=2)[0], 0).astype(np.float32)

    def ours() -> float:
        return ssim(prediction, truth, mask=mask, data_range=_RANGE)

    def by_skimage() -> float:
        _, values = structural_similarity(
            prediction.astype(np.float64),
            truth.astype(np.float64),
            data_range=_RANGE,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        return float(values[mask].mean())

    def by_monai() -> float:
        one, other = (torch.from_numpy(image)[None, None] for image in (prediction, truth))
        return float(SSIMMetric(3, data_range=_RANGE)(one, other))

    yield Comparison("3-D SSIM in the mask", size, ours, by_skimage, "scikit-image", 1e-6, 5.0, repeats=1)
    yield Comparison("3-D SSIM", size, ours, by_monai, "MONAI, which has no mask", goal=40.0, repeats=0)
    one, other, everywhere = mask, np.roll(mask, 2, axis=1), np.ones(mask.shape, dtype=bool)

    def our_distance() -> float:
        return hd95(one, other, mask=everywhere, data_range=1.0, spacing_mm=(1.0, 1.0, 1.0))

    def monai_distance() -> float:
        maps = (torch.from_numpy(label)[None, None].float() for label in (one, other))
        return float(compute_hausdorff_distance(*maps, include_background=True, percentile=95))

    yield Comparison("HD95", size, our_distance, monai_distance, "MONAI", 1e-6, 5.0, repeats=1)
