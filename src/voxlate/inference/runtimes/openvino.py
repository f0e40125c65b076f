"""OpenVINO, an extra: its import, with its telemetry kept out, and a network that it has compiled.

A plain ``import openvino`` writes an identifier into the home folder and looks a host up. What does so is a package of
its own, which is blocked before. Without being told, it would compute in bfloat16 on processors that can.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from voxlate.inference.runtimes.runtime import Runtime, threads

if TYPE_CHECKING:
    from types import ModuleType

    from torch import Tensor, nn

    from voxlate.methods.hardware import Precision

_PACKAGE, _TELEMETRY = "openvino", "openvino_telemetry"


def _load_openvino() -> ModuleType:
    """The package, without its telemetry.

    Raises:
        ImportError: If it is not installed, or does not fit this system.
    """
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]  # how Python says that there is no such module
    import openvino

    module: ModuleType = openvino
    return module


class _Request(Protocol):
    """What OpenVINO has compiled; it has no types of its own."""

    def infer(self, inputs: list[NDArray[np.float32]], share_inputs: bool = False) -> Mapping[int, object]: ...


class OpenVinoGraph:
    """A network as OpenVINO reads it from a file, compiled for the shape of the samples that come.

    Args:
        path: The ``.xml`` file; the weights lie beside it.
        question: What the network is told beside the images, ``(numbers,)``; ``None`` where it is told nothing.
        precision: In which it computes.
    """

    def __init__(
        self, path: Path, question: NDArray[np.float32] | None = None, *, precision: Precision = "fp32"
    ) -> None:
        self._path, self._question = path, None if question is None else tuple(question.tolist())
        self._precision = precision

    def asking(self, question: NDArray[np.float32]) -> OpenVinoGraph:
        """The same network with a question, which is folded into its weights."""
        return OpenVinoGraph(self._path, question, precision=self._precision)

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's output for images ``(b, c, *s)``, in float32."""
        request, turn = _compiled(self._path, self._question, images.shape[1:], self._precision)
        with turn:
            return np.array(request.infer([images], share_inputs=True)[0], dtype=np.float32)


@lru_cache(maxsize=1)
def _compiled(
    path: Path, question: tuple[float, ...] | None, shape: tuple[int, ...], precision: Precision
) -> tuple[_Request, Lock]:
    """What computes, and a lock to hold meanwhile; the last is kept, since it holds all features of a sample."""
    openvino = _load_openvino()
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
    told = {"fp32": "f32", "bf16": "bf16"}[precision]
    how = {"INFERENCE_PRECISION_HINT": told, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads()}
    return core.compile_model(model, "CPU", how).create_infer_request(), Lock()


def _open(path: Path, precision: Precision) -> OpenVinoGraph:
    return OpenVinoGraph(path, precision=precision)


def _write(network: nn.Module, sample: tuple[Tensor, ...], path: Path) -> None:
    openvino = _load_openvino()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the trace: that sizes of this example are kept, which is tried afterwards
        graph = openvino.convert_model(network, example_input=sample)
    openvino.save_model(graph, path, compress_to_fp16=False)


OPENVINO = Runtime(*("openvino", "OpenVINO", (_PACKAGE,), "fast", ".xml"), _write, _open, ("fp32", "bf16"), always=True)
