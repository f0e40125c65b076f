"""Three views and their combination from the data set to the report, and killed while the combination learns."""

from __future__ import annotations

import csv
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import voxlate
from tests.program import run_here, started
from tests.training.test_kill import wait_for_step, words
from voxlate.bundle.bundle import read_bundle
from voxlate.errors import UsageError
from voxlate.inference.model import load_model
from voxlate.io import read_volume
from voxlate.training.combining import _ViewStore
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe

TINY: dict[str, Any] = {
    "method.network.channels": [4, 8],
    "plan.split.fractions": [0.5, 0.25, 0.25],
    "training.epochs": None,
    "training.steps": 3,
    "training.batch_size": 2,
    "training.validate_every": 3,
    "training.figure_every": 3,
    "training.checkpoint_every": 4,
    "training.combination_steps": 16,
    "training.precision": "fp32",
}
VIEWS = ("axial", "sagittal", "coronal")


@pytest.fixture(scope="module")
def cohort(drawn_once: Callable[..., Path]) -> Path:
    return drawn_once(cases=4, seed=2, size=32, contrasts=["in_phase", "out_phase", "ct"])


@pytest.fixture(scope="module")
def run(cohort: Path, one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = resolve_recipe("zhao-unet-25d", overrides=TINY)
    return train_run(cohort, recipe, tmp_path_factory.mktemp("run") / "run").folder


def test_the_recipe_states_what_the_slides_say() -> None:
    recipe = resolve_recipe("zhao-unet-25d")
    assert tuple(recipe.window.views) == VIEWS
    assert recipe.window.in_words == "axial, sagittal and coronal slices, combined by network"
    assert recipe.source == ("in_phase", "out_phase", "fat", "water")


def test_translation_is_one_volume_on_the_grid_of_the_source(cohort: Path, run: Path, tmp_path: Path) -> None:
    outcomes = voxlate.translate(run, cohort, out=tmp_path, every=True)
    assert {outcome.status for outcome in outcomes} == {"done"}
    case = outcomes[0].case
    made, source = read_volume(tmp_path / case / f"{case}_ct.nii.gz"), next((cohort / case).glob("*in_phase*.nii.gz"))
    assert made.grid.matches(read_volume(source).grid)


def test_model_is_the_combination_of_what_its_views_predict(cohort: Path, run: Path) -> None:
    from voxlate.cohort import index_cohort

    model = load_model(run)
    prepared = model.prepare(index_cohort(cohort).cases[0])
    found, sources = model.predictions(prepared), [prepared.arrays[name] for name in model.bundle.recipe.source]
    assert tuple(found) == (*VIEWS, "model")
    np.testing.assert_array_equal(found["model"], model.predict(sources, prepared.mask)[0])
    assert model.predict.weights == {}, "a network has no weights per view"


def test_evaluation_compares_the_views_and_says_whether_the_combination_is_better(
    cohort: Path, run: Path, tmp_path: Path
) -> None:
    result = voxlate.evaluate(run, cohort, out=tmp_path)
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["method"] for row in rows} == {"identity", "lookup", *VIEWS, "model"}
    stitching = {row["method"]: float(row["value"]) for row in rows if row["metric"] == "stitching"}
    assert set(stitching) == {"identity", "lookup", *VIEWS, "model"}
    assert all(0 <= value <= 1 for value in stitching.values())
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    [row] = [row for row in summary["views"] if row["method"] == "model" and row["metric"] == "mae"]
    assert set(row["against"]) == set(VIEWS)
    lost = [name for name in VIEWS if not row["against"][name]["beaten"]]
    assert (f"does not beat {' or '.join(lost)}" if lost else "beats every single view") in result.sentence
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "against axial" in page
    assert "Every view and their combination" in page
    assert (tmp_path / "figures" / "views.png").stat().st_size > 10_000


@pytest.mark.parametrize("combine", ["mean", "weights"])
def test_other_combinations_train_and_say_what_each_view_counts(cohort: Path, tmp_path: Path, combine: str) -> None:
    recipe = resolve_recipe("zhao-unet-25d", overrides={**TINY, "window.combine": combine})
    model = load_model(train_run(cohort, recipe, tmp_path / "run").folder)
    assert tuple(model.predict.weights) == VIEWS
    assert sum(model.predict.weights.values()) == pytest.approx(1.0)
    if combine == "mean":
        assert list(model.predict.weights.values()) == pytest.approx([1 / 3] * 3)
        assert not (tmp_path / "run" / "combination").exists()


def test_the_game_can_be_played_in_every_view(cohort: Path, tmp_path: Path) -> None:
    changes = {
        **{key: value for key, value in TINY.items() if not key.startswith("method")},
        "method": {
            "name": "adversarial",
            "network": {"name": "unet", "channels": [4, 8]},
            "discriminator": {"name": "patchgan", "width": 4, "layers": 1},
        },
        "window.combine": "mean",
        "training.steps": 3,
        "training.validate_every": 3,
    }
    bundle = read_bundle(train_run(cohort, resolve_recipe("zhao-unet-25d", overrides=changes), tmp_path).folder)
    names = set(bundle.weights())
    assert all(any(name.startswith(f"views.{view}.network.") for name in names) for view in VIEWS)
    assert not any("discriminator" in name for name in names)


def test_a_combination_that_is_no_better_than_the_mean_is_not_kept(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("voxlate.training.combining._RATES", {"network": 1000.0})
    with caplog.at_level(logging.WARNING):
        recipe = resolve_recipe("zhao-unet-25d", overrides=TINY)
        bundle = read_bundle(train_run(cohort, recipe, tmp_path / "run").folder)
    assert "the mean is kept" in caplog.text
    assert not bundle.weights()["combination.network.head.linear.weight"].any()


def test_the_forecast_counts_the_combination(cohort: Path) -> None:
    with_it, without = (
        voxlate.verbs.forecast(cohort, recipe=resolve_recipe("zhao-unet-25d", overrides={**TINY, **changes}))
        for changes in ({"training.combination_steps": 10**6}, {"window.combine": "mean"})
    )
    assert with_it.seconds > 100 * without.seconds
    assert set(with_it.networks) == {f"{name} network" for name in VIEWS}


def test_a_method_that_does_not_train_has_one_view(cohort: Path, tmp_path: Path) -> None:
    recipe = resolve_recipe("zhao-image-analogy", overrides={"window.axis": [2, 0]})
    with pytest.raises(UsageError, match=r"several views.*image_analogy"):
        voxlate.train(cohort, recipe=recipe, out=tmp_path / "run")


@pytest.mark.usefixtures("one_thread")
def test_a_run_killed_while_the_combination_learns_equals_the_unbroken_one(
    cohort: Path, run: Path, tmp_path: Path
) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(resolve_recipe("zhao-unet-25d", overrides=TINY).to_yaml(), encoding="utf-8")
    with started(*words(cohort, file, tmp_path / "broken")) as process:
        wait_for_step(process, tmp_path / "broken", 3)
        while not (found := list((tmp_path / "broken" / "combination").glob("*/log.jsonl"))):
            assert process.is_alive()
            time.sleep(0.01)
        wait_for_step(process, found[0].parent, 9)
    assert not (tmp_path / "broken" / "bundle" / "manifest.json").exists()
    assert run_here(*words(cohort, file, tmp_path / "broken", "--resume")).returncode == 0
    first, second = ((one / "bundle" / "weights.safetensors").read_bytes() for one in (run, tmp_path / "broken"))
    assert first == second
    assert not list((tmp_path / "broken" / "combination").glob("*/views"))


def test_a_damaged_file_of_predictions_is_made_again(tmp_path: Path) -> None:
    mask = np.ones((3, 4, 5), dtype=bool)
    made: list[str] = []

    class Store:
        plan = SimpleNamespace(source=("t1",))

        def __getitem__(self, case_id: str) -> Any:
            return SimpleNamespace(arrays={"t1": mask.astype(np.float32)}, mask=mask, case_id=case_id)

    class Predict:
        def by_view(self, sources: Any, _mask: Any) -> dict[str, np.ndarray]:
            made.append("case")
            return {name: np.full(mask.shape, place, np.float32) for place, name in enumerate(VIEWS)}

    seen = _ViewStore(Store(), tmp_path, VIEWS)  # type: ignore[arg-type]
    for _ in range(2):
        seen.fill(["a"], Predict(), lambda _stage, _done, _of: None)  # type: ignore[arg-type]
    assert len(made) == 1, "what is whole is kept"
    file = tmp_path / "a.npy"
    file.write_bytes(file.read_bytes()[:-7])
    seen.fill(["a"], Predict(), lambda _stage, _done, _of: None)  # type: ignore[arg-type]
    assert len(made) == 2
    assert np.load(file)[2].tolist() == np.full(mask.shape, 2.0).tolist()
