"""Unified: one network that gives any target from whatever sources there are.

The question (``voxlate.question``) is told to it with the images, see ``voxlate.methods.conditional``. In training
each sample asks a question of its own (``voxlate.training.loop.asking``), so that one network learns from all pairs,
and from cases that have only some of the contrasts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice, LossTerms
from voxlate.errors import UsageError
from voxlate.losses import of_images
from voxlate.losses.adversarial import Objective
from voxlate.methods.adversarial import Adversarial, Game, Opponent
from voxlate.methods.conditional import Conditional
from voxlate.methods.interface import Batch, Translator, evaluating
from voxlate.networks import NETWORKS
from voxlate.question.acquisition import COUNT

_BETA = 0.5
"""Decay of Adam's first moment in the adversarial game, that of pix2pix."""
_NETWORK = Choice.model_validate({"name": "unet", "channels": (24, 48, 96, 160, 224), "normalise": "instance"})


def unified(  # noqa: PLR0913  (the choices of a recipe)
    *,
    dims: Literal[2, 3],
    source_channels: int,
    target_channels: int,
    loss: LossTerms,
    data_range: float,
    sources: PositiveInt = 1,
    network: Choice = _NETWORK,
    acquisition: bool = False,
    pointwise: NonNegativeInt = 0,
    together: bool = False,
    discriminator: Choice | None = None,
    objective: Objective = "least_squares",
    weight: Annotated[float, Field(ge=0)] = 0.01,
) -> Unified:
    """A network that is told which sources there are and which target is wanted.

    Args:
        dims: Number of spatial axes of a sample.
        source_channels: Channels of the sources, all of them.
        target_channels: How many contrasts can be wanted; one of them comes out.
        loss: The recipe's loss section; see ``WeightedLoss``.
        data_range: Range of the normalised target values.
        sources: How many sources there are; the recipe tells.
        network: An entry of ``NETWORKS`` that is built of layers, with its options.
        acquisition: Whether it is told how the sources were acquired, and how the target is to be, as far as known.
        pointwise: Features of what answers beside the last layer, of each voxel's own values too; 0: nothing does.
        together: Whether it gives every target at once, so that a sample teaches all contrasts that its case has.
        discriminator: An entry of ``DISCRIMINATORS``, which sees images and question; none: regression alone.
        objective: The adversarial game, see ``voxlate.losses.adversarial``.
        weight: Weight of the adversarial term beside those of the loss section.
    """
    if together and (acquisition or discriminator is not None):
        raise UsageError(
            "an answer to one question",
            came="together, with " + ("acquisition" if acquisition else "a discriminator"),
            where="method.together",
            remedy="Leave one of the two out: acquisition and judge are of the one target that is asked for.",
        )
    outputs = target_channels if together else 1
    inner = build(NETWORKS, network, what="network", dims=dims, in_channels=source_channels, out_channels=outputs)
    more = COUNT * (sources + 1) if acquisition else 0
    told = Conditional(
        inner, channels=source_channels, targets=target_channels, more=more, pointwise=pointwise, together=together
    )
    channels = source_channels + told.numbers + 1
    opponent = None if discriminator is None else Opponent.drawn(discriminator, dims=dims, channels=channels)
    game = Game(objective, weight, 1.0, _BETA, "none", 1.0)
    return Unified(told, loss=of_images(loss, dims=dims, data_range=data_range), opponent=opponent, game=game)


class Unified(Adversarial):
    """A network that is told a question; see ``unified``."""

    asked: ClassVar[bool] = True
    network: Conditional

    @property
    def together(self) -> bool:
        """Whether a sample teaches every target that its case has besides the sources."""
        return self.network.together

    def compared(self, batch: Batch, prediction: Tensor) -> tuple[Tensor, dict[str, float]]:
        """As ``NetworkMethod.compared``; of several targets each is compared as a sample of its own."""
        return super().compared(*((batch, prediction) if prediction.shape[1] == 1 else _each_alone(batch, prediction)))

    def ask(self, numbers: Tensor) -> Translator:
        """What answers one question.

        Args:
            numbers: ``(numbers,)``, see ``voxlate.question.numbers_of``.
        """
        return _Answering(self, numbers)


def _each_alone(batch: Batch, prediction: Tensor) -> tuple[Batch, Tensor]:
    """Targets ``(b, t, *s)`` as samples ``(b * t, 1, *s)``."""

    def alone(images: Tensor) -> Tensor:
        return images.flatten(0, 1)[:, None]

    hidden = None if batch.hidden is None else alone(batch.hidden)
    labels = None if batch.labels is None else batch.labels.repeat_interleave(batch.target.shape[1], dim=0)
    several = replace(batch, target=alone(batch.target), mask=alone(batch.mask), hidden=hidden, labels=labels)
    return several, alone(prediction)


class _Answering(Translator):
    """A method that has been asked one question: its sources come in, its target goes out.

    Args:
        method: Who is asked.
        numbers: The question.
    """

    def __init__(self, method: Unified, numbers: Tensor) -> None:
        self.method, self.numbers = method, numbers
        self.divisor = method.divisor
        self._there = numbers[: method.network.channels] > 0

    def ask(self, numbers: Tensor) -> Translator:
        """The same method, asked something else."""
        return self.method.ask(numbers)

    @torch.no_grad()
    def predict(self, source: Tensor) -> Tensor:
        """The target ``(b, 1, *s)`` float32 of the channels ``(b, c, *s)`` of those sources that are there."""
        network = self.method.network
        images = source.new_zeros(len(source), network.channels, *source.shape[2:])
        images = images.contiguous(memory_format=torch.channels_last if source.ndim == 4 else torch.channels_last_3d)
        images[:, self._there.to(source.device)] = source
        with evaluating(network):
            return network.answer(images, self.numbers.to(source.device).expand(len(source), -1)).float()
