"""Fine-tuning: what is taken over, what stays seen, and what is refused before a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import voxlate
from voxlate.bundle.bundle import read_bundle
from voxlate.cohort import index_cohort
from voxlate.config.recipe import Recipe, load_recipe
from voxlate.errors import BundleError, UsageError
from voxlate.inference.model import load_model
from voxlate.training.run import RunFolder, read_recipe
from voxlate.training.setup.starting import start_of
from voxlate.training.train import train_run


@pytest.fixture(scope="module")
def own(drawn_once: Callable[..., Path]) -> Path:
    """Three heads that the model to start from has not seen."""
    return drawn_once(cases=3, seed=9, size=32, contrasts=["t1", "t2", "flair"])


def _recipe(start: Path, **changes: object) -> Recipe:
    """That of the model, a step that moves no weight."""
    still = {"training.steps": 1, "training.learning_rate": 1e-12, "training.warmup_steps": 0, "training.epochs": None}
    return read_recipe(RunFolder(start)).with_overrides({"training.start": str(start), **still, **changes})


@pytest.fixture(scope="module")
def tuned(trained: Path, own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned") / "run"
    train_run(own, _recipe(trained), folder)
    return folder


def test_training_starts_from_the_weights_of_a_model(trained: Path, tuned: Path) -> None:
    before, after = read_bundle(trained).weights(), read_bundle(tuned).weights()
    trainable = [name for name, value in before.items() if value.is_floating_point() and "running" not in name]
    assert trainable
    for name in trainable:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-6)


def test_what_that_model_has_seen_stays_seen(trained: Path, tuned: Path, phantom_cohort: Path) -> None:
    seen_before = {case.id for case in index_cohort(phantom_cohort).cases if load_model(trained).has_seen(case)}
    model = load_model(tuned)
    assert seen_before
    assert {case.id for case in index_cohort(phantom_cohort).cases if model.has_seen(case)} == seen_before
    by_voxels = replace(model, bundle=replace(model.bundle, seen=frozenset()))
    assert {case.id for case in index_cohort(phantom_cohort).cases if by_voxels.has_seen(case)} == seen_before
    card = (read_bundle(tuned).folder / "MODEL_CARD.md").read_text()
    assert f"digest {read_bundle(trained).digest[:12]}; what that model has seen, this one has seen too" in card


def test_a_run_goes_on_without_the_model_that_it_started_from(tuned: Path, own: Path, tmp_path: Path) -> None:
    recipe = _recipe(tuned, **{"training.start": str(tmp_path / "gone"), "training.steps": 2})
    train_run(own, recipe, tuned, resume=True)
    assert read_bundle(tuned).scores["step"] in {1, 2}
    with pytest.raises(BundleError, match="gone"):
        train_run(own, recipe, tmp_path / "new")
    assert not RunFolder(tmp_path / "new").has_learned


def test_another_network_or_method_is_refused(trained: Path, own: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="of another shape") as refused:
        train_run(own, _recipe(trained, source=["t1", "flair"]), tmp_path / "sources")
    assert "training.start" in str(refused.value)
    with pytest.raises(UsageError, match="learns step by step, got image_analogy"):
        start_of(load_recipe("zhao-image-analogy").with_overrides({"training.start": str(trained)}))
    with pytest.raises(UsageError, match="a model of the method unified"):
        voxlate.train(
            own, recipe="any-to-any", out=tmp_path / "method", overrides={"training.start": str(trained)}, minutes=1
        )
