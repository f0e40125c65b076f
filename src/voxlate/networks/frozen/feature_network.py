"""A frozen network that turns images into features: what happens to an image before the network sees it.

1. Outside the mask every image gets the same value, so that nothing there can differ.
2. Each channel of the image is an image of its own, unless the three are the colours of a picture. For a network of
   two dimensions so is each axial slice of a 3-D sample, ``x[..., k]``.
3. Sizes are filled up to multiples of what the network needs, at the far ends, with that same value.
4. For a network that has learned from pictures, ``Pictures``: values are brought to [0, 1] and repeated as red, green
   and blue, which are normalised as that network expects them. Values beyond the range stay beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from voxlate.networks.blocks import Dims

Three = tuple[float, float, float]


@dataclass(frozen=True)
class Pictures:
    """How normalised values become the pictures that a network has learned from.

    ``colour = ((value - lowest) / data_range - mean) / sd`` for red, green and blue.

    Attributes:
        lowest: The normalised value that becomes black.
        data_range: White is ``lowest + data_range``.
        mean: Of red, green and blue in [0, 1].
        sd: Of red, green and blue.
    """

    lowest: float
    data_range: float
    mean: Three
    sd: Three

    def __call__(self, images: Tensor) -> Tensor:
        """``(b, 1, *s)`` or ``(b, 3, *s)`` normalised to ``(b, 3, *s)``."""
        shape = (3, *[1] * (images.ndim - 2))
        mean, sd = (images.new_tensor(values).view(shape) for values in (self.mean, self.sd))
        return ((images - self.lowest) / self.data_range - mean) / sd


class FeatureNetwork(nn.Module):
    """Features of normalised images by a network that never learns: frozen, and always in evaluation mode.

    Args:
        body: From ``(n, 1, *s)``, or ``(n, 3, *s)`` with ``pictures``, to an activation per name.
        dims: Spatial axes that it works on.
        outside: The normalised value outside the mask.
        divisor: Spatial sizes that it sees are multiples of it.
        pictures: How values become red, green and blue, if the network sees pictures.
        colours: Whether images have these three as their channels.
    """

    def __init__(
        self,
        body: nn.Module,
        *,
        dims: Dims,
        outside: float,
        divisor: int = 1,
        pictures: Pictures | None = None,
        colours: bool = False,
    ) -> None:
        super().__init__()
        self.body = body
        self.dims = dims
        self.outside = outside
        self.divisor = divisor
        self.pictures = pictures
        self.colours = colours
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> FeatureNetwork:
        """Stays in evaluation mode."""
        super().train(False)
        return self

    def forward(self, images: Tensor, mask: Tensor) -> list[Tensor]:
        """The features of each layer, ``(b * t [* k], c, *s')``; samples come one after the other.

        Args:
            images: ``(b, t, *s)``, normalised.
            mask: ``(b, 1, *s)``, 0 where an image does not count.
        """
        filled = images.float().masked_fill(mask == 0, self.outside)
        single = filled if self.colours else filled.flatten(0, 1).unsqueeze(1)
        if self.dims == 2 and single.ndim == 5:
            single = single.movedim(-1, 1).flatten(0, 1)
        missing = [(0, -size % self.divisor) for size in reversed(single.shape[2:])]
        padded = functional.pad(single, [n for pair in missing for n in pair], value=self.outside)
        features = self.body(padded if self.pictures is None else self.pictures(padded))
        return list(cast("Mapping[str, Tensor]", features).values())
