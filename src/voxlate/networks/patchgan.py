"""The patch discriminator of pix2pix (Isola et al. 2017, arXiv:1611.07004): is each patch of an image real?

Strided convolutions whose every output sees a square of the input, the receptive field: 70 pixels for three layers, 16
for one, 34 for two. MONAI's ``PatchDiscriminator`` is wrapped, with its weights drawn from N(0, 0.02) as in the paper.

Its traps, and those of its neighbours:

- It returns the list of all its features, of which only the last is the score; ``PatchAdversarialLoss`` given the whole
  list would judge every feature map. Here only the score comes back.
- Its normalisation is ``batch`` unless told otherwise. With one sample in a batch that is an instance normalisation in
  training and another function in evaluation, and real and predicted images in different batches are told apart by
  their statistics. Here the default is ``instance``, and Voxlate's own, which has a learned scale and offset.
- MONAI's ``PatchAdversarialLoss`` applies an activation to the scores unless told otherwise: a leaky rectifier before
  least squares (``no_activation_leastsq=False``), a hyperbolic tangent before the hinge, under which the hinge never
  lets go. The scores here are logits, meant for a loss without one.
- An image below ``smallest_size`` would give a shape error from within a convolution.
"""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from voxlate.errors import UsageError
from voxlate.networks.blocks import Dims, normalisation


def patchgan(
    *,
    dims: Dims,
    in_channels: PositiveInt,
    width: PositiveInt = 64,
    layers: PositiveInt = 3,
    normalise: Literal["batch", "instance", "none"] = "instance",
    spectral: bool = False,
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
    """
    from monai.networks.nets.patchgan_discriminator import PatchDiscriminator

    chain: nn.Module = PatchDiscriminator(
        spatial_dims=dims,
        channels=width,
        in_channels=in_channels,
        num_layers_d=layers,
        norm=None if normalise == "none" else normalise,
        bias=normalise == "none",
    )
    for name, part in list(chain.named_modules()):
        if isinstance(part, nn.InstanceNorm2d | nn.InstanceNorm3d):
            chain.set_submodule(name, normalisation("instance", dims, part.num_features))
    if spectral:
        for layer in convolutions(chain):
            spectral_norm(layer)
    return PatchGAN(chain)


class PatchGAN(nn.Module):
    """A chain of convolutions that returns all its features, of which only the last is passed on; see ``patchgan``.

    Attributes:
        receptive_field: How many voxels along an axis one logit sees.
        smallest_size: Voxels along an axis that an image needs for one logit.
    """

    def __init__(self, chain: nn.Module) -> None:
        super().__init__()
        self.chain = chain
        self.receptive_field = receptive_field(chain)
        self.smallest_size = smallest_size(chain)

    def forward(self, images: Tensor) -> Tensor:
        """``(b, in_channels, *s)`` to logits ``(b, 1, *s')`` float32, without an activation.

        Raises:
            UsageError: If a spatial size is below ``smallest_size``.
        """
        if min(images.shape[2:]) < self.smallest_size:
            raise UsageError(
                f"at least {self.smallest_size} voxels along every axis of what the discriminator sees",
                came=" x ".join(map(str, images.shape[2:])),
                where="discriminator",
                remedy="Take larger windows, or fewer layers.",
            )
        score: Tensor = self.chain(images)[-1]
        return score.float()


def convolutions(module: nn.Module) -> list[nn.Conv2d | nn.Conv3d]:
    """The convolutions of a module, in the order in which it lists them."""
    return [part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Conv3d)]


def receptive_field(module: nn.Module) -> int:
    """How many voxels along an axis one output of a chain of convolutions sees.

    ``1 + sum over layers of (kernel - 1) * dilation * product of the strides before`` (Araujo, Norris & Sim 2019,
    doi:10.23915/distill.00021). The convolutions are taken to follow each other, alike along all axes.
    """
    field, step = 1, 1
    for layer in convolutions(module):
        field += (layer.kernel_size[0] - 1) * layer.dilation[0] * step
        step *= layer.stride[0]
    return field


def smallest_size(module: nn.Module) -> int:
    """The fewest voxels along an axis from which a chain of convolutions makes one output."""
    size = 1
    for layer in reversed(convolutions(module)):
        reach = (layer.kernel_size[0] - 1) * layer.dilation[0] + 1
        size = max(1, (size - 1) * layer.stride[0] + reach - 2 * int(layer.padding[0]))
    return size
