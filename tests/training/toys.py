"""A method small enough to train in milliseconds, for tests of the loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from voxlate.config.training import Training
from voxlate.methods.interface import Batch, Trainable
from voxlate.training.loop.journal import Entry, read_log
from voxlate.training.loop.loop import Job, Observer
from voxlate.training.loop.validation import Example, Validation


def story(folder: Path) -> list[Entry]:
    """The log without its times."""
    return [
        replace(entry, numbers={name: value for name, value in entry.numbers.items() if not name.endswith("_s")})
        for entry in read_log(folder / "log.jsonl")
    ]


class Toy(Trainable):
    """A linear map with dropout, so that a step draws random numbers."""

    divisor = 1

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 4))
        self.poison_at: set[int] = set()
        self.calls = 0

    def predict(self, source: Tensor) -> Tensor:
        with torch.no_grad():
            return self.layers(source)

    def optimisers(self, training: Training) -> list[torch.optim.Optimizer]:
        self.optimiser = torch.optim.Adam(self.parameters(), lr=training.learning_rate)
        return [self.optimiser]

    def training_losses(self, batch: Batch) -> Iterator[tuple[torch.optim.Optimizer, Tensor, dict[str, float]]]:
        loss = (self.layers(batch.source) - batch.target).square().mean()
        self.calls += 1
        if self.calls in self.poison_at:
            loss = loss * torch.nan
        yield self.optimiser, loss, {"l2": float(loss.detach())}


def batches(start: int) -> Iterator[Batch]:
    """Batches that depend on the step alone."""
    step = start
    while True:
        rng = np.random.default_rng(step)
        source = torch.from_numpy(rng.normal(size=(2, 1, 3, 4)).astype(np.float32))
        yield Batch(source=source, target=source.flip(-1), mask=torch.ones(2, 1, 3, 4))
        step += 1


def score(method: Trainable) -> Validation:
    """The error on a fixed batch."""
    method.eval()
    batch = next(batches(10**6))
    value = float((method.predict(batch.source) - batch.target).abs().mean())
    method.train()
    empty = np.zeros((1, 1, 1), np.float32)
    return Validation({"mae": value}, Example("toy", empty, empty, empty, empty > 0, (1.0, 1.0, 1.0)))


def make_job(observers: tuple[Observer, ...] = (), **training: object) -> Job:
    """A job for the toy; keywords are fields of ``Training``."""
    fields = {"steps": 20, "validate_every": 5, "checkpoint_every": 4, "precision": "fp32", **training}
    return Job(
        training=Training.model_validate(fields),
        steps_per_epoch=7,
        batches=partial(batches),
        validate=score,
        lower_is_better=True,
        device=torch.device("cpu"),
        memory_format=torch.channels_last,
        precision="fp32",
        observers=observers,
    )
