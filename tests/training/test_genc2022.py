"""The recipes of Genc et al. 2022 from a data set to a bundle, small."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import voxlate
from voxlate.bundle.bundle import read_bundle
from voxlate.cohort import index_cohort
from voxlate.config.builtin import ALIASES
from voxlate.config.recipe import load_recipe
from voxlate.errors import UsageError
from voxlate.preprocess.store import PreparedStore
from voxlate.training.loop.checkpoints import load_latest
from voxlate.training.loop.validation import validate
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe

TINY: dict[str, Any] = {
    "method.network": {"name": "unet", "channels": [8, 16]},
    "method.discriminator": {"name": "patchgan", "width": 8, "layers": 1},
    "training.steps": 6,
    "training.batch_size": 1,
    "training.samples_per_case": 2,
    "training.validate_every": 3,
    "training.checkpoint_every": 3,
    "training.precision": "fp32",
}
TASKS = ("genc2022-t2-to-flair", "genc2022-t1c-to-t1")


@pytest.fixture(scope="module")
def run(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = resolve_recipe(TASKS[0], overrides=TINY)
    return voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path_factory.mktemp("genc") / "run")


@pytest.mark.parametrize("name", TASKS)
def test_recipe_without_the_mask_term_differs_in_nothing_else(name: str) -> None:
    assert {name, f"{name}-without-mask"} <= ALIASES.keys()
    with_mask, without = (load_recipe(key).model_dump() for key in (name, f"{name}-without-mask"))
    assert without["loss"].pop("lesion_mask") == 0
    assert with_mask["loss"].pop("lesion_mask") > 100
    assert with_mask["search"]["space"].pop("loss.lesion_mask")
    assert without.pop("name") != with_mask.pop("name")
    assert with_mask == without


def test_recipes_have_the_papers_values() -> None:
    flair, t1 = (load_recipe(name) for name in TASKS)
    told = [
        (r.training.learning_rate, r.training.batch_size, r.training.samples_per_case, r.loss, r.training.steps)
        for r in (flair, t1)
    ]
    assert told == [
        (0.0000487, 2, 2, {"l1": 118.74, "lesion_mask": 151.04}, 5000),
        (0.000149, 2, 4, {"l1": 90.24, "lesion_mask": 124.85}, 5000),
    ]
    assert [round(416 * share) for share in flair.plan.split.fractions] == [265, 67, 84]


def test_run_logs_both_networks_draws_their_game_and_ships_the_generator(run: Path) -> None:
    steps = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    first = next(row for row in steps if "loss" in row)
    logged = {
        "generator",
        "discriminator",
        "adversarial",
        "accuracy_real",
        "accuracy_fake",
        "fooled",
        "l1",
        "lesion_mask",
    }
    assert logged <= set(first)
    validation = next(row["validation"] for row in steps if "validation" in row)
    assert {"ssim", "lesion_ssim", "lesion_mae"} <= set(validation)
    assert (run / "figures" / "game.png").is_file()
    assert (run / "split_shares.csv").is_file()
    weights = load_file(run / "bundle" / "weights.safetensors")
    assert weights
    assert all(name.startswith("network.") for name in weights)
    assert "lesion_mae" in read_bundle(run).scores["metrics"]


def test_resumed_pair_equals_the_unbroken_one(run: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    half = resolve_recipe(TASKS[0], overrides={**TINY, "training.steps": 3})
    train_run(phantom_cohort, half, tmp_path / "run")
    whole = resolve_recipe(TASKS[0], overrides=TINY)
    train_run(phantom_cohort, whole, tmp_path / "run", resume=True)
    unbroken, resumed = (load_latest(folder / "checkpoints") for folder in (run, tmp_path / "run"))
    assert unbroken is not None
    assert resumed is not None
    assert unbroken["step"] == resumed["step"] == 6
    assert any(name.startswith("discriminator.") for name in unbroken["method"])
    for part in ("method", "average"):
        assert all(torch.equal(value, resumed[part][name]) for name, value in unbroken[part].items())


def test_cases_without_label_map_are_counted_and_a_cohort_without_any_is_refused(
    phantom_cohort: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = shutil.copytree(phantom_cohort, tmp_path / "cohort")
    labels = sorted(data.glob("*/*-seg.nii.gz"))
    for path in labels[1:]:
        path.unlink()
    known = labels[0].parent.name
    recipe = resolve_recipe(
        TASKS[1],
        overrides={**TINY, "training.steps": 1, "plan.split.train": [known], "plan.split.fractions": [0.5, 0.25, 0.25]},
    )
    recipe = recipe.with_overrides({"plan.split.train": [known, labels[1].parent.name], "plan.split.stratify": []})
    with caplog.at_level(logging.WARNING):
        train_run(data, recipe, tmp_path / "run")
    assert "1 of 2 training cases have no label map" in caplog.text
    labels[0].unlink()
    with pytest.raises(UsageError, match="label maps of training cases"):
        voxlate.train(data, recipe=recipe, out=tmp_path / "none")


def test_monitoring_the_lesion_without_label_maps_is_refused_before_training(
    phantom_cohort: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(phantom_cohort, tmp_path / "cohort")
    for path in data.glob("*/*-seg.nii.gz"):
        path.unlink()
    recipe = resolve_recipe(f"{TASKS[0]}-without-mask", overrides={**TINY, "training.monitor": "lesion_mae"})
    with pytest.raises(UsageError, match="validation cases with a label map"):
        voxlate.train(data, recipe=recipe, out=tmp_path / "run")
    assert not list((tmp_path / "run").glob("checkpoints/*"))


def test_validation_does_not_depend_on_what_is_predicted_outside_the_foreground(
    run: Path, phantom_cohort: Path
) -> None:
    bundle = read_bundle(run)
    store = PreparedStore(run / "prepared", bundle.plan, ("t2", "flair"), optional=("labels",))
    case = next(case for case in index_cohort(phantom_cohort).cases if case.id in store)

    def predict(outside: float) -> dict[str, float]:
        def one(sources: list[np.ndarray], mask: np.ndarray) -> np.ndarray:
            noisy = np.asarray(sources[0][:]) + 0.1
            return np.where(mask, noisy, np.float32(outside))[None]

        return validate(one, store, [case.id], data_range=1.0).metrics  # type: ignore[arg-type]

    assert predict(0.0) == pytest.approx(predict(50.0), nan_ok=True)
