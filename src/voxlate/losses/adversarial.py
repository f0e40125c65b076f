"""The adversarial game: what a discriminator is taught, and what a generator is taught by it.

With logits ``r`` of real and ``f`` of predicted patches, means over the patches (Goodfellow et al. 2014,
arXiv:1406.2661; Mao et al. 2017, arXiv:1611.04076; Lim & Ye 2017, arXiv:1705.02894):

    objective        discriminator                                  generator
    vanilla          (softplus(-r) + softplus(f)) / 2               softplus(-f)
    least_squares    ((r - 1)^2 + f^2) / 2                          (f - 1)^2
    hinge            (max(0, 1 - r) + max(0, 1 + f)) / 2            -f

``vanilla`` is the cross entropy of the logits; its generator's part is the non-saturating one, as in pix2pix. Only
patches that see the foreground count: the others are the same constant in both images and teach nothing.

Penalties on the discriminator's gradient ``g`` with respect to the image, against training that swings:

    r1          |g|^2 / 2 at real images (Mescheder, Geiger & Nowozin 2018, arXiv:1801.04406)
    gradient    (|g| - 1)^2 between real and predicted ones (Gulrajani et al. 2017, arXiv:1704.00028)

MONAI's ``PatchAdversarialLoss`` is not used: unless told otherwise it sends the scores through a leaky rectifier before
least squares, and always through a hyperbolic tangent before the hinge and a sigmoid before the cross entropy, which
then loses its precision and cannot run under autocast. Told otherwise, its least squares agree, which the tests check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Objective = Literal["vanilla", "least_squares", "hinge"]
Penalty = Literal["none", "r1", "gradient"]
_MIDDLE: dict[Objective, float] = {"vanilla": 0.0, "least_squares": 0.5, "hinge": 0.0}


def discriminator_loss(objective: Objective, real: Tensor, fake: Tensor, *, seen: Tensor) -> Tensor:
    """What the discriminator minimises, a scalar.

    Args:
        objective: Which game.
        real: Logits ``(b, 1, *s')`` of real images.
        fake: Logits of predicted images, the same shape.
        seen: ``(b, 1, *s')``, 1 where a patch counts; see ``patches_seen``.
    """
    if objective == "vanilla":
        values = functional.softplus(-real) + functional.softplus(fake)
    elif objective == "least_squares":
        values = (real - 1).square() + fake.square()
    else:
        values = functional.relu(1 - real) + functional.relu(1 + fake)
    return _mean(values, seen) / 2


def generator_loss(objective: Objective, fake: Tensor, *, seen: Tensor) -> Tensor:
    """What the generator minimises, a scalar, from the logits ``(b, 1, *s')`` of its images."""
    if objective == "vanilla":
        values = functional.softplus(-fake)
    else:
        values = (fake - 1).square() if objective == "least_squares" else -fake
    return _mean(values, seen)


def judged_real(objective: Objective, logits: Tensor, *, seen: Tensor) -> float:
    """The share of patches that the discriminator takes for real, 0 to 1."""
    return float(_mean((logits > _MIDDLE[objective]).float(), seen))


def patches_seen(mask: Tensor, logits: Tensor) -> Tensor:
    """``(b, 1, *s')``: 1 for each logit whose part of the image holds any foreground.

    Args:
        mask: ``(b, 1, *s)``, 1 inside the foreground.
        logits: ``(b, 1, *s')``, laid over the image as a grid.
    """
    pool = functional.adaptive_max_pool2d if mask.ndim == 4 else functional.adaptive_max_pool3d
    return pool(mask.float(), logits.shape[2:])


def gradient_penalty(
    penalty: Literal["r1", "gradient"], judge: Callable[[Tensor], Tensor], *, real: Tensor, fake: Tensor
) -> Tensor:
    """A penalty on the slope of the discriminator, a scalar, in float32.

    Args:
        penalty: Which one.
        judge: From images ``(b, t, *s)`` to logits.
        real: Real images.
        fake: Predicted images.
    """
    with torch.autocast(real.device.type, enabled=False):
        images = real.float()
        if penalty == "gradient":
            share = torch.rand(len(images), *[1] * (images.ndim - 1), device=images.device)
            images = torch.lerp(fake.detach().float(), images, share)
        images = images.detach().requires_grad_()
        score = judge(images).flatten(1).mean(1).sum()
        [slope] = torch.autograd.grad(score, images, create_graph=True)
        squared = slope.flatten(1).square().sum(1)
        if penalty == "r1":
            return squared.mean() / 2
        return ((squared + 1e-12).sqrt() - 1).square().mean()


def _mean(values: Tensor, seen: Tensor) -> Tensor:
    return (values * seen).sum() / seen.sum().clamp(min=1)
