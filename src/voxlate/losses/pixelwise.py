"""Losses that compare voxel with voxel inside the mask.

With ``d = prediction - target`` and the sums over the ``n`` voxels of the mask (each channel of the target counts):

- ``l1``: ``sum |d| / n``, the mean absolute error
- ``l2``: ``sum d^2 / n``, the mean squared error
- ``huber``: ``sum h(d) / n``, ``h = d^2 / 2`` up to ``delta`` and ``delta (|d| - delta / 2)`` beyond (Huber 1964,
  doi:10.1214/aoms/1177703732)
- ``dead_zone_huber``: the hinge-like Huber loss of Zhao's slides, ``sum z(d) / n`` with ``alpha`` for ``delta``: as
  ``h``, but 0 for ``|d| < dead_zone`` (0.01 on the slides). As written there it jumps at the dead zone, from 0 to
  ``dead_zone^2 / 2``: differences within it are left as they are, and those beyond are pulled towards 0 as by ``huber``
- ``gradient``: the mean over the axes ``a`` of the mean of ``|d(x + e_a) - d(x)|``, over neighbours of which both lie
  in the mask: edges must be as steep as they are (Mathieu, Couprie & LeCun 2016, arXiv:1511.05440, compare sizes)
- ``euclidean``: ``sqrt(sum d^2 / n)`` of each sample, averaged over the samples. It is the Euclidean distance between
  two images that Avula et al. train with, divided by ``sqrt(n)``: so its size, and with it the weight it gets beside
  the other terms, does not depend on how large the image or its foreground is.

All are computed in float32. What the mask leaves out has no influence, not even a NaN there; an empty mask gives 0.
"""

from __future__ import annotations

from typing import Annotated, Protocol

import torch
from pydantic import Field
from torch import Tensor

from voxlate.errors import UsageError


class Loss(Protocol):
    """What every entry of ``LOSSES`` builds."""

    def __call__(self, prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        """A scalar, at least 0.

        Args:
            prediction: ``(b, t, *s)``.
            target: ``(b, t, *s)``.
            mask: ``(b, 1, *s)``, 1 where the loss counts, 0 elsewhere.
            labels: ``(b, 1, *s)``, the label map of each sample, -1 everywhere where there is none.
        """


def l1(*, dims: int, data_range: float) -> Loss:  # every entry of LOSSES takes both; this one needs neither
    """Mean absolute error inside the mask."""

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        return masked_mean(difference_inside(prediction, target, mask).abs(), mask)

    return loss


def gradient(*, dims: int, data_range: float) -> Loss:
    """Mean absolute error of the differences between neighbouring voxels inside the mask."""

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        difference, inside = difference_inside(prediction, target, mask), (mask != 0).float()
        means = []
        for axis in range(2, 2 + dims):
            pairs = inside.narrow(axis, 1, mask.shape[axis] - 1) * inside.narrow(axis, 0, mask.shape[axis] - 1)
            means.append(masked_mean(torch.diff(difference, dim=axis).abs() * pairs, pairs))
        return torch.stack(means).mean()

    return loss


def l2(*, dims: int, data_range: float) -> Loss:
    """Mean squared error inside the mask."""

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        return masked_mean(difference_inside(prediction, target, mask).square(), mask)

    return loss


def huber(*, dims: int, data_range: float, delta: Annotated[float, Field(gt=0)] = 0.1) -> Loss:
    """Huber's loss inside the mask; ``delta`` is a difference in normalised values."""

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        difference = difference_inside(prediction, target, mask).abs()
        return masked_mean(_huber(difference, delta), mask)

    return loss


def dead_zone_huber(
    *,
    dims: int,
    data_range: float,
    dead_zone: Annotated[float, Field(ge=0)] = 0.01,
    alpha: Annotated[float, Field(gt=0)] = 0.1,
) -> Loss:
    """Huber's loss that leaves small differences alone, inside the mask: the hinge-like one of Zhao's slides.

    Args:
        dims: Number of spatial axes.
        data_range: Range of the normalised target values.
        dead_zone: Smaller differences cost nothing; in normalised values, below `alpha`.
        alpha: Where the square becomes a line, in normalised values; the slides do not tell it.
    """
    if dead_zone >= alpha:
        raise UsageError(
            f"a dead zone below alpha, {alpha}",
            came=str(dead_zone),
            where="loss.dead_zone_huber",
            remedy="Make it smaller, or alpha larger.",
        )

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        difference = difference_inside(prediction, target, mask).abs()
        return masked_mean(_huber(difference, alpha).masked_fill(difference < dead_zone, 0.0), mask)

    return loss


def euclidean(*, dims: int, data_range: float) -> Loss:
    """Root mean squared error inside the mask of each sample, averaged over the samples whose mask is not empty."""

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        difference = difference_inside(prediction, target, mask).flatten(1)
        counts = mask.float().flatten(1).sum(1) * target.shape[1]
        # The norm, unlike sqrt, has the gradient 0 where the prediction is already perfect.
        distances = torch.linalg.vector_norm(difference, dim=1) / counts.clamp(min=1).sqrt()
        total: Tensor = distances.sum()
        return total / (counts > 0).sum().clamp(min=1)

    return loss


def _huber(difference: Tensor, delta: float) -> Tensor:
    """``d^2 / 2`` up to ``delta`` and ``delta (d - delta / 2)`` beyond, of differences of at least 0."""
    within = difference.clamp(max=delta)
    return within * (difference - within / 2)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``values`` ``(b, c, *s)`` inside ``mask`` ``(b, 1, *s)`` over the whole batch; 0 if there is nothing.

    Every voxel counts the same, so a slice with little foreground weighs little. Values outside must be finite.
    """
    mask = mask.float()
    return (values * mask).sum() / (mask.sum() * values.shape[1]).clamp(min=1)


def difference_inside(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """``prediction - target`` in float32, 0 outside the mask whatever is there."""
    return (prediction.float() - target.float()).masked_fill(mask == 0, 0.0)
