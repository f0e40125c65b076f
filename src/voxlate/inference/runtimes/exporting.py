"""Brings a network from torch to a runtime, and looks whether both say the same, and which is faster.

The network is traced on noise and run by both on other noise, of another size. What differs by more than ``_AGREES`` of
the largest value is not used, nor what cannot be traced.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from voxlate.bundle.bundle import Bundle
from voxlate.inference.runtimes.kept import KeptGraph, keep
from voxlate.inference.runtimes.openvino import OPENVINO
from voxlate.inference.runtimes.runtime import Graph, Runtime
from voxlate.methods.conditional import Conditional
from voxlate.methods.hardware import memory_format
from voxlate.methods.interface import Method, NetworkMethod
from voxlate.windows import Window

logger = logging.getLogger(__name__)
_AGREES = 1e-4
_SIDE, _OTHER_SIDE = 32, 48
"""Voxels along an axis of the noise, at least."""
_TIMED_SIDE, _TIMES, _FASTER = {2: 192, 3: 64}, 3, 0.9
"""Of the noise that is timed, by the axes of a sample; how often; and which share of torch's time counts as less."""


class Plain(nn.Module):
    """A network as a function of images, and of one question where it is asked any."""

    def __init__(self, method: NetworkMethod) -> None:
        super().__init__()
        self.method = method

    def forward(self, images: Tensor, question: Tensor | None = None) -> Tensor:
        """The target ``(b, t, *s)`` of images ``(b, c, *s)``."""
        if question is None:
            prediction: Tensor = self.method(images)
            return torch.sigmoid(prediction) if self.method.segments else prediction
        network = cast("Conditional", self.method.network)
        given = network.given(images, question)
        if not network.together:
            return given
        wanted = question[:, network.channels : network.channels + network.targets]
        return (given * wanted[(..., *[None] * (images.ndim - 2))]).sum(dim=1, keepdim=True)


def export(bundle: Bundle, method: Method, digest: str, runtime: Runtime = OPENVINO) -> KeptGraph | None:
    """Exports a model's network, compares, and keeps it, or that it is not to be used.

    Args:
        bundle: The model.
        method: Its method with the weights, on the processor, in evaluation mode.
        digest: By which it is kept.
        runtime: What is to compute it.

    Returns:
        What is kept; ``None`` if nothing can be.
    """
    if not isinstance(method, NetworkMethod):
        return None
    write: Callable[[Path], None] | None
    try:
        kept, write = _tried(bundle, method, runtime)
    except Exception as error:  # noqa: BLE001  whatever a network holds that cannot be traced, torch computes it
        logger.info("computing by torch: %s cannot take the network over: %s", runtime.title, error)
        kept, write = KeptGraph(agrees=False, error=float("inf")), None
    else:
        if not kept.agrees:
            words = "computing by torch: %s differs by %.1e of the largest value"
            logger.warning(words, runtime.title, kept.error)
    return kept if keep(digest, kept, write if kept.agrees else None, runtime=runtime) else None


def noise_for(bundle: Bundle, method: NetworkMethod) -> list[tuple[Tensor, ...]]:
    """Noise of two sizes as the network takes it, with two questions where it is asked any; a sample, and two."""
    window, rng = Window(bundle.recipe.window), torch.Generator().manual_seed(0)
    channels = method.network.channels if method.asked else window.input_channels(len(bundle.recipe.source))
    found: list[tuple[Tensor, ...]] = []
    for count, side in ((1, _SIDE), (2, _OTHER_SIDE)):
        size = -(-side // method.divisor) * method.divisor
        images = torch.randn(count, cast("int", channels), *[size] * window.dims, generator=rng)
        found.append((images, _question(method, count)) if method.asked else (images,))
    return found


def _question(method: NetworkMethod, number: int) -> Tensor:
    """A question of some sources, and of one target."""
    network = cast("Conditional", method.network)
    question = torch.zeros(1, network.numbers)
    question[:, : network.channels // number] = 1.0
    question[:, network.channels + number - 1] = 1.0
    return question


def _tried(bundle: Bundle, method: NetworkMethod, runtime: Runtime) -> tuple[KeptGraph, Callable[[Path], None]]:
    """What comes of the comparison, and what writes the exported network."""
    network, samples = Plain(method).eval(), noise_for(bundle, method)
    layout = memory_format(samples[1][0].ndim - 2)

    def by_torch(images: Tensor) -> NDArray[np.float32]:
        found: NDArray[np.float32] = network(images.contiguous(memory_format=layout), *samples[1][1:]).numpy()
        return found

    with TemporaryDirectory() as folder, torch.no_grad():
        path = Path(folder, "network").with_suffix(runtime.suffix)
        runtime.write(network, samples[0], path)
        graph = runtime.open(path, "fp32")
        for question in samples[1][1:]:
            graph = graph.asking(question.numpy()[0])
        true, found = by_torch(samples[1][0]), graph(samples[1][0].numpy())
        faster = runtime.always or _is_faster(graph, by_torch, like=samples[1][0], divisor=method.divisor)
    error = float(np.abs(found - true).max() / np.abs(true).max())
    classes = dict(method.classes) if method.segments else None
    kept = KeptGraph(agrees=error <= _AGREES, error=error, divisor=method.divisor, classes=classes, faster=faster)
    return kept, lambda place: runtime.write(network, samples[0], place)


def _is_faster(graph: Graph, by_torch: Callable[[Tensor], object], *, like: Tensor, divisor: int) -> bool:
    """Whether a graph takes less time than torch for one sample of a usual size, each at its best."""
    side = -(-_TIMED_SIDE[like.ndim - 2] // divisor) * divisor
    images = torch.randn(1, like.shape[1], *[side] * (like.ndim - 2), generator=torch.Generator().manual_seed(0))
    given = images.numpy()
    taken: tuple[list[float], list[float]] = ([], [])
    ways: tuple[Callable[[], object], ...] = (lambda: by_torch(images), lambda: graph(given))
    for _ in range(_TIMES + 1):
        for seconds, work in zip(taken, ways, strict=True):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
    return min(taken[1]) < _FASTER * min(taken[0])
