"""Studies: what their runs share, what they refuse, and how a finished run is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SMALL
from voxlate.config.recipe import Recipe
from voxlate.errors import UsageError
from voxlate.training.run import RunFolder, read_recipe
from voxlate.training.studies.variants import Study, VariantRun, ablation
from voxlate.verbs import resolve_recipe


def recipe(**overrides: Any) -> Recipe:
    fields = {name.replace("__", "."): value for name, value in overrides.items()}
    return resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, **fields})


def test_runs_share_the_split_and_differ_in_nothing_but_seed_and_change() -> None:
    study = ablation(recipe(training__seed=4), {"loss.ssim": 0}, seeds=3)
    runs = study.runs(Path("out"))
    assert [(run.variant, run.seed) for run in runs] == [
        ("with", 4), ("without", 4), ("with", 5), ("without", 5), ("with", 6), ("without", 6)
    ]  # fmt: skip
    assert [str(run.folder) for run in runs[:2]] == ["out/with/seed-4", "out/without/seed-4"]
    assert {run.recipe.plan.split.seed for run in runs} == {4}
    assert [run.recipe.training.seed for run in runs] == [4, 4, 5, 5, 6, 6]
    for one, other in zip(runs[::2], runs[1::2], strict=True):
        assert one.recipe.with_overrides({"loss.ssim": 0}) == other.recipe
        assert other.recipe.loss["ssim"] == 0


def test_a_loss_of_which_nothing_is_left_is_refused_before_anything_is_trained() -> None:
    whole = recipe()
    with pytest.raises(UsageError, match=r"a term of the loss that is left.*none without .*--set loss\.ssim=1"):
        ablation(whole, dict.fromkeys((f"loss.{name}" for name in whole.loss), 0), seeds=2)


def test_a_split_seed_of_the_recipe_is_kept() -> None:
    study = ablation(recipe(plan__split__seed=9), {"loss.ssim": 0}, seeds=1)
    assert {run.recipe.plan.split.seed for run in study.runs(Path("out"))} == {9}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "none"),
        ({"loss.lesion_mask": 0}, "loss.lesion_mask=0"),
        ({"loss.l1": 0.0, "loss.features": 0}, "loss.features=0"),
        ({"training.seed": 3}, "training.seed=3"),
        ({"plan.split.fractions": [0.5, 0.2, 0.3]}, "plan"),
        ({"plan.normalise": {"t2": "zscore"}}, "plan"),
        ({"target": "flair"}, "target"),
        ({"source": ["t1c"]}, "first source"),
        ({"training.lr": 1}, "training.lr"),
    ],
)
def test_changes_that_would_not_be_an_ablation_are_refused(changes: dict[str, Any], said: str) -> None:
    plain = recipe()
    assert "lesion_mask" not in plain.loss
    changes = {name: value for name, value in changes.items() if name != "loss.l1" or "l1" not in plain.loss}
    with pytest.raises(UsageError, match=said):
        ablation(plain, changes, seeds=2)


@pytest.mark.parametrize("changes", [{"plan.spacing_mm": [2.0, 2.0, 2.0]}, {"source": ["t1", "flair"]}])
def test_what_a_network_sees_may_change(changes: dict[str, Any]) -> None:
    assert ablation(recipe(), changes, seeds=1).variants.keys() == {"with", "without"}


def test_any_recipes_can_be_variants_and_there_must_be_a_seed() -> None:
    study = Study({"a": recipe(), "b": recipe(loss__ssim=0), "c": recipe(training__steps=3)}, seeds=(0,))
    assert [run.variant for run in study.runs(Path())] == ["a", "b", "c"]
    with pytest.raises(UsageError, match="seed"):
        Study(study.variants, seeds=())


def test_a_run_is_finished_if_its_bundle_is_whole_and_of_this_recipe(trained: Path, tmp_path: Path) -> None:
    run = VariantRun("with", 0, trained, read_recipe(RunFolder(trained)))
    assert run.finished
    assert not replace(run, folder=tmp_path).finished
    assert not replace(run, recipe=run.recipe.with_overrides({"training.steps": 13})).finished
