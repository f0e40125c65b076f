"""The predictor of a bundle: by OpenVINO where that is there and agrees with torch, which then is not even loaded."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voxlate.bundle.bundle import Bundle
from voxlate.cohort.labels.classes import Classes
from voxlate.cohort.labels.painting import paint
from voxlate.config.device import DEVICE, RUNTIME
from voxlate.config.recipe import Recipe
from voxlate.config.window import WindowOptions
from voxlate.errors import UsageError
from voxlate.inference.runtimes.kept import KeptGraph, find_kept, graph_path
from voxlate.inference.runtimes.openvino import Graph, is_installed
from voxlate.inference.stitching import CasePredictor, WindowPredictor, fills_background, numbers_for
from voxlate.plugins.kept import needed_by
from voxlate.question import Acquisitions, Query

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class GraphPredictor(WindowPredictor):
    """A network that OpenVINO computes, made ready for whole cases.

    Attributes:
        graph: Maps source windows to target windows, in normalised values.
        window: How a case is cut and stitched.
        divides: Spatial sizes of a sample must be multiples of it.
        tile: The largest window in a sample's spatial axes; ``None`` for what the recipe says.
        fill: Whether the source's background is filled as in training.
        classes: Of a segmentation, those whose probabilities come out.
        there: Of a network that is asked questions, which of its channels the sources are; ``None`` for all.
    """

    graph: Graph
    window: WindowOptions
    divides: int
    tile: tuple[int, ...] | None = None
    fill: bool = False
    there: NDArray[np.bool_] | None = field(default=None, compare=False)
    classes: Classes | None = None

    @property
    def divisor(self) -> int:
        """The network's."""
        return self.divides

    @property
    def channels(self) -> int:
        """One, or one for each class."""
        return len(self.classes) if self.classes else 1

    def decode(self, stitched: NDArray[np.float32]) -> NDArray[np.float32]:
        """The target; of a segmentation, the label map."""
        return paint(stitched, self.classes) if self.classes else stitched

    def asked(self, question: Query, recipe: Recipe, acquired: Acquisitions | None = None) -> GraphPredictor:
        """The same for one question: its sources come in."""
        numbers = numbers_for(question, recipe, acquired)
        channels = len(recipe.source) * (2 * recipe.window.neighbours + 1)
        return replace(self, graph=self.graph.asking(numbers), there=numbers[:channels] > 0)

    def compute(self, cuts: NDArray[np.float32]) -> NDArray[np.float32]:
        """By OpenVINO, on the processor."""
        if self.there is None:
            return self.graph(cuts)
        images = np.zeros((len(cuts), len(self.there), *cuts.shape[2:]), dtype=np.float32)
        images[:, self.there] = cuts
        return self.graph(images)


def predictor_of(bundle: Bundle, device: torch.device | None) -> CasePredictor:
    """What predicts by a bundle, in float32.

    Args:
        bundle: Whose.
        device: Where it computes; without one the CUDA device, where there is one, or the processor.

    Raises:
        BundleError: If the weights do not fit the recipe.
        UsageError: If there is no such device, or the runtime that is asked for is not there.
    """
    digest, kept = _digest(bundle), None
    if _may_accelerate(device):
        kept = find_kept(digest) or _exported(bundle, digest)
    if kept is None or not kept.agrees:
        from voxlate.inference.eager import eager_predictor

        return eager_predictor(bundle, device)
    recipe, graph = bundle.recipe, Graph(graph_path(digest))
    fill = fills_background(recipe)
    return GraphPredictor(graph, recipe.window, kept.divisor, fill=fill, classes=kept.classes)


def _exported(bundle: Bundle, digest: str) -> KeptGraph | None:
    from voxlate.inference.eager import load_method
    from voxlate.inference.runtimes.exporting import export

    return export(bundle, load_method(bundle).eval(), digest)


def _may_accelerate(device: torch.device | None) -> bool:
    """Whether OpenVINO is asked for, or there, for a model that is computed on the processor."""
    wanted = os.environ.get(RUNTIME) or "auto"
    if wanted not in {"auto", "openvino", "torch"}:
        raise UsageError(
            "auto, openvino or torch", came=repr(wanted), where=RUNTIME, remedy="Name one, or leave it out."
        )
    if wanted == "openvino" and not is_installed():
        remedy = "pip install 'voxlate[fast]', or leave it out."
        raise UsageError("OpenVINO", came="no such package", where=RUNTIME, remedy=remedy)
    if wanted == "torch" or not is_installed():
        return False
    if device is not None:
        return device.type == "cpu"
    return (os.environ.get(DEVICE) or ("cuda" if shutil.which("nvidia-smi") else "cpu")) == "cpu"


def _digest(bundle: Bundle) -> str:
    """Of all that the network follows from: the bundle, and the plugins that build it."""
    plugins = [one.digest for one in needed_by(bundle.recipe)]
    return hashlib.sha256("\n".join([bundle.digest, *plugins]).encode()).hexdigest()
