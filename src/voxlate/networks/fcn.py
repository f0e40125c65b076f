"""The fully convolutional network (Long, Shelhamer & Darrell 2015, doi:10.1109/CVPR.2015.7298965), for regression.

Stages of convolutions as in VGG, each after the first behind a pooling; a 1 x 1 score layer per stage; from the
coarsest score to the finest: upsample, add the next score. The paper's FCN-32s, -16s and -8s stop adding at stride 32,
16 and 8 and interpolate the rest, which is enough to label objects. Translation has to draw every pixel, so here the
scores are added down to stride 1 unless ``finest_stride`` says otherwise.

Different from the paper, besides: scores have ``score_channels`` channels instead of one per class (a regression has
one output, too narrow to carry anything from a coarse stage), a 3 x 3 convolution follows each interpolation in the
place of a learned transposed convolution, a score is taken from the last features of a stride rather than the first,
and the padding is 1. ``widths=(64, 128, 256, 512, 512, 4096)``, ``convolutions=(2, 2, 3, 3, 3, 2)`` and
``finest_stride=8`` have the paper's depth, strides and widths.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from voxlate.errors import UsageError
from voxlate.networks.blocks import (
    Activation,
    Dims,
    Head,
    Normalisation,
    convolution,
    layers,
    per_level,
    pool,
    upsample,
)

_Per_stage = Annotated[tuple[PositiveInt, ...], Field(min_length=2)]


def fcn(
    *,
    dims: Dims,
    in_channels: PositiveInt,
    out_channels: PositiveInt,
    widths: _Per_stage = (32, 64, 128, 256),
    convolutions: PositiveInt | _Per_stage = 2,
    score_channels: PositiveInt = 32,
    finest_stride: PositiveInt = 1,
    normalise: Normalisation = "none",
    activation: Activation = "relu",
) -> FCN:
    """A fully convolutional network with a linear last layer.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the source.
        out_channels: Channels of the target.
        widths: Features per stage, finest first; every further stage halves the resolution.
        convolutions: Convolutions per stage, one number for all or one per stage.
        score_channels: Channels of the scores that are added up.
        finest_stride: Stride of the finest score that is added, a power of 2; 8 is the paper's FCN-8s.
        normalise: Normalisation between convolution and activation.
        activation: Activation after every convolution but the score layers and the last.

    Raises:
        UsageError: If the numbers of ``widths`` and ``convolutions`` differ, or no stage has ``finest_stride``.
    """
    depth = len(widths)
    counts = per_level(convolutions, depth, where="network.fcn.convolutions")
    strides = [2**stage for stage in range(depth)]
    _check(depth, finest_stride)

    def chain(inputs: int, outputs: int, count: int) -> nn.Sequential:
        return layers(dims, [inputs] + [outputs] * count, normalise=normalise, activation=activation)

    stages = [chain(a, b, n) for (a, b), n in zip(pairwise((in_channels, *widths)), counts, strict=True)]
    added = [stage for stage in range(depth) if strides[stage] >= finest_stride]
    return FCN(
        stages=stages,
        scores=[convolution(dims, widths[stage], score_channels, size=1) for stage in added],
        fusions=[chain(score_channels, score_channels, 1) for _ in added[:-1]],
        head=Head(dims, score_channels, out_channels),
    )


def _check(depth: int, finest_stride: int) -> None:
    if finest_stride not in [2**stage for stage in range(depth)]:
        raise UsageError(
            f"a stride that one of the {depth} stages has",
            came=str(finest_stride),
            where="network.fcn.finest_stride",
            remedy=f"Use one of {', '.join(str(2**stage) for stage in range(depth))}.",
        )


class FCN(nn.Module):
    """A fully convolutional network from its parts; see ``fcn``.

    Attributes:
        divisor: Spatial sizes of an input must be multiples of it.
    """

    def __init__(
        self, *, stages: list[nn.Sequential], scores: list[nn.Module], fusions: list[nn.Sequential], head: Head
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.scores = nn.ModuleList(scores)
        self.fusions = nn.ModuleList(fusions)
        self.head = head
        self.divisor = 2 ** (len(stages) - 1)

    def forward(self, source: Tensor) -> Tensor:
        """``(b, in_channels, *s)`` to ``(b, out_channels, *s)`` float32; sizes are multiples of ``divisor``."""
        features = self.stages[0](source)
        pyramid = [features]
        for stage in list(self.stages)[1:]:
            features = stage(pool(features))
            pyramid.append(features)
        finest = len(pyramid) - len(self.scores)
        fused: Tensor = self.scores[-1](features)
        for number in reversed(range(len(self.fusions))):
            fused = self.fusions[number](self.scores[number](pyramid[finest + number]) + upsample(fused))
        prediction: Tensor = self.head(fused)
        return upsample(prediction, factor=2**finest) if finest else prediction
