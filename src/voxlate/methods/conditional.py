"""A network that is told a question: which of its sources there are, and which target is wanted.

The images come in with the question behind them, each number of it as a channel of one value. Two things follow:

- The first layer is linear, so ``sum over the c that are there of W_c x_c / (share that is there)`` is the mean of one
  first convolution per source over the sources that there are. One that is absent is no term of that mean, whatever its
  channel holds, and no image of zeros stands for it (Havaei et al. 2016, arXiv:1607.05194, take means of features too).
- Behind every normalisation of the network the features are scaled and shifted, ``y (1 + g(q)) + b(q)``, by numbers
  that a small network makes of the question ``q`` (FiLM: Perez et al. 2018, arXiv:1709.07871). In a layer without
  normalisation they are scaled and shifted all the same.

With ``together`` the network gives every target at once, one a channel, and is told of the sources alone: then a sample
teaches all contrasts that its case has besides the sources, not only the one that was asked for.

Any network of the catalogue that is built of ``Layer`` can be told questions so.

With ``pointwise`` a second, small network answers beside the last layer, and what it says is added: it is told each
voxel's features and, once more, the voxel's own values in the images, which no normalisation has touched. So it is a
curve of grey values that the question and the surroundings bend, and keeps what normalised features have lost.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from voxlate.errors import UsageError
from voxlate.networks.blocks import Dims, Head, Layer, convolution

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
        pointwise: Features of what answers beside the last layer; 0: nothing does.
        together: Whether the network gives every target, of which the wanted one is taken.

    Attributes:
        divisor: Spatial sizes of an input must be multiples of it.

    Raises:
        UsageError: If the network has no layer that could be scaled and shifted.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        channels: int,
        targets: int,
        more: int = 0,
        pointwise: int = 0,
        together: bool = False,
    ) -> None:
        super().__init__()
        layers = [part for part in network.modules() if isinstance(part, Layer)]
        if not layers:
            raise UsageError(
                "a network whose layers can be scaled and shifted",
                came="one without such layers",
                where="method.network",
                remedy="Use unet, say.",
            )
        self.channels, self.targets, self.together = channels, targets, together
        self.numbers = channels + targets + more
        self.divisor = int(cast("int", network.divisor))
        self.embed = nn.Sequential(nn.Linear(self.numbers, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, _WIDTH), nn.SiLU())
        for layer in layers:
            layer[_NORMALISATION] = _Film(layer[_NORMALISATION], _width(layer))
        self.network = network
        self.beside = _Beside(_last_of(network), channels, pointwise) if pointwise else None

    def forward(self, source: Tensor) -> Tensor:
        """The target that a batch asks for, ``(b, 1, *s)``; every target, ``(b, targets, *s)``, if it gives all.

        Args:
            source: ``(b, channels + numbers, *s)``, the images and the question; images alone ask for the first target
                from all of them.
        """
        images, planes = source[:, : self.channels], source[:, self.channels :]
        question = planes.flatten(2)[..., 0] if planes.shape[1] else self._everything(images)
        return self.given(images, question)

    def answer(self, images: Tensor, question: Tensor) -> Tensor:
        """The target ``(b, 1, *s)`` that a question ``(b, numbers)`` asks for, of images ``(b, channels, *s)``."""
        given = self.given(images, question)
        if not self.together:
            return given
        wanted = question[:, self.channels : self.channels + self.targets].argmax(dim=1)
        return given[torch.arange(len(given), device=given.device), wanted][:, None]

    def given(self, images: Tensor, question: Tensor) -> Tensor:
        """As ``answer``; with ``together`` every target. One question ``(1, numbers)`` may be asked of many images."""
        if self.together:
            question = torch.cat([question[:, : self.channels], torch.zeros_like(question[:, self.channels :])], dim=1)
        there = question[(..., slice(self.channels), *[None] * (images.ndim - 2))]
        share = there.mean(dim=1, keepdim=True).clamp(min=1 / self.channels)
        with torch.autocast(images.device.type, enabled=False):
            told = self.embed(question.float())
            seen = torch.where(there > 0, images / share.to(images.dtype), 0.0)
        films = [part for part in self.modules() if isinstance(part, _Film)]
        for film in films:
            film.told = told
        try:
            if self.beside is None:
                prediction: Tensor = self.network(seen)
            else:
                prediction = self.beside.answer(self.network, seen, torch.where(there > 0, images, 0.0))
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


def _last_of(network: nn.Module) -> Head:
    heads = [part for part in network.modules() if isinstance(part, Head)]
    if len(heads) != 1:
        raise UsageError(
            "a network with one last layer",
            came=f"one with {len(heads)}",
            where="method.pointwise",
            remedy="Use unet, say, or leave method.pointwise out.",
        )
    return heads[0]


class _Beside(nn.Module):
    """Beside a last layer: of each voxel's features and its own values; says 0 before it has learned anything."""

    def __init__(self, head: Head, channels: int, width: int) -> None:
        super().__init__()
        last = head.linear
        dims: Dims = 3 if isinstance(last, nn.Conv3d) else 2
        features = int(cast("int", last.in_channels))
        self.layers = nn.Sequential(
            *(
                part
                for inputs in (features + channels, width)
                for part in (convolution(dims, inputs, width, size=1), _Film(nn.Identity(), width), nn.SiLU())
            ),
        )
        self.last = convolution(dims, width, int(cast("int", last.out_channels)), size=1)
        nn.init.zeros_(self.last.weight)

    def answer(self, network: nn.Module, seen: Tensor, images: Tensor) -> Tensor:
        """What the network says of what it has seen, and beside it this of the images."""
        features: list[Tensor] = []
        handle = _last_of(network).register_forward_pre_hook(lambda _, given: features.append(given[0]))
        try:
            prediction: Tensor = network(seen)
        finally:
            handle.remove()
        told = torch.cat([features[0], images.to(features[0].dtype)], dim=1)
        beside: Tensor = self.last(self.layers(told))
        return prediction + beside


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
            both = self.both(self.told)[(..., *[None] * (features.ndim - 2))]
        scale, offset = both.to(normal.dtype).chunk(2, dim=1)
        return torch.addcmul(offset, normal, 1 + scale)
