"""Combinations: how the volumes that several views predict become one.

    mean       m(p) = (p_1 + ... + p_V) / V
    weights    sum_v w_v p_v     with w = softmax(a), one positive number per view, summing to 1
    network    m(p) + f(p)       with f three convolutions of 3 x 3 x 3, which begins with nothing

Zhao's slides combine axial, sagittal and coronal predictions ("2D at different views -> combine") and do not say how.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from voxlate.networks.blocks import Head, convolution

_FEATURES = 16


def combination(kind: str, *, views: int) -> nn.Module:
    """The combination of so many views: ``mean``, ``weights`` or ``network``.

    Returns:
        What maps ``(b, views, i, j, k)`` to ``(b, 1, i, j, k)``; it begins as the mean.
    """
    return {"mean": WeightedMean, "weights": _LearnedMean, "network": _Fusion}[kind](views)


class WeightedMean(nn.Module):
    """The mean over the views, each counting as much as its weight; equal weights, unless a subclass learns them."""

    divisor = 1

    def __init__(self, views: int) -> None:
        super().__init__()
        self.views = views

    @property
    def weights(self) -> Tensor:
        """``(views,)``, positive, summing to 1."""
        return torch.full((self.views,), 1 / self.views)

    def forward(self, predictions: Tensor) -> Tensor:
        """``(b, views, i, j, k)`` to ``(b, 1, i, j, k)``."""
        weights = self.weights.to(predictions)
        return (predictions * weights[:, None, None, None]).sum(dim=1, keepdim=True)


class _LearnedMean(WeightedMean):
    """The mean with one learned weight per view."""

    def __init__(self, views: int) -> None:
        super().__init__(views)
        self.logits = nn.Parameter(torch.zeros(views))

    @property
    def weights(self) -> Tensor:
        """``(views,)``, positive, summing to 1."""
        return self.logits.softmax(dim=0)


class _Fusion(nn.Module):
    """The mean, and what a small 3-D network adds to it from what all views say around a voxel."""

    divisor = 1

    def __init__(self, views: int) -> None:
        super().__init__()
        self.mean = WeightedMean(views)
        self.features = nn.Sequential(
            convolution(3, views, _FEATURES), nn.LeakyReLU(0.1), convolution(3, _FEATURES, _FEATURES), nn.LeakyReLU(0.1)
        )
        self.head = Head(3, _FEATURES, 1, linear=nn.Conv3d(_FEATURES, 1, 3, padding=1))
        self.head.linear.weight.data.zero_()  # type: ignore[operator]  # a convolution
        self.head.linear.bias.data.zero_()  # type: ignore[operator]

    def forward(self, predictions: Tensor) -> Tensor:
        """``(b, views, i, j, k)`` to ``(b, 1, i, j, k)``."""
        mean: Tensor = self.mean(predictions)
        added: Tensor = self.head(self.features(predictions))
        return mean + added
