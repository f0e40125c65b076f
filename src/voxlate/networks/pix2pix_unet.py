"""The U-Net of pix2pix (Isola et al. 2017, arXiv:1611.07004): every change of resolution is a strided convolution.

Eight levels, one convolution of size 4 and stride 2 each, halve an image of 256 x 256 pixels to a single one
(``unet_256``); as many transposed convolutions of size 4 double it back, each but the first joined to the features of
the same resolution. Seven levels make ``unet_128``. Without a pooling and with one convolution per level it is much
wider and coarser than the catalogue's ``unet``.

Neither the first nor the innermost convolution is normalised. The paper's text had the innermost normalised too; where
its map is a single pixel and a batch a single sample, that turns every feature to its offset and the network bypasses
the level, as the paper's errata say. Different from the paper: the output is linear, where theirs ends in a hyperbolic
tangent, because a target need not lie between -1 and 1; and dropout, its only noise, is off in translation, so that an
image has one translation. Transposed convolutions are kept, since a size of 4 at a stride of 2 overlaps evenly, which
Odena et al. 2016 (doi:10.23915/distill.00003) found to draw fewer checkerboards; ``upsample="interpolate"`` has none.

With ``smooth`` each doubling is followed by a convolution of size 4 and stride 1, and the network ends in one, as in
Habijan & Galic 2022 (arXiv:2205.09842), against blocky images; with ``bounds`` it ends in a sigmoid, as theirs does.

MONAI's ``UNet`` is not it: it refuses kernels of an even size, and its innermost convolution keeps the resolution and
is normalised, so that it fails in training where a single sample meets it as a single pixel.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from voxlate.errors import UsageError
from voxlate.networks.blocks import (
    Dims,
    Head,
    Interpolation,
    Normalisation,
    Upsampling,
    convolution,
    normalisation,
    transposed,
)

_WIDEST = 8
_SLOPE = 0.2
_DROPPED = 3


def pix2pix_unet(  # noqa: PLR0913  (the choices of a recipe)
    *,
    dims: Dims,
    in_channels: PositiveInt,
    out_channels: PositiveInt,
    width: PositiveInt = 64,
    levels: Annotated[int, Field(ge=2)] = 8,
    normalise: Normalisation = "batch",
    upsample: Upsampling = "transposed",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    up_slope: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    smooth: bool = False,
    bounds: tuple[float, float] | None = None,
) -> Pix2PixUNet:
    """The U-Net of pix2pix with a linear last layer.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the source.
        out_channels: Channels of the target.
        width: Features of the finest level; each further level doubles them, up to eight times as many.
        levels: How often the resolution is halved; spatial sizes are multiples of ``2**levels``.
        normalise: Normalisation after every convolution but the first, the innermost and the last.
        upsample: How the resolution is doubled: a transposed convolution of size 4, or interpolation and a convolution
            of size 3, which has 9/16 of its parameters (27/64 in 3-D).
        dropout: Probability that a value is dropped in the three innermost levels of the way up.
        up_slope: Slope of the rectifiers of the way up below 0; those of the way down have 0.2.
        smooth: Whether a convolution of size 4 and stride 1 follows each doubling of the resolution.
        bounds: Least and largest value of the output, which a sigmoid then lies between; ``None`` for a linear one.

    Raises:
        UsageError: If the bounds are not in ascending order.
    """
    _check(bounds)
    widths = [width * min(2**level, _WIDEST) for level in range(levels)]
    bias = normalise == "none"
    down = partial(_halving, dims, normalise=normalise)
    double = partial(_doubling, dims, upsample=upsample, smooth=smooth)
    rectifier = partial(_rectifier, up_slope)

    def up(level: int) -> nn.Sequential:
        inner = levels - 1 - level
        layers = double(widths[level] * (1 if inner == 0 else 2), widths[level - 1], bias=bias)
        drop = [nn.Dropout(dropout)] if dropout > 0 and inner < _DROPPED else []
        # Not in place in the innermost, whose input is the leaky rectifier's own output.
        return nn.Sequential(
            rectifier(inplace=inner > 0), *layers, normalisation(normalise, dims, widths[level - 1]), *drop
        )

    *between, last = double(2 * width, out_channels, bias=True)
    if smooth:
        between, last = [], nn.Sequential(*between, last)
    return Pix2PixUNet(
        encoder=[
            down(a, b, plain=level in {0, levels - 1}) for level, (a, b) in enumerate(pairwise((in_channels, *widths)))
        ],
        decoder=[up(level) for level in reversed(range(1, levels))],
        head=nn.Sequential(rectifier(inplace=True), *between, Head(dims, 2 * width, out_channels, linear=last)),
        bounds=bounds,
    )


def _check(bounds: tuple[float, float] | None) -> None:
    if bounds and not bounds[0] < bounds[1]:
        raise UsageError(
            "bounds in ascending order",
            came=f"{bounds[0]:g} and {bounds[1]:g}",
            where="pix2pix_unet",
            remedy="Give the least value of the normalised target first.",
        )


def _rectifier(slope: float, *, inplace: bool) -> nn.Module:
    return nn.LeakyReLU(slope, inplace=inplace) if slope else nn.ReLU(inplace=inplace)


def _halving(dims: Dims, inputs: int, outputs: int, *, normalise: Normalisation, plain: bool) -> nn.Sequential:
    kind: Normalisation = "none" if plain else normalise
    convolve = convolution(dims, inputs, outputs, size=4, stride=2, padding=1, bias=kind == "none")
    return nn.Sequential(convolve, normalisation(kind, dims, outputs), nn.LeakyReLU(_SLOPE, inplace=True))


def _doubling(
    dims: Dims, inputs: int, outputs: int, *, upsample: Upsampling, smooth: bool, bias: bool
) -> list[nn.Module]:
    if upsample == "transposed":
        layers: list[nn.Module] = [transposed(dims, inputs, outputs, size=4, bias=bias or smooth)]
    else:
        layers = [Interpolation(), convolution(dims, inputs, outputs, bias=bias or smooth)]
    return [*layers, *_same(dims, outputs, bias=bias)] if smooth else layers


def _same(dims: Dims, channels: int, *, bias: bool) -> list[nn.Module]:
    """A convolution of size 4 that keeps the spatial shape: its border is a voxel wider at the end, as in Keras."""
    border = (1, 2) * dims
    pad = nn.ZeroPad2d(border) if dims == 2 else nn.ZeroPad3d(border)  # type: ignore[arg-type]  # two for each axis
    return [pad, convolution(dims, channels, channels, size=4, padding=0, bias=bias)]


class Pix2PixUNet(nn.Module):
    """A U-Net of strided convolutions from its parts; see ``pix2pix_unet``.

    The encoder's features are kept behind their leaky rectifier, in the paper's code before it: the rectifier that
    follows the joining makes both the same (with an ``up_slope``, all but the slope below 0).

    Attributes:
        divisor: Spatial sizes of an input must be multiples of it.
    """

    def __init__(
        self,
        *,
        encoder: list[nn.Sequential],
        decoder: list[nn.Sequential],
        head: nn.Sequential,
        bounds: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        self._bounds = bounds
        self.encoder = nn.ModuleList(encoder)
        self.decoder = nn.ModuleList(decoder)
        self.head = head
        self.divisor = 2 ** len(encoder)

    def forward(self, source: Tensor) -> Tensor:
        """``(b, in_channels, *s)`` to ``(b, out_channels, *s)`` float32; sizes are multiples of ``divisor``."""
        skips: list[Tensor] = []
        features = source
        for level in self.encoder:
            features = level(features)
            skips.append(features)
        features = skips.pop()
        for level in self.decoder:
            features = torch.cat([skips.pop(), level(features)], dim=1)
        prediction: Tensor = self.head(features)
        if self._bounds is None:
            return prediction
        low, high = self._bounds
        return low + (high - low) * torch.sigmoid(prediction)
