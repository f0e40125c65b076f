"""The U-Net (Ronneberger, Fischer & Brox 2015, arXiv:1505.04597; in 3-D Cicek et al. 2016, arXiv:1606.06650).

An encoder that halves the resolution per level, a decoder that doubles it, and at every level the encoder's features
joined to the decoder's. Different from the paper: convolutions are padded, so that output and input have the same
size, and upsampling is interpolation followed by a convolution.

MONAI's networks were looked at and are not wrapped: ``UNet`` upsamples by transposed convolution only; ``BasicUNet``
always has five levels, interpolates with aligned corners (so a voxel's value depends on the size of the window), and
fails in training where its instance normalisation meets a single voxel.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from voxlate.networks.blocks import Activation, Dims, Head, Layer, Normalisation, convolution, pool, upsample


def unet(
    *,
    dims: Dims,
    in_channels: PositiveInt,
    out_channels: PositiveInt,
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (32, 64, 128, 256),
    blocks: PositiveInt = 2,
    normalise: Normalisation = "none",
    activation: Activation = "leaky_relu",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    residual: bool = False,
) -> UNet:
    """A U-Net with a linear last layer.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the source.
        out_channels: Channels of the target.
        channels: Features per level, finest first; every further level halves the resolution.
        blocks: Convolutions per level, on the way down and on the way up.
        normalise: Normalisation between convolution and activation.
        activation: Activation after every convolution but the last.
        dropout: Probability that a channel is dropped after an activation.
        residual: Whether each level adds its input to its output (He et al. 2016, arXiv:1512.03385).
    """

    def level(inputs: int, outputs: int) -> Level:
        widths = [inputs] + [outputs] * blocks
        layers = [
            Layer(dims, a, b, normalise=normalise, activation=activation, dropout=dropout) for a, b in pairwise(widths)
        ]
        return Level(layers, skip=_shortcut(dims, inputs, outputs) if residual else None)

    return UNet(
        encoder=[level(a, b) for a, b in pairwise((in_channels, *channels))],
        merges=[convolution(dims, b, a, size=1) for a, b in pairwise(channels)],
        decoder=[level(2 * width, width) for width in channels[:-1]],
        head=Head(dims, channels[0], out_channels),
    )


def _shortcut(dims: Dims, inputs: int, outputs: int) -> nn.Module:
    return nn.Identity() if inputs == outputs else convolution(dims, inputs, outputs, size=1)


class Level(nn.Module):
    """The convolutions of one resolution, with their input added where a shortcut is given."""

    def __init__(self, layers: list[Layer], *, skip: nn.Module | None) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.skip = skip

    def forward(self, features: Tensor) -> Tensor:
        """``(b, inputs, *s)`` to ``(b, outputs, *s)``."""
        out: Tensor = self.layers(features)
        return out if self.skip is None else out + self.skip(features)


class UNet(nn.Module):
    """A U-Net from its parts; see ``unet``.

    Attributes:
        divisor: Spatial sizes of an input must be multiples of it.
    """

    def __init__(self, *, encoder: list[Level], merges: list[nn.Module], decoder: list[Level], head: Head) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(encoder)
        self.merges = nn.ModuleList(merges)
        self.decoder = nn.ModuleList(decoder)
        self.head = head
        self.divisor = 2 ** len(decoder)

    def forward(self, source: Tensor) -> Tensor:
        """``(b, in_channels, *s)`` to ``(b, out_channels, *s)`` float32; sizes are multiples of ``divisor``."""
        skips: list[Tensor] = []
        features = self.encoder[0](source)
        for level in list(self.encoder)[1:]:
            skips.append(features)
            features = level(pool(features))
        for number in reversed(range(len(skips))):
            # The 1 x 1 convolution commutes with interpolation, and before it costs a quarter (an eighth).
            coarse = upsample(self.merges[number](features))
            features = self.decoder[number](torch.cat([skips[number], coarse], dim=1))
        prediction: Tensor = self.head(features)
        return prediction
