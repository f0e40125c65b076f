"""A generator with spatially-adaptive normalisation (SPADE; Park et al. 2019, arXiv:1903.07291, called GauGAN).

An ordinary normalisation washes out what a label map says where it is uniform: inside a large organ all features are
alike, and what is alike is normalised to nothing. Here the scale and the offset of every normalisation are computed
from the label map itself, voxel by voxel, at every resolution::

    y = normalise(x) * (1 + gamma(labels)) + beta(labels)

There is no encoder: the coarsest features are made of the label map brought to that resolution, and each level has one
residual block, then the resolution is doubled. The paper's image encoder and its random style are left out, so that a
label map has one image. MONAI's ``SPADENet`` fixes the size of the image when it is built, and its ``SPADE`` block
normalises the scales and offsets themselves by instance (1.6, the default of its ``Convolution``), which takes from
them what they should tell.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from voxlate.networks.blocks import Dims, Head, Normalisation, convolution, normalisation, upsample

_WIDEST = 8
_SLOPE = 0.2


def spade(
    *,
    dims: Dims,
    in_channels: PositiveInt,
    out_channels: PositiveInt,
    width: PositiveInt = 32,
    levels: Annotated[int, Field(ge=1)] = 5,
    hidden: PositiveInt = 64,
    normalise: Normalisation = "instance",
) -> Spade:
    """A generator from label maps to an image with a linear last layer.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the condition, one-hot label maps say.
        out_channels: Channels of the target.
        width: Features of the finest level; each coarser level doubles them, up to eight times as many.
        levels: How often the coarsest level is doubled; spatial sizes are multiples of ``2**levels``.
        hidden: Features from which scales and offsets are computed.
        normalise: What comes before the scaling; the paper's is ``batch``, which needs several samples in a step.
    """
    widths = [width * min(2**level, _WIDEST) for level in reversed(range(levels + 1))]
    first = convolution(dims, in_channels, widths[0])
    blocks = [
        _Block(dims, inputs, outputs, condition=in_channels, hidden=hidden, normalise=normalise)
        for inputs, outputs in pairwise((widths[0], *widths))
    ]
    return Spade(first, blocks, Head(dims, widths[-1], out_channels))


class Spade(nn.Module):
    """The generator from its parts; see ``spade``.

    Attributes:
        divisor: Spatial sizes of an input must be multiples of it.
    """

    def __init__(self, first: nn.Module, blocks: list[_Block], head: Head) -> None:
        super().__init__()
        self.first = first
        self.blocks = nn.ModuleList(blocks)
        self.head = head
        self.divisor = 2 ** (len(blocks) - 1)

    def forward(self, condition: Tensor) -> Tensor:
        """``(b, in_channels, *s)`` to ``(b, out_channels, *s)`` float32; sizes are multiples of ``divisor``."""
        pool = functional.avg_pool2d if condition.ndim == 4 else functional.avg_pool3d
        # The mean over a coarse voxel, not the nearest: a thin structure is not lost.
        # In float32: torch has no 3-D pooling of bfloat16 on a CPU.
        features = self.first(pool(condition.float(), self.divisor).to(condition.dtype))
        for level, block in enumerate(self.blocks):
            features = block(upsample(features) if level else features, condition)
        prediction: Tensor = self.head(functional.leaky_relu(features, _SLOPE))
        return prediction


class _Block(nn.Module):
    """Two normalised convolutions and what bypasses them."""

    def __init__(
        self, dims: Dims, inputs: int, outputs: int, *, condition: int, hidden: int, normalise: Normalisation
    ) -> None:
        super().__init__()
        middle = min(inputs, outputs)

        def adaptive(channels: int) -> _Adaptive:
            shared = convolution(dims, condition, hidden)
            both = convolution(dims, hidden, 2 * channels)
            return _Adaptive(normalisation(normalise, dims, channels), shared, both)

        self.norms = nn.ModuleList([adaptive(inputs), adaptive(middle)])
        self.layers = nn.ModuleList([convolution(dims, inputs, middle), convolution(dims, middle, outputs)])
        self.bypass = nn.Identity() if inputs == outputs else convolution(dims, inputs, outputs, size=1, bias=False)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """``(b, inputs, *s)`` to ``(b, outputs, *s)`` under a condition of any resolution."""
        inner = features
        for norm, layer in zip(self.norms, self.layers, strict=True):
            inner = layer(functional.leaky_relu(norm(inner, condition), _SLOPE))
        result: Tensor = self.bypass(features) + inner
        return result


class _Adaptive(nn.Module):
    """A normalisation whose scale and offset a condition decides, voxel by voxel."""

    def __init__(self, norm: nn.Module, shared: nn.Module, both: nn.Module) -> None:
        super().__init__()
        self.norm = norm
        self.shared = shared
        self.both = both

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """``(b, channels, *s)`` normalised and scaled; the condition is brought to its resolution."""
        at = functional.interpolate(condition, size=features.shape[2:], mode="nearest")
        scale, offset = self.both(functional.leaky_relu(self.shared(at), _SLOPE)).chunk(2, dim=1)
        result: Tensor = self.norm(features) * (1 + scale) + offset
        return result
