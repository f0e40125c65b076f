"""The form that U-shaped networks share: a way down, a way up, and the features of each resolution joined across.

The U-Net's (Ronneberger, Fischer & Brox 2015, arXiv:1505.04597): every level of the way down but the first halves the
resolution itself; on the way up the features are doubled, joined to those of the same resolution, and go through a
level. How levels and doublings are made is the network's affair.

Coarser levels of the way up may have a last layer, too. What it gives is a map like the prediction at that level's
resolution: either the prediction is the sum of all maps (Kayalibay, Jensen & van der Smagt 2017, arXiv:1701.03056), or
the maps are there for a loss of their own (deep supervision, Lee et al. 2015, arXiv:1409.5185).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from voxlate.networks.blocks import Dims, Head, Interpolation, Upsampling, convolution, transposed, upsample


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
        coarser: The last layers of coarser levels of the way up, finest first; the coarsest level of the way down
            counts as the last of them.
        summed: Whether the prediction is the sum of all maps, each doubled and added to the next finer one; otherwise
            it is the finest.

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
        coarser: Sequence[Head] = (),
        summed: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(encoder)
        self.rises = nn.ModuleList(rises)
        self.decoder = nn.ModuleList(decoder)
        self.head = head
        self.coarser = nn.ModuleList(coarser)
        self.summed = summed
        self.divisor = 2 ** len(decoder)

    def forward(self, source: Tensor) -> Tensor:
        """``(b, in_channels, *s)`` to ``(b, out_channels, *s)`` float32; sizes are multiples of ``divisor``."""
        if self.summed:
            return reduce(lambda coarse, fine: fine + upsample(coarse), reversed(self.maps(source)))
        prediction: Tensor = self.head(self._levels(source)[0])
        return prediction

    def maps(self, source: Tensor) -> list[Tensor]:
        """What every last layer gives, finest first: ``(b, out_channels, *s)``, ``(b, out_channels, *(s / 2))``, ..."""
        return [
            last(features) for last, features in zip([self.head, *self.coarser], self._levels(source), strict=False)
        ]

    def _levels(self, source: Tensor) -> list[Tensor]:
        """The features of the way up, finest first, with the coarsest of the way down as the last."""
        skips: list[Tensor] = []
        features = source
        for level in self.encoder:
            features = level(features)
            skips.append(features)
        found = [skips.pop()]
        for number in reversed(range(len(self.decoder))):
            found.insert(0, self.decoder[number](torch.cat([skips.pop(), self.rises[number](found[0])], dim=1)))
        return found
