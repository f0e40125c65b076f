"""A training step as the loop takes it, against the same step in eager float32 with plain Adam."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from harness import Comparison

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice
from voxlate.config.training import Training
from voxlate.methods import METHODS, Batch
from voxlate.methods.hardware import channels_last, computing_in, memory_format, resolve_precision
from voxlate.methods.interface import Trainable

_PLAIN = "the same step, eager float32, plain Adam"
_BF16 = 0.05
"""Share of the loss: the first step's, in bfloat16 where the processor multiplies in it."""
_STEPS: dict[str, tuple[int, dict[str, Any], dict[str, float], tuple[int, ...], float]] = {
    "regression, 2-D U-Net": (2, {"name": "regression"}, {"l1": 1.0}, (8, 160, 160), 1.9),
    "adversarial, pix2pix unet_256": (
        2,
        {"name": "adversarial", "network": {"name": "pix2pix_unet"}},
        {"l1": 100.0},
        (4, 256, 256),
        1.9,
    ),
    "regression, 3-D U-Net": (
        3,
        {"name": "regression", "network": {"name": "unet", "channels": [24, 48, 96, 192], "normalise": "instance"}},
        {"l1": 1.0},
        (1, 64, 64, 64),
        3.0,
    ),
    "segmentation, 3-D U-Net": (
        3,
        {
            "name": "segmentation",
            "network": {"name": "unet", "channels": [24, 48, 96, 192], "normalise": "instance"},
        },
        {"dice": 1.0, "bce": 1.0},
        (1, 64, 64, 64),
        3.0,
    ),
}


def training(_: Path) -> Iterator[Comparison]:
    """Regression, adversarial, 3-D, segmentation."""
    for title, (dims, method, loss, shape, goal) in _STEPS.items():
        batch = _batch(shape, labels=method["name"] == "segmentation")
        ours, usual = (_step(dims, method, loss, batch, fast=fast) for fast in (True, False))
        size = f"{shape[0]} of {' x '.join(map(str, shape[1:]))}"
        yield Comparison(f"step: {title}", size, ours, usual, _PLAIN, _BF16, goal, repeats=2)


def _batch(shape: tuple[int, ...], *, labels: bool) -> Batch:
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.rand(shape[0], 1, *shape[1:], generator=generator) for _ in range(2))
    return Batch(source=source, target=(target > 0.7).float() if labels else target, mask=torch.ones_like(source))


def _step(
    dims: int, options: dict[str, Any], loss: dict[str, float], batch: Batch, *, fast: bool
) -> Callable[[], float]:
    """One step, which gives the sum of the losses of the first."""
    torch.manual_seed(0)
    context = {"dims": dims, "source_channels": 1, "target_channels": 1, "loss": loss, "data_range": 1.0}
    method = build(METHODS, Choice.model_validate(options), what="method", **context)
    assert isinstance(method, Trainable)
    precision, device = resolve_precision("auto") if fast else "fp32", torch.device("cpu")
    optimisers = (channels_last(method) if fast else method).train().optimisers(Training(steps=1))
    if not fast:
        for one in optimisers:
            one.defaults["fused"] = False
            for group in one.param_groups:
                group["fused"] = False
    placed = batch.to(device, memory_format=memory_format(dims)) if fast else batch
    losses: list[float] = []

    def step() -> float:
        total, pairs = 0.0, iter(method.training_losses(placed))
        while True:
            with computing_in(precision, device):
                pair = next(pairs, None)
            if pair is None:
                losses.append(total)
                return losses[0]
            optimiser, value, _ = pair
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            optimiser.step()
            total += float(value)

    return step
