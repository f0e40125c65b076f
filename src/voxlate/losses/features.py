"""The feature loss: prediction and target compared by what a frozen network sees in them.

With ``phi_l`` the activation of layer ``l`` of the network, ``p`` prediction, ``t`` target and ``m`` the mask::

    sum over l of mean |phi_l(p m) - phi_l(t m)|

The mean runs over channels and positions of a sample, then over the samples whose mask is not empty; ``m`` gives both
images the same value outside the foreground. Johnson, Alahi & Fei-Fei 2016 (arXiv:1603.08155) compare squares; the
absolute difference is that of Wang et al. 2018 (pix2pixHD, arXiv:1711.11585), who besides weight their layers.

The network is not part of the loss: training attaches it (``voxlate.training.setup.frozen``), translation never needs
it. It is no submodule of anything, so that it is neither trained nor averaged nor saved, and copies of the loss share
it. Its features may be computed in bfloat16; their differences are float32.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from voxlate.errors import UsageError
from voxlate.losses.pixelwise import Loss

NetworkKind = Literal["auto", "bundle", "vgg19", "vgg16", "resnet50"]


@dataclass(frozen=True)
class FeatureOptions:
    """Which network, and what of it; see ``features``."""

    network: str
    kind: NetworkKind
    layers: tuple[str, ...]
    sha256: str | None


def features(
    *,
    dims: int,
    data_range: float,
    network: Annotated[str, Field(min_length=1)],
    kind: NetworkKind = "auto",
    layers: tuple[str, ...] = (),
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8,64}$")] | None = None,
) -> Loss:
    """Mean absolute difference between the features that a frozen network finds in prediction and target.

    Args:
        dims: Number of spatial axes.
        data_range: Range of the normalised target values.
        network: Path of the frozen network: a run or bundle of Voxlate, or a file of a VGG's or ResNet-50's weights.
        kind: What lies there; `auto` looks.
        layers: Whose outputs are compared: names of the bundle's modules, `block2_conv2` or `relu2_2` of a VGG,
            `layer3` of ResNet-50; empty for the encoder's levels, the first activation of every block, or all four.
        sha256: The first 8 or more digits of the file's SHA-256, of a bundle's `manifest.json`; it is refused if they
            differ.
    """
    return FeatureLoss(FeatureOptions(network, kind, layers, sha256))


class FeatureLoss:
    """The loss of ``features``; it can be called once a network is attached.

    Attributes:
        options: Which network a recipe asks for.
    """

    def __init__(self, options: FeatureOptions) -> None:
        self.options = options
        self._network: nn.Module | None = None
        self._autocast: torch.dtype | None = None

    def attach(self, network: nn.Module, *, autocast: torch.dtype | None = None) -> None:
        """Freezes a network and takes it for every further call.

        Args:
            network: From images ``(b, t, *s)`` and a mask ``(b, 1, *s)`` to a list of features, samples in order; a
                ``FeatureNetwork``.
            autocast: The type that features are computed in; ``None`` for that of the caller.
        """
        self._network = network.requires_grad_(False).eval()
        self._autocast = autocast

    def __call__(self, prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        """A scalar in float32; arguments as in ``Loss``.

        Raises:
            UsageError: If no network is attached.
        """
        network = self._attached(prediction.device)
        with self._arithmetic(prediction.device):
            found = network(prediction, mask)
            with torch.no_grad():
                wanted = network(target, mask)
        with torch.autocast(prediction.device.type, enabled=False):
            # A sample without foreground has a distance of 0.
            distances = [_distances(*pair, samples=len(mask)) for pair in zip(found, wanted, strict=True)]
            samples = mask.flatten(1).any(1).sum().clamp(min=1)
            return torch.stack(distances).sum() / samples

    def __deepcopy__(self, memo: dict[int, object]) -> FeatureLoss:
        """Itself: the network is shared, never copied."""
        return self

    def _attached(self, device: torch.device) -> nn.Module:
        if self._network is None:
            raise UsageError(
                "a frozen network",
                came="none attached",
                where="loss.features",
                remedy="Call attach(network) first; training does it.",
            )
        first = next(self._network.parameters(), None)
        return self._network if first is None or first.device == device else self._network.to(device)

    def _arithmetic(self, device: torch.device) -> AbstractContextManager[object]:
        return nullcontext() if self._autocast is None else torch.autocast(device.type, dtype=self._autocast)


def _distances(found: Tensor, wanted: Tensor, *, samples: int) -> Tensor:
    """Mean absolute difference of the features ``(samples * n, c, *s)`` of each sample, ``(samples,)`` float32."""
    difference = (found.float() - wanted.float()).abs()
    return difference.mean(tuple(range(1, difference.ndim))).view(samples, -1).mean(1)
