"""The residual U-Net that adds up segmentation maps (Kayalibay, Jensen & van der Smagt 2017, arXiv:1701.03056).

Every level is a residual block of two convolutions of size 3; normalisation and rectifier stand before a convolution,
so that what is added is never rectified (He et al. 2016, arXiv:1603.05027). A convolution of stride 2 halves the
resolution and doubles the features. On the way up a 1 x 1 (x 1) convolution halves the features before the resolution
is doubled and a convolution of size 3 follows. Every level of the way up ends in a map of its own; the coarsest is
doubled by linear interpolation and added to the next, and so on up to the finest:

``prediction = m_1 + up(m_2 + up(m_3 + ...))``, ``m_l = W_l x_l + b_l``

The maps are logits: a sigmoid or softmax comes after the sum and is not part of the network.

From Kayalibay et al. and their code (github.com/bkayalibay/CNNbasedMedicalSegmentation) is the form; they have four
levels with 8 to 64 features. Kathane & Vhora (IE643 project report 2022) replicated it with residual blocks
of two convolutions. They saw "130M+" parameters with strided convolutions, and "90M+" when they had "replaced the
strided convolutions with max pooling and shifted a few layers across the blocks"; they give no numbers of features.
Ours are the five levels of 64 to 1024 features: 133 million strided, 96 million pooled, where ``max_pool`` leaves the
doubling of the features to the first convolution of the next block. They also report that neither variant trained.

Ours as well: instance normalisation, which is what the batch normalisation of both becomes in their batches of one; a
leaky rectifier for the PReLU of Kayalibay et al.; interpolation that is linear, where ``transposed`` is the
convolution of size 3 of Kayalibay et al., whose overlap is uneven. In 2-D it is the same network.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, PositiveInt
from torch import nn

from voxlate.networks.blocks import (
    ACTIVATIONS,
    Activation,
    Dims,
    Head,
    Interpolation,
    Normalisation,
    Pooling,
    Residual,
    Upsampling,
    convolution,
    normalisation,
    quieten,
    transposed,
)
from voxlate.networks.encoder_decoder import EncoderDecoder

Downsampling = Literal["strided", "max_pool"]


def residual_unet3d(
    *,
    dims: Dims,
    in_channels: PositiveInt,
    out_channels: PositiveInt,
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (64, 128, 256, 512, 1024),
    downsample: Downsampling = "strided",
    upsample: Upsampling = "interpolate",
    normalise: Normalisation = "instance",
    activation: Activation = "leaky_relu",
) -> EncoderDecoder:
    """A U-Net of residual blocks whose prediction is the sum of the maps of its decoder's levels.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the source.
        out_channels: Channels of the target.
        channels: Features per level, finest first; every further level halves the resolution.
        downsample: How the resolution is halved.
        upsample: How the resolution is doubled.
        normalise: Normalisation before every convolution but the first, the strided, the shortcuts' and the last.
        activation: Activation before the same convolutions.
    """
    among, bias = 2 * len(channels) - 1, normalise == "none"

    def active(inputs: int, *then: nn.Module) -> nn.Sequential:
        return nn.Sequential(normalisation(normalise, dims, inputs), ACTIVATIONS[activation](), *then)

    def block(inputs: int, outputs: int) -> Residual:
        first, second = convolution(dims, inputs, outputs, bias=bias), convolution(dims, outputs, outputs, bias=bias)
        if normalise == "none":
            quieten(second, among=among)
        shortcut = None if inputs == outputs else _linear(dims, inputs, outputs, size=1)
        return Residual(active(inputs, first), active(outputs, second), shortcut=shortcut)

    def down(fine: int, coarse: int) -> nn.Sequential:
        if downsample == "max_pool":
            return nn.Sequential(Pooling(), block(fine, coarse))
        return nn.Sequential(_linear(dims, fine, coarse, size=3, stride=2), block(coarse, coarse))

    def rise(coarse: int, fine: int) -> nn.Sequential:
        double: list[nn.Module] = [Interpolation(), convolution(dims, fine, fine, bias=bias)]
        if upsample == "transposed":
            double = [transposed(dims, fine, fine, size=3, output_padding=1, bias=bias)]
        return nn.Sequential(active(coarse, convolution(dims, coarse, fine, size=1, bias=bias)), active(fine, *double))

    heads = [Head(dims, width, out_channels) for width in channels[:-1]]
    for head in heads:
        quieten(head, among=len(heads))
    return EncoderDecoder(
        encoder=[
            nn.Sequential(convolution(dims, in_channels, channels[0], bias=bias), block(channels[0], channels[0])),
            *(down(fine, coarse) for fine, coarse in pairwise(channels)),
        ],
        rises=[rise(coarse, fine) for fine, coarse in pairwise(channels)],
        decoder=[block(2 * width, width) for width in channels[:-1]],
        head=heads[0],
        coarser=heads[1:],
        summed=True,
    )


def _linear(dims: Dims, inputs: int, outputs: int, *, size: int, stride: int = 1) -> nn.Module:
    """A convolution without a rectifier to halve the variance, which starts at a root of two less."""
    layer = convolution(dims, inputs, outputs, size=size, stride=stride, bias=False)
    quieten(layer, among=2)
    return layer
