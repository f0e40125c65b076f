"""The residual encoder U-Net of nnU-Net (Isensee et al. 2024, arXiv:2404.09556), its recommended network.

A U-Net with most of its layers on the way down: after one convolution, levels of 1, 3, 4, 6, 6 and 6 residual blocks
of two convolutions of size 3; the first of a level halves the resolution by its stride, with a mean of 2 x 2 (x 2)
voxels, a 1 x 1 (x 1) convolution and a normalisation in its shortcut (ResNet-D, He et al. 2019, arXiv:1812.01187). On
the way up a transposed convolution of size 2 and a single convolution per level. Instance normalisation and leaky
rectifiers throughout.

The presets M, L and XL are one network; they differ in how large a patch and a batch nnU-Net plans for 9 to 11, 24 and
40 GB of graphics memory, and by that in how many levels there are: one more for every halving until 4 voxels are left
along an axis. Features double from 32 up to 320 in 3-D and 512 in 2-D. The defaults here are the six levels that
patches of 128 to 160 voxels get.

Different from there: convolutions have no biases where a normalisation takes them away; every axis is halved as often,
where nnU-Net spares the axis of thick slices; and the second normalisation of a block starts at 1 instead of 0. With
``deep_supervision`` every coarser level of the way up has a last layer too, as there.

MONAI has no such network: ``DynUNet`` has one residual block per level on the way up as well, and its instance
normalisation refuses to train where a map is a single voxel; ``SegResNetDS`` normalises before the convolution, and
adds what is joined here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import nn

from voxlate.networks.blocks import (
    ACTIVATIONS,
    Activation,
    Dims,
    Halving,
    Head,
    Layer,
    Normalisation,
    Residual,
    Upsampling,
    convolution,
    normalisation,
    per_level,
    quieten,
)
from voxlate.networks.encoder_decoder import EncoderDecoder, rise

_USUAL = (1, 3, 4, 6)


def residual_encoder_unet(
    *,
    dims: Dims,
    in_channels: PositiveInt,
    out_channels: PositiveInt,
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (32, 64, 128, 256, 320, 320),
    blocks: PositiveInt | Annotated[tuple[PositiveInt, ...], Field(min_length=2)] | None = None,
    normalise: Normalisation = "instance",
    activation: Activation = "leaky_relu",
    upsample: Upsampling = "transposed",
    deep_supervision: bool = False,
) -> EncoderDecoder:
    """A U-Net with a residual encoder and a linear last layer.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the source.
        out_channels: Channels of the target.
        channels: Features per level, finest first; every further level halves the resolution.
        blocks: Residual blocks per level of the way down: one number for all or one per level. Without it 1 in the
            finest, then 3, 4, and 6 in all others.
        normalise: Normalisation after every convolution but those that double the resolution and the last.
        activation: Activation after every convolution but those, and after every sum.
        upsample: How the resolution is doubled.
        deep_supervision: Whether coarser levels have a last layer, too, for a loss on ``EncoderDecoder.maps``. The
            prediction is the finest map either way: a method that compares only that leaves the others untrained.

    Raises:
        UsageError: If the numbers of ``channels`` and ``blocks`` differ.
    """
    depth = len(channels)
    usual = [_USUAL[min(level, len(_USUAL) - 1)] for level in range(depth)]
    counts = per_level(usual if blocks is None else blocks, depth, where="network.residual_encoder_unet.blocks")

    def layer(inputs: int, outputs: int) -> Layer:
        return Layer(dims, inputs, outputs, normalise=normalise, activation=activation)

    def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
        among = sum(counts)
        return _block(dims, inputs, outputs, stride=stride, normalise=normalise, activation=activation, among=among)

    def level(number: int, count: int) -> nn.Sequential:
        first = block(channels[max(number - 1, 0)], channels[number], 2 if number else 1)
        return nn.Sequential(first, *(block(channels[number], channels[number]) for _ in range(count - 1)))

    finest, *coarser = (level(number, count) for number, count in enumerate(counts))
    return EncoderDecoder(
        encoder=[nn.Sequential(layer(in_channels, channels[0]), *finest), *coarser],
        rises=[nn.Sequential(*rise(dims, b, a, kind=upsample)) for a, b in pairwise(channels)],
        decoder=[layer(2 * width, width) for width in channels[:-1]],
        head=Head(dims, channels[0], out_channels),
        coarser=[Head(dims, width, out_channels) for width in channels[1:-1]] if deep_supervision else (),
    )


def _block(
    dims: Dims, inputs: int, outputs: int, *, stride: int, normalise: Normalisation, activation: Activation, among: int
) -> nn.Sequential:
    """Two convolutions with their input added, and an activation."""
    first = Layer(dims, inputs, outputs, stride=stride, normalise=normalise, activation=activation)
    second = convolution(dims, outputs, outputs, bias=normalise == "none")
    if normalise == "none":
        quieten(second, among=among)
    shortcut: list[nn.Module] = []
    if stride > 1:
        shortcut.append(Halving())
    if inputs != outputs:
        shortcut += [convolution(dims, inputs, outputs, size=1, bias=False), normalisation(normalise, dims, outputs)]
    body = Residual(
        first,
        second,
        normalisation(normalise, dims, outputs),
        shortcut=nn.Sequential(*shortcut) if shortcut else None,
    )
    return nn.Sequential(body, ACTIVATIONS[activation](inplace=True))
