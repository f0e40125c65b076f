"""Runtimes in torch's place: the same values, without torch, without a word to anybody; and torch where they differ."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from voxlate.bundle.bundle import Bundle, read_bundle
from voxlate.bundle.shipped import default_model
from voxlate.config.choice import Choice
from voxlate.config.device import DEVICE, PRECISION, RUNTIME
from voxlate.config.window import WindowOptions
from voxlate.errors import UsageError
from voxlate.inference.model import load_model
from voxlate.inference.predict import Predictor, predictor
from voxlate.inference.runtimes import exporting, predictors
from voxlate.inference.runtimes.exporting import export
from voxlate.inference.runtimes.kept import find_kept, graph_path
from voxlate.inference.runtimes.onnx import ONNX
from voxlate.inference.runtimes.openvino import OPENVINO, OpenVinoGraph
from voxlate.inference.runtimes.predictors import GraphPredictor, predictor_of
from voxlate.inference.runtimes.runtime import Runtime
from voxlate.inference.stitching import CasePredictor
from voxlate.io import write_volume
from voxlate.methods import hardware
from voxlate.methods.build import rehearse_learner
from voxlate.provenance import ModelRecord
from voxlate.question import Query
from voxlate.verbs import resolve_recipe
from voxlate.volume import Volume

SHAPE = (44, 52, 6)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this module's own, and a processor for which OpenVINO is asked."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv(RUNTIME, "openvino")
        patch.setenv(DEVICE, "cpu")
        yield folder


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The model that comes with Voxlate."""
    return read_bundle(default_model())


@pytest.fixture(scope="module")
def exported(cache: Path, bundle: Bundle) -> CasePredictor:
    """Its predictor by OpenVINO, the first that is asked for."""
    return predictor_of(bundle, None)


def source() -> tuple[np.ndarray, np.ndarray]:
    """A ball of noise and its mask."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    mask = sum(axis**2 for axis in axes[:2]) < 0.8
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32).cumsum(axis=0) / 5
    return image * mask, mask


def test_the_default_model_says_the_same_whatever_it_is_asked(
    exported: CasePredictor, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, mask = source()
    assert isinstance(exported, GraphPredictor)
    monkeypatch.setenv(RUNTIME, "torch")
    eager = predictor_of(bundle, None)
    assert isinstance(eager, Predictor)
    for question in (Query(("t1",), "t2"), Query(("t1", "flair"), "pd")):
        one, other = (each.asked(question, bundle.recipe) for each in (exported, eager))
        sources = [image, image[::-1]][: len(question.sources)]
        true, found = other(sources, mask), one(sources, mask)
        assert np.abs(true).max() > 0.1
        np.testing.assert_allclose(found, true, atol=1e-4 * np.abs(true).max())


@pytest.mark.parametrize(
    ("window", "network", "runtime"),
    [
        ({"kind": "slices", "neighbours": 1}, {"name": "unet", "channels": [4, 8], "normalise": "batch"}, OPENVINO),
        ({"kind": "slices", "mirror": True}, {"name": "pix2pix_unet", "width": 4, "levels": 3}, OPENVINO),
        ({"kind": "volume"}, {"name": "unet", "channels": [4, 8], "normalise": "group"}, OPENVINO),
        ({"kind": "patches", "size": [16, 16, 8]}, {"name": "unet", "channels": [4, 8], "normalise": "instance"}, ONNX),
    ],
    ids=["2.5-D", "2-D", "3-D", "patches"],
)
def test_networks_of_any_window_say_the_same(
    cache: Path, bundle: Bundle, window: dict[str, object], network: dict[str, object], runtime: Runtime
) -> None:
    options = WindowOptions.model_validate(window)
    recipe = resolve_recipe("t1-to-t2-fcn", source=["t1"], target="t2", overrides={"method.network": network})
    recipe = recipe.model_copy(update={"window": options})
    method = rehearse_learner(recipe).eval()
    other = replace(bundle, recipe=recipe)
    kept = export(other, method, digest := str(network | window), runtime)
    assert kept is not None
    assert kept.error < 1e-5
    image, mask = source()
    graph = runtime.open(graph_path(digest, runtime), "fp32")
    found = GraphPredictor(graph, options, kept.divisor, fill=True)([image], mask)
    true = predictor(recipe, method, device=next(method.parameters()).device, precision="fp32")([image], mask)
    np.testing.assert_allclose(found, true, atol=1e-4 * np.abs(true).max())


def test_a_segmentation_is_painted_alike(cache: Path, bundle: Bundle) -> None:
    network = {"name": "unet", "channels": [4, 8], "normalise": "instance"}
    method = {"name": "segmentation", "classes": {"whole": [1, 2], "core": [2]}, "network": network}
    recipe = resolve_recipe("segment-default", source=["t1"], target="labels")
    changes = {"window": WindowOptions(kind="volume"), "method": Choice.model_validate(method), "loss": {"dice": 1.0}}
    recipe = recipe.model_copy(update=changes)
    learner = rehearse_learner(recipe).eval()
    kept = export(replace(bundle, recipe=recipe), learner, "segmentation")
    assert kept is not None
    assert kept.agrees
    kept = find_kept("segmentation")
    assert kept is not None
    image, mask = source()
    graph = OpenVinoGraph(graph_path("segmentation"))
    found = GraphPredictor(graph, recipe.window, kept.divisor, fill=True, classes=kept.classes)([image], mask)
    true = predictor(recipe, learner, device=next(learner.parameters()).device, precision="fp32")([image], mask)
    assert found.shape == true.shape == (1, *SHAPE)
    assert np.mean(found != true) < 1e-3


def test_a_network_that_differs_is_computed_by_torch_and_not_tried_again(
    cache: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = replace(bundle, digest="one that differs")
    monkeypatch.setattr(exporting, "_AGREES", 0.0)
    with caplog.at_level(logging.WARNING):
        assert isinstance(predictor_of(other, None), Predictor)
    assert "computing by torch: OpenVINO differs by" in caplog.text
    monkeypatch.setattr(predictors, "_exported", None)
    assert isinstance(predictor_of(other, None), Predictor)


def test_a_damaged_network_is_none(exported: CasePredictor, bundle: Bundle) -> None:
    digest = predictors._digest(bundle)
    assert find_kept(digest) is not None
    weights = graph_path(digest).with_suffix(".bin")
    whole = weights.read_bytes()
    try:
        weights.write_bytes(whole[:-1] + b"x")
        assert find_kept(digest) is None
    finally:
        weights.write_bytes(whole)
    assert find_kept("another model") is None


def test_a_runtime_that_is_not_there_is_refused_by_its_extra(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNTIME, "tensorrt")
    with pytest.raises(UsageError, match="auto, openvino, onnx or torch"):
        predictor_of(bundle, None)
    monkeypatch.setenv(RUNTIME, "openvino")
    monkeypatch.setattr(Runtime, "is_installed", lambda _: False)
    with pytest.raises(UsageError, match=r"voxlate\[fast\]"):
        predictor_of(bundle, None)


def test_onnx_runtime_is_asked_where_openvino_is_not_and_only_if_it_was_faster(
    cache: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runtime, "is_installed", lambda one: one is ONNX)
    monkeypatch.setattr(exporting, "_is_faster", lambda *_, **__: False)
    monkeypatch.setenv(RUNTIME, "auto")
    eager = predictor_of(bundle, None)
    assert isinstance(eager, Predictor)
    monkeypatch.setattr(predictors, "_exported", None)  # what was found is kept
    assert isinstance(predictor_of(bundle, None), Predictor)
    monkeypatch.setenv(RUNTIME, "onnx")
    asked = predictor_of(bundle, None)
    assert isinstance(asked, GraphPredictor)
    image, mask = source()
    question = Query(("t1", "flair"), "pd")
    one, other = (each.asked(question, bundle.recipe)([image, image[::-1]], mask) for each in (asked, eager))
    np.testing.assert_allclose(one, other, atol=1e-4 * np.abs(other).max())


def test_which_is_faster_is_measured() -> None:
    like, slow = torch.zeros(1, 1, 8, 8), time.sleep
    assert exporting._is_faster(lambda _: np.zeros(1), lambda _: slow(0.1), like=like, divisor=8)  # type: ignore[arg-type]
    assert not exporting._is_faster(lambda _: slow(0.1), lambda _: None, like=like, divisor=8)  # type: ignore[arg-type,return-value]


def test_bfloat16_is_told_and_never_for_what_must_not_be_rounded(
    exported: CasePredictor, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, (image, mask) = Query(("t1",), "t2"), source()
    exact = exported.asked(question, bundle.recipe)([image], mask)
    plain = load_model()
    monkeypatch.setenv(PRECISION, "bf16")
    monkeypatch.setattr(hardware, "multiplies_bf16", lambda _: False)
    with pytest.raises(UsageError, match="a processor that multiplies bfloat16"):
        load_model()
    monkeypatch.setattr(hardware, "multiplies_bf16", lambda _: True)
    model = load_model()
    for runtime, least in (("openvino", -1), ("torch", 0)):  # OpenVINO rounds where the processor multiplies so
        monkeypatch.setenv(RUNTIME, runtime)
        rounded = predictor_of(bundle, None).asked(question, bundle.recipe)([image], mask)
        assert least < np.abs(rounded - exact).mean() < 0.02 * np.abs(exact).max()
    assert model.precision == "bf16"
    assert model.digest != plain.digest
    told = [ModelRecord(name="m", digest="d", precision=one.precision).model_dump() for one in (plain, model)]
    assert told == [{"name": "m", "digest": "d"}, {"name": "m", "digest": "d", "precision": "bf16"}]
    with pytest.raises(UsageError, match="MR or PET"):
        predictors.precision_for(resolve_recipe("t1-to-t2-fcn", target="ct"))
    monkeypatch.setenv(PRECISION, "int8")
    with pytest.raises(UsageError, match="fp32 or bf16"):
        load_model()


_QUIET = """
import sys
OUT = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname"}
sys.addaudithook(lambda event, _: sys.exit(f"spoke: {event}") if event in OUT else None)
import voxlate
voxlate.translate(None, sys.argv[1], target="t2", shows="t1", out=sys.argv[2])
assert "openvino" in sys.modules
assert not {"torch", "monai"} & set(sys.modules), "torch was loaded"
assert sys.modules["openvino_telemetry"] is None
"""


def test_a_translation_by_openvino_needs_no_torch_and_tells_nobody(
    exported: CasePredictor, cache: Path, tmp_path: Path
) -> None:
    image, mask = source()
    scan, home = tmp_path / "scan.nii.gz", tmp_path / "home"
    home.mkdir()
    write_volume(Volume(np.where(mask, 600 + 100 * image, 0).astype(np.float32), np.diag([3.0, 3, 20, 1])), scan)
    before = {path.name for path in cache.rglob("*")}
    command = [sys.executable, "-c", _QUIET, str(scan), str(tmp_path / "t2.nii.gz")]
    done = subprocess.run(command, env={**os.environ, "HOME": str(home)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "t2.nii.gz").is_file()
    assert not list(home.iterdir())
    assert {path.name for path in cache.rglob("*")} == before


_FAULTS = """
import ctypes, resource
from voxlate.inference.runtimes.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytearray(bytes(2**23))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

plain = faults()
print(int(keep_freed_memory()), plain, (faults(), faults())[1])
"""


def test_freed_memory_is_used_again() -> None:
    done = subprocess.run([sys.executable, "-c", _FAULTS], capture_output=True, text=True, check=True)
    kept, before, after = map(int, done.stdout.split())
    assert not kept or after < before / 10
