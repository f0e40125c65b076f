"""V-Net (Milletari, Navab & Ahmadi 2016, arXiv:1606.04797), in 3-D as in the paper and in 2-D.

Stages of 1, 2, 3, 3 and 3 convolutions of size 5 on the way down and 3, 3, 2 and 1 on the way up, each of which adds
its input to its output; between them convolutions of size 2 and stride 2 that double the features, and transposed ones
that halve them; a PReLU with a slope per channel after every convolution, the last of a stage's after the sum. The
first stage's input is repeated to the number of its features, to be added to them. A 1 x 1 (x 1) convolution ends it.
A voxel of the coarsest stage sees 372 voxels along an axis.

Different from the paper: the output is linear, where theirs are the probabilities of two labels. Where nothing
normalises, as in the paper, the last convolution of a stage starts at a third of its weights, else nine sums in a row
make the values of an untrained network grow 500-fold in variance.

A value here sums 1,000 products and more, so that Adam's steps change it more. Measured in bfloat16 on patches of 32
voxels along an axis, features (8, 16, 32), mean absolute error after 60 steps, where the target's median gives 0.22:
learning rate 3e-4, transposed 0.25, interpolation 0.34; 1e-3, transposed 0.27, interpolation 0.65, instance
normalisation 1.4. A step takes 4 to 5 times as long as the U-Net's of the same features.

MONAI's ``VNet`` is not wrapped: its stages have 1, 1, 2, 3, 2, 2, 2, 1 and 1 convolutions, a PReLU stands between a
stage's last convolution and the sum, it always begins with 16 features and so takes only 1, 2, 4, 8 or 16 channels,
always normalises by batch, drops half the features by default, and ends in a convolution of size 5 to as many channels
as the output has, normalised and rectified, through which one channel of intensities would have to pass.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from voxlate.networks.blocks import (
    Dims,
    Head,
    Normalisation,
    Residual,
    Upsampling,
    convolution,
    normalisation,
    per_level,
    quieten,
)
from voxlate.networks.encoder_decoder import EncoderDecoder, rise

_USUAL = (1, 2, 3)
_SIZE = 5


def vnet(
    *,
    dims: Dims,
    in_channels: PositiveInt,
    out_channels: PositiveInt,
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (16, 32, 64, 128, 256),
    convolutions: PositiveInt | Annotated[tuple[PositiveInt, ...], Field(min_length=2)] | None = None,
    normalise: Normalisation = "none",
    upsample: Upsampling = "transposed",
) -> EncoderDecoder:
    """A V-Net with a linear last layer.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the source.
        out_channels: Channels of the target.
        channels: Features per stage, finest first; every further stage halves the resolution.
        convolutions: Convolutions per stage, on the way down and on the way up: one number for all or one per stage.
            Without it 1 in the finest, 2 in the next, and 3 in all others.
        normalise: Normalisation after every convolution but the last.
        upsample: How the resolution is doubled.

    Raises:
        UsageError: If the numbers of ``channels`` and ``convolutions`` differ.
    """
    depth = len(channels)
    usual = [_USUAL[min(level, len(_USUAL) - 1)] for level in range(depth)]
    counts = per_level(usual if convolutions is None else convolutions, depth, where="network.vnet.convolutions")
    bias = normalise == "none"

    def stage(inputs: int, features: int, count: int) -> nn.Sequential:
        return _stage(dims, inputs, features, count=count, normalise=normalise, among=2 * depth - 1)

    def rectified(layers: list[nn.Module], features: int) -> nn.Sequential:
        return nn.Sequential(*layers, normalisation(normalise, dims, features), nn.PReLU(features))

    def down(fine: int, coarse: int, count: int) -> nn.Sequential:
        halve = convolution(dims, fine, coarse, size=2, stride=2, padding=0, bias=bias)
        return nn.Sequential(rectified([halve], coarse), stage(coarse, coarse, count))

    below = [*(2 * width for width in channels[1:-1]), channels[-1]]
    return EncoderDecoder(
        encoder=[
            stage(in_channels, channels[0], counts[0]),
            *(down(fine, coarse, count) for (fine, coarse), count in zip(pairwise(channels), counts[1:], strict=True)),
        ],
        rises=[
            rectified(rise(dims, b, a, kind=upsample, bias=bias), a) for a, b in zip(channels[:-1], below, strict=True)
        ],
        decoder=[stage(2 * width, 2 * width, count) for width, count in zip(channels[:-1], counts[:-1], strict=True)],
        head=Head(dims, 2 * channels[0], out_channels),
    )


def _stage(
    dims: Dims, inputs: int, features: int, *, count: int, normalise: Normalisation, among: int
) -> nn.Sequential:
    """Convolutions, each normalised and rectified, the last of them after the stage's input has been added."""
    parts: list[nn.Module] = []
    for width in [inputs] + [features] * (count - 1):
        parts.append(convolution(dims, width, features, size=_SIZE, bias=normalise == "none"))
        parts += [normalisation(normalise, dims, features), nn.PReLU(features)]
    *layers, rectifier = parts
    if normalise == "none":
        quieten(layers[-2], among=among)
    shortcut = None if inputs == features else _Repetition(features)
    return nn.Sequential(Residual(*layers, shortcut=shortcut), rectifier)


class _Repetition(nn.Module):
    """Repeats the channels in turn until there are as many as asked for; leaves out those too many."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, features: Tensor) -> Tensor:
        """``(b, c, *s)`` to ``(b, channels, *s)``."""
        times = -(-self.channels // features.shape[1])
        return torch.cat([features] * times, dim=1)[:, : self.channels]
