"""The adversarial training step as a ratio: as Voxlate takes it against the plain one, side by side in one run.

    python benchmarks/adversarial.py [--size 256] [--repeats 5]

The plain step is what a script after pix2pix does: float32, default memory layout, unfused Adam, one forward pass of
the generator. Networks, batch and losses are the same. Prints one line per pair of networks: seconds of both, ratio.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import nn

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice
from voxlate.config.training import Training
from voxlate.losses.adversarial import discriminator_loss, generator_loss
from voxlate.methods import METHODS, Batch, Trainable
from voxlate.methods.hardware import channels_last, computing_in, memory_format, resolve_precision
from voxlate.networks import DISCRIMINATORS, NETWORKS

PAIRS: dict[str, tuple[dict[str, Any], int]] = {
    "unet_256, batch 4": ({"name": "pix2pix_unet", "levels": 8}, 4),
    "ResNet-9, batch 1": ({"name": "resnet", "blocks": 9, "upsample": "transposed"}, 1),
}


def make_batch(size: int, samples: int) -> Batch:
    """Noise of the size of a slice."""
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.rand(samples, 1, size, size, generator=generator) for _ in range(2))
    return Batch(source=source, target=target, mask=torch.ones_like(source))


def ours(network: dict[str, Any], batch: Batch) -> Callable[[], None]:
    """One step as the training loop takes it."""
    torch.manual_seed(0)
    choice = Choice.model_validate({"name": "adversarial", "network": network})
    context = {"dims": 2, "source_channels": 1, "target_channels": 1, "loss": {"l1": 100.0}, "data_range": 1.0}
    method = build(METHODS, choice, what="method", **context)
    assert isinstance(method, Trainable)
    channels_last(method, dims=2).train().optimisers(Training(steps=1))
    precision, device = resolve_precision("auto"), torch.device("cpu")
    placed = batch.to(device, memory_format=memory_format(2))

    def step() -> None:
        pairs = iter(method.training_losses(placed))
        while True:
            with computing_in(precision, device):
                pair = next(pairs, None)
            if pair is None:
                return
            optimiser, loss, _ = pair
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

    return step


def plain(network: dict[str, Any], batch: Batch) -> Callable[[], None]:
    """The same step in float32 without any of that."""
    torch.manual_seed(0)
    generator: nn.Module = build(
        NETWORKS, Choice.model_validate(network), what="", dims=2, in_channels=1, out_channels=1
    )
    judge: nn.Module = DISCRIMINATORS["patchgan"](dims=2, in_channels=2)
    adam = [torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999)) for m in (judge, generator)]

    def step() -> None:
        fake = generator(batch.source)
        logits = [judge(torch.cat([batch.source, image], 1)) for image in (batch.target, fake.detach())]
        adam[0].zero_grad()
        discriminator_loss("vanilla", *logits, seen=torch.ones_like(logits[0])).backward()
        adam[0].step()
        judge.requires_grad_(requires_grad=False)
        judged = judge(torch.cat([batch.source, fake], 1))
        loss = (
            generator_loss("vanilla", judged, seen=torch.ones_like(judged)) + 100 * (fake - batch.target).abs().mean()
        )
        adam[1].zero_grad()
        loss.backward()
        adam[1].step()
        judge.requires_grad_(requires_grad=True)

    return step


def seconds(steps: tuple[Callable[[], None], Callable[[], None]], repeats: int) -> tuple[float, float]:
    """Median wall time of each, taken in turn after two to warm up."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(repeats + 2):
        for step, into in zip(steps, times, strict=True):
            began = time.perf_counter()
            step()
            if number >= 2:
                into.append(time.perf_counter() - began)
    return median(times[0]), median(times[1])


def main() -> None:
    """Measures every pair of networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    for name, (network, samples) in PAIRS.items():
        batch = make_batch(asked.size, samples)
        fast, slow = seconds((ours(network, batch), plain(network, batch)), asked.repeats)
        print(f"{name}: {1000 * fast:.0f} ms against {1000 * slow:.0f} ms, ratio {slow / fast:.2f}")


if __name__ == "__main__":
    main()
