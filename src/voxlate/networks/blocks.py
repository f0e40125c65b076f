"""What the convolutional networks are built of: convolution blocks, pooling, upsampling and the last layer.

Upsampling is linear interpolation, not a transposed convolution, whose uneven overlap draws checkerboards (Odena,
Dumoulin & Olah 2016, doi:10.23915/distill.00003), unless an option asks for the one of the paper. It does not align
corners, so that the value at a voxel does not depend on how large the window around it is. Every operation keeps the
channels-last layout and runs under bfloat16 autocast; only the last layer is computed in float32, because bfloat16
would round the prediction to 8 bits.

``fcn`` and ``unet`` do not normalise by default. ``batch`` needs batches of several samples and keeps the statistics of
the training scans; ``instance`` and ``group`` make a voxel depend on what else is in the window, so that windows and
one pass over the whole plane disagree. Measured on T1 to T2 with the FCN of four stages (bfloat16, one core), mean
absolute error after equal steps, unit of the normalised target: phantom heads, 400 steps, none 0.054, batch 0.047,
group 0.061, instance 0.052; one real patient to another, 350 steps, none 0.075, batch 0.088, instance 0.079. A step
took 1.1 times as long with ``batch`` as with none, 1.2 times with ``instance``, 1.5 times with ``group``. The price:
without normalisation Adam becomes unsteady above a learning rate of about 2e-3, where ``batch`` does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from voxlate.errors import UsageError
from voxlate.machines.processes import several, sum_over_all

Dims = Literal[2, 3]
Normalisation = Literal["batch", "group", "instance", "none"]
Activation = Literal["relu", "leaky_relu", "elu", "silu"]
Upsampling = Literal["interpolate", "transposed"]

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
}
_IN_GROUP = 8


def convolution(
    dims: Dims,
    inputs: int,
    outputs: int,
    *,
    size: int = 3,
    stride: int = 1,
    padding: int | None = None,
    dilation: int = 1,
    bias: bool = True,
) -> nn.Conv2d | nn.Conv3d:
    """A convolution; without ``padding`` it has what keeps the spatial shape at an odd ``size`` and stride 1.

    With a ``dilation`` of n it takes every nth voxel, and so sees n times as far with as many weights (Yu & Koltun
    2016, arXiv:1511.07122).
    """
    kind = nn.Conv2d if dims == 2 else nn.Conv3d
    border = dilation * (size // 2) if padding is None else padding
    layer = kind(inputs, outputs, size, stride=stride, padding=border, dilation=dilation, bias=bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def normalisation(kind: Normalisation, dims: Dims, channels: int) -> nn.Module:
    """A normalisation layer with a learned scale and offset, or nothing.

    ``group`` takes groups of 8 channels (one group where 8 does not divide their number); ``instance`` is a group per
    channel.
    """
    if kind == "batch":
        return _BatchNorm2d(channels) if dims == 2 else _BatchNorm3d(channels)
    if kind == "group":
        return _GroupNorm(channels // _IN_GROUP if channels % _IN_GROUP == 0 else 1, channels)
    if kind == "instance":
        return _GroupNorm(channels, channels)
    return nn.Identity()


class _OverAll(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation over the samples of all processes of a training, as if one had the whole batch."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        """``(b, channels, *s)`` normalised over samples and voxels."""
        if not (self.training and several()):
            return super().forward(input)
        axes, ones = [0, *range(2, input.ndim)], [1, -1, *[1] * (input.ndim - 2)]
        values = input.float()
        count = sum_over_all(values.new_tensor(input.numel() / self.num_features))
        mean = sum_over_all(values.sum(axes)) / count
        centred = values - mean.view(ones)
        variance = sum_over_all(centred.square().sum(axes)) / count
        with torch.no_grad():
            for kept, new in ((self.running_mean, mean), (self.running_var, variance * count / (count - 1))):
                cast("Tensor", kept).lerp_(new, cast("float", self.momentum))
            cast("Tensor", self.num_batches_tracked).add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        return torch.addcmul(self.bias.view(ones), centred, scale.view(ones)).to(input.dtype)


class _BatchNorm2d(_OverAll, nn.BatchNorm2d):
    """Of slices."""


class _BatchNorm3d(_OverAll, nn.BatchNorm3d):
    """Of volumes."""


class _GroupNorm(nn.GroupNorm):
    """Group normalisation (Wu & He 2018, arXiv:1803.08494) with statistics in float32, and of a single voxel too.

    torch's own refuses to train where a group holds one value; here such a group becomes its offset. On a processor it
    is slow in bfloat16, and in the channels-last layout slow and wrong besides: torch 2.13 takes the variance there as
    the mean of squares less the square of the mean, so that at a mean of 100 and a deviation of 0.1 nothing is right.
    Batch normalisation of one sample is the same function as instance normalisation, keeps the layout, and takes a
    fourth to a tenth of the time.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        """``(b, channels, *s)`` normalised over each group of channels and all voxels."""
        weight, bias = self.weight.float(), self.bias.float()
        if input.device.type != "cpu" or input.is_contiguous():
            return torch.group_norm(input.float(), self.num_groups, weight, bias, self.eps).to(input.dtype)
        if self.num_groups == self.num_channels:
            return torch.cat([self._alone(sample, weight, bias) for sample in torch.split(input, 1)])
        normal = torch.group_norm(input.float().contiguous(), self.num_groups, weight, bias, self.eps)
        layout = torch.channels_last if input.ndim == 4 else torch.channels_last_3d
        return normal.to(input.dtype).contiguous(memory_format=layout)

    def _alone(self, sample: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.batch_norm(sample, weight, bias, None, None, True, 0.0, self.eps, False)


class Layer(nn.Sequential):
    """Convolution 3 x 3 (x 3), normalisation, activation, and channel dropout if asked for."""

    def __init__(
        self,
        dims: Dims,
        inputs: int,
        outputs: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        normalise: Normalisation,
        activation: Activation,
        dropout: float = 0.0,
    ) -> None:
        parts = [
            convolution(dims, inputs, outputs, stride=stride, dilation=dilation, bias=normalise == "none"),
            normalisation(normalise, dims, outputs),
            ACTIVATIONS[activation](inplace=True),
        ]
        if dropout > 0:
            parts.append(nn.Dropout2d(dropout) if dims == 2 else nn.Dropout3d(dropout))
        super().__init__(*parts)


def layers(
    dims: Dims, widths: Sequence[int], *, normalise: Normalisation, activation: Activation, dilation: int = 1
) -> nn.Sequential:
    """A ``Layer`` from each number of channels to the next, one after the other."""
    return nn.Sequential(
        *(Layer(dims, a, b, dilation=dilation, normalise=normalise, activation=activation) for a, b in pairwise(widths))
    )


def pool(features: Tensor) -> Tensor:
    """Halves every spatial size by the maximum of 2 x 2 (x 2)."""
    return functional.max_pool2d(features, 2) if features.ndim == 4 else functional.max_pool3d(features, 2)


def upsample(features: Tensor, *, factor: int = 2) -> Tensor:
    """Multiplies every spatial size by linear interpolation."""
    mode = "bilinear" if features.ndim == 4 else "trilinear"
    return functional.interpolate(features, scale_factor=float(factor), mode=mode, align_corners=False)


class Pooling(nn.Module):
    """Halves every spatial size by the maximum of 2 x 2 (x 2); see ``pool``."""

    def forward(self, features: Tensor) -> Tensor:
        """``(b, c, *(2 s))`` to ``(b, c, *s)``."""
        return pool(features)


class Halving(nn.Module):
    """Halves every spatial size by the mean of 2 x 2 (x 2).

    As linear interpolation, which is that mean: on a processor torch 2.13's ``avg_pool3d`` takes no bfloat16 and
    leaves the channels-last layout.
    """

    def forward(self, features: Tensor) -> Tensor:
        """``(b, c, *(2 s))`` to ``(b, c, *s)``."""
        mode = "bilinear" if features.ndim == 4 else "trilinear"
        return functional.interpolate(features, scale_factor=0.5, mode=mode, align_corners=False)


class Interpolation(nn.Module):
    """Doubles every spatial size by linear interpolation."""

    def forward(self, features: Tensor) -> Tensor:
        """``(b, c, *s)`` to ``(b, c, *(2 s))``."""
        return upsample(features)


def transposed(
    dims: Dims, inputs: int, outputs: int, *, size: int, output_padding: int = 0, bias: bool = True
) -> nn.ConvTranspose2d | nn.ConvTranspose3d:
    """A transposed convolution that doubles every spatial size.

    Its overlap is even where ``size`` is 4, and there is none where it is 2. Where it is 3, which needs
    ``output_padding`` 1, the overlap is uneven and draws checkerboards.
    """
    kind = nn.ConvTranspose2d if dims == 2 else nn.ConvTranspose3d
    padding = (size - 2 + output_padding) // 2
    layer = kind(inputs, outputs, size, stride=2, padding=padding, output_padding=output_padding, bias=bias)
    nn.init.normal_(layer.weight, std=math.sqrt(2 / (inputs * (size / 2) ** dims)))  # He et al.: what one output sums
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def doubling(dims: Dims, inputs: int, outputs: int, *, kind: Upsampling, bias: bool = True) -> list[nn.Module]:
    """Doubles every spatial size: interpolation before a 3 x 3 (x 3) convolution, or a transposed one of that size.

    Both have as many parameters; the second draws checkerboards.
    """
    if kind == "transposed":
        return [transposed(dims, inputs, outputs, size=3, output_padding=1, bias=bias)]
    return [Interpolation(), convolution(dims, inputs, outputs, bias=bias)]


class Residual(nn.Module):
    """Layers whose input is added to their output (He et al. 2016, arXiv:1512.03385).

    Args:
        *layers: What is applied one after the other.
        shortcut: What brings the input to the shape of the output, where it has another.
    """

    def __init__(self, *layers: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.shortcut = shortcut

    def forward(self, features: Tensor) -> Tensor:
        """``(b, inputs, *s)`` to what the layers make of it, in their precision and layout."""
        change: Tensor = self.layers(features)
        kept = features if self.shortcut is None else self.shortcut(features)
        return change + kept.to(change.dtype)


def quieten(layer: nn.Module, *, among: int) -> None:
    """Divides the weights that a layer starts with by the root of how many layers are added up.

    Without a normalisation every residual block would double the variance, 500 times in nine.
    """
    with torch.no_grad():
        next(layer.parameters()).mul_(1 / math.sqrt(among))


def per_level(given: int | Sequence[int], depth: int, *, where: str) -> tuple[int, ...]:
    """One number for all levels of a network, or one for each, as one for each.

    Raises:
        UsageError: If there are other than ``depth`` numbers.
    """
    numbers = (given,) * depth if isinstance(given, int) else tuple(given)
    if len(numbers) != depth:
        raise UsageError(
            f"one number for each of {depth} levels",
            came=f"{len(numbers)} numbers",
            where=where,
            remedy="Give one number for all, or as many as there are levels.",
        )
    return numbers


class Head(nn.Module):
    """The last layer: a linear 1 x 1 (x 1) convolution in float32, without an activation.

    Args:
        dims: Number of spatial axes.
        inputs: Channels of the features.
        outputs: Channels of the prediction.
        linear: A layer to take in the place of that convolution.
    """

    def __init__(self, dims: Dims, inputs: int, outputs: int, *, linear: nn.Module | None = None) -> None:
        super().__init__()
        self.linear = convolution(dims, inputs, outputs, size=1) if linear is None else linear

    def forward(self, features: Tensor) -> Tensor:
        """``(b, inputs, *s)`` in any precision to ``(b, outputs, *s)`` float32."""
        with torch.autocast(features.device.type, enabled=False):
            if all(value.dtype == torch.float32 for value in self.linear.parameters()):
                plain: Tensor = self.linear(features.float())
                return plain
            exact = {key: value.float() for key, value in self.linear.named_parameters()}
            prediction: Tensor = torch.func.functional_call(self.linear, exact, (features.float(),))
        return prediction
