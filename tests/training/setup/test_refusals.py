"""What is refused before the first step, and what a refused or resumed run leaves."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import voxlate
from tests.conftest import SMALL
from voxlate.bundle.bundle import read_bundle
from voxlate.config.frozen_networks import frozen_networks, without_places
from voxlate.config.recipe import Overrides, load_recipe, recipe_names
from voxlate.errors import BundleError, CohortError, UsageError, VoxlateError
from voxlate.io import file_digest
from voxlate.training.run import RunFolder
from voxlate.training.setup.refusals import check_recipe
from voxlate.verbs import resolve_recipe


@pytest.mark.parametrize("name", recipe_names())
def test_no_recipe_of_ours_is_refused_but_with_another_metric(name: str) -> None:
    recipe = load_recipe(name)
    check_recipe(recipe)
    with pytest.raises(UsageError, match=r"training\.monitor"):
        check_recipe(recipe.with_overrides({"training.monitor": "task_dice"}))


def _train(folder: Path, name: str, overrides: Overrides) -> None:
    voxlate.train(folder / "nowhere", recipe=resolve_recipe(name, overrides=overrides), out=folder / "run")


@pytest.mark.parametrize(
    ("name", "field", "value", "said"),
    [
        ("avula2020-t1-to-t2", "training.monitor", "dice", "training.monitor"),
        ("avula2020-t1-to-t2", "training.monitor", "ssmi", "Did you mean ssim"),
        ("avula2020-t1-to-t2", "training.monitor", "task_dice", "search.task|task"),
        ("avula2020-t1-to-t2", "method.network.name", "unett", "Did you mean unet"),
        ("avula2020-t1-to-t2", "method.network.widht", [8], "network"),
        ("avula2020-t1-to-t2", "method.name", "regresion", "Did you mean regression"),
        ("avula2020-t1-to-t2", "loss", {"l1": 0}, "weight above 0"),
        ("avula2020-t1-to-t2", "loss", {"dice": 1}, "dice"),
        ("avula2020-t1-to-t2", "loss.features", {"weight": 1, "network": "nowhere"}, "loss.features.network nowhere"),
        ("segment-default", "loss", {"bce": {"weight": 1, "class_weights": [1, 2, 3]}}, "class_weights"),
        ("segment-default", "training.monitor", "mae", "dice"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_a_folder_is_made(
    name: str, field: str, value: object, said: str, tmp_path: Path
) -> None:
    explicit = {"method.classes": {"lesion": [1]}} if name == "segment-default" else {}
    with pytest.raises(VoxlateError, match=said):
        _train(tmp_path, name, {**explicit, field: value})
    assert not (tmp_path / "run").exists()


def test_a_network_is_known_by_its_digest_wherever_it_lies(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"weights")
    term = {"weight": 1, "network": str(file), "sha256": file_digest(file)[:12]}
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={"loss.features": term})
    check_recipe(recipe)
    moved = recipe.with_overrides({"loss.features.network": "elsewhere.pth"})
    assert recipe != moved
    assert without_places(recipe) == without_places(moved)
    file.write_bytes(b"other weights")
    with pytest.raises(BundleError, match="SHA-256"):
        check_recipe(recipe)
    pooled = {"weight": 1, "of": {"name": "features", "network": "x"}}
    assert [one.field for one in frozen_networks(recipe.with_overrides({"loss.pooled": pooled}))] == [
        "loss.features.network",
        "loss.pooled.of.network",
    ]
    assert frozen_networks(recipe.with_overrides({"loss.features.weight": 0})) == []


def _emptied(data: Path, names: set[str]) -> None:
    for name in names:
        path = data / name / f"{name}-seg.nii.gz"
        image = nib.load(path)
        nib.save(nib.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), path)


def test_a_run_is_refused_corrected_resumed_and_not_resumed_on_other_cases(
    phantom_cohort: Path, tmp_path: Path
) -> None:
    """One story, since each part needs a trained run."""
    data, out = tmp_path / "data", tmp_path / "run"
    shutil.copytree(phantom_cohort, data)
    names = sorted(path.name for path in data.glob("Phantom-*"))
    split = {"plan.split.train": names[:2], "plan.split.validation": names[2:3], "plan.split.test": names[3:]}
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, **split, "training.steps": 2})
    _emptied(data, {names[2]})
    with pytest.raises(UsageError, match=f"something is labelled, got none: {names[2]}"):
        voxlate.train(data, recipe=recipe.with_overrides({"training.monitor": "lesion_mae"}), out=out)

    voxlate.train(data, recipe=recipe, out=out)  # into the same folder
    seen = read_bundle(out).seen
    shutil.rmtree(data / names[5])  # of the test: not needed
    target = next((data / names[0]).glob("*-t2w.nii.gz"))
    image = nib.load(target)
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj) * np.float32(1.01), image.affine), target)
    voxlate.train(data, recipe=recipe.with_overrides({"training.steps": 3}), out=out, resume=True)
    assert read_bundle(out).seen > seen

    shutil.rmtree(data / names[1])
    before = (out / "bundle" / "manifest.json").read_bytes()
    with pytest.raises(CohortError, match=f"1 missing: {names[1]}"):
        voxlate.train(data, recipe=recipe.with_overrides({"training.steps": 4}), out=out, resume=True)
    assert (out / "bundle" / "manifest.json").read_bytes() == before


def test_what_was_learned_is_kept_when_the_shapes_fail(
    phantom_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = resolve_recipe(
        "habijan2022-labels-to-ct",
        overrides={
            "source": "labels",
            "target": "t1",
            "method": {"name": "regression", "network": {"name": "unet", "channels": [4, 8]}},
            "loss": {"l1": 1.0},
            "window": {"kind": "slices", "axis": 2},
            "plan.split.fractions": [0.5, 0.25, 0.25],
            **{name: value for name, value in SMALL.items() if name.startswith("training")},
            "training.steps": 2,
        },
    )

    def failing(_: object) -> None:
        raise CohortError("shapes", came="none", where="shapes", remedy="Add cases.")

    monkeypatch.setattr("voxlate.training.train.fit_shapes", failing)
    with pytest.raises(VoxlateError, match="The model is kept"):
        voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "run")
    assert read_bundle(tmp_path / "run").recipe.shapes is None
    monkeypatch.undo()
    voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "run", resume=True)
    assert read_bundle(tmp_path / "run").recipe.shapes is not None
    assert RunFolder(tmp_path / "run").has_learned


def test_one_case_that_cannot_be_prepared_does_not_stop_the_others(phantom_cohort: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "run"
    shutil.copytree(phantom_cohort, data)
    names = sorted(path.name for path in data.glob("Phantom-*"))
    bad = next((data / names[1]).glob("*-t2w.nii.gz"))
    bad.write_bytes(bad.read_bytes()[:2000])
    split = {"plan.split.train": names[:3], "plan.split.validation": names[3:4], "plan.split.test": names[4:]}
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, **split, "training.steps": 2})
    voxlate.train(data, recipe=recipe, out=out)
    bundle = read_bundle(out)
    assert bundle.trained_on == 2
    assert list(bundle.scores["left_out"]) == [names[1]]
    assert names[1] not in (out / "split.csv").read_text()
    voxlate.train(data, recipe=recipe.with_overrides({"training.steps": 3}), out=out, resume=True)
    assert list(read_bundle(out).scores["left_out"]) == [names[1]]

    for name in names[2:4]:
        other = next((data / name).glob("*-t2w.nii.gz"))
        other.write_bytes(other.read_bytes()[:2000])
    with pytest.raises(CohortError, match="3 of 6 cases that cannot be"):
        voxlate.train(data, recipe=recipe, out=tmp_path / "another")
