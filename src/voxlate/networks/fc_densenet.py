"""The fully convolutional DenseNet of a hundred layers (Jegou et al. 2017, "Tiramisu", arXiv:1611.09326).

In a dense block (Huang et al. 2017, arXiv:1608.06993) every layer sees the features of all layers before it and adds
``growth`` of its own. On the way down a block's features are joined to its input, and a 1 x 1 convolution and a maximum
of 2 x 2 pixels follow; on the way up only what the block before has added is doubled, and joined to the features of the
same resolution. Each layer is a normalisation, a rectifier and a 3 x 3 convolution, in this order.

Avula et al. 2020 hold their network against a denser one, the Dense-Unet of Xiang et al. 2018
(doi:10.1007/978-3-030-00928-1_25): a U-Net of dense blocks, as this is.

Different from the paper: instance normalisation instead of batch normalisation, which a single image has no use for;
interpolation before a 3 x 3 convolution in the place of a transposed convolution, whose uneven overlap draws
checkerboards (``upsample="transposed"`` is the paper's, with as many parameters); no dropout unless asked for; a linear
output.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from voxlate.networks.blocks import (
    Dims,
    Head,
    Normalisation,
    Pooling,
    Upsampling,
    convolution,
    doubling,
    normalisation,
)


def fc_densenet(
    *,
    dims: Dims,
    in_channels: PositiveInt,
    out_channels: PositiveInt,
    width: PositiveInt = 48,
    growth: PositiveInt = 12,
    layers: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (4, 4, 4, 4, 4, 4),
    normalise: Normalisation = "instance",
    upsample: Upsampling = "interpolate",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> FCDenseNet:
    """A U-shaped network of dense blocks with a linear last layer.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the source.
        out_channels: Channels of the target.
        width: Features of the first convolution.
        growth: Features that every layer adds: 12 in the paper's network of 56 layers, 16 in its larger ones.
        layers: Layers of the block at each resolution, finest first; every further one halves the resolution. The
            paper's are ``(4, 4, 4, 4, 4, 4)``, ``(5, 5, 5, 5, 5, 5)`` and ``(4, 5, 7, 10, 12, 15)``.
        normalise: Normalisation before every activation.
        upsample: How the resolution is doubled.
        dropout: Probability that a channel is dropped after a convolution (0.2 in the paper).
    """

    def layer(inputs: int, outputs: int, size: int) -> list[nn.Module]:
        drop = [nn.Dropout2d(dropout) if dims == 2 else nn.Dropout3d(dropout)] if dropout > 0 else []
        convolve = convolution(dims, inputs, outputs, size=size, bias=normalise == "none")
        return [normalisation(normalise, dims, inputs), nn.ReLU(), convolve, *drop]

    def block(inputs: int, count: int) -> _DenseBlock:
        return _DenseBlock([nn.Sequential(*layer(inputs + place * growth, growth, 3)) for place in range(count)])

    channels, joined, encoder, smaller = width, [], [], []
    for count in layers[:-1]:
        joined.append(channels + count * growth)
        encoder.append(block(channels, count))
        smaller.append(nn.Sequential(*layer(joined[-1], joined[-1], 1), Pooling()))
        channels = joined[-1]
    encoder.append(block(channels, layers[-1]))
    added, up = layers[-1] * growth, []
    for count, skipped in reversed(list(zip(layers[:-1], joined, strict=True))):
        rise = nn.Sequential(*doubling(dims, added, added, kind=upsample, bias=normalise == "none"))
        up.append(nn.ModuleList([rise, block(skipped + added, count)]))
        channels, added = skipped + added + count * growth, count * growth
    first = convolution(dims, in_channels, width, bias=normalise == "none")
    return FCDenseNet(first, encoder, smaller=smaller, up=up, head=Head(dims, channels, out_channels))


class _DenseBlock(nn.Module):
    """Layers that each see the input and what all before them gave.

    Args:
        layers: From all features so far to those that are added.
    """

    def __init__(self, layers: list[nn.Sequential]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, features: Tensor) -> Tensor:
        """``(b, inputs, *s)`` to ``(b, inputs + added, *s)``: the input, then what the layers have added."""
        for layer in self.layers:
            features = torch.cat([features, layer(features)], dim=1)
        return features


def _pair(parts: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The two parts of one resolution."""
    first, second = parts.children()
    return first, second


class FCDenseNet(nn.Module):
    """A fully convolutional DenseNet from its parts; see ``fc_densenet``.

    Attributes:
        divisor: Spatial sizes of an input must be multiples of it.
    """

    def __init__(
        self,
        first: nn.Module,
        encoder: list[_DenseBlock],
        *,
        smaller: list[nn.Sequential],
        up: list[nn.ModuleList],
        head: Head,
    ) -> None:
        super().__init__()
        self.first = first
        self.encoder = nn.ModuleList(encoder)
        self.smaller = nn.ModuleList(smaller)
        self.up = nn.ModuleList(up)
        self.head = head
        self.divisor = 2 ** len(smaller)

    def forward(self, source: Tensor) -> Tensor:
        """``(b, in_channels, *s)`` to ``(b, out_channels, *s)`` float32; sizes are multiples of ``divisor``."""
        features: Tensor = self.first(source)
        skips: list[Tensor] = []
        for block, smaller in zip(self.encoder[:-1], self.smaller, strict=True):
            skips.append(block(features))
            features = smaller(skips[-1])
        before, features = features.shape[1], self.encoder[-1](features)
        for rise, block in map(_pair, self.up):
            joined = torch.cat([skips.pop(), rise(features[:, before:])], dim=1)
            before, features = joined.shape[1], block(joined)
        prediction: Tensor = self.head(features)
        return prediction
