"""Brings a network from torch to OpenVINO, and looks whether both say the same.

The network is traced on noise and run by both on other noise, of another size. What differs by more than ``_AGREES`` of
the largest value is not used, nor what cannot be traced.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from voxlate.bundle.bundle import Bundle
from voxlate.inference.runtimes.kept import KeptGraph, keep
from voxlate.inference.runtimes.openvino import Graph, load_openvino
from voxlate.methods.conditional import Conditional
from voxlate.methods.hardware import memory_format
from voxlate.methods.interface import Method, NetworkMethod
from voxlate.windows import Window

logger = logging.getLogger(__name__)
_AGREES = 1e-4
_SIDE, _OTHER_SIDE = 32, 48
"""Voxels along an axis of the noise, at least."""


class _Plain(nn.Module):
    """A network as a function of images, and of one question where it is asked any."""

    def __init__(self, method: NetworkMethod) -> None:
        super().__init__()
        self.method = method

    def forward(self, images: Tensor, question: Tensor | None = None) -> Tensor:
        if question is None:
            prediction: Tensor = self.method(images)
            return torch.sigmoid(prediction) if self.method.segments else prediction
        network = cast("Conditional", self.method.network)
        given = network.given(images, question)
        if not network.together:
            return given
        wanted = question[:, network.channels : network.channels + network.targets]
        return (given * wanted[(..., *[None] * (images.ndim - 2))]).sum(dim=1, keepdim=True)


def export(bundle: Bundle, method: Method, digest: str) -> KeptGraph | None:
    """Exports a model's network, compares, and keeps it, or that it is not to be used.

    Args:
        bundle: The model.
        method: Its method with the weights, on the processor, in evaluation mode.
        digest: By which it is kept.

    Returns:
        What is kept; ``None`` if nothing can be.
    """
    if not isinstance(method, NetworkMethod):
        return None
    try:
        kept, write = _tried(_Plain(method).eval(), _samples(bundle, method), method)
    except Exception as error:  # noqa: BLE001  whatever a network holds that cannot be traced, torch computes it
        logger.info("computing by torch: OpenVINO cannot take the network over: %s", error)
        kept, write = KeptGraph(agrees=False, error=float("inf")), None
    else:
        if not kept.agrees:
            logger.warning("computing by torch: OpenVINO differs by %.1e of the largest value", kept.error)
    return kept if keep(digest, kept, write if kept.agrees else None) else None


def _samples(bundle: Bundle, method: NetworkMethod) -> list[tuple[Tensor, ...]]:
    """Noise of two sizes as the network takes it, with two questions where it is asked any."""
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


def _tried(
    network: _Plain, samples: Sequence[tuple[Tensor, ...]], method: NetworkMethod
) -> tuple[KeptGraph, Callable[[Path], None]]:
    """What comes of the comparison, and what writes the exported network."""
    openvino = load_openvino()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the trace: that sizes of this example are kept, which the comparison tries
        graph = openvino.convert_model(network, example_input=samples[0])
        layout = memory_format(samples[1][0].ndim - 2)
        true = network(samples[1][0].contiguous(memory_format=layout), *samples[1][1:]).numpy()

    def write(path: Path) -> None:
        openvino.save_model(graph, path, compress_to_fp16=False)

    with TemporaryDirectory() as folder:
        write(Path(folder, "network.xml"))
        told = [one.numpy()[0] for one in samples[1][1:]]
        found = Graph(Path(folder, "network.xml"), *told)(samples[1][0].numpy())
    error = float(np.abs(found - true).max() / np.abs(true).max())
    classes = dict(method.classes) if method.segments else None
    return KeptGraph(agrees=error <= _AGREES, error=error, divisor=method.divisor, classes=classes), write
