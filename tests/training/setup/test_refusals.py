"""What is refused before the first step, and what a refused or resumed run leaves."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import optuna
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import voxlate
from tests.conftest import SMALL
from tests.preprocess.samples import affine_of, head, painted, write
from voxlate.bundle.bundle import read_bundle
from voxlate.cohort import Cohort
from voxlate.cohort.finding import Finding
from voxlate.cohort.split_file import read_split
from voxlate.config.builtin import recipe_names
from voxlate.config.frozen_networks import frozen_networks, without_places
from voxlate.config.recipe import Overrides, Recipe, load_recipe
from voxlate.errors import BundleError, CohortError, TrainingError, UsageError, VoxlateError
from voxlate.evaluation.study.runs import held_out
from voxlate.io import file_digest
from voxlate.training.run import RunFolder, Series
from voxlate.training.setup.begin import new_store, set_up
from voxlate.training.setup.leaving_out import prepare_usable, read_left_out
from voxlate.training.setup.refusals import _Unfilled, check_recipe
from voxlate.training.studies.folds import train_folds
from voxlate.training.studies.variants import VariantRun, side_by_side, train_variants
from voxlate.training.train import train_run
from voxlate.training.tuning.space import resolve_search
from voxlate.training.tuning.trial_run import TrialRun
from voxlate.verbs import resolve_recipe


@pytest.mark.parametrize("name", recipe_names())
def test_no_recipe_of_ours_is_refused_but_with_another_metric(name: str) -> None:
    recipe = load_recipe(name)
    check_recipe(recipe)
    with pytest.raises(UsageError, match=r"training\.monitor"):
        check_recipe(recipe.with_overrides({"training.monitor": "task_dice"}))


class _Undrawn(TorchDispatchMode):
    """Draws no normal number; of tensors without values, too, torch would load its compiler for that."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func is not torch.ops.aten.normal_.default
        return func(*args, **(kwargs or {}))


def test_a_recipe_is_looked_at_without_drawing_a_weight() -> None:
    with _Undrawn():
        check_recipe(load_recipe("avula2020-t1-to-t2"))
    with _Undrawn(), torch.device("meta"), _Unfilled():
        torch.nn.init.normal_(torch.empty(3))
    with pytest.raises(AssertionError), _Undrawn():
        torch.empty(3, device="meta").normal_()


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


def test_a_run_is_refused_corrected_resumed_and_not_resumed_on_other_cases_or_images(
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
    assert {path.name for path in out.iterdir()} <= {"prepared"}, "what was measured and prepared serves the next"

    train_run(data, recipe, out)  # into the same folder
    seen = read_bundle(out).seen
    shutil.rmtree(data / names[5])  # of the test: not needed
    target = next((data / names[0]).glob("*-t2w.nii.gz"))
    as_it_was, image = target.read_bytes(), nib.load(target)
    nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj) * np.float32(1.01), image.affine), target)
    with pytest.raises(CohortError, match=f"1 file changed since, of {names[0]}; the first is {target.name}"):
        voxlate.train(data, recipe=recipe.with_overrides({"training.steps": 3}), out=out, resume=True)
    target.write_bytes(as_it_was)
    train_run(data, recipe.with_overrides({"training.steps": 3}), out, resume=True)
    assert read_bundle(out).seen == seen

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
            "plan.resize": None,
            "plan.split.fractions": [0.5, 0.25, 0.25],
            "shapes": {"name": "statistical", "points": 16},
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
    train_run(phantom_cohort, recipe, tmp_path / "run", resume=True)
    assert read_bundle(tmp_path / "run").recipe.shapes is not None
    assert RunFolder(tmp_path / "run").has_learned


@pytest.fixture
def preflighted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preflight that only sees the damaged FLAIR: it would call the small heads one person's."""

    def only_damage(_: Cohort, *, source: Sequence[str], **__: object) -> list[Finding]:
        return [Finding("error", "unreadable", "b", "a sound gzip stream ends")] if "flair" in source else []

    monkeypatch.setattr("voxlate.training.setup.begin.preflight", only_damage)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small heads, of which ``b`` has a damaged FLAIR."""
    data = tmp_path_factory.mktemp("faulty") / "data"
    shape, affine = (18, 20, 16), affine_of(spacing=(8.0, 8.0, 8.0))
    values = {"t1": (0, 300, 200, 120), "t2": (0, 90, 160, 240), "flair": (0, 120, 180, 150)}
    for seed, name in enumerate("abcdef"):
        labels = head(shape, seed=seed)
        for at, (contrast, levels) in enumerate(values.items()):
            image = painted(labels, tuple(map(float, levels)), noise=9, seed=seed + 10 * at)
            write(data / name / f"{contrast}.nii.gz", image, affine)
    path = data / "b" / "flair.nii.gz"
    path.write_bytes(path.read_bytes()[:500])
    return data


def _of_heads(*source: str, test: str = "f") -> Recipe:
    """A recipe for T2 that has one of ``b`` and ``f`` for its test."""
    split = {"train": ["a", "c", "b" if test == "f" else "f"], "validation": ["d"], "test": ["e", test]}
    short = {"training.steps": 1, "training.validate_every": 1, "training.figure_every": 9}
    overrides = {**SMALL, **short, "source": list(source), "plan.split": split}
    return resolve_recipe("avula2020-t1-to-t2", overrides=overrides)


@pytest.mark.usefixtures("preflighted")
def test_the_first_of_a_series_leaves_out_what_any_recipe_cannot_use_and_the_others_the_same(
    faulty: Path, tmp_path: Path
) -> None:
    recipe, other = _of_heads("t1"), _of_heads("t1", "flair")
    first, second = RunFolder(tmp_path / "first"), RunFolder(tmp_path / "second")
    for run, series in (
        (first, Series(tmp_path / "prepared", beside=[other])),
        (second, Series(tmp_path / "prepared", after=first)),
    ):
        run.folder.mkdir()
        setup = set_up(faulty, recipe, run=run, series=series, report=lambda *_: None)
        assert [case.id for case in setup.cohort.cases] == [*"acdef"]
        assert list(read_left_out(run)) == ["b"]
    alone = set_up(faulty, recipe, run=None, report=lambda *_: None)
    assert [case.id for case in alone.cohort.cases] == [*"abcdef"]


def test_a_later_run_of_a_series_leaves_out_nothing_more(faulty: Path, tmp_path: Path) -> None:
    unchecked = set_up(faulty, _of_heads("flair", test="b"), run=None, check=False, report=lambda *_: None)
    setup = replace(unchecked, split=dict.fromkeys("abcdef", "train"))
    store = new_store(setup, tmp_path / "prepared")
    prepare = partial(prepare_usable, setup, store, RunFolder(tmp_path), report=lambda *_: None)
    with pytest.raises(VoxlateError, match="sound gzip stream"):
        prepare(decided=True)
    assert [*prepare(decided=False).split] == [*"acdef"]


@pytest.mark.usefixtures("preflighted")
def test_a_held_out_case_that_was_left_out_is_named_with_its_reason(faulty: Path, tmp_path: Path) -> None:
    recipe, run = _of_heads("t1", "flair", test="b"), RunFolder(tmp_path)
    set_up(faulty, recipe, run=run, series=Series(tmp_path / "prepared"), report=lambda *_: None)
    cases, left_out = held_out(faulty, [VariantRun("one", 0, run.folder, recipe)])
    assert [case.id for case in cases] == ["e"]
    assert [case for case, reason in left_out if "sound gzip stream" in reason] == ["b"]


@pytest.mark.usefixtures("preflighted")
def test_variants_and_folds_go_on_without_the_case(faulty: Path, tmp_path: Path) -> None:
    recipe = _of_heads("t1", "flair")
    plain = _of_heads("t1").model_copy(update={"name": "plain"})
    assert all(
        run.finished for run in train_variants(faulty, side_by_side([plain, recipe], seeds=1), tmp_path / "study")
    )
    parts = {"plan.split": {"fractions": [0.5, 0.3, 0.2]}}
    train_folds(faulty, recipe.with_overrides(parts), tmp_path / "folds", folds=2)
    runs = [RunFolder(path.parent) for path in tmp_path.glob("**/split.csv")]
    assert len(runs) == 4
    for run in runs:
        assert list(read_left_out(run)) == ["b"]
        assert "b" not in read_split(run.split)


def test_a_trial_leaves_out_what_an_earlier_one_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Series] = []

    def remembered(*_: object, series: Series, **__: object) -> None:
        given.append(series)
        raise TrainingError("a trial", came="none", remedy="None.")

    monkeypatch.setattr("voxlate.training.tuning.trial_run.train_run", remembered)
    recipe = resolve_search(_of_heads("t1"))
    runs = TrialRun(tmp_path, recipe, tmp_path, data_digest="", observers=(), report=lambda *_: None)
    for _ in range(2):
        with pytest.raises(TrainingError):
            runs.value(optuna.create_study().ask(), {}, tick=lambda: None)
        (tmp_path / "trials" / "0").mkdir(parents=True, exist_ok=True)
        (tmp_path / "trials" / "0" / "seen.json").touch()
    assert [series.after for series in given] == [None, RunFolder(tmp_path / "trials" / "0")]


def test_one_case_that_cannot_be_prepared_does_not_stop_the_others(phantom_cohort: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "run"
    shutil.copytree(phantom_cohort, data)
    names = sorted(path.name for path in data.glob("Phantom-*"))
    bad = next((data / names[1]).glob("*-t2w.nii.gz"))
    bad.write_bytes(bad.read_bytes()[:2000])
    split = {"plan.split.train": names[:3], "plan.split.validation": names[3:4], "plan.split.test": names[4:]}
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, **split, "training.steps": 2})
    train_run(data, recipe, out)
    bundle = read_bundle(out)
    assert bundle.trained_on == 2
    assert list(bundle.scores["left_out"]) == [names[1]]
    assert names[1] not in (out / "split.csv").read_text()
    train_run(data, recipe.with_overrides({"training.steps": 3}), out, resume=True)
    assert list(read_bundle(out).scores["left_out"]) == [names[1]]

    for name in names[2:4]:
        other = next((data / name).glob("*-t2w.nii.gz"))
        other.write_bytes(other.read_bytes()[:2000])
    with pytest.raises(CohortError, match="3 of 6 cases that cannot be"):
        voxlate.train(data, recipe=recipe, out=tmp_path / "another")
