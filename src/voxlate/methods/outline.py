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
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

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
        sees: The earlier layers whose maps come in, with nothing but sums, joins and the like between.
    """

    kind: str
    times: int
    inputs: int
    channels: int
    size: tuple[int, ...]
    parameters: int
    sees: frozenset[int] = frozenset()


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
    origins = _Origins()

    def note(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:  # noqa: ANN401
        channels, *voxels = output.shape[1:]
        taken, sees = int(str(module.in_channels)), origins.of(inputs[0])
        shown = OutlinedLayer(_kind(module), 1, taken, channels, tuple(voxels), count_parameters(module), sees)
        origins.begin(output, len(found))
        found.append(shown)

    convolutions = [module for module in network.modules() if isinstance(module, _CONVOLUTIONS)]
    dims = 2 if isinstance(convolutions[0], nn.Conv2d) else 3
    step = int(getattr(network, "divisor", 1))
    sample = tuple(-(-side // step) * step for side in size or (_SIDE[dims],) * dims)
    handles = [module.register_forward_hook(note) for module in convolutions]
    with FakeTensorMode(allow_non_fake_inputs=True), origins, torch.no_grad():
        network(torch.empty(1, convolutions[0].in_channels, *sample))
    for handle in handles:
        handle.remove()
    return Outline(sample, tuple(_gathered(found)), count_parameters(network))


class _Origins(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows from which layers the values of every tensor come."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known: dict[int, tuple[torch.Tensor, frozenset[int]]] = {}  # held, so that no number is used again

    def of(self, tensor: object) -> frozenset[int]:
        """The layers that a tensor comes from."""
        return self._known[id(tensor)][1] if id(tensor) in self._known else frozenset()

    def begin(self, tensor: torch.Tensor, layer: int) -> None:
        """A tensor that a layer has given."""
        self._known[id(tensor)] = (tensor, frozenset({layer}))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        given = func(*args, **(kwargs or {}))
        above = frozenset[int]().union(*map(self.of, tree_leaves((args, kwargs))))
        for tensor in tree_leaves(given):
            if isinstance(tensor, torch.Tensor):
                self._known[id(tensor)] = (tensor, above)
        return given


def _gathered(layers: list[OutlinedLayer]) -> Iterator[OutlinedLayer]:
    """Layers that are alike and follow each other as one, which sees what any of them does."""
    groups = [list(alike) for _, alike in groupby(layers, key=lambda layer: (layer.kind, layer.channels, layer.size))]
    place = [number for number, alike in enumerate(groups) for _ in alike]
    for number, alike in enumerate(groups):
        sees = frozenset(place[one] for layer in alike for one in layer.sees) - {number}
        parameters = sum(layer.parameters for layer in alike)
        yield replace(alike[0], times=len(alike), parameters=parameters, sees=sees)


def _kind(module: Any) -> str:  # noqa: ANN401
    transposed = isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d)
    words = [f"{'transposed ' * transposed}convolution {' x '.join(map(str, module.kernel_size))}"]
    words += [f"stride {module.stride[0]}"] * (module.stride[0] > 1)
    words += [f"dilation {module.dilation[0]}"] * (module.dilation[0] > 1)
    return ", ".join(words)
