"""The simple 3-D U-Net that Kathane & Vhora (IE643 project report 2022) tried first.

They write: "input layer, followed by convolution with elu activation, maxpooling, upsampling and concatenation layers
(20 in total) and finally output layer with sigmoid activation". Here that is two convolutions on each of three levels
of the way down, each level followed by a maximum of 2 x 2 x 2 voxels; two at the bottom; and three times an
interpolation, a concatenation and one convolution on the way up: 8 + 3 + 9 = 20. All convolutions have size 3.

Ours, because the report does not say it: which 20 layers, the numbers of features, and interpolation that is linear.
The output is linear, too: logits, where the report's network ends in a sigmoid. In 2-D it is the same network.

It differs from ``unet`` in the activation, in one convolution instead of two on the way up, and in features that are
doubled without being halved in number first.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import nn

from voxlate.networks.blocks import Activation, Dims, Head, Interpolation, Normalisation, Pooling, layers
from voxlate.networks.encoder_decoder import EncoderDecoder


def simple_unet3d(
    *,
    dims: Dims,
    in_channels: PositiveInt,
    out_channels: PositiveInt,
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (16, 32, 64, 128),
    normalise: Normalisation = "none",
    activation: Activation = "elu",
) -> EncoderDecoder:
    """A U-Net of few layers with a linear last one.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the source.
        out_channels: Channels of the target.
        channels: Features per level, finest first; every further level halves the resolution.
        normalise: Normalisation between convolution and activation.
        activation: Activation after every convolution but the last.
    """

    def chain(*widths: int) -> nn.Sequential:
        return layers(dims, widths, normalise=normalise, activation=activation)

    return EncoderDecoder(
        encoder=[
            chain(in_channels, channels[0], channels[0]),
            *(nn.Sequential(Pooling(), *chain(fine, coarse, coarse)) for fine, coarse in pairwise(channels)),
        ],
        rises=[Interpolation() for _ in channels[1:]],
        decoder=[chain(fine + coarse, fine) for fine, coarse in pairwise(channels)],
        head=Head(dims, channels[0], out_channels),
    )
