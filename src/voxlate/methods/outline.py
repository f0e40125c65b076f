"""The outline of what is trained: the convolutions of every network as they run, with sizes and parameters.

Nothing is computed for it: the networks run once on a sample that has a shape and no values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import torch
from torch import nn
from torch._subclasses import FakeTensorMode

from voxlate.methods.interface import Trainable, count_parameters

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_SIDE = {2: 256, 3: 96}
"""Voxels along each side of the sample where none is given: pix2pix's plane, a block of a head."""


@dataclass(frozen=True)
class OutlinedLayer:
    """Convolutions of one kind and size, one behind the other.

    Attributes:
        kind: ``convolution 3 x 3, stride 2``.
        times: How many.
        inputs: Channels that the first of them sees.
        channels: Channels that each gives.
        size: Voxels of what it gives, along each axis.
        parameters: Of all of them.
    """

    kind: str
    times: int
    inputs: int
    channels: int
    size: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Outline:
    """One network.

    Attributes:
        sample: Voxels of the sample along each axis.
        layers: From source to prediction.
        parameters: Of all of it, normalisations included.
    """

    sample: tuple[int, ...]
    layers: tuple[OutlinedLayer, ...]
    parameters: int


def outline_networks(method: Trainable, *, size: tuple[int, ...] | None = None) -> dict[str, Outline]:
    """From the name of each network that a method trains to its outline.

    Args:
        method: The method.
        size: Voxels of a sample; brought up to what each network can halve. By default 256 x 256 or 96 x 96 x 96.
    """
    return {name: _outline(network, size) for name, network in method.trained_networks().items()}


def _outline(network: nn.Module, size: tuple[int, ...] | None) -> Outline:
    found: list[OutlinedLayer] = []

    def note(module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:  # noqa: ANN401
        channels, *voxels = output.shape[1:]
        taken = int(str(module.in_channels))
        shown = OutlinedLayer(_kind(module), 1, taken, channels, tuple(voxels), count_parameters(module))
        found.append(shown)

    convolutions = [module for module in network.modules() if isinstance(module, _CONVOLUTIONS)]
    dims = 2 if isinstance(convolutions[0], nn.Conv2d) else 3
    step = int(getattr(network, "divisor", 1))
    sample = tuple(-(-side // step) * step for side in size or (_SIDE[dims],) * dims)
    handles = [module.register_forward_hook(note) for module in convolutions]
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        network(torch.empty(1, convolutions[0].in_channels, *sample))
    for handle in handles:
        handle.remove()
    return Outline(sample, tuple(_gathered(found)), count_parameters(network))


def _gathered(layers: list[OutlinedLayer]) -> Iterator[OutlinedLayer]:
    for _, alike in groupby(layers, key=lambda layer: (layer.kind, layer.channels, layer.size)):
        first, *others = alike
        parameters = first.parameters + sum(layer.parameters for layer in others)
        yield replace(first, times=1 + len(others), parameters=parameters)


def _kind(module: Any) -> str:  # noqa: ANN401
    transposed = isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d)
    words = [f"{'transposed ' * transposed}convolution {' x '.join(map(str, module.kernel_size))}"]
    words += [f"stride {module.stride[0]}"] * (module.stride[0] > 1)
    words += [f"dilation {module.dilation[0]}"] * (module.dilation[0] > 1)
    return ", ".join(words)
