"""The interfaces of a method: it translates, and perhaps it learns.

A ``Method`` answers what callers may ask of any of them; nobody asks which class it is. A ``Translator`` turns a source
into a target. A ``Trainable`` has what the training loop needs, and the loop knows nothing more; a ``NetworkMethod`` is
both::

    optimisers = method.optimisers(training)
    for optimiser, loss, parts in method.training_losses(batch):
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

The pairs come lazily: an adversarial method computes the generator's loss only after the discriminator has stepped.

The optimisers that a recipe can name: Adam (Kingma & Ba 2015, arXiv:1412.6980), AdamW (arXiv:1711.05101), and gradient
descent with Nesterov's momentum (Sutskever et al. 2013), as nnU-Net trains (Isensee et al. 2021,
doi:10.1038/s41592-020-01008-z).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from voxlate.config.training import Training
from voxlate.errors import UsageError
from voxlate.losses import WeightedLoss
from voxlate.machines.processes import gathered, several
from voxlate.methods.curve import GreyCurve
from voxlate.methods.encoder import LabelEncoder
from voxlate.networks.blocks import Head

_MOMENTUM = 0.99


@dataclass(frozen=True)
class Batch:
    """Paired samples, normalised.

    Attributes:
        source: ``(b, c, *s)`` float32.
        target: ``(b, t, *s)`` float32.
        mask: ``(b, 1, *s)`` float32, 1 where the loss counts: in the foreground, where the target shows something.
        labels: ``(b, 1, *s)`` label map, for losses that use one (a lesion mask, say); -1 everywhere in a sample whose
            case has none.
        view: Which of the recipe's views the samples are cut in, counted from 0.
        hidden: ``(b, 1, *s)`` float32, 1 where the target shows nothing, inside the foreground or outside it; ``None``
            where every target shows all.
    """

    source: Tensor
    target: Tensor
    mask: Tensor
    labels: Tensor | None = None
    view: int = 0
    hidden: Tensor | None = None

    def seen(self, prediction: Tensor) -> Tensor:
        """A prediction ``(b, t, *s)`` that equals the target where this shows nothing: there, nothing is taught.

        A mask alone would not do: the windows of a structural similarity reach beyond it.
        """
        return prediction if self.hidden is None else torch.where(self.hidden != 0, self.target.float(), prediction)

    def of_all(self) -> Batch:
        """What predictions are compared with, of all processes of a training; the source is still that of this one."""
        if not several():
            return self
        return replace(
            self,
            target=gathered(self.target),
            mask=gathered(self.mask),
            labels=None if self.labels is None else gathered(self.labels),
            hidden=None if self.hidden is None else gathered(self.hidden),
        )

    def to(self, device: torch.device, *, memory_format: torch.memory_format = torch.preserve_format) -> Batch:
        """The same batch on a device; the source in the memory layout that the networks are fastest with."""
        return Batch(
            source=self.source.to(device, non_blocking=True, memory_format=memory_format),
            target=self.target.to(device, non_blocking=True),
            mask=self.mask.to(device, non_blocking=True),
            labels=None if self.labels is None else self.labels.to(device, non_blocking=True),
            view=self.view,
            hidden=None if self.hidden is None else self.hidden.to(device, non_blocking=True),
        )


class Method:
    """How source becomes target, as those see it who build, train, ship and apply methods.

    Attributes:
        learns: From what: the ``steps`` of optimisers, ``exemplars`` that it keeps, or ``nothing``.
        asked: Whether it gives any of several targets from whatever sources there are, as it is asked.
        segments: Whether it gives a probability per class, of which ``decode`` makes a label map, and not an image.
        divisor: Spatial sizes of a sample must be multiples of it.
        classes: From the name of each class to its label values, none for every one above 0; empty unless it segments.
    """

    learns: ClassVar[Literal["steps", "exemplars", "nothing"]] = "nothing"
    asked: ClassVar[bool] = False
    segments: ClassVar[bool] = False
    divisor: int = 1
    classes: Mapping[str, tuple[int, ...]] = {}

    @property
    def parts(self) -> Mapping[str, Translator]:
        """What translates the samples of each view, by the view's name; under an empty name where there is one view."""
        return {}

    @property
    def networks(self) -> Mapping[str, NetworkMethod]:
        """As ``parts``, where each of them is a network that learns; empty for any other method."""
        return {}

    @property
    def combined_by(self) -> NetworkMethod | None:
        """What makes one volume of those that the parts predict; ``None`` where there is one part."""
        return None


class Translator(Method, ABC):
    """Anything that turns a source into a target, sample by sample.

    Attributes:
        channels: How many volumes ``predict`` gives side by side.
        sequential: Whether the samples of a case must come in order along the slice axis, each of them once.
    """

    channels: int = 1
    sequential: ClassVar[bool] = False

    @property
    def parts(self) -> Mapping[str, Translator]:
        """Itself, for the only view."""
        return {"": self}

    @abstractmethod
    def predict(self, source: Tensor) -> Tensor:
        """The target ``(b, t, *s)`` float32 of a source ``(b, c, *s)``, in normalised values, without gradients."""

    def ask(self, numbers: Tensor) -> Translator:
        """What answers a question, see ``voxlate.question``; itself, unless it can be asked several."""
        return self

    def begin_case(self) -> None:
        """Told before the first sample of a case."""

    def decode(self, stitched: NDArray[np.float32]) -> NDArray[np.float32]:
        """The target ``(1, i, j, k)`` of a whole case, from what was predicted of it, ``(channels, i, j, k)``.

        What is predicted is the target itself, unless overridden.
        """
        return stitched


def count_parameters(module: nn.Module) -> int:
    """Number of trainable numbers."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


class Trainable(nn.Module, Method, ABC):
    """What learns step by step, as the training loop knows it.

    Attributes:
        loss: What compares prediction and target in training.
    """

    learns: ClassVar[Literal["steps"]] = "steps"
    loss: WeightedLoss

    @property
    def together(self) -> bool:
        """Whether a sample teaches every target that its case has besides the sources, and not one."""
        return False

    def shipped_state(self) -> dict[str, Tensor]:
        """The part of the state that translation needs, which goes into the bundle: all of it, unless overridden."""
        return self.state_dict()

    def describe(self) -> dict[str, str]:
        """What is trained, in words: from a part to its size."""
        return {name: f"{count_parameters(network):,} parameters" for name, network in self.trained_networks().items()}

    def trained_networks(self) -> dict[str, nn.Module]:
        """What is trained, by name; each takes a sample ``(b, c, *s)``."""
        return {"network": self}

    @abstractmethod
    def optimisers(self, training: Training) -> list[Optimizer]:
        """New optimisers for the method's parameters, which ``training_losses`` names from then on.

        The loop saves and restores their state; their order is the same every time.
        """

    @abstractmethod
    def training_losses(self, batch: Batch) -> Iterator[tuple[Optimizer, Tensor, dict[str, float]]]:
        """The (optimiser, loss, its named parts) of one step; each loss is computed when it is asked for."""


class NetworkMethod(Trainable, Translator):
    """A translator that learns: one network maps source to target.

    Attributes:
        network: What maps source to target.
        add_channel: The source channel that the network's output is added to; ``None`` for none.
        curve: What makes of that channel what the output is added to; ``None``: it is added to the channel itself.
        conditions: Turns label maps among the source's channels into what the network sees; ``None`` for none.
    """

    network: nn.Module
    conditions: LabelEncoder | None = None
    add_channel: int | None = None
    curve: GreyCurve | None

    def __init__(self) -> None:
        super().__init__()
        self.curve = None

    @property
    def networks(self) -> Mapping[str, NetworkMethod]:
        """Itself, for the only view."""
        return {"": self}

    def forward(self, source: Tensor) -> Tensor:
        """The target ``(b, t, *s)`` of a source ``(b, c, *s)``, with gradients, in the mode that the network is in."""
        source = self.seen(source)
        prediction: Tensor = self.network(source)
        if self.add_channel is None:
            return prediction
        channel = source[:, self.add_channel : self.add_channel + 1]
        return prediction + (channel.to(prediction.dtype) if self.curve is None else self.curve(channel))

    def seen(self, source: Tensor) -> Tensor:
        """What the network sees of a source ``(b, c, *s)``: label maps as channels of their own, see ``conditions``."""
        return source if self.conditions is None else self.conditions(source)

    def learn_difference(self, channel: int | None, *, channels: int, curve: GreyCurve | None = None) -> None:
        """Lets the network learn what is to be added to a channel of the source; it begins with nothing.

        Args:
            channel: The channel; ``None``: the network gives the target itself.
            channels: How many the source has.
            curve: What is made of the channel first.

        Raises:
            UsageError: If there is no such channel.
        """
        if channel is None:
            return
        if channel >= channels:
            raise UsageError(
                f"a channel of the source, 0 to {channels - 1}",
                came=str(channel),
                where="method.add_channel" if curve is None else "method.lookup_channel",
                remedy="With neighbouring slices, the middle one of a contrast is its own.",
            )
        self.add_channel, self.curve = channel, curve
        for last in [part for part in self.network.modules() if isinstance(part, Head)]:
            last.linear.weight.data.zero_()  # type: ignore[operator]  # a convolution

    def compared(self, batch: Batch, prediction: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The weighted loss of a prediction, and each of its terms, where the target of the batch shows something.

        Of several processes each predicts its share, and each computes the loss of all.
        """
        batch, prediction = batch.of_all(), gathered(prediction)
        total, parts = self.loss(batch.seen(prediction), batch.target, batch.mask, batch.labels)
        return total, {name: float(value) for name, value in parts.items()}

    @torch.no_grad()
    def predict(self, source: Tensor) -> Tensor:
        """As ``Translator.predict``: the network in evaluation mode, whatever mode it is in.

        Args:
            source: ``(b, c, *s)``, sizes multiples of ``divisor``.
        """
        with evaluating(self.network):
            prediction: Tensor = self(source)
        return prediction.float()


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """A network that learns is in evaluation mode meanwhile; to tell every layer takes as long as a small slice."""
    if not network.training:
        yield
        return
    network.eval()
    try:
        yield
    finally:
        network.train()


def make_optimiser(
    parameters: Iterable[nn.Parameter], training: Training, *, betas: tuple[float, float] = (0.9, 0.999)
) -> Optimizer:
    """The recipe's optimiser over some parameters, in the fused form, which steps all of them in one pass.

    Args:
        parameters: What is optimised.
        training: Kind, learning rate and weight decay.
        betas: Decay of the first and second moment; adversarial methods lower the first.
    """
    if training.optimiser == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=training.learning_rate,
            momentum=_MOMENTUM,
            nesterov=True,
            weight_decay=training.weight_decay,
            fused=True,
        )
    kind = torch.optim.AdamW if training.optimiser == "adamw" else torch.optim.Adam
    return kind(parameters, lr=training.learning_rate, weight_decay=training.weight_decay, betas=betas, fused=True)
