"""MR to CT from a Dixon pair: fat and water are never files, from the data set to the evaluation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import voxlate
from voxlate.bundle.bundle import read_bundle
from voxlate.config.recipe import load_recipe
from voxlate.errors import CohortError, UsageError
from voxlate.io import read_provenance, read_volume
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe

TINY: dict[str, Any] = {
    "method.network.channels": [8, 16],
    "plan.split.fractions": [0.5, 0.25, 0.25],
    "training.epochs": None,
    "training.steps": 6,
    "training.batch_size": 2,
    "training.validate_every": 6,
    "training.figure_every": 6,
    "training.precision": "fp32",
}
THREE_D = {
    "method.network.channels": [4, 8],
    "window.size": [16, 16, 16],
    "window.overlap": 0.0,
    "training.steps": 1,
    "training.validate_every": 1,
}
CHANNELS = ("in_phase", "out_phase", "fat", "water")


@pytest.fixture(scope="module")
def cohort(drawn_once: Callable[..., Path]) -> Path:
    return drawn_once(cases=4, seed=2, size=32, contrasts=["in_phase", "out_phase", "ct"])


@pytest.fixture(scope="module")
def run(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = resolve_recipe("zhao-unet-2d", overrides=TINY)
    return train_run(cohort, recipe, tmp_path_factory.mktemp("zhao") / "run").folder


def _scans(cohort: Path, place: Path, case: str = "Phantom-00001-000") -> Path:
    """A case without its CT."""
    shutil.copytree(cohort / case, place / case, ignore=shutil.ignore_patterns("*-ct.*", "*-seg.*"))
    return place / case


@pytest.mark.parametrize("name", ["zhao-unet-2d", "zhao-unet-3d", "zhao-vnet-3d"])
def test_recipes_state_what_the_slides_give(name: str) -> None:
    recipe = load_recipe(name)
    formulas = {key: derivation.formula() for key, derivation in recipe.plan.derive.items()}
    assert (recipe.source, recipe.target) == (CHANNELS, "ct")
    assert formulas == {"fat": "0.5 (in_phase - out_phase)", "water": "0.5 (in_phase + out_phase)"}
    augmentation = recipe.training.augmentation
    assert (augmentation.elastic_sd_voxels, augmentation.elastic_points, recipe.loss) == (10, 3, {"l1": 1.0})
    assert augmentation.elastic > 0


@pytest.mark.parametrize("name", ["zhao-unet-3d", "zhao-vnet-3d"])
def test_networks_in_three_dimensions_train(cohort: Path, tmp_path: Path, name: str) -> None:
    kind = {"zhao-vnet-3d": "patches"}.get(name, "auto")  # measured once
    recipe = resolve_recipe(name, overrides={**TINY, **THREE_D, "window.kind": kind, "training.batch_size": 1})
    bundle = read_bundle(train_run(cohort, recipe, tmp_path / "run").folder)
    assert np.isfinite(bundle.scores["metrics"]["mae"])
    assert bundle.recipe.window.kind == {"auto": "volume"}.get(kind, kind)


def test_the_bundle_says_what_it_computes(run: Path) -> None:
    bundle = read_bundle(run)
    assert (bundle.plan.source, bundle.plan.reference) == (CHANNELS, "in_phase")
    assert len(bundle.seen) == 3 * 3  # both echoes and the CT of the cases that train and validate
    card = (bundle.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "- Where there is no file of it, fat = 0.5 (in_phase - out_phase)" in card
    assert voxlate.info(run)["derived"]["water"] == "0.5 (in_phase + out_phase)"


def test_the_folder_of_a_case_is_translated_and_its_files_are_told(cohort: Path, run: Path, tmp_path: Path) -> None:
    case = _scans(cohort, tmp_path)
    [outcome] = voxlate.translate(run, case, out=tmp_path / "out")
    assert (outcome.status, outcome.case, outcome.sources) == ("done", case.name, CHANNELS)
    made = tmp_path / "out" / case.name / f"{case.name}_ct.nii.gz"
    provenance = read_provenance(made)
    assert provenance is not None
    assert [record.contrast for record in provenance.sources] == ["in_phase", "out_phase"]
    assert "fat: derived as 0.5 (in_phase - out_phase)" in provenance.notes
    assert read_volume(made).grid.matches(read_volume(next(case.glob("*in_phase*.nii.gz"))).grid)
    [again] = voxlate.translate(run, case, out=tmp_path / "out")
    assert again.status == "skipped"


def test_a_file_of_fat_comes_first_and_changes_the_result(cohort: Path, run: Path, tmp_path: Path) -> None:
    case = _scans(cohort, tmp_path)
    voxlate.translate(run, case, out=tmp_path / "without")
    shutil.copy(next(case.glob("*out_phase*.nii.gz")), case / f"{case.name}-fat.nii.gz")
    voxlate.translate(run, case, out=tmp_path / "with")
    made = [tmp_path / name / case.name / f"{case.name}_ct.nii.gz" for name in ("without", "with")]
    provenance = read_provenance(made[1])
    assert provenance is not None
    assert [record.contrast for record in provenance.sources] == ["in_phase", "out_phase", "fat"]
    assert f"fat: read from {case.name}-fat.nii.gz, not derived" in provenance.notes
    assert not np.array_equal(*(read_volume(path).array for path in made))


def test_what_lacks_an_operand_is_named(cohort: Path, run: Path, tmp_path: Path) -> None:
    case = _scans(cohort, tmp_path / "data")
    _scans(cohort, tmp_path / "data", "Phantom-00002-000")
    next(case.glob("*out_phase*.nii.gz")).unlink()
    outcomes = voxlate.translate(run, tmp_path / "data", out=tmp_path / "out")
    assert [(item.status, item.reason) for item in outcomes] == [
        ("cannot", "lacks opposed-phase for in_phase-out_phase-fat-water-to-ct-unet"),
        ("done", ""),
    ]
    with pytest.raises(UsageError, match=r"2 contrasts: in_phase, out_phase.*one file"):
        voxlate.translate(run, next(case.glob("*in_phase*.nii.gz")), out=tmp_path / "one.nii.gz")
    with pytest.raises(CohortError, match=r"in_phase, out_phase, ct"):
        voxlate.train(case, recipe=resolve_recipe("zhao-unet-2d", overrides=TINY), out=tmp_path / "run")


def test_evaluation_of_model_and_of_images_beside_the_baselines(cohort: Path, run: Path, tmp_path: Path) -> None:
    voxlate.evaluate(run, cohort, out=tmp_path / "of-model")
    summary = json.loads((tmp_path / "of-model" / "summary.json").read_text(encoding="utf-8"))
    assert {"model", "identity", "lookup"} <= set(json.dumps(summary).replace('"', " ").split())
    voxlate.translate(run, cohort, out=tmp_path / "images", every=True)
    voxlate.evaluate(tmp_path / "images", cohort, out=tmp_path / "of-images", split="all")
    assert (tmp_path / "of-images" / "scores.csv").read_text(encoding="utf-8").count("\n") > 10


def test_other_sources_use_what_they_need_of_the_declaration(cohort: Path, tmp_path: Path) -> None:
    recipe = resolve_recipe("zhao-unet-2d", source=["fat"], overrides={**TINY, "training.steps": 1})
    bundle = read_bundle(train_run(cohort, recipe, tmp_path / "run").folder)
    assert (bundle.plan.source, bundle.plan.reference) == (("fat",), "in_phase")
    assert set(bundle.fingerprint.contrasts) == {"fat", "ct"}
    with pytest.raises(UsageError, match="the target fat is computed"):
        resolve_recipe("zhao-unet-2d", source=["in_phase"], target="fat")
