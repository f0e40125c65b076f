"""The two interfaces of a method: it translates, and perhaps it learns.

A ``Translator`` turns a source into a target. A ``Trainable`` adds what the training loop needs, and the loop knows
nothing more::

    optimisers = method.optimisers(training)
    for optimiser, loss, parts in method.training_losses(batch):
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

The pairs come lazily: an adversarial method computes the generator's loss only after the discriminator has stepped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from voxlate.config import Training
from voxlate.losses import WeightedLoss


@dataclass(frozen=True)
class Batch:
    """Paired samples, normalised.

    Attributes:
        source: ``(b, c, *s)`` float32.
        target: ``(b, t, *s)`` float32.
        mask: ``(b, 1, *s)`` float32, 1 inside the foreground and 0 outside.
        labels: ``(b, 1, *s)`` label map, for losses that use one (a lesion mask, say); -1 everywhere in a sample whose
            case has none.
    """

    source: Tensor
    target: Tensor
    mask: Tensor
    labels: Tensor | None = None

    def to(self, device: torch.device, *, memory_format: torch.memory_format = torch.preserve_format) -> Batch:
        """The same batch on a device; the source in the memory layout that the networks are fastest with."""
        return Batch(
            source=self.source.to(device, non_blocking=True, memory_format=memory_format),
            target=self.target.to(device, non_blocking=True),
            mask=self.mask.to(device, non_blocking=True),
            labels=None if self.labels is None else self.labels.to(device, non_blocking=True),
        )


@runtime_checkable
class Translator(Protocol):
    """Anything that turns a source into a target."""

    def predict(self, source: Tensor) -> Tensor:
        """The target ``(b, t, *s)`` float32 of a source ``(b, c, *s)``, in normalised values, without gradients."""


def count_parameters(module: nn.Module) -> int:
    """Number of trainable numbers."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


class Trainable(nn.Module, ABC):
    """A translator with parameters to learn.

    Attributes:
        divisor: Spatial sizes of a sample must be multiples of it.
        network: What maps source to target.
        loss: What compares prediction and target in training.
    """

    divisor: int
    network: nn.Module
    loss: WeightedLoss

    def shipped_state(self) -> dict[str, Tensor]:
        """The part of the state that translation needs, which goes into the bundle: all of it, unless overridden."""
        return self.state_dict()

    @torch.no_grad()
    def predict(self, source: Tensor) -> Tensor:
        """As ``Translator.predict``: the network in evaluation mode, whatever mode it is in.

        Args:
            source: ``(b, c, *s)``, sizes multiples of ``divisor``.
        """
        was_training = self.network.training
        self.network.eval()
        try:
            prediction: Tensor = self.network(source)
        finally:
            self.network.train(was_training)
        return prediction.float()

    def describe(self) -> dict[str, str]:
        """What is trained, in words: from a part to its size."""
        return {"network": f"{count_parameters(self.network):,} parameters"}

    @abstractmethod
    def optimisers(self, training: Training) -> list[Optimizer]:
        """New optimisers for the method's parameters, which ``training_losses`` names from then on.

        The loop saves and restores their state; their order is the same every time.
        """

    @abstractmethod
    def training_losses(self, batch: Batch) -> Iterator[tuple[Optimizer, Tensor, dict[str, float]]]:
        """The (optimiser, loss, its named parts) of one step; each loss is computed when it is asked for."""
