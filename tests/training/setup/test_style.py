"""Style transfer from data set to translation, with each kind of frozen network; files are gone when it translates."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import voxlate
from tests.conftest import SMALL
from tests.networks.frozen.test_vgg import reference
from voxlate.bundle.bundle import read_bundle
from voxlate.config.recipe import Recipe
from voxlate.errors import BundleError, UsageError
from voxlate.inference.model import load_model
from voxlate.io import read_volume
from voxlate.methods.style_transfer.method import StyleTransfer
from voxlate.training.setup.begin import build_method, set_up
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe

WIDTH = 4
TINY = {
    "window.axis": 0,
    "method.exemplars": 3,
    "method.steps": 1,
    "method.layers": {},
    "plan.split.fractions": [0.5, 0.25, 0.25],
}


@pytest.fixture(scope="module")
def cohort(drawn_once: Callable[..., Path]) -> Path:
    return drawn_once(cases=4, seed=2, size=32, contrasts=["in_phase", "out_phase", "ct"])


def recipe_with(**features: Any) -> Recipe:
    return resolve_recipe("zhao-style-transfer", overrides={**TINY, "method.features": features})


def method_of(run: Path) -> StyleTransfer:
    method = load_model(run).predict.translator
    assert isinstance(method, StyleTransfer)
    return method


@pytest.mark.usefixtures("coarse_reconstructions")
def test_a_run_keeps_exemplars_and_figures_and_translates_hounsfield_units(cohort: Path, tmp_path: Path) -> None:
    run = voxlate.train(cohort, recipe=recipe_with(width=WIDTH), out=tmp_path / "run")
    assert (run / "figures" / "reconstructions.png").stat().st_size > 10_000
    kept = read_bundle(run).weights()
    assert set(kept) == {"exemplar_source", "exemplar_target", "exemplar_mask"}
    drawn = (run / "figures" / "reconstructions.png").stat().st_mtime_ns
    voxlate.train(cohort, recipe=recipe_with(width=WIDTH), out=run, resume=True)
    assert (run / "figures" / "reconstructions.png").stat().st_mtime_ns == drawn
    [source] = cohort.glob("*00004*/*in_phase.nii.gz")
    voxlate.translate(run, source, out=tmp_path / "one.nii.gz")
    voxlate.translate(run, source, out=tmp_path / "two.nii.gz")
    one, two = (read_volume(tmp_path / f"{name}.nii.gz").array for name in ("one", "two"))
    assert np.array_equal(one, two)
    targets = kept["exemplar_target"][kept["exemplar_mask"] > 0] * 1000
    inside = one[one > -1024]
    assert targets.min() - 1 <= inside.min()
    assert inside.max() <= targets.max() + 1
    assert abs(float(np.median(inside)) - float(targets.median())) < 50


def test_weights_of_vgg_travel_in_the_bundle(cohort: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = {f"features.{name}": tensor for name, tensor in reference(narrower=64 // WIDTH).state_dict().items()}
    torch.save(state, tmp_path / "vgg.pth")
    recipe = recipe_with(kind="vgg19", path=str(tmp_path / "vgg.pth"), width=WIDTH)
    run = train_run(cohort, recipe, tmp_path / "run").folder
    (tmp_path / "vgg.pth").unlink()
    weights = method_of(run).body.network.state_dict()
    assert torch.equal(weights["convolutions.block1_conv1.weight"], state["features.0.weight"])
    assert torch.equal(weights["convolutions.block4_conv1.bias"], state["features.19.bias"])
    assert len(weights) == 2 * 9, "nothing behind block4_conv1"
    [source] = cohort.glob("*00004*/*in_phase.nii.gz")
    assert voxlate.translate(run, source, out=tmp_path / "one.nii.gz")[0].status == "done"
    with pytest.raises(BundleError, match="a file of weights"):
        voxlate.train(cohort, recipe=recipe, out=tmp_path / "another")


@pytest.fixture(scope="module")
def from_ct(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    overrides = {**SMALL, "source": ["ct"], "target": "in_phase", "window.axis": 0, "training.steps": 2}
    overrides["plan.split.fractions"] = TINY["plan.split.fractions"]
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides=overrides)
    return train_run(cohort, recipe, tmp_path_factory.mktemp("from-ct") / "run").folder


def test_the_network_of_a_bundle_travels_in_the_bundle(cohort: Path, from_ct: Path, tmp_path: Path) -> None:
    there = tmp_path / "from-ct"
    shutil.copytree(from_ct, there)
    run = train_run(cohort, recipe_with(kind="bundle", path=str(there)), tmp_path / "run").folder
    shutil.rmtree(there)
    method, own = method_of(run), read_bundle(from_ct).weights()
    found = method.body.network.network.state_dict()
    assert all(torch.equal(value, own[f"network.{name}"]) for name, value in found.items())
    assert (method.body.content, method.body.style) == ("stages.1", ("stages.0", "stages.1"))
    assert read_bundle(run).recipe.method.options["features"]["network"]["name"] == "fcn"
    [source] = cohort.glob("*00004*/*in_phase.nii.gz")
    assert voxlate.translate(run, source, out=tmp_path / "one.nii.gz")[0].status == "done"


def test_a_bundle_that_does_not_fit_is_refused(cohort: Path, from_ct: Path) -> None:
    def build(**overrides: Any) -> None:
        path = overrides.pop("path", from_ct)
        features = {"kind": "bundle", "path": str(path), **overrides.pop("features", {})}
        recipe = recipe_with(**features).with_overrides(overrides)
        build_method(set_up(cohort, recipe, run=None, check=False, report=lambda *_: None))

    build()
    with pytest.raises(UsageError, match=r"method\.features\.path.*source contrast in_phase"):
        build(source=["ct"], target="in_phase")
    with pytest.raises(UsageError, match="slices of axis 2"):
        build(**{"window.axis": 2})
    with pytest.raises(BundleError, match="SHA-256"):
        build(features={"sha256": "0" * 64})
    with pytest.raises(BundleError, match="a model"):
        build(path="nowhere")
