"""The adversarial game against its formulas, MONAI's least squares, and analytic slopes."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from voxlate.losses.adversarial import (
    Objective,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    judged_real,
    patches_seen,
)

OBJECTIVES: tuple[Objective, ...] = get_args(Objective)


def logits() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    real, fake = (2 * torch.randn(2, 1, 4, 3, generator=generator) for _ in range(2))
    seen = torch.ones_like(real)
    seen[0, 0, 0] = 0
    return real, fake, seen


def formulas(objective: Objective) -> tuple[float, float]:
    real, fake, seen = (x.double().numpy() for x in logits())
    r, f = real[seen > 0], fake[seen > 0]

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    if objective == "vanilla":
        d, g = -np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean(), -np.log(sigmoid(f)).mean()
    elif objective == "least_squares":
        d, g = ((r - 1) ** 2).mean() + (f**2).mean(), ((f - 1) ** 2).mean()
    else:
        d, g = np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(), -f.mean()
    return float(d / 2), float(g)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objectives_are_their_formulas_over_the_patches_that_count(objective: Objective) -> None:
    real, fake, seen = logits()
    expected_d, expected_g = formulas(objective)
    assert float(discriminator_loss(objective, real, fake, seen=seen)) == pytest.approx(expected_d, rel=1e-5)
    assert float(generator_loss(objective, fake, seen=seen)) == pytest.approx(expected_g, rel=1e-5)


def test_least_squares_agree_with_monai_told_to_apply_no_activation() -> None:
    from monai.losses.adversarial_loss import PatchAdversarialLoss

    real, fake, seen = logits()
    seen = torch.ones_like(seen)
    monai = PatchAdversarialLoss(criterion="least_squares", no_activation_leastsq=True)
    on_real = monai(real, target_is_real=True, for_discriminator=True)
    on_fake = monai(fake, target_is_real=False, for_discriminator=True)
    found = discriminator_loss("least_squares", real, fake, seen=seen)
    assert float(found) == pytest.approx(float(on_real + on_fake) / 2, rel=1e-6)
    activated = PatchAdversarialLoss(criterion="least_squares")(real, target_is_real=True, for_discriminator=True)
    assert float(activated) != pytest.approx(float(on_real), rel=1e-3), "the trap that this avoids"


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_side_pulls_the_logits_its_own_way(objective: Objective) -> None:
    real, fake = (torch.full((1, 1, 2, 2), 0.3, requires_grad=True) for _ in range(2))
    seen = torch.ones(1, 1, 2, 2)
    discriminator_loss(objective, real, fake, seen=seen).backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()
    fooling = torch.full((1, 1, 2, 2), 0.3, requires_grad=True)
    generator_loss(objective, fooling, seen=seen).backward()
    assert fooling.grad is not None
    assert (fooling.grad < 0).all()


def test_share_judged_real_counts_patches_that_see_the_foreground() -> None:
    values = torch.tensor([[[[2.0, -1.0, 0.7, 0.2]]]])
    seen = torch.tensor([[[[1.0, 1.0, 1.0, 0.0]]]])
    assert judged_real("vanilla", values, seen=seen) == pytest.approx(2 / 3)
    assert judged_real("least_squares", values, seen=torch.ones_like(seen)) == pytest.approx(2 / 4)


@pytest.mark.parametrize("dims", [2, 3])
def test_patches_seen_are_those_over_the_foreground(dims: int) -> None:
    mask = torch.zeros(1, 1, *[16] * dims)
    mask[(0, 0, *[slice(0, 3)] * dims)] = 1
    seen = patches_seen(mask, torch.zeros(1, 1, *[4] * dims))
    assert seen.sum() == 1
    assert seen[(0, 0, *[0] * dims)] == 1
    empty = patches_seen(torch.zeros_like(mask), torch.zeros(1, 1, *[4] * dims))
    assert float(generator_loss("hinge", torch.ones_like(empty), seen=empty)) == 0


@pytest.mark.parametrize(("penalty", "expected"), [("r1", 9 * 6 / 2), ("gradient", (3 * 6**0.5 - 1) ** 2)])
def test_penalty_of_a_linear_judge_is_analytic(penalty: Literal["r1", "gradient"], expected: float) -> None:
    slope = torch.tensor(3.0, requires_grad=True)
    real, fake = torch.rand(2, 1, 2, 3), torch.rand(2, 1, 2, 3)

    def judge(image: Tensor) -> Tensor:  # one logit whose slope is 3 for each of the 6 pixels
        return slope * image.sum(dim=(1, 2, 3), keepdim=True)

    value = gradient_penalty(penalty, judge, real=real, fake=fake)
    assert float(value.detach()) == pytest.approx(expected, rel=1e-5)
    value.backward()
    assert slope.grad is not None
    assert slope.grad > 0, "the penalty reaches the judge's weights"
