"""Translation of a prepared volume: by the predictor that a user gets, against a loop over slices or MONAI's window."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from harness import Comparison, growing
from inputs import WHOLE, head, recipe_of
from monai.inferers import sliding_window_inference

from voxlate.bundle.bundle import read_bundle
from voxlate.bundle.shipped import default_model
from voxlate.config.device import RUNTIME
from voxlate.inference.eager import load_method
from voxlate.inference.predict import Predictor, predictor
from voxlate.inference.runtimes.exporting import export
from voxlate.inference.runtimes.kept import graph_path
from voxlate.inference.runtimes.openvino import OpenVinoGraph
from voxlate.inference.runtimes.predictors import GraphPredictor, predictor_of
from voxlate.inference.stitching import CasePredictor, numbers_for
from voxlate.methods.build import rehearse_learner
from voxlate.methods.hardware import channels_last
from voxlate.methods.interface import NetworkMethod
from voxlate.question import Query

UNET = {"name": "unet", "channels": [32, 64, 128, 256, 512], "normalise": "batch"}
"""7.8 M parameters in 2-D, as MONAI's BasicUNet has."""
UNET_3D = {"name": "unet", "channels": [24, 48, 96, 192], "normalise": "batch"}
_TOLERANCE = 1e-5
_AT_THE_BORDER = 1e-2
"""Mean difference: at the border of the head's box the one network sees zeros where the other sees empty image."""
_LOOP = "a loop over the slices of the whole grid, eager float32"


_SIZE = " x ".join(map(str, WHOLE))


def _head() -> tuple[np.ndarray, np.ndarray]:
    image, mask = head(WHOLE)
    return (image / 600).astype(np.float32), mask


def slices(_: Path) -> Iterator[Comparison]:
    """2-D and 2.5-D, and how both grow."""
    image, mask = _head()
    size = _SIZE
    for title, neighbours, goal in (("2-D U-Net", 0, 4.0), ("2.5-D U-Net", 1, 4.0)):
        ways, loop = _slices(neighbours)
        usual = _inside(lambda loop=loop: loop(image), mask)
        for runtime, predict in ways.items():
            ours = _inside(lambda predict=predict: predict([image], mask)[0], mask)
            aim = goal if runtime == "OpenVINO" else None
            yield Comparison(f"{title}, {runtime}", size, ours, usual, _LOOP, _AT_THE_BORDER, aim, repeats=1, mean=True)
        one, other = (_inside(lambda predict=predict: predict([image], mask)[0], mask) for predict in ways.values())
        yield Comparison(f"{title}, OpenVINO and torch", size, one, other, "torch", _TOLERANCE, repeats=0)
    few = [(f"{n} slices", lambda n=n: ways["torch"]([image[..., :n]], mask[..., :n])) for n in (39, 78, 155)]
    yield from growing("2.5-D U-Net, torch", few)


def _inside(work: Callable[[], np.ndarray], mask: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: work()[mask]


def _method(changes: Mapping[str, Any]) -> tuple[NetworkMethod, Any]:
    torch.manual_seed(0)
    recipe = recipe_of(changes)
    method = rehearse_learner(recipe).eval()
    assert isinstance(method, NetworkMethod)
    for part in method.modules():  # as if it had been trained: statistics that are not 0 and 1
        if isinstance(part, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            part.running_var.fill_(2.0)
    return method, recipe


def _ways(method: NetworkMethod, recipe: Any) -> dict[str, CasePredictor]:  # noqa: ANN401
    bundle = read_bundle(default_model())
    object.__setattr__(bundle, "recipe", recipe)
    digest = str(recipe.method) + str(recipe.window)
    kept = export(bundle, method, digest)
    assert kept is not None
    assert kept.agrees
    graph = OpenVinoGraph(graph_path(digest))
    eager = predictor(recipe, channels_last(method), device=torch.device("cpu"), precision="fp32")
    fast = GraphPredictor(graph, recipe.window, kept.divisor)
    # The usual way does not fill the background, so that here neither does.
    return {"OpenVINO": fast, "torch": replace(cast("Predictor", eager), fill=False)}


def _slices(neighbours: int) -> tuple[dict[str, CasePredictor], Callable[[np.ndarray], np.ndarray]]:
    method, recipe = _method({"method.network": UNET, "window.neighbours": neighbours, "window.kind": "slices"})
    usual, _ = _method({"method.network": UNET, "window.neighbours": neighbours, "window.kind": "slices"})

    def loop(volume: np.ndarray) -> np.ndarray:
        padded = np.pad(volume, ((0, 0), (0, 0), (neighbours, neighbours)), mode="edge")
        result = np.empty_like(volume)
        with torch.no_grad():
            for k in range(volume.shape[2]):
                cut = np.moveaxis(padded[:, :, k : k + 2 * neighbours + 1], 2, 0).copy()
                result[:, :, k] = usual(torch.from_numpy(cut)[None])[0, 0].numpy()
        return result

    return _ways(method, recipe), loop


def default(_: Path) -> Iterator[Comparison]:
    """The model that comes with Voxlate."""
    (image, mask), size = _head(), _SIZE
    bundle, question = read_bundle(default_model()), Query(("t1",), "t2")
    network = load_method(bundle).eval().network
    numbers = torch.from_numpy(numbers_for(question, bundle.recipe, None))[None]
    there = numbers[0, : network.channels] > 0

    def loop() -> np.ndarray:
        padded = np.pad(image, ((0, 0), (0, 0), (2, 2)), mode="edge")
        result = np.empty_like(image)
        with torch.no_grad():
            for k in range(image.shape[2]):
                images = torch.zeros(1, network.channels, *image.shape[:2])
                images[:, there] = torch.from_numpy(np.moveaxis(padded[:, :, k : k + 5], 2, 0).copy())
                result[:, :, k] = network.answer(images, numbers)[0, 0].numpy()
        return result

    usual = _inside(loop, mask)
    for runtime in ("openvino", "torch"):
        with _by(runtime):
            predict = predictor_of(bundle, torch.device("cpu")).asked(question, bundle.recipe)
        ours = _inside(lambda predict=predict: predict([image], mask)[0], mask)
        name = {"openvino": "OpenVINO", "torch": "torch"}[runtime]
        # Instance normalisation sees the whole slice, so the crop changes the values: nothing to compare.
        yield Comparison(f"default model, {name}", size, ours, usual, _LOOP, repeats=1)


def volumes(_: Path) -> Iterator[Comparison]:
    """3-D, in one pass over the head's box."""
    (image, mask), size = _head(), _SIZE
    method, recipe = _method({"method.network": UNET_3D, "window.kind": "volume", "window.axis": 2})
    usual, _ = _method({"method.network": UNET_3D, "window.kind": "volume", "window.axis": 2})
    ways = _ways(method, recipe)

    def usual_way() -> np.ndarray:
        with torch.no_grad():
            batch = torch.from_numpy(image[None, None])
            found = sliding_window_inference(batch, (128,) * 3, 1, usual, overlap=0.5, mode="gaussian")
            return found[0, 0].numpy()[mask]

    for runtime, predict in ways.items():
        ours = _inside(lambda predict=predict: predict([image], mask)[0], mask)
        aim = 20.0 if runtime == "OpenVINO" else None
        against = "MONAI's sliding window, 128^3, overlap 0.5, Gaussian"
        yield Comparison(
            f"3-D U-Net in one pass, {runtime}",
            size,
            ours,
            usual_way,
            against,
            _AT_THE_BORDER,
            aim,
            repeats=0,
            mean=True,
        )
    one, other = (_inside(lambda predict=predict: predict([image], mask)[0], mask) for predict in ways.values())
    yield Comparison("3-D U-Net in one pass, OpenVINO and torch", size, one, other, "torch", _TOLERANCE, repeats=0)


@contextmanager
def _by(runtime: str) -> Iterator[None]:
    before = os.environ.get(RUNTIME)
    os.environ[RUNTIME] = runtime
    try:
        yield
    finally:
        os.environ.pop(RUNTIME)
        if before is not None:
            os.environ[RUNTIME] = before
