"""What a run is made of at one moment: networks, their average, optimisers and counters; saved and restored as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from voxlate.config.training import Training
from voxlate.errors import TrainingError
from voxlate.methods.interface import Trainable
from voxlate.training.loop.checkpoints import BEST, load_latest, save_checkpoint


@dataclass
class Progress:
    """The counters of a run.

    Attributes:
        step: Finished steps.
        elapsed_s: Seconds spent, over all sessions of the run.
        best: Best monitored value so far, turned so that lower is better.
        best_step: The step it was reached at.
        stale: Validations since then.
        skipped: Steps skipped because something was not finite.
        skipped_in_a_row: The same since the last good step.
    """

    step: int = 0
    elapsed_s: float = 0.0
    best: float = math.inf
    best_step: int = 0
    stale: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0


def _average(method: Trainable, decay: float) -> AveragedModel:
    """A copy of the networks that follows them as an exponential moving average.

    The decay grows with the number of steps, ``min(decay, (1 + n) / (10 + n))``, so that a short run is not held back
    by the weights it was drawn with.
    """

    def follow(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
        kept = min(decay, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(list(averaged), list(current), 1 - kept)

    return AveragedModel(method, multi_avg_fn=torch.no_grad()(follow))


class RunState:
    """The state that the loop changes."""

    def __init__(self, method: Trainable, training: Training) -> None:
        self.method = method
        self.optimisers = method.optimisers(training)
        self.average = _average(method, training.ema) if training.ema else None
        self.progress = Progress()

    @property
    def chosen(self) -> Trainable:
        """The networks that are validated and shipped: the moving average if the recipe asks for one."""
        if self.average is None:
            return self.method
        return cast("Trainable", self.average.module)

    def average_weights(self) -> None:
        """Takes the present weights into the moving average."""
        if self.average is not None:
            self.average.update_parameters(self.method)

    def save(self, folder: Path) -> None:
        """Writes a numbered checkpoint.

        Raises:
            TrainingError: If a weight is not finite; the checkpoints that exist are kept.
        """
        self._check_finite()
        state = {
            **vars(self.progress),
            "method": self.method.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        save_checkpoint(folder, state)

    def save_best(self, folder: Path, metrics: dict[str, float]) -> None:
        """Writes the chosen networks as the best so far, with their validation metrics."""
        self._check_finite()
        best = {"step": self.progress.step, "metrics": metrics, "method": self.chosen.shipped_state()}
        save_checkpoint(folder, best, name=BEST)

    def restore(self, folder: Path) -> None:
        """Goes back to the newest whole checkpoint, if there is one."""
        state = load_latest(folder)
        if state is None:
            return
        self.method.load_state_dict(state.pop("method"))
        average = state.pop("average")
        if self.average is not None:
            self.average.load_state_dict(average)
        for optimiser, values in zip(self.optimisers, state.pop("optimisers"), strict=True):
            optimiser.load_state_dict(values)
        self.progress = Progress(**state)

    def _check_finite(self) -> None:
        for name, tensor in self.method.state_dict().items():
            if not bool(torch.isfinite(tensor).all()):
                raise TrainingError(
                    "finite weights",
                    came=f"NaN or infinity in {name}",
                    where=f"step {self.progress.step}",
                    remedy="The last checkpoint is good; train anew with a lower training.learning_rate.",
                )
