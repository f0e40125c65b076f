"""The U-Net of Henry et al. (BraTS 2020, arXiv:2011.01045), whose fourth stage has a dilated bottleneck.

Four stages of two convolutions of size 3 with 48, 96, 192 and 384 features, a maximum of 2 x 2 x 2 voxels between
them. In the place of a fifth stage the fourth goes on at its own resolution: two convolutions with a dilation of 2,
whose output is joined to the stage's own and brought down to 192 features by one more. On the way up linear
interpolation and two convolutions per stage, of which the second halves the features except in the finest. Every
convolution is followed by group normalisation and a rectifier. For one channel and one label that is 23.1 million
parameters, as in the authors' code (``EquiUnet`` of github.com/lescientifik/open_brats2020); Kathane & Vhora (IE643
project report 2022), whose replica of it was the network they kept, saw "23M+".

Different from there: groups of 8 channels instead of 16 groups; interpolation does not align corners, so that a voxel
does not depend on the size of the window; the output is linear (logits), a sigmoid or softmax is the affair of whoever
wants probabilities. With ``deep_supervision`` every coarser resolution has a last layer, too, and ``maps`` gives them
all; the authors supervise the dilated convolutions before they are joined as well, and interpolate each map to full
resolution. In 2-D it is the same network.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from voxlate.networks.blocks import Activation, Dims, Head, Interpolation, Normalisation, Pooling, layers
from voxlate.networks.encoder_decoder import EncoderDecoder


def dilated_unet3d(
    *,
    dims: Dims,
    in_channels: PositiveInt,
    out_channels: PositiveInt,
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (48, 96, 192, 384),
    dilation: PositiveInt = 2,
    normalise: Normalisation = "group",
    activation: Activation = "relu",
    deep_supervision: bool = False,
) -> EncoderDecoder:
    """A U-Net with a dilated bottleneck and a linear last layer.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the source.
        out_channels: Channels of the target.
        channels: Features per stage, finest first; every further stage halves the resolution.
        dilation: Step of the bottleneck's convolutions, in voxels of the coarsest stage.
        normalise: Normalisation between convolution and activation.
        activation: Activation after every convolution but the last.
        deep_supervision: Whether coarser stages have a last layer, too, for a loss on ``EncoderDecoder.maps``. The
            prediction is the finest map either way: a method that compares only that leaves the others untrained.
    """

    def chain(*widths: int, step: int = 1) -> nn.Sequential:
        return layers(dims, widths, dilation=step, normalise=normalise, activation=activation)

    above = [channels[0], *channels[:-1]]  # what a stage hands on to the next finer one
    encoder = [chain(in_channels, channels[0], channels[0])]
    for fine, coarse in pairwise(channels):
        encoder.append(nn.Sequential(Pooling(), *chain(fine, coarse, coarse)))
    widest = channels[-1]
    encoder[-1].extend([_Joined(chain(widest, widest, widest, step=dilation)), *chain(2 * widest, above[-1])])
    return EncoderDecoder(
        encoder=encoder,
        rises=[Interpolation() for _ in channels[1:]],
        decoder=[chain(2 * width, width, after) for width, after in zip(channels[:-1], above[:-1], strict=True)],
        head=Head(dims, channels[0], out_channels),
        coarser=[Head(dims, width, out_channels) for width in above[1:]] if deep_supervision else (),
    )


class _Joined(nn.Module):
    """Layers whose output is joined to their input as further channels.

    Args:
        layers: What is applied to the input.
    """

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, features: Tensor) -> Tensor:
        """``(b, inputs, *s)`` to ``(b, inputs + outputs, *s)``: the input, then what the layers make of it."""
        return torch.cat([features, self.layers(features)], dim=1)
