"""What it helps to be told the echo time: T1 to a T2 whose echo time varies, with and without being told.

    python benchmarks/acquisition.py COHORT [--steps 400] [--seed 0]

COHORT is a phantom cohort, `voxlate phantom COHORT --cases 18 --seed 7 --size 64`, of which the true tissues of the
middle slices are rendered anew: a T1 as ever and, for every sample, a spin echo of 5 s whose echo time is drawn between
30 and 160 ms, but for the band from 80 to 110 ms, which is kept for the test, as are a third of the persons. Both
networks see the same samples. Prints the mean absolute error inside the foreground over persons and echo times of the
test.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from voxlate.config.choice import Choice
from voxlate.config.training import Training
from voxlate.io import read_volume
from voxlate.methods.interface import Batch
from voxlate.methods.unified import Unified, unified
from voxlate.phantoms import PROTOCOLS, Spins, TissueMap, draw_spins, render
from voxlate.phantoms.physics.protocols import Protocol
from voxlate.question import Query, numbers_of
from voxlate.volume import Grid

SOURCE, TARGET = "t1", "t2"
QUESTION = Query((SOURCE,), TARGET)
RANGE_MS, KEPT_MS = (30.0, 160.0), (80.0, 110.0)
TESTED_MS = (85.0, 95.0, 105.0)
SLICES = 12
T1 = PROTOCOLS[SOURCE]
Image = NDArray[np.float32]


def normalised(image: Image, mask: NDArray[np.bool_]) -> Image:
    """Between the 0.5th and the 99.5th percentile of the foreground, -1 outside."""
    low, high = np.percentile(image[mask], (0.5, 99.5))
    return np.where(mask, (image - low) / (high - low), -1).astype(np.float32)


class Person:
    """The images of one person at any echo time."""

    def __init__(self, spins: Spins, mask: NDArray[np.bool_], protocol: Protocol) -> None:
        self.spins, self.mask = spins, mask
        self.source = normalised(render(spins, protocol), mask)
        self._targets: dict[float, Image] = {}

    def target(self, echo_ms: float) -> Image:
        """The spin echo of an echo time."""
        if echo_ms not in self._targets:
            protocol = PROTOCOLS[TARGET].model_copy(update={"echo_ms": echo_ms})
            self._targets[echo_ms] = normalised(render(self.spins, protocol), self.mask)
        return self._targets[echo_ms]


def person_of(path: Path, seed: int) -> Person:
    """The person whose true tissues lie in a file."""
    volume = read_volume(path)
    middle = volume.shape[2] // 2
    tissues = np.ascontiguousarray(volume.array[:, :, middle - SLICES // 2 : middle + SLICES // 2], dtype=np.uint8)
    grid = Grid(tissues.shape, volume.affine)
    return Person(draw_spins(TissueMap(tissues, grid, 1, None), np.random.default_rng(seed)), tissues > 0, T1)


def numbers(echo_ms: float, *, told: bool) -> NDArray[np.float32]:
    """The question, with the echo time if that is told."""
    acquired = {TARGET: {"EchoTime": echo_ms / 1000}} if told else None
    return numbers_of(QUESTION, [SOURCE], [TARGET], each=1, acquired=acquired)


def batches(persons: list[Person], echoes: NDArray[np.float64], *, told: bool, seed: int) -> Iterator[Batch]:
    """Eight slices of as many persons, each at an echo time of its own; the same whether it is told or not."""
    rng = np.random.default_rng(seed)
    while True:
        samples = []
        for _ in range(8):
            person, echo = persons[rng.integers(len(persons))], float(echoes[rng.integers(len(echoes))])
            k = int(rng.choice(np.flatnonzero(person.mask.any(axis=(0, 1)))))
            image, asked = person.source[:, :, k], numbers(echo, told=told)
            planes = np.broadcast_to(asked[:, None, None], (len(asked), *image.shape))
            samples.append(
                (np.concatenate([image[None], planes]), person.target(echo)[None, :, :, k], person.mask[None, :, :, k])
            )
        source, target, mask = (
            torch.from_numpy(np.stack(parts).astype(np.float32)) for parts in zip(*samples, strict=True)
        )
        yield Batch(source, target, mask)


def train(persons: list[Person], echoes: NDArray[np.float64], *, told: bool, steps: int, seed: int) -> Unified:
    """A network that is told the echo time, or not."""
    torch.manual_seed(seed)
    network = Choice.model_validate({"name": "unet", "channels": (16, 32, 64), "normalise": "instance"})
    method = unified(
        dims=2,
        source_channels=1,
        target_channels=1,
        loss={"l1": 1.0},
        data_range=1.0,
        network=network,
        acquisition=told,
    )
    [optimiser] = method.train().optimisers(Training(steps=steps, learning_rate=2e-3))
    for step, batch in zip(range(steps), batches(persons, echoes, told=told, seed=seed), strict=False):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * 0.5 * (1 + np.cos(np.pi * step / steps))
        for _, loss, _ in method.training_losses(batch):
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
    return method


def error(method: Unified, persons: list[Person], echo_ms: float, *, told: bool) -> float:
    """Mean absolute error inside the foreground."""
    answering = method.ask(torch.from_numpy(numbers(echo_ms, told=told)))
    values = []
    for person in persons:
        slices = torch.from_numpy(np.moveaxis(person.source, 2, 0)[:, None].copy())
        found = np.moveaxis(answering.predict(slices)[:, 0].numpy(), 0, 2)
        values.append(float(np.abs(found - person.target(echo_ms))[person.mask].mean()))
    return float(np.mean(values))


def main() -> None:
    """Trains both, scores and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--persons", type=int, default=18)
    options = parser.parse_args()
    torch.set_num_threads(1)
    files = sorted(options.cohort.glob("derivatives/truth/*/*-tissues.nii.gz"))[: options.persons]
    persons = [person_of(path, number) for number, path in enumerate(files)]
    test, training = persons[::3], [person for number, person in enumerate(persons) if number % 3]
    every = np.linspace(*RANGE_MS, 11)
    echoes = every[(every < KEPT_MS[0]) | (every > KEPT_MS[1])]
    for told in (False, True):
        method = train(training, echoes, told=told, steps=options.steps, seed=options.seed)
        found = {echo: error(method, test, echo, told=told) for echo in TESTED_MS}
        words = ", ".join(f"{value:.4f} at {echo:.0f} ms" for echo, value in found.items())
        print(f"{'told' if told else 'not told'}: {np.mean(list(found.values())):.4f} ({words})", flush=True)


if __name__ == "__main__":
    main()
