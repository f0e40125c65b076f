"""Losses that compare the logits of a segmentation with maps of 0 and 1, one channel per class.

With logits ``z``, ``p = sigmoid(z)``, the target ``y``, ``p_y = p`` where ``y = 1`` and ``1 - p`` elsewhere, and sums
over the mask:

- ``bce``: mean of ``-(a y log p + (1 - y) log(1 - p))``, the binary cross entropy, ``a`` being ``positive_weight``
- ``focal``: mean of ``-alpha_y (1 - p_y)^gamma log p_y``, ``alpha_y = alpha`` where ``y = 1`` and ``1 - alpha``
  elsewhere (Lin et al. 2017, arXiv:1708.02002). Keras' ``BinaryFocalCrossentropy``, which Kathane & Vhora train with,
  has the same defaults but uses ``alpha`` only with ``apply_class_balancing``: without that it is ``alpha: null`` here
- ``dice``: ``1 - (2 sum p y + s) / (sum p + sum y + s)``, ``s`` being ``smoothing`` (Milletari et al. 2016,
  arXiv:1606.04797; with plain sums as in nnU-Net, Isensee et al. 2021, doi:10.1038/s41592-020-01008-z)
- ``iou``: ``1 - (sum p y + s) / (sum p + sum y - sum p y + s)`` (Rahman & Wang 2016, doi:10.1007/978-3-319-50835-1_22)
- ``border_softmax``: mean of ``-w log p_k`` of the class ``k`` that a voxel has, with U-Net's weight map ``w`` over the
  components of all classes together and ``p = softmax`` over the classes and the background, whose logit is 0: so
  ``z > 0`` means more likely than background, as for the other losses. Of classes that overlap either counts as right
- ``border_bce``: mean of the cross entropy times U-Net's weight map; see ``voxlate.losses.border``

Classes may overlap. Each has a value ``L_c`` of its own and the loss is ``sum_c w_c L_c / sum_c w_c`` with the
``class_weights`` ``w``: only their ratios matter. The mean of a cross entropy runs over the mask of the whole batch.
The sums of ``dice`` and ``iou`` run over each sample, whose losses are averaged, or with ``batch`` over all of them.

A class that is empty in the target has the overlap ``s / (sum p + s)``: the loss is 0 if the prediction is empty too,
1/2 if it holds ``s`` voxels, and near 1, with next to no gradient, if it holds many. A cross entropy beside it teaches
silence; ``batch`` makes such classes rare. A sample whose mask is empty counts in none.

All are computed in float32 from the logits, so that large ones lose nothing; ``dice`` and ``iou`` from the error ``e =
sum p (1 - y) + (1 - p) y``, as ``e / (sum p + sum y + s)`` and ``e / ((sum p + sum y + e) / 2 + s)``, which is the
same. What the mask leaves out has no influence,
not even a NaN there; an empty mask gives 0. MONAI's losses of these names have no mask, and its masked wrapper
multiplies, which keeps a NaN; where both can be used they agree, which the tests check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from voxlate.errors import UsageError
from voxlate.losses.border import border_weights
from voxlate.losses.pixelwise import Loss

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
ClassWeights = tuple[Positive, ...]


def bce(*, dims: int, data_range: float, positive_weight: Positive = 1.0, class_weights: ClassWeights = ()) -> Loss:
    """Binary cross entropy of logits and a map of 0 and 1 per class, inside the mask.

    Args:
        dims: Number of spatial axes.
        data_range: Not used.
        positive_weight: How much more a voxel of the class counts than one outside it.
        class_weights: How much each class counts, one number per class; empty: all alike.
    """

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        logits, truth = _inside(prediction, mask), _inside(target, mask)
        values = _cross_entropy(logits, truth, positive_weight)
        return _mean(values, mask, _per_class("bce", class_weights, logits))

    return loss


def focal(
    *,
    dims: int,
    data_range: float,
    alpha: Annotated[float, Field(gt=0, lt=1)] | None = 0.25,
    gamma: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0,
    class_weights: ClassWeights = (),
) -> Loss:
    """Binary focal cross entropy, which turns down what is easy, inside the mask.

    Args:
        dims: Number of spatial axes.
        data_range: Not used.
        alpha: Weight of the voxels of the class, those outside it get the rest; `null`: both have the weight 1.
        gamma: How fast a voxel loses weight as it becomes certain; 0 is the cross entropy.
        class_weights: How much each class counts, one number per class; empty: all alike.
    """
    positive, negative = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        logits, truth = _inside(prediction, mask), _inside(target, mask)
        found, wrong = _focal_term(logits, gamma), _focal_term(-logits, gamma)
        values = positive * truth * found + negative * (1 - truth) * wrong
        return _mean(values, mask, _per_class("focal", class_weights, logits))

    return loss


def dice(
    *,
    dims: int,
    data_range: float,
    smoothing: Positive = 1.0,
    batch: bool = False,
    class_weights: ClassWeights = (),
) -> Loss:
    """One minus the soft Dice coefficient of each class inside the mask; 0 (equal) to 1.

    Args:
        dims: Number of spatial axes.
        data_range: Not used.
        smoothing: Added to both sides of the fraction, in voxels; decides what an empty class costs.
        batch: Whether sums run over the whole batch, or over each sample.
        class_weights: How much each class counts, one number per class; empty: all alike.
    """

    def share(error: Tensor, sizes: Tensor) -> Tensor:
        return error / (sizes + smoothing)

    return _overlap_loss("dice", share, batch=batch, class_weights=class_weights)


def iou(
    *,
    dims: int,
    data_range: float,
    smoothing: Positive = 1.0,
    batch: bool = False,
    class_weights: ClassWeights = (),
) -> Loss:
    """One minus the soft intersection over union of each class inside the mask; 0 (equal) to 1.

    Args:
        dims: Number of spatial axes.
        data_range: Not used.
        smoothing: Added to both sides of the fraction, in voxels; decides what an empty class costs.
        batch: Whether sums run over the whole batch, or over each sample.
        class_weights: How much each class counts, one number per class; empty: all alike.
    """

    def share(error: Tensor, sizes: Tensor) -> Tensor:
        return error / ((sizes + error) / 2 + smoothing)

    return _overlap_loss("iou", share, batch=batch, class_weights=class_weights)


def border_bce(
    *,
    dims: int,
    data_range: float,
    w0: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0,
    sigma_voxels: Positive = 5.0,
    balance: bool = True,
    class_weights: ClassWeights = (),
) -> Loss:
    """Binary cross entropy with U-Net's border weight map, which keeps neighbouring components apart.

    Args:
        dims: Number of spatial axes.
        data_range: Not used.
        w0: Height of the border term.
        sigma_voxels: Its width in voxels.
        balance: Whether voxels of the class and those outside it weigh the same in sum, in each sample.
        class_weights: How much each class counts, one number per class; empty: all alike.
    """

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        logits, truth = _inside(prediction, mask), _inside(target, mask)
        weights = _border_maps(truth, mask, w0=w0, sigma_voxels=sigma_voxels, balance=balance)
        values = weights * _cross_entropy(logits, truth, 1.0)
        return _mean(values, mask, _per_class("border_bce", class_weights, logits))

    return loss


def border_softmax(
    *,
    dims: int,
    data_range: float,
    w0: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0,
    sigma_voxels: Positive = 5.0,
    balance: bool = True,
) -> Loss:
    """Softmax cross entropy over classes and background with U-Net's border weight map: that paper's own loss.

    Args:
        dims: Number of spatial axes.
        data_range: Not used.
        w0: Height of the border term.
        sigma_voxels: Its width in voxels.
        balance: Whether labelled voxels and others weigh the same in sum, in each sample.
    """

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        logits, truth = _inside(prediction, mask), _inside(target, mask)
        labelled = truth.amax(1, keepdim=True)
        weights = _border_maps(labelled, mask, w0=w0, sigma_voxels=sigma_voxels, balance=balance)
        every = torch.cat([torch.zeros_like(labelled), logits], 1)
        right = torch.cat([1 - labelled, truth], 1) > 0.5
        values = weights * (every.logsumexp(1, True) - every.masked_fill(~right, -torch.inf).logsumexp(1, True))
        return _mean(values, mask, values.new_ones(1))

    return loss


def _border_maps(truth: Tensor, mask: Tensor, *, w0: float, sigma_voxels: float, balance: bool) -> Tensor:
    """U-Net's weights ``(b, c, *s)`` of every map of a truth ``(b, c, *s)`` inside the mask ``(b, 1, *s)``."""
    maps = [
        [border_weights(one, place[0], w0=w0, sigma_voxels=sigma_voxels, balance=balance) for one in sample]
        for sample, place in zip((truth > 0.5).cpu().numpy(), (mask != 0).cpu().numpy(), strict=True)
    ]
    return torch.from_numpy(np.array(maps)).to(truth.device)


def _inside(values: Tensor, mask: Tensor) -> Tensor:
    """Values ``(b, c, *s)`` in float32, 0 outside the mask ``(b, 1, *s)`` whatever is there."""
    return values.float().masked_fill(mask == 0, 0.0)


def _per_class(name: str, weights: tuple[float, ...], logits: Tensor) -> Tensor:
    """The share ``(c,)`` of each class in the loss; they sum to 1.

    Args:
        name: Of the loss, for the error.
        weights: One per class, or none for equal shares.
        logits: ``(b, c, *s)``.

    Raises:
        UsageError: If their number is not that of the classes.
    """
    classes = logits.shape[1]
    if weights and len(weights) != classes:
        raise UsageError(
            f"{classes} class weights, one per class",
            came=f"{len(weights)}: {', '.join(f'{weight:g}' for weight in weights)}",
            where=f"loss.{name}.class_weights",
            remedy="Give one per class, in the order of the classes, or none.",
        )
    shares = torch.tensor(weights or (1.0,) * classes, device=logits.device)
    return shares / shares.sum()


def _overlap_loss(
    name: str, share: Callable[[Tensor, Tensor], Tensor], *, batch: bool, class_weights: ClassWeights
) -> Loss:
    """A loss of two sums over each class, the error and ``p + y``, both ``(b, c)`` or ``(1, c)``."""

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        counted = mask.float()
        logits, truth = _inside(prediction, mask), _inside(target, mask)
        found, missed = torch.sigmoid(logits), torch.sigmoid(-logits)
        maps = (counted * ((1 - truth) * found + truth * missed), counted * (found + truth), counted)
        error, sizes, present = (x.flatten(2).sum(2) for x in maps)
        if batch:
            error, sizes, present = (x.sum(0, keepdim=True) for x in (error, sizes, present))
        seen = (present > 0).float()
        losses = seen * share(error, sizes) * _per_class(name, class_weights, logits)
        return losses.sum() / seen.sum().clamp(min=1)

    return loss


def _cross_entropy(logits: Tensor, truth: Tensor, positive_weight: float) -> Tensor:
    weight = logits.new_tensor(positive_weight)
    return functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight, reduction="none")


def _focal_term(logits: Tensor, gamma: float) -> Tensor:
    """``-(1 - p)^gamma log p`` of the probabilities ``p``."""
    return torch.exp(gamma * functional.logsigmoid(-logits)) * functional.softplus(-logits)


def _mean(values: Tensor, mask: Tensor, shares: Tensor) -> Tensor:
    """Mean of ``values`` ``(b, c, *s)`` inside the mask over the batch, each class with its share; 0 if none."""
    counted = mask.float()
    sums = (values * counted).transpose(0, 1).flatten(1).sum(1)
    return (sums * shares).sum() / counted.sum().clamp(min=1)
