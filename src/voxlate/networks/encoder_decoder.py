"""The form that U-shaped networks share: a way down, a way up, and the features of each resolution joined across.

The U-Net's (Ronneberger, Fischer & Brox 2015, arXiv:1505.04597): every level of the way down but the first halves the
resolution itself; on the way up the features are doubled, joined to those of the same resolution, and go through a
level. How levels and doublings are made is the network's affair.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from voxlate.networks.blocks import Dims, Head, Interpolation, Upsampling, convolution, transposed


def rise(dims: Dims, coarse: int, fine: int, *, kind: Upsampling, bias: bool = True) -> list[nn.Module]:
    """Doubles every spatial size and changes ``coarse`` channels to ``fine``.

    ``transposed`` is a convolution of size 2 at a stride of 2: nothing overlaps, but each of the 4 (8) voxels made of
    one has weights of its own. ``interpolate`` has the same weights for all, a fourth (an eighth) of the parameters;
    its 1 x 1 (x 1) convolution commutes with interpolation, and before it costs a fourth (an eighth).
    """
    if kind == "transposed":
        return [transposed(dims, coarse, fine, size=2, bias=bias)]
    return [convolution(dims, coarse, fine, size=1, bias=bias), Interpolation()]


class EncoderDecoder(nn.Module):
    """A U-shaped network from its parts.

    Args:
        encoder: The levels of the way down, finest first; each but the first halves the resolution.
        rises: What doubles the resolution after each level but the coarsest, finest first.
        decoder: The levels of the way up, finest first; each takes the features of the encoder's level and the doubled
            ones in one map, in that order.
        head: The last layer.

    Attributes:
        divisor: Spatial sizes of an input must be multiples of it.
    """

    def __init__(
        self,
        *,
        encoder: Sequence[nn.Module],
        rises: Sequence[nn.Module],
        decoder: Sequence[nn.Module],
        head: Head,
    ) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(encoder)
        self.rises = nn.ModuleList(rises)
        self.decoder = nn.ModuleList(decoder)
        self.head = head
        self.divisor = 2 ** len(decoder)

    def forward(self, source: Tensor) -> Tensor:
        """``(b, in_channels, *s)`` to ``(b, out_channels, *s)`` float32; sizes are multiples of ``divisor``."""
        skips: list[Tensor] = []
        features = source
        for level in self.encoder:
            features = level(features)
            skips.append(features)
        features = skips.pop()
        for number in reversed(range(len(self.decoder))):
            features = self.decoder[number](torch.cat([skips.pop(), self.rises[number](features)], dim=1))
        prediction: Tensor = self.head(features)
        return prediction
