"""The generator of residual blocks of pix2pix and CycleGAN.

Johnson, Alahi & Fei-Fei 2016 (arXiv:1603.08155) with the changes of Isola et al. 2017 (pix2pix, arXiv:1611.07004) and
Zhu et al. 2017 (CycleGAN, arXiv:1703.10593): a 7 x 7 convolution, strided 3 x 3 convolutions that halve the resolution
and double the features, residual blocks (He et al. 2016, arXiv:1512.03385) without an activation after the sum, as many
doublings of the resolution, and a 7 x 7 convolution to the output. Borders are reflected rather than filled with zeros,
except around the strided and the upsampling convolutions, as there.

Different from the papers: the output is linear, where theirs ends in a hyperbolic tangent, because a target need not
lie between -1 and 1; and upsampling is interpolation before a 3 x 3 convolution, because their transposed convolution
of size 3 and stride 2 draws checkerboards (Odena et al. 2016, doi:10.23915/distill.00003). ``upsample="transposed"`` is
the papers'; the parameters are as many. Where a map is too small to be reflected its border is repeated.

MONAI has no such network.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from voxlate.networks.blocks import (
    Dims,
    Head,
    Normalisation,
    Residual,
    Upsampling,
    convolution,
    doubling,
    normalisation,
    quieten,
)

Padding = Literal["reflect", "zeros"]


def resnet(  # noqa: PLR0913  (the paper's choices, each an option of a recipe)
    *,
    dims: Dims,
    in_channels: PositiveInt,
    out_channels: PositiveInt,
    width: PositiveInt = 64,
    blocks: PositiveInt = 9,
    downsamplings: NonNegativeInt = 2,
    normalise: Normalisation = "instance",
    upsample: Upsampling = "interpolate",
    padding: Padding = "reflect",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> ResNet:
    """A generator of residual blocks with a linear last layer.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the source.
        out_channels: Channels of the target.
        width: Features of the first convolution; every downsampling doubles them.
        blocks: Residual blocks at the coarsest resolution: 9 in the papers for 256 x 256 pixels, 6 for 128 x 128.
        downsamplings: How often the resolution is halved.
        normalise: Normalisation after every convolution but the last.
        upsample: How the resolution is doubled.
        padding: What lies around the image for the first, the last and the blocks' convolutions.
        dropout: Probability that a value is dropped between the two convolutions of a block (0.5 in pix2pix).
    """
    widths = [width * 2**level for level in range(downsamplings + 1)]
    bias = normalise == "none"

    def after(channels: int) -> list[nn.Module]:
        return [normalisation(normalise, dims, channels), nn.ReLU(inplace=True)]

    parts = [*_padded(dims, in_channels, width, size=7, padding=padding, bias=bias), *after(width)]
    for fine, coarse in pairwise(widths):
        parts += [convolution(dims, fine, coarse, stride=2, bias=bias), *after(coarse)]
    for _ in range(blocks):
        parts.append(_block(dims, widths[-1], blocks=blocks, normalise=normalise, padding=padding, dropout=dropout))
    for fine, coarse in reversed(list(pairwise(widths))):
        parts += [*doubling(dims, coarse, fine, kind=upsample, bias=bias), *after(fine)]
    *border, last = _padded(dims, width, out_channels, size=7, padding=padding, bias=True)
    parts += [*border, Head(dims, width, out_channels, linear=last)]
    return ResNet(parts, divisor=2**downsamplings)


def _padded(dims: Dims, inputs: int, outputs: int, *, size: int, padding: Padding, bias: bool) -> list[nn.Module]:
    """A convolution that keeps the shape, behind a reflection of the border if asked for."""
    if padding == "zeros":
        return [convolution(dims, inputs, outputs, size=size, bias=bias)]
    return [_Reflection(size // 2), convolution(dims, inputs, outputs, size=size, padding=0, bias=bias)]


def _block(
    dims: Dims, channels: int, *, blocks: int, normalise: Normalisation, padding: Padding, dropout: float
) -> Residual:
    def layer() -> list[nn.Module]:
        convolve = _padded(dims, channels, channels, size=3, padding=padding, bias=normalise == "none")
        return [*convolve, normalisation(normalise, dims, channels)]

    first, second = layer(), layer()
    if normalise == "none":
        quieten(second[-2], among=blocks)
    drop = [nn.Dropout(dropout)] if dropout > 0 else []
    return Residual(*first, nn.ReLU(inplace=True), *drop, *second)


class _Reflection(nn.Module):
    """Adds voxels at every border: the image mirrored at its edge voxel, or the edge repeated where it is too small."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, features: Tensor) -> Tensor:
        """``(b, c, *s)`` to ``(b, c, *(s + 2 width))``, in the precision that came."""
        small = min(features.shape[2:]) <= self.width
        with torch.autocast(features.device.type, enabled=False):  # which would go to float32 for no use
            return functional.pad(
                features, [self.width] * (2 * (features.ndim - 2)), mode="replicate" if small else "reflect"
            )


class ResNet(nn.Module):
    """A residual generator from its parts in order; see ``resnet``.

    Attributes:
        divisor: Spatial sizes of an input must be multiples of it.
    """

    def __init__(self, parts: list[nn.Module], *, divisor: int) -> None:
        super().__init__()
        self.parts = nn.Sequential(*parts)
        self.divisor = divisor

    def forward(self, source: Tensor) -> Tensor:
        """``(b, in_channels, *s)`` to ``(b, out_channels, *s)`` float32; sizes are multiples of ``divisor``."""
        prediction: Tensor = self.parts(source)
        return prediction
