"""A network that is told a question: which of its sources there are, and which target is wanted.

The images come in with the question behind them, each number of it as a channel of one value. Two things follow:

- The first layer is linear, so ``sum over the c that are there of W_c x_c / (share that is there)`` is the mean of one
  first convolution per source over the sources that there are. One that is absent is no term of that mean, whatever its
  channel holds, and no image of zeros stands for it (Havaei et al. 2016, arXiv:1607.05194, take means of features too).
- Behind every normalisation of the network the features are scaled and shifted, ``y (1 + g(q)) + b(q)``, by numbers
  that a small network makes of the question ``q`` (FiLM: Perez et al. 2018, arXiv:1709.07871). In a layer without
  normalisation they are scaled and shifted all the same.

Any network of the catalogue that is built of ``Layer`` can be told questions so.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from voxlate.errors import UsageError
from voxlate.networks.blocks import Layer

_WIDTH = 64
"""Features of the small network."""
_NORMALISATION = 1
"""Which part of a layer is its normalisation."""


class Conditional(nn.Module):
    """A network with what tells it the question.

    Args:
        network: From images ``(b, channels, *s)``; its layers are scaled and shifted from now on.
        channels: Of the images.
        targets: How many there are to be wanted.
        more: How many further numbers a question has.

    Attributes:
        divisor: Spatial sizes of an input must be multiples of it.

    Raises:
        UsageError: If the network has no layer that could be scaled and shifted.
    """

    def __init__(self, network: nn.Module, *, channels: int, targets: int, more: int = 0) -> None:
        super().__init__()
        layers = [part for part in network.modules() if isinstance(part, Layer)]
        if not layers:
            raise UsageError(
                "a network whose layers can be scaled and shifted",
                came="one without such layers",
                where="method.network",
                remedy="Use unet, say.",
            )
        self.channels, self.targets = channels, targets
        self.numbers = channels + targets + more
        self.divisor = int(cast("int", network.divisor))
        self.embed = nn.Sequential(nn.Linear(self.numbers, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, _WIDTH), nn.SiLU())
        for layer in layers:
            layer[_NORMALISATION] = _Film(layer[_NORMALISATION], _width(layer))
        self.network = network

    def forward(self, source: Tensor) -> Tensor:
        """The target that a batch asks for, ``(b, t, *s)``.

        Args:
            source: ``(b, channels + numbers, *s)``, the images and the question; images alone ask for the first target
                from all of them.
        """
        images, planes = source[:, : self.channels], source[:, self.channels :]
        question = planes.flatten(2)[..., 0] if planes.shape[1] else self._everything(images)
        return self.answer(images, question)

    def answer(self, images: Tensor, question: Tensor) -> Tensor:
        """As ``forward``, of images ``(b, channels, *s)`` and a question ``(b, numbers)``."""
        there = question[:, : self.channels].view(*images.shape[:2], *[1] * (images.ndim - 2))
        share = there.mean(dim=1, keepdim=True).clamp(min=1 / self.channels)
        with torch.autocast(images.device.type, enabled=False):
            told = self.embed(question.float())
            seen = torch.where(there > 0, images / share.to(images.dtype), 0.0)
        films = [part for part in self.network.modules() if isinstance(part, _Film)]
        for film in films:
            film.told = told
        try:
            prediction: Tensor = self.network(seen)
        finally:
            for film in films:
                film.told = None
        return prediction

    def _everything(self, images: Tensor) -> Tensor:
        question = torch.zeros(len(images), self.numbers, device=images.device)
        question[:, : self.channels + 1] = 1.0
        return question


def _width(layer: Layer) -> int:
    """Channels of what a layer gives."""
    return int(cast("int", layer[0].out_channels))


class _Film(nn.Module):
    """A normalisation, and behind it a scale and an offset that the question decides."""

    def __init__(self, norm: nn.Module, channels: int) -> None:
        super().__init__()
        self.norm = norm
        self.both = nn.Linear(_WIDTH, 2 * channels)
        nn.init.normal_(self.both.weight, std=0.02)
        nn.init.zeros_(self.both.bias)
        self.told: Tensor | None = None

    def forward(self, features: Tensor) -> Tensor:
        """``(b, channels, *s)`` normalised, scaled and shifted."""
        normal: Tensor = self.norm(features)
        if self.told is None:
            return normal
        with torch.autocast(features.device.type, enabled=False):
            both = self.both(self.told).view(len(self.told), -1, *[1] * (features.ndim - 2))
        scale, offset = both.to(normal.dtype).chunk(2, dim=1)
        return torch.addcmul(offset, normal, 1 + scale)
