"""A conditional adversarial pair (pix2pix: Isola et al. 2017, arXiv:1611.07004), as Genc et al. 2022 train it.

A generator ``G`` predicts the target from the source ``x``; a discriminator ``D`` sees the source beside an image and
says of each patch whether that image is the real target ``y``::

    D minimises  the objective's loss of D(x, y) and D(x, G(x))  [+ penalty_weight * penalty]
    G minimises  weight * the objective's loss of D(x, G(x)) + sum_t w_t L_t(G(x), y)

The terms ``L_t`` (L1, SSIM, lesion mask, features ...) are the recipe's section ``loss``. Each step trains ``D`` first,
then ``G`` against what ``D`` has become. Outside the foreground both images are 0 for ``D``, which otherwise would tell
them apart by their background. The discriminator exists in training only: the bundle holds the generator.

Batch normalisation is refused where a step sees a single sample: its mean would be that of the image alone in training,
and another function in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Optimizer

from voxlate.config.catalogue import build, pick
from voxlate.config.choice import Choice, LossTerms
from voxlate.config.training import Training
from voxlate.errors import UsageError
from voxlate.losses import WeightedLoss, of_images
from voxlate.losses.adversarial import (
    Objective,
    Penalty,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    judged_real,
    patches_seen,
)
from voxlate.machines.processes import gathered
from voxlate.methods.hardware import channels_last
from voxlate.methods.interface import Batch, NetworkMethod, make_optimiser
from voxlate.networks import DISCRIMINATORS, NETWORKS


def adversarial(  # noqa: PLR0913  (the choices of a recipe)
    *,
    dims: Literal[2, 3],
    source_channels: int,
    target_channels: int,
    loss: LossTerms,
    data_range: float,
    network: Choice = Choice(name="resnet"),  # noqa: B008  (frozen)
    discriminator: Choice = Choice(name="patchgan"),  # noqa: B008  (frozen)
    objective: Objective = "vanilla",
    weight: Annotated[float, Field(ge=0)] = 1.0,
    discriminator_rate: Annotated[float, Field(gt=0)] = 1.0,
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    penalty: Penalty = "none",
    penalty_weight: Annotated[float, Field(gt=0)] = 10.0,
    add_channel: Annotated[int, Field(ge=0)] | None = None,
) -> Adversarial:
    """A generator with a patch discriminator that is conditioned on the source.

    Args:
        dims: Number of spatial axes of a sample.
        source_channels: Channels of the source.
        target_channels: Channels of the target.
        loss: The recipe's loss section; see ``WeightedLoss``.
        data_range: Range of the normalised target values.
        network: The generator, an entry of ``NETWORKS`` with its options.
        discriminator: An entry of ``DISCRIMINATORS`` with its options.
        objective: The adversarial game, see ``voxlate.losses.adversarial``.
        weight: Weight of the adversarial term beside those of the loss section.
        discriminator_rate: The discriminator's learning rate over the generator's.
        beta1: Decay of Adam's first moment; 0.5 in pix2pix.
        penalty: Penalty on the discriminator's gradient.
        penalty_weight: Its weight.
        add_channel: Source channel that the generator's output is added to, so that it learns the difference; for
            contrasts that are alike in most places.
    """
    opponent = Opponent.drawn(discriminator, dims=dims, channels=source_channels + target_channels)
    game = Game(objective, weight, discriminator_rate, beta1, penalty, penalty_weight)
    method = Adversarial(
        build(NETWORKS, network, what="network", dims=dims, in_channels=source_channels, out_channels=target_channels),
        loss=of_images(loss, dims=dims, data_range=data_range),
        opponent=opponent,
        game=game,
    )
    method.learn_difference(add_channel, channels=source_channels)
    return method


@dataclass(frozen=True)
class Game:
    """How the two networks are trained against each other; see ``adversarial`` for each value."""

    objective: Objective
    weight: float
    discriminator_rate: float
    beta1: float
    penalty: Penalty
    penalty_weight: float


@dataclass(frozen=True)
class Opponent:
    """The discriminator to be built when training begins."""

    choice: Choice
    dims: Literal[2, 3]
    channels: int
    seed: int

    @classmethod
    def drawn(cls, choice: Choice, *, dims: Literal[2, 3], channels: int) -> Opponent:
        """One of a known kind, with a seed of its own.

        Raises:
            UsageError: If there is no discriminator of that name.
        """
        pick(DISCRIMINATORS, choice.name, what="discriminator")
        return cls(choice, dims, channels, int(torch.randint(2**31, ())))

    def build(self) -> nn.Module:
        """The network with weights that the seed decides, whenever it is built, channels-last."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = build(
                DISCRIMINATORS, self.choice, what="discriminator", dims=self.dims, in_channels=self.channels
            )
        return channels_last(network)


class Adversarial(NetworkMethod):
    """A generator and what it is trained against; see ``adversarial``. Without an opponent it learns by regression.

    Attributes:
        discriminator: From the first call of ``optimisers`` on, if there is an opponent.
    """

    def __init__(self, network: nn.Module, *, loss: WeightedLoss, opponent: Opponent | None, game: Game) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.divisor = int(network.divisor)  # type: ignore[arg-type]  # every network of the catalogue has an int
        self.discriminator: nn.Module | None = None
        self._opponent = opponent
        self._game = game
        self._optimisers: list[Optimizer] = []

    def shipped_state(self) -> dict[str, Tensor]:
        """The generator's state."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("discriminator.")}

    def describe(self) -> dict[str, str]:
        """Sizes of both networks, and how much of the image one judgement of the discriminator sees."""
        told, opponent = super().describe(), self.trained_networks().get("discriminator")
        if opponent is not None:
            told["discriminator's receptive field"] = f"{opponent.receptive_field} voxels along each axis"
        return told

    def trained_networks(self) -> dict[str, nn.Module]:
        """The generator, and the discriminator, which sees the source beside the target; or the network alone."""
        if self._opponent is None:
            return {"network": self.network}
        return {"generator": self.network, "discriminator": self.discriminator or self._opponent.build()}

    def optimisers(self, training: Training) -> list[Optimizer]:
        """The discriminator's optimiser, if there is one, and the generator's, in the order in which they step.

        Raises:
            UsageError: If a network in a game normalises by the batch and a step sees a single sample.
        """
        if self._opponent is None:
            self._optimisers = [make_optimiser(self.network.parameters(), training)]
            return self._optimisers
        self.discriminator = self._opponent.build().to(next(self.network.parameters()).device)
        if training.step_samples == 1:
            _refuse_batch_normalisation(self)
        betas = (self._game.beta1, 0.999)
        slower = training.model_copy(update={"learning_rate": training.learning_rate * self._game.discriminator_rate})
        self._optimisers = [
            make_optimiser(self.discriminator.parameters(), slower, betas=betas),
            make_optimiser(self.network.parameters(), training, betas=betas),
        ]
        return self._optimisers

    def training_losses(self, batch: Batch) -> Iterator[tuple[Optimizer, Tensor, dict[str, float]]]:
        """The discriminator's loss, if there is one, then the generator's.

        Raises:
            UsageError: If ``optimisers`` has not been called.
        """
        if not self._optimisers:
            raise UsageError("optimisers", came="none yet", remedy="Call optimisers(training) before the first step.")
        prediction: Tensor = self(batch.source)
        if self.discriminator is None:
            yield self._optimisers[0], *self.compared(batch, prediction)
            return
        batch = replace(batch, source=self.seen(batch.source))
        yield self._optimisers[0], *self._discriminate(self.discriminator, batch, prediction.detach())
        yield self._optimisers[1], *self._generate(self.discriminator, batch, prediction)

    def _discriminate(self, judge: nn.Module, batch: Batch, prediction: Tensor) -> tuple[Tensor, dict[str, float]]:
        game = self._game
        real, fake = (_inside(image, batch.mask) for image in (batch.target, prediction))
        real_logits, fake_logits = (gathered(judge(_beside(batch.source, image))) for image in (real, fake))
        seen = patches_seen(gathered(batch.mask), real_logits)
        loss = discriminator_loss(game.objective, real_logits, fake_logits, seen=seen)
        parts = {
            "discriminator": float(loss.detach()),
            "accuracy_real": judged_real(game.objective, real_logits, seen=seen),
            "accuracy_fake": 1 - judged_real(game.objective, fake_logits, seen=seen),
        }
        if game.penalty != "none":
            slope = gradient_penalty(
                game.penalty, lambda image: judge(_beside(batch.source, image)), real=real, fake=fake
            )
            slope = gathered(slope[None]).mean()
            parts["penalty"] = float(slope.detach())
            loss = loss + game.penalty_weight * slope
        return loss, parts

    def _generate(self, judge: nn.Module, batch: Batch, prediction: Tensor) -> tuple[Tensor, dict[str, float]]:
        judge.requires_grad_(False)  # its gradients would be computed for nothing
        logits = gathered(judge(_beside(batch.source, _inside(prediction, batch.mask))))
        judge.requires_grad_(True)
        seen = patches_seen(gathered(batch.mask), logits)
        adversarial_term = generator_loss(self._game.objective, logits, seen=seen)
        compared, parts = self.compared(batch, prediction)
        total = self._game.weight * adversarial_term + compared
        return total, {
            **parts,
            "adversarial": float(adversarial_term.detach()),
            "generator": float(total.detach()),
            "fooled": judged_real(self._game.objective, logits, seen=seen),
        }


def _inside(image: Tensor, mask: Tensor) -> Tensor:
    """The image with nothing outside the foreground."""
    return image.float().masked_fill(mask == 0, 0.0)


def _beside(source: Tensor, image: Tensor) -> Tensor:
    """What the discriminator sees: the condition and the image to judge, as channels."""
    return torch.cat([source.float(), image], dim=1)


def _refuse_batch_normalisation(method: nn.Module) -> None:
    found = next(
        (name for name, part in method.named_modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)), ""
    )
    if found:
        raise UsageError(
            "at least two samples in a step for batch normalisation",
            came="one",
            where=found,
            remedy="Raise training.batch_size or training.samples_per_case, or normalise by instance.",
        )
