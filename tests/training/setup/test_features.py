"""The feature loss in training: which networks are taken, what they do, and that none of them is left in the result."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.conftest import SMALL
from tests.networks.frozen.test_vgg import reference
from voxlate.bundle.bundle import MANIFEST, read_bundle
from voxlate.errors import BundleError, UsageError
from voxlate.inference.model import load_model
from voxlate.losses.features import FeatureLoss
from voxlate.networks.frozen.feature_network import FeatureNetwork
from voxlate.networks.frozen.pretrained import CENTRED, IMAGENET
from voxlate.training.loop.checkpoints import load_latest
from voxlate.training.loop.state import RunState
from voxlate.training.setup.begin import build_trainable, set_up
from voxlate.training.setup.frozen import attach_features
from voxlate.training.setup.setup import Setup
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe

Make = Callable[..., Setup]
UNDISTURBED = {"training__validate_every": 40, "training__figure_every": 40, "training__checkpoint_every": 40}


@pytest.fixture(scope="module")
def make(phantom_cohort: Path) -> Make:
    """A set-up of a translation from T2 to T1 whose loss compares features."""

    def build(network: Path, options: dict[str, Any] | None = None, **overrides: Any) -> Setup:
        loss = {"features": {"weight": 1.0, "network": str(network), **(options or {})}}
        changes = {
            "source": ["t2"],
            "target": "t1",
            "loss": loss,
            **{k.replace("__", "."): v for k, v in overrides.items()},
        }
        recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, **changes})
        return set_up(phantom_cohort, recipe, run=None, check=False, report=lambda *_: None)

    return build


def network_of(setup: Setup) -> FeatureNetwork:
    """The frozen network that training would attach."""
    term = build_trainable(setup).loss.terms["features"]
    assert isinstance(term, FeatureLoss)
    network = term._network
    assert isinstance(network, FeatureNetwork)
    return network


def test_features_of_a_bundle_are_those_of_its_own_network(make: Make, trained: Path) -> None:
    network = network_of(make(trained))
    weights = read_bundle(trained).weights()
    own = network.body.network.state_dict()
    assert own.keys() == {name.removeprefix("network.") for name in weights}
    assert all(torch.equal(value, weights[f"network.{name}"]) for name, value in own.items())
    images = torch.rand(1, 1, 30, 32)
    found = network(images, torch.ones_like(images))
    assert [tuple(x.shape[1:]) for x in found] == [(8, 30, 32), (16, 15, 16)]
    assert network.outside == -1, "the background as the bundle's own sources had it"


def test_a_run_with_features_of_a_bundle_learns_and_ships_its_own_network_only(
    make: Make, trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    digest = read_bundle(trained).digest
    options = {"kind": "bundle", "sha256": digest, "layers": ["stages.0", "stages.1"]}
    setup = make(trained, options, training__steps=40, training__learning_rate=3e-3, **UNDISTURBED)
    run = train_run(phantom_cohort, setup.recipe, tmp_path / "whole").folder
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    distances = [line["features"] for line in lines if "features" in line]
    assert len(distances) == 40
    assert np.mean(distances[-10:]) < 0.5 * np.mean(distances[:5])
    weights = read_bundle(run).weights()
    assert weights.keys() == read_bundle(trained).weights().keys(), "as a run without features"
    assert all(not torch.equal(weights[name], value) for name, value in read_bundle(trained).weights().items())
    assert load_model(run).bundle.recipe.loss["features"], "translation builds the loss, and reads no network for it"


def test_a_run_with_features_goes_on_as_if_it_had_not_stopped(
    make: Make, trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    recipe = make(trained, training__steps=6, training__schedule="constant", **UNDISTURBED).recipe
    whole = train_run(phantom_cohort, recipe, tmp_path / "whole").folder
    shorter = recipe.with_overrides({"training.steps": 4})
    train_run(phantom_cohort, shorter, tmp_path / "parts")
    parts = train_run(phantom_cohort, recipe, tmp_path / "parts", resume=True).folder
    first, second = (load_latest(run / "checkpoints") for run in (whole, parts))
    assert first is not None
    assert second is not None
    assert first["step"] == second["step"] == 6
    assert first["method"].keys() == second["method"].keys()
    assert all(torch.equal(value, second["method"][name]) for name, value in first["method"].items())


def test_the_network_is_no_part_of_the_method_and_changes_no_random_number(make: Make, trained: Path) -> None:
    setup = make(trained)
    method = build_trainable(setup)
    drawn = torch.rand(1)
    plain = build_trainable(make(trained, loss={"l1": 1.0}))
    assert torch.equal(drawn, torch.rand(1)), "the same state of the generator behind it"
    assert method.state_dict().keys() == plain.state_dict().keys()
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in method.state_dict().items())
    average = RunState(method, setup.recipe.training).chosen
    assert average is not method
    assert average.loss.terms["features"] is method.loss.terms["features"]


def test_features_of_pooled_images_get_the_network_too(make: Make, trained: Path) -> None:
    of = {"name": "features", "network": str(trained)}
    method = build_trainable(make(trained, loss={"pooled": {"weight": 1.0, "of": of}}))
    [(name, term)] = method.loss.applied
    assert name == "features"
    images = torch.rand(2, 1, 16, 16)
    value, _ = method.loss(images, images.flip(2), torch.ones_like(images))
    assert isinstance(term, FeatureLoss)
    assert float(value) > 0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"target": "flair"}, "source contrast flair, got t1"),
        ({"window__kind": "patches", "window__size": [16, 16, 16]}, "spatial axes 3, got 2"),
        ({"window__axis": 0}, "slices of axis 0, got 2"),
        ({"plan__normalise": {"t1": "zscore"}}, "normalisation of t1 zscore, got percentile"),
    ],
)
def test_a_bundle_that_cannot_take_the_target_is_refused(
    make: Make, trained: Path, overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        build_trainable(make(trained, **overrides))


def test_a_bundle_of_another_digest_or_with_other_layers_is_refused(make: Make, trained: Path) -> None:
    with pytest.raises(BundleError, match="SHA-256 00000000 of the manifest"):
        build_trainable(make(trained, {"sha256": "0" * 8}))
    with pytest.raises(UsageError, match=r"'encoder.0'.*It has stages"):
        build_trainable(make(trained, {"layers": ["encoder.0"]}))
    with pytest.raises(BundleError, match="got nothing"):
        build_trainable(make(trained / "absent"))
    with pytest.raises(BundleError, match="a folder"):
        build_trainable(make(trained, {"kind": "vgg19"}))


def test_a_bundle_of_neighbouring_slices_is_refused(make: Make, trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained / "bundle", tmp_path / "bundle")
    text = (folder / "recipe.yaml").read_text()
    (folder / "recipe.yaml").write_text(text.replace("neighbours: 0", "neighbours: 1"))
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["members"]["recipe.yaml"] = hashlib.sha256((folder / "recipe.yaml").read_bytes()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="neighbouring slices 0, got 1"):
        build_trainable(make(folder))


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like torchvision's, named after its hash, with random weights of full size."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "vgg19.pth"
    torch.save({f"features.{name}": value for name, value in reference(narrower=1).state_dict().items()}, path)
    return path.rename(path.with_name(f"vgg19-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"))


def test_features_of_vgg19_come_from_a_file(make: Make, vgg: Path) -> None:
    network = network_of(make(vgg))
    assert network.pictures is not None
    assert (network.pictures.mean, network.pictures.sd) == IMAGENET
    images = torch.rand(1, 1, 20, 16)
    found = network(images, torch.ones_like(images))
    assert [tuple(x.shape) for x in found] == [
        (1, 64, 32, 16), (1, 128, 16, 8), (1, 256, 8, 4), (1, 512, 4, 2), (1, 512, 2, 1),
    ]  # fmt: skip


def test_a_volume_is_shown_to_vgg19_slice_by_slice(make: Make, vgg: Path) -> None:
    setup = make(vgg, {"layers": ["relu1_1"]}, window__kind="patches", window__size=[16, 16, 16])
    method = build_trainable(setup)
    images = [torch.rand(1, 1, 16, 16, 4) for _ in range(2)]
    total, parts = method.loss(images[0].requires_grad_(), images[1], torch.ones_like(images[0]))
    total.backward()
    assert float(parts["features"]) > 0
    assert images[0].grad is not None
    assert images[0].grad.abs().sum() > 0


def test_radimagenet_gets_pictures_from_minus_one_to_one(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"backbone.0.weight": torch.zeros(1)}, tmp_path / "ResNet50.pt")
    asked: list[Any] = []

    def load(state: dict[str, Tensor], layers: tuple[str, ...], *, where: object) -> torch.nn.Module:
        asked.append(layers)
        return torch.nn.Conv2d(3, 1, 1)

    monkeypatch.setattr("voxlate.networks.frozen.pretrained.load_resnet50", load)
    pictures = network_of(make(tmp_path / "ResNet50.pt")).pictures
    assert pictures is not None
    assert (pictures.mean, pictures.sd) == CENTRED
    assert asked == [("layer1", "layer2", "layer3", "layer4")]


@pytest.mark.parametrize("kind", ["percentile", "zscore", "none"])
def test_black_is_the_low_end_of_the_cohort(make: Make, vgg: Path, kind: str) -> None:
    setup = make(vgg, {"layers": ["relu1_1"]}, plan__normalise={"t1": kind})
    seen = setup.fingerprint.contrasts["t1"]
    low = {"percentile": 0.0, "none": seen.minimum}.get(
        kind, (seen.percentile.offset - seen.zscore.offset) / seen.zscore.scale
    )
    network = network_of(setup)
    assert network.outside == pytest.approx(low)
    assert network.pictures is not None
    white = network.pictures.lowest + network.pictures.data_range
    expected = {"percentile": 1.0, "none": seen.maximum}.get(
        kind, (seen.percentile.offset + seen.percentile.scale - seen.zscore.offset) / seen.zscore.scale
    )
    assert white == pytest.approx(expected)


def test_a_loss_without_features_needs_no_network(make: Make, trained: Path) -> None:
    method = build_trainable(make(trained, loss={"l1": 1.0, "features": {"weight": 0, "network": "absent"}}))
    attach_features(method.loss, make(trained))
    assert set(method.loss.terms) == {"l1"}
