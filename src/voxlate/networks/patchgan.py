"""The patch discriminator of pix2pix (Isola et al. 2017, arXiv:1611.07004): is each patch of an image real?

Strided convolutions of 4 voxels whose every output sees a square of the input, the receptive field: 70 pixels for three
layers, 16 for one, 34 for two. Leaky rectifiers of slope 0.2 follow all but the last. Weights are drawn from N(0, 0.02)
as in the paper, the scales of batch normalisation from N(1, 0.02).

Where implementations differ, and what stands here:

- Only the score comes back. MONAI's ``PatchDiscriminator`` returns the list of all its features, and a loss given the
  whole list would judge every feature map.
- The normalisation is ``instance`` unless told otherwise, with a learned scale and offset. The usual default is
  ``batch``: with one sample in a batch that is an instance normalisation in training and another function in
  evaluation, and real and predicted images in different batches are told apart by their statistics.
- The scores are logits, meant for a loss that applies no activation to them. MONAI's ``PatchAdversarialLoss`` applies
  one unless told otherwise: a leaky rectifier before least squares (``no_activation_leastsq=False``), a hyperbolic
  tangent before the hinge, under which the hinge never lets go.
- An image below ``_smallest_size`` is refused, before it gives a shape error from within a convolution.

The names of parameters are those of MONAI's class, which the first bundles were trained with.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import Literal

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from voxlate.errors import UsageError
from voxlate.networks.blocks import Dims, Normalisation, normalisation


def patchgan(
    *,
    dims: Dims,
    in_channels: PositiveInt,
    width: PositiveInt = 64,
    layers: PositiveInt = 3,
    normalise: Literal["batch", "instance", "none"] = "instance",
    spectral: bool = False,
    last_stride: Literal[1, 2] = 1,
) -> PatchGAN:
    """A patch discriminator from ``(b, in_channels, *s)`` to float32 logits ``(b, 1, *s')``.

    Args:
        dims: Number of spatial axes.
        in_channels: Channels of the source and of the image to judge together.
        width: Features of the first convolution; each further layer doubles them.
        layers: Convolutions between the first and the last; more of them see larger patches.
        normalise: Normalisation of these convolutions.
        spectral: Whether every convolution is divided by its largest singular value (Miyato et al. 2018,
            arXiv:1802.05957), which bounds how fast the score changes.
        last_stride: Stride of the convolution before the last. With 2 all but the last halve the resolution: of three
            layers there is a score for every 16 x 16 pixels, and each sees 94 x 94.
    """
    widths = [width * 2**layer for layer in range(layers + 1)]
    parts = {"initial_conv": _layer(dims, in_channels, width, stride=2, normalise="none")}
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        stride = last_stride if number == layers - 1 else 2
        parts[str(number)] = _layer(dims, inputs, outputs, stride=stride, normalise=normalise)
    parts["final_conv"] = nn.Sequential(OrderedDict(conv=_convolution(dims, widths[-1], 1, stride=1)))
    chain = nn.Sequential(OrderedDict(parts))
    _draw_weights(chain)
    if spectral:
        for layer in _convolutions(chain):
            spectral_norm(layer)
    return PatchGAN(chain)


def _layer(dims: Dims, inputs: int, outputs: int, *, stride: int, normalise: Normalisation) -> nn.Sequential:
    """A convolution, its normalisation, which takes the place of a bias, and a leaky rectifier."""
    bias = normalise == "none"
    after: dict[str, nn.Module] = {} if bias else {"N": normalisation(normalise, dims, outputs)}
    after["A"] = nn.LeakyReLU(0.2)
    convolve = _convolution(dims, inputs, outputs, stride=stride, bias=bias)
    return nn.Sequential(OrderedDict(conv=convolve, adn=nn.Sequential(OrderedDict(after))))


def _convolution(dims: Dims, inputs: int, outputs: int, *, stride: int, bias: bool = True) -> nn.Conv2d | nn.Conv3d:
    kind = nn.Conv2d if dims == 2 else nn.Conv3d
    return kind(inputs, outputs, 4, stride=stride, padding=1, bias=bias)


def _draw_weights(chain: nn.Module) -> None:
    """Draws the weights of convolutions and the scales of batch normalisations; all offsets are 0."""
    for part in chain.modules():
        if isinstance(part, nn.Conv2d | nn.Conv3d | nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.normal_(part.weight, 1.0 if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d) else 0.0, 0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


class PatchGAN(nn.Module):
    """A chain of convolutions and a check of what it is given; see ``patchgan``.

    Attributes:
        receptive_field: How many voxels along an axis one logit sees.
        smallest_size: Voxels along an axis that an image needs for one logit.
    """

    def __init__(self, chain: nn.Module) -> None:
        super().__init__()
        self.chain = chain
        self.receptive_field = _receptive_field(chain)
        self.smallest_size = _smallest_size(chain)

    def forward(self, images: Tensor) -> Tensor:
        """``(b, in_channels, *s)`` to logits ``(b, 1, *s')`` float32, without an activation.

        Raises:
            UsageError: If a spatial size is below ``_smallest_size``.
        """
        if min(images.shape[2:]) < self.smallest_size:
            raise UsageError(
                f"at least {self.smallest_size} voxels along every axis of what the discriminator sees",
                came=" x ".join(map(str, images.shape[2:])),
                where="discriminator",
                remedy="Take larger windows, or fewer layers.",
            )
        score: Tensor = self.chain(images)
        return score.float()


def _convolutions(module: nn.Module) -> list[nn.Conv2d | nn.Conv3d]:
    """The convolutions of a module, in the order in which it lists them."""
    return [part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Conv3d)]


def _receptive_field(module: nn.Module) -> int:
    """How many voxels along an axis one output of a chain of convolutions sees.

    ``1 + sum over layers of (kernel - 1) * dilation * product of the strides before`` (Araujo, Norris & Sim 2019,
    doi:10.23915/distill.00021). The convolutions are taken to follow each other, alike along all axes.
    """
    field, step = 1, 1
    for layer in _convolutions(module):
        field += (layer.kernel_size[0] - 1) * layer.dilation[0] * step
        step *= layer.stride[0]
    return field


def _smallest_size(module: nn.Module) -> int:
    """The fewest voxels along an axis from which a chain of convolutions makes one output."""
    size = 1
    for layer in reversed(_convolutions(module)):
        reach = (layer.kernel_size[0] - 1) * layer.dilation[0] + 1
        size = max(1, (size - 1) * layer.stride[0] + reach - 2 * int(layer.padding[0]))
    return size
