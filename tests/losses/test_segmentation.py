"""The losses of segmentations against PyTorch, MONAI and published numbers, and what they teach."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
import torch
from monai.losses import DiceLoss, FocalLoss
from torch import Tensor
from torch.nn import functional

from voxlate.errors import UsageError
from voxlate.losses import LOSSES, WeightedLoss, segmenting
from voxlate.methods import METHODS

every_loss = pytest.mark.parametrize(
    "name", sorted(name for name in segmenting() if "class_weights" in inspect.signature(LOSSES[name]).parameters)
)
"""Of a map per class; a softmax over all of them balances its classes by the weight map."""
both_dims = pytest.mark.parametrize("dims", [2, 3])
OVERLAPS = ["dice", "iou"]


def maps(dims: int, *, classes: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, classes that overlap, each rarer than the one before, and a mask."""
    generator = torch.Generator().manual_seed(dims)
    shape = (11, 9, 7)[:dims]
    logits = 2 * torch.randn(2, classes, *shape, generator=generator)
    rare = torch.linspace(0.5, 0.9, classes).view(1, -1, *[1] * dims)
    target = (torch.rand(2, classes, *shape, generator=generator) > rare).float()
    mask = (torch.rand(2, 1, *shape, generator=generator) > 0.3).float()
    return logits, target, mask


def value(name: str, logits: Tensor, target: Tensor, mask: Tensor | None = None, **options: Any) -> float:
    loss = LOSSES[name](dims=logits.ndim - 2, data_range=1.0, **options)
    return float(loss(logits, target, torch.ones_like(target[:, :1]) if mask is None else mask))


def voxels(image: Tensor, mask: Tensor) -> Tensor:
    """Those of the mask in a row ``(1, c, n)``, over the whole batch."""
    return image.transpose(0, 1)[:, mask[:, 0] > 0][None]


@both_dims
@pytest.mark.parametrize("positive_weight", [1.0, 7.5])
def test_bce_is_that_of_pytorch(dims: int, positive_weight: float) -> None:
    logits, target, mask = maps(dims)
    expected = functional.binary_cross_entropy_with_logits(
        voxels(logits, mask).double(), voxels(target, mask).double(), pos_weight=torch.tensor(positive_weight)
    )
    assert value("bce", logits, target, mask, positive_weight=positive_weight) == pytest.approx(float(expected))


@both_dims
@pytest.mark.parametrize("alpha", [0.25, 0.9, None])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_is_that_of_monai(dims: int, alpha: float | None, gamma: float) -> None:
    logits, target, mask = maps(dims)
    expected = FocalLoss(gamma=gamma, alpha=alpha)(voxels(logits, mask), voxels(target, mask))
    assert value("focal", logits, target, mask, alpha=alpha, gamma=gamma) == pytest.approx(float(expected), rel=1e-5)


def test_focal_without_alpha_gives_the_numbers_of_keras_documentation() -> None:
    """The examples of ``keras.losses.BinaryFocalCrossentropy`` and of the function of that name."""
    logits = torch.tensor([-18.6, 0.51, 2.94, -12.8]).view(1, 1, 2, 2)
    target = torch.tensor([0.0, 1.0, 0.0, 0.0]).view(1, 1, 2, 2)
    assert value("focal", logits, target, alpha=None) == pytest.approx(0.691, abs=5e-4)
    rows = [([0.6, 0.4], [0.0, 1.0], 0.330), ([0.4, 0.6], [0.0, 0.0], 0.206)]
    for probabilities, truth, expected in rows:
        z = torch.tensor(probabilities).logit().view(1, 1, 1, 2)
        assert value("focal", z, torch.tensor(truth).view(1, 1, 1, 2), alpha=None) == pytest.approx(expected, abs=6e-4)


@both_dims
@pytest.mark.parametrize("smoothing", [1.0, 1e-5])
@pytest.mark.parametrize("name", OVERLAPS)
def test_overlaps_are_those_of_monai(name: str, dims: int, smoothing: float) -> None:
    logits, target, mask = maps(dims)
    options = {"sigmoid": True, "smooth_nr": smoothing, "smooth_dr": smoothing, "jaccard": name == "iou"}
    if name == "iou":  # MONAI doubles both sides of the fraction, but not what it adds to them
        options |= {"smooth_nr": 2 * smoothing, "smooth_dr": 2 * smoothing}
    each = [
        float(
            DiceLoss(**options)(voxels(logits[b : b + 1], mask[b : b + 1]), voxels(target[b : b + 1], mask[b : b + 1]))
        )
        for b in range(2)
    ]
    assert each[0] != pytest.approx(each[1], rel=1e-3)
    assert value(name, logits, target, mask, smoothing=smoothing) == pytest.approx(sum(each) / 2, rel=1e-5)
    together = float(DiceLoss(**options)(voxels(logits, mask), voxels(target, mask)))
    assert together != pytest.approx(sum(each) / 2, rel=1e-5)
    found = value(name, logits, target, mask, smoothing=smoothing, batch=True)
    assert found == pytest.approx(together, rel=1e-5)


@pytest.mark.parametrize("name", OVERLAPS)
def test_class_that_is_empty_in_the_target_follows_the_written_rule(name: str) -> None:
    nothing = torch.zeros(1, 1, 10, 10)
    silent = torch.full_like(nothing, -30.0)
    assert value(name, silent, nothing) == pytest.approx(0, abs=1e-6)
    some = silent.clone()
    some[..., :2, :2] = 30.0
    assert value(name, some, nothing, smoothing=4.0) == pytest.approx(0.5)
    assert value(name, some, nothing, smoothing=0.04) == pytest.approx(1 / 1.01)
    assert value(name, silent, (some > 0).float(), smoothing=4.0) == pytest.approx(0.5)


@every_loss
def test_class_weights_are_shares_of_the_classes(name: str) -> None:
    logits, target, mask = maps(2)
    alone = [value(name, logits[:, [c]], target[:, [c]], mask) for c in range(3)]
    assert len({round(one, 4) for one in alone}) == 3
    assert value(name, logits, target, mask) == pytest.approx(sum(alone) / 3, rel=1e-5)
    expected = (5 * alone[0] + 1 * alone[1] + 2 * alone[2]) / 8
    for scale in (1.0, 10.0):
        weights = (5 * scale, scale, 2 * scale)
        assert value(name, logits, target, mask, class_weights=weights) == pytest.approx(expected, rel=1e-5)


@every_loss
def test_wrong_number_of_class_weights_is_refused(name: str) -> None:
    logits, target, mask = maps(2)
    loss = WeightedLoss({name: {"weight": 1.0, "class_weights": [1, 2]}}, dims=2, data_range=1.0)
    with pytest.raises(UsageError, match=rf"loss\.{name}\.class_weights: expected 3 class weights"):
        loss(logits, target, mask)


@every_loss
@both_dims
def test_a_few_steps_down_its_gradient_find_the_classes(name: str, dims: int) -> None:
    target = torch.zeros(1, 2, *(12, 12, 12)[:dims])
    target[(0, 0, *[slice(2, 9)] * dims)] = 1
    target[(0, 1, *[slice(4, 7)] * dims)] = 1
    mask = torch.ones_like(target[:, :1])
    mask[..., :2] = 0
    logits = torch.full_like(target, -1.0).requires_grad_()
    loss = LOSSES[name](dims=dims, data_range=1.0)
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(20):
        optimiser.zero_grad()
        loss(logits, target, mask).backward()
        optimiser.step()
    found = (logits.detach() > 0).float()
    both, sizes = (x.flatten(2).sum(2) for x in (found * target * mask, (found + target) * mask))
    overlap = 2 * both / sizes
    assert overlap.min() > 0.95
    assert torch.equal(logits.detach()[..., :2], torch.full_like(target, -1.0)[..., :2]), "left alone outside"


@every_loss
def test_gradient_raises_what_is_labelled_and_lowers_the_rest(name: str) -> None:
    logits, target, mask = maps(3)
    logits.requires_grad_()
    LOSSES[name](dims=3, data_range=1.0)(logits, target, mask).backward()
    assert logits.grad is not None
    counted = mask.expand_as(target) > 0
    assert (logits.grad[counted & (target > 0)] < 0).all()
    assert (logits.grad[counted & (target == 0)] > 0).all()
    assert not logits.grad[~counted].any()


@every_loss
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_large_logits_give_finite_values_and_gradients(name: str, size: float) -> None:
    _, target, mask = maps(2)
    right = (size * (2 * target - 1)).requires_grad_()
    wrong = (-size * (2 * target - 1)).requires_grad_()
    loss = LOSSES[name](dims=2, data_range=1.0)
    good, bad = loss(right, target, mask), loss(wrong, target, mask)
    (good + bad).backward()
    assert float(good.detach()) == 0
    assert math.isfinite(float(bad.detach()))
    assert float(bad.detach()) > 0.8
    for logits in (right, wrong):
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()


@every_loss
@pytest.mark.parametrize("spoiler", [float("nan"), float("inf"), -float("inf"), 7.0])
def test_nothing_outside_the_mask_has_any_influence(name: str, spoiler: float) -> None:
    logits, target, mask = maps(2)
    loss = LOSSES[name](dims=2, data_range=1.0)
    expected = loss(logits, target, mask)
    spoiled = logits.masked_fill(mask == 0, spoiler).requires_grad_()
    found = loss(spoiled, target.masked_fill(mask == 0, spoiler), mask)
    found.backward()
    assert torch.equal(found.detach(), expected)
    assert spoiled.grad is not None
    assert torch.isfinite(spoiled.grad).all()
    assert not spoiled.grad[(mask == 0).expand_as(spoiled)].any()


@every_loss
def test_logits_in_bfloat16_are_compared_in_float32(name: str) -> None:
    logits, target, mask = maps(3)
    half = logits.bfloat16().requires_grad_()
    loss = LOSSES[name](dims=3, data_range=1.0)
    found = loss(half, target, mask)
    found.backward()
    assert found.dtype == torch.float32
    assert torch.equal(found.detach(), loss(logits.bfloat16().float(), target, mask))
    assert half.grad is not None
    assert torch.isfinite(half.grad).all()


@pytest.mark.parametrize("name", ["regression", "adversarial"])
def test_methods_that_predict_images_refuse_them(name: str) -> None:
    with pytest.raises(UsageError, match=r"losses of images(.|\n)*dice(.|\n)*segmentation"):
        METHODS[name](dims=2, source_channels=1, target_channels=1, loss={"dice": 1.0}, data_range=1.0)
