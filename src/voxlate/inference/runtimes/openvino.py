"""OpenVINO, an extra: its import, with its telemetry kept out, and a network that it has compiled.

A plain ``import openvino`` writes an identifier into the home folder and looks a host up. What does so is a package of
its own, which is blocked before. Without being told, it would compute in bfloat16 on processors that can.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from voxlate.progress.spreading import cores

if TYPE_CHECKING:
    from types import ModuleType

_TELEMETRY = "openvino_telemetry"


def is_installed() -> bool:
    """Whether the extra ``fast`` is there."""
    return find_spec("openvino") is not None


def load_openvino() -> ModuleType:
    """The package, without its telemetry.

    Raises:
        ImportError: If it is not installed, or does not fit this system.
    """
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]  # how Python says that there is no such module
    import openvino

    module: ModuleType = openvino
    return module


def _threads() -> int:
    named = os.environ.get("OMP_NUM_THREADS", "")
    return int(named) if named.isdigit() and int(named) > 0 else cores()


class _Request(Protocol):
    """What OpenVINO has compiled; it has no types of its own."""

    def infer(self, inputs: list[NDArray[np.float32]], share_inputs: bool = False) -> Mapping[int, object]: ...


class Graph:
    """A network as OpenVINO reads it from a file, compiled for the shape of the samples that come.

    Args:
        path: The ``.xml`` file; the weights lie beside it.
        question: What the network is told beside the images, ``(numbers,)``; ``None`` where it is told nothing.
    """

    def __init__(self, path: Path, question: NDArray[np.float32] | None = None) -> None:
        self._path, self._question = path, None if question is None else tuple(question.tolist())

    def asking(self, question: NDArray[np.float32]) -> Graph:
        """The same network with a question, which is folded into its weights."""
        return Graph(self._path, question)

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's output for images ``(b, c, *s)``, in float32."""
        request, turn = _compiled(self._path, self._question, images.shape[1:])
        with turn:
            return np.array(request.infer([images], share_inputs=True)[0], dtype=np.float32)


@lru_cache(maxsize=1)
def _compiled(path: Path, question: tuple[float, ...] | None, shape: tuple[int, ...]) -> tuple[_Request, Lock]:
    """What computes, and a lock to hold meanwhile; the last is kept, since it holds all features of a sample."""
    openvino = load_openvino()
    core = openvino.Core()
    model = core.read_model(path)
    if question is not None:
        told = model.inputs[1].get_node()
        constant = openvino.opset1.constant([question], dtype=np.float32)
        for place in told.output(0).get_target_inputs():
            place.replace_source_output(constant.output(0))
        model.remove_parameter(told)
    # As fast as for a fixed number of samples, of which the last of a case are fewer.
    model.reshape({model.inputs[0]: openvino.PartialShape([-1, *shape])})
    exact = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": _threads()}
    return core.compile_model(model, "CPU", exact).create_infer_request(), Lock()
