"""The memory of a training step, measured: this module, run, reads a request and writes an answer.

It is a process of its own because a process's peak memory only ever grows, and this one has done nothing before. It
takes the steps that training takes (forward, losses, backward, optimisers, moving average) on random cubes; the first
of two steps creates the optimisers' moments, the second has them from its start.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from voxlate.cohort import Cohort
from voxlate.contrast import get_contrast
from voxlate.errors import TrainingError, VoxlateError
from voxlate.methods.hardware import memory_format
from voxlate.methods.interface import Batch, Trainable
from voxlate.plugins import load_named
from voxlate.training.loop.loop import Job, take_step
from voxlate.training.loop.state import RunState
from voxlate.training.loop.validation import Validation
from voxlate.training.setup.begin import build_trainable
from voxlate.training.setup.memory import ProbeAnswer, ProbeRequest
from voxlate.training.setup.setup import Setup
from voxlate.windows import Window

_STEPS = 2


def _probe(request: ProbeRequest) -> ProbeAnswer:
    """Takes steps on one cube after the other, each with its side rounded up to what the network divides.

    Raises:
        VoxlateError: If the recipe's method cannot be built, or does not learn step by step.
    """
    recipe = request.recipe
    cohort = Cohort(Path(), layout="", cases=())
    setup = Setup(recipe, cohort, {}, fingerprint=request.fingerprint, plan=request.plan)
    before = _peak_bytes(setup.device)
    method = build_trainable(setup)
    state, job = RunState(method, recipe.training), _job(setup)
    peaks = []
    for side in request.cubes:
        size = -(-side // method.divisor) * method.divisor
        for _ in range(_STEPS):
            take_step(state, job.place(_cube(setup, method, size)), job)
            state.average_weights()
        peaks.append((size**3, _peak_bytes(setup.device) - before))
    return ProbeAnswer(divisor=method.divisor, peaks=tuple(peaks))


def main() -> None:
    """Answers the request on standard input; a refusal is an answer too."""
    request = ProbeRequest.model_validate_json(sys.stdin.read())
    try:
        load_named()
        answer = _probe(request)
    except VoxlateError as error:
        refusal = {"expected": error.expected, "came": error.came, "where": error.where, "remedy": error.remedy}
        answer = ProbeAnswer(refusal=refusal)
    sys.stdout.write(answer.model_dump_json() + "\n")


def _cube(setup: Setup, method: Trainable, size: int) -> Batch:
    """One sample of random values, all of it foreground."""
    shape = (1, 1, size, size, size)
    channels = Window(setup.recipe.window).input_channels(len(setup.recipe.source))
    is_label = get_contrast(setup.recipe.target).kind == "label"
    return Batch(
        source=torch.rand(1, channels, *shape[2:]),
        target=torch.zeros(shape) if is_label else torch.rand(shape),
        mask=torch.ones(shape),
        labels=torch.ones(shape) if method.loss.uses_labels else None,
    )


def _job(setup: Setup) -> Job:
    """What a step needs of the loop's job."""

    def batches(_start: int) -> Iterator[Batch]:
        return iter(())

    def validate(_method: Trainable) -> Validation:
        raise TrainingError("steps alone", came="a validation", remedy="Report this; it is a fault of Voxlate's.")

    return Job(
        training=setup.recipe.training,
        steps_per_epoch=1,
        batches=batches,
        validate=validate,
        lower_is_better=True,
        device=setup.device,
        memory_format=memory_format(Window(setup.recipe.window).dims),
        precision=setup.precision,
    )


def _peak_bytes(device: torch.device) -> int:
    """The most that the device, or this process, has held so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.is_file():  # not getrusage: there the peak of a process begins with that of its parent
        lines = [line.split() for line in status.read_text(encoding="utf-8").splitlines()]
        return next(1024 * int(words[1]) for words in lines if words[0] == "VmHWM:")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts in bytes


if __name__ == "__main__":
    main()
