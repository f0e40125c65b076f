"""The predictor of a bundle: by a runtime that is there and agrees with torch, which then is not even loaded."""

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
from voxlate.config.device import DEVICE, PRECISION, RUNTIME
from voxlate.config.recipe import Recipe
from voxlate.config.window import WindowOptions
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.inference.runtimes.kept import KeptGraph, find_kept, graph_path
from voxlate.inference.runtimes.onnx import ONNX
from voxlate.inference.runtimes.openvino import OPENVINO
from voxlate.inference.runtimes.runtime import Graph, Runtime
from voxlate.inference.stitching import CasePredictor, WindowPredictor, fills_background, numbers_for
from voxlate.plugins.kept import needed_by
from voxlate.question import Acquisitions, Query

if TYPE_CHECKING:
    import torch

    from voxlate.methods.hardware import Precision

_RUNTIMES = (OPENVINO, ONNX)
"""In the order in which they are preferred."""


@dataclass(frozen=True)
class GraphPredictor(WindowPredictor):
    """A network that a runtime computes, made ready for whole cases.

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
        """By the runtime, on the processor."""
        if self.there is None:
            return self.graph(cuts)
        images = np.zeros((len(cuts), len(self.there), *cuts.shape[2:]), dtype=np.float32)
        images[:, self.there] = cuts
        return self.graph(images)


def precision_for(recipe: Recipe) -> Precision:
    """The precision that a user wants a model to compute in.

    Raises:
        UsageError: If there is no such precision, or bfloat16 is asked for what must not be rounded.
    """
    wanted = os.environ.get(PRECISION) or "fp32"
    kinds = {get_contrast(name).kind for name in recipe.wanted}
    if wanted == "bf16" and not kinds <= {"mr", "pet"}:
        remedy = "Leave it out: Hounsfield units and labels are computed in fp32."
        raise UsageError("a target that is MR or PET for bf16", came=recipe.target, where=PRECISION, remedy=remedy)
    if wanted not in ("fp32", "bf16"):
        raise UsageError("fp32 or bf16", came=repr(wanted), where=PRECISION, remedy="Name one, or leave it out.")
    if wanted == "fp32":
        return "fp32"
    from voxlate.methods.hardware import multiplies_bf16, pick_device

    if not multiplies_bf16(pick_device().type):
        remedy = "Leave it out: it would take longer than fp32."
        raise UsageError("a processor that multiplies bfloat16", came="another", where=PRECISION, remedy=remedy)
    return "bf16"


def predictor_of(bundle: Bundle, device: torch.device | None) -> CasePredictor:
    """What predicts by a bundle.

    Args:
        bundle: Whose.
        device: Where it computes; without one the CUDA device, where there is one, or the processor.

    Raises:
        BundleError: If the weights do not fit the recipe.
        UsageError: If there is no such device or precision, or the runtime that is asked for is not there.
    """
    precision = precision_for(bundle.recipe)
    digest, runtime, kept = _digest(bundle), _chosen(device), None
    if runtime is not None and precision in runtime.precisions:
        kept = find_kept(digest, runtime) or _exported(bundle, digest, runtime)
    if runtime is None or kept is None or not kept.agrees or not (kept.faster or _asked() == runtime.name):
        from voxlate.inference.eager import eager_predictor

        return eager_predictor(bundle, device, precision=precision)
    recipe, graph = bundle.recipe, runtime.open(graph_path(digest, runtime), precision)
    fill = fills_background(recipe)
    return GraphPredictor(graph, recipe.window, kept.divisor, fill=fill, classes=kept.classes)


def needs_torch() -> bool:
    """Whether torch is to compute here, as far as can be said without a model."""
    runtime = _chosen(None)
    return runtime is None or not runtime.always


def _exported(bundle: Bundle, digest: str, runtime: Runtime) -> KeptGraph | None:
    from voxlate.inference.eager import load_method
    from voxlate.inference.runtimes.exporting import export

    return export(bundle, load_method(bundle).eval(), digest, runtime)


def _asked() -> str:
    return os.environ.get(RUNTIME) or "auto"


def _chosen(device: torch.device | None) -> Runtime | None:
    """The runtime that is asked for, or the first that is there, for a model that is computed on the processor."""
    wanted = _asked()
    if wanted not in {"auto", "torch", *(one.name for one in _RUNTIMES)}:
        raise UsageError(
            "auto, openvino, onnx or torch", came=repr(wanted), where=RUNTIME, remedy="Name one, or leave it out."
        )
    asked = [one for one in _RUNTIMES if wanted in ("auto", one.name)]
    there = [one for one in asked if one.is_installed()]
    if asked and wanted != "auto" and not there:
        remedy = f"pip install 'voxlate[{asked[0].extra}]', or leave it out."
        raise UsageError(asked[0].title, came="no such package", where=RUNTIME, remedy=remedy)
    if not there:
        return None
    if device is None:
        on_processor = (os.environ.get(DEVICE) or ("cuda" if shutil.which("nvidia-smi") else "cpu")) == "cpu"
    else:
        on_processor = device.type == "cpu"
    return there[0] if on_processor else None


def _digest(bundle: Bundle) -> str:
    """Of all that the network follows from: the bundle, and the plugins that build it."""
    plugins = [one.digest for one in needed_by(bundle.recipe)]
    return hashlib.sha256("\n".join([bundle.digest, *plugins]).encode()).hexdigest()
