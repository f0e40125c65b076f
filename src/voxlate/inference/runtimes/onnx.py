"""ONNX Runtime, an extra: a network in its format, and what computes it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from voxlate.inference.runtimes.runtime import Runtime, threads

if TYPE_CHECKING:
    from torch import Tensor, nn

    from voxlate.methods.hardware import Precision

_OPSET = 18
_INPUTS = ("images", "question")


class _Session(Protocol):
    """What ONNX Runtime has read; it has no types of its own."""

    def run(self, outputs: None, inputs: Mapping[str, NDArray[np.float32]]) -> Sequence[NDArray[np.float32]]: ...


class _OnnxGraph:
    """A network as ONNX Runtime reads it from a file; samples may be of any number and size.

    Args:
        path: The file.
        question: What the network is told beside the images, ``(numbers,)``; ``None`` where it is told nothing.
    """

    def __init__(self, path: Path, question: NDArray[np.float32] | None = None) -> None:
        self._path, self._question = path, question

    def asking(self, question: NDArray[np.float32]) -> _OnnxGraph:
        """The same network with a question."""
        return _OnnxGraph(self._path, question)

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's output for images ``(b, c, *s)``, in float32."""
        told = [images] if self._question is None else [images, self._question[None]]
        found = _session(self._path).run(None, dict(zip(_INPUTS, told, strict=False)))[0]
        return np.asarray(found, dtype=np.float32)


def _open(path: Path, _precision: Precision) -> _OnnxGraph:
    return _OnnxGraph(path)


@lru_cache(maxsize=1)
def _session(path: Path) -> _Session:
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # which only Windows has
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads(), 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session: _Session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session


def _write(network: nn.Module, sample: tuple[Tensor, ...], path: Path) -> None:
    import torch

    names = _INPUTS[: len(sample)]
    free = {0: "samples", **{axis: f"axis_{axis}" for axis in range(2, sample[0].ndim)}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a newer exporter, which needs more packages
        torch.onnx.export(
            network,
            sample,
            path,
            dynamo=False,
            opset_version=_OPSET,
            input_names=list(names),
            output_names=["prediction"],
            dynamic_axes={"images": free, "prediction": free},
        )


ONNX = Runtime("onnx", "ONNX Runtime", ("onnxruntime", "onnx"), "onnx", ".onnx", _write, _open, ("fp32",), always=False)
