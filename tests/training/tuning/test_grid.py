"""The experiment grid: short forms, sources on the same cases, two tables, and silence that is called by its name."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import voxlate
from voxlate.cli.output import print_tuning
from voxlate.config.recipe import Recipe, parse_recipe
from voxlate.errors import CohortError, UsageError
from voxlate.evaluation.study.grid import Setting, say_nothing_found
from voxlate.reporting.search.tables import grid_tables
from voxlate.training.loop.journal import read_log
from voxlate.training.tuning import trial_run
from voxlate.training.tuning.identity import load_candidates
from voxlate.training.tuning.space import own_values, resolve_search
from voxlate.verbs import resolve_recipe, searched_with

RECIPE: dict[str, Any] = {
    "name": "grid",
    "source": "t1c+flair",
    "target": "labels",
    "plan": {"mask": "nonzero"},
    "window": {"kind": "patches", "size": "16x16x16", "overlap": 0},
    "method": {"name": "segmentation", "classes": "each", "network": {"name": "unet", "channels": [4, 8]}},
    "loss": "bce+dice",
    "training": {"epochs": 2, "epoch_samples": 2, "batch_size": 2, "monitor": "f1", "validate_every": 1},
    "search": {"metric": "f1"},
}


@pytest.fixture(scope="module")
def cohort(drawn_once: Callable[..., Path]) -> Path:
    return drawn_once(cases=4, seed=3, size=32, contrasts=["t1c", "flair"])


def make(*grid: str) -> Recipe:
    return parse_recipe({**RECIPE}, where="test").with_overrides(searched_with(sampler=None, grid=grid))


def test_short_forms_are_what_they_stand_for() -> None:
    recipe = make()
    assert recipe.source == ("t1c", "flair")
    assert recipe.loss == {"bce": 1.0, "dice": 1.0}
    assert recipe.window.size == (16, 16, 16)
    assert resolve_recipe(recipe, source=["flair+t2"]).source == ("flair", "t2")
    assert resolve_recipe(recipe, source=["flair", "t2"]).source == ("flair", "t2")
    for field, value in (("loss", "bce+"), ("loss", "bce+bce"), ("source", "+t1"), ("window.size", "16xx16")):
        with pytest.raises(UsageError, match=rf"parts that differ.*{re.escape(value)}"):
            recipe.with_overrides({field: value})


def test_the_recipes_own_values_are_found_among_short_forms() -> None:
    recipe = resolve_search(make("loss=bce,bce+dice", "source=flair,t1c+flair", "window.size=16x16x16,8x8x8"))
    assert own_values(recipe) == {"loss": "bce+dice", "source": "t1c+flair", "window.size": "16x16x16"}
    assert own_values(resolve_search(make("loss=bce,iou"))) is None


@pytest.mark.parametrize(
    ("grid", "came"),
    [
        ("loss=l1,bce", "losses of segmentations"),
        ("source=t1c,colour", "colour"),
        ("plan.grids=rigid,refuse", "decides what they are compared on"),
        ("method.network.depth=3,4", "depth"),
        ("loss", "a.b=v1,v2"),
        ("loss=", "a.b=v1,v2"),
    ],
)
def test_values_that_make_no_recipe_are_refused(grid: str, came: str) -> None:
    with pytest.raises(UsageError, match=came):
        resolve_search(make(grid))


def test_a_field_named_twice_is_refused() -> None:
    with pytest.raises(UsageError, match=r"every field once.*loss, source, loss"):
        make("loss=bce", "source=t1c,flair", "loss=dice")


def test_a_metric_of_images_is_no_metric_of_a_segmentation() -> None:
    with pytest.raises(UsageError, match=r"metric of what the method segmentation gives.*got mae"):
        resolve_search(make("loss=bce,dice").with_overrides({"search.metric": "mae"}))


def test_sources_are_compared_on_the_same_cases(cohort: Path, tmp_path: Path) -> None:
    recipe = make("source=flair,t1c+flair")
    assert len(load_candidates(cohort, recipe).cases) == 4
    for case in cohort.iterdir():
        if case.is_dir():
            (tmp_path / case.name).mkdir()
            for file in case.glob("*.nii.gz"):
                if not (case.name.endswith("00002-000") and "t1c" in file.name):
                    (tmp_path / case.name / file.name).symlink_to(file)
    with pytest.raises(CohortError, match=r"Phantom-00002-000.*same cases.*4 for flair, got 3 for t1c[+]flair"):
        load_candidates(tmp_path, recipe)


def test_the_recipes_own_source_need_not_exist_if_others_are_compared(cohort: Path) -> None:
    recipe = make("source=flair,t1c+flair").with_overrides({"source": "t2"})
    assert len(load_candidates(cohort, recipe).cases) == 4


def test_a_grid_goes_on_after_settings_that_cannot_be_trained(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_run = trial_run.train_run

    def train(data: Path, recipe: Recipe, folder: Path, **options: Any) -> None:
        if recipe.window.size == (16, 16, 16):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        if recipe.window.size == (12, 12, 12):
            raise UsageError("a size that fits", came="another", remedy="Change it.")
        train_run(data, recipe, folder, **options)

    monkeypatch.setattr(trial_run, "train_run", train)
    recipe = make("window.size=16x16x16,12x12x12,8x8x8", "training.learning_rate=0.01,0.001")
    tuning = voxlate.tune(cohort, recipe=recipe.with_overrides({"training.epochs": 1}), out=tmp_path)
    assert [row[1] for row in tuning.rows] == ["failed"] * 4 + ["complete"] * 2
    assert [row[0] for row in tuning.tables["Training"][1]] == ["8x8x8, 0.01", "8x8x8, 0.001"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for reason in ("allocate memory", "a size that fits"):
        assert page.count(reason) == 2


def test_errors_that_are_no_settings_fault_end_a_grid(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(trial_run, "train_run", train)
    with pytest.raises(RuntimeError, match="a bug"):
        voxlate.tune(cohort, recipe=make("loss=bce,dice"), out=tmp_path)


def test_a_grid_gives_the_two_tables_of_its_validations(cohort: Path, tmp_path: Path) -> None:
    own = {"loss": "dice", "source": "t1c"}  # tried first, and told in its place
    recipe = make("loss=bce,dice", "source=flair,t1c").with_overrides(own)
    tuning = voxlate.tune(cohort, recipe=recipe, out=tmp_path)
    assert len(tuning.rows) == 4, "the whole grid is tried without a budget"
    assert set(tuning.tables) == {"Training", "Validation"}
    fields, rows = tuning.tables["Validation"]
    assert fields == ("loss, source", "epoch", "loss", "Acc", "P", "R", "F1")
    lookup, *rows = rows
    assert lookup[:3] == ("lookup (baseline)", "", "n/a")
    assert all(0 <= float(value) <= 1 for value in lookup[3:])
    assert list(dict.fromkeys(row[0] for row in rows)) == ["bce, flair", "bce, t1c", "dice, flair", "dice, t1c"]
    assert {row[1] for row in rows} <= {"1", "1 B", "2 F", "2 BF"}, (
        "every epoch of a run with few, best and final marked"
    )
    assert all(re.fullmatch(r"\d\.\d{4}|n/a", cell) for row in rows for cell in row[2:]), "four digits"
    logs = {run: read_log(run / "log.jsonl") for run in (tmp_path / "trials").iterdir()}
    validations = [row.validation["train_loss"] for log in logs.values() for row in log if row.validation]
    with (tmp_path / "grid_training.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert sorted(float(line["loss"]) for line in lines) == sorted(validations)
    assert {line["epoch"] for line in lines} == {"1", "2"}
    assert (tmp_path / "figures" / "grid_curves.png").stat().st_size > 10_000
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("dice, flair") >= 2
    assert "The experiment grid" in page
    assert all(remark in page for remark in tuning.remarks)
    console = Console(file=io.StringIO(), width=80)
    print_tuning(console, replace(tuning, remarks=("Nothing was found.",)))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(cell in shown for _, lines in tuning.tables.values() for line in lines for cell in line)
    assert "Nothing was found." in shown
    assert shown.count("source") == 3, "a head longer than the cells below is not cut off"


def test_accuracy_without_recall_is_called_what_it_is() -> None:
    def setting(name: str, *, accuracy: float, recall: float) -> Setting:
        metrics = {"loss": 0.1, "accuracy": accuracy, "precision": 0.0, "recall": recall, "f1": recall}
        return Setting(name, (1.0, 2.0), (metrics, {**metrics, "recall": 0.5}), best=0)

    silent, poor, good = (
        setting("silent", accuracy=0.993, recall=0.0),
        setting("poor", accuracy=0.5, recall=0.0),
        setting("good", accuracy=0.99, recall=0.4),
    )
    assert say_nothing_found([silent, poor, good]).startswith("1 of 3 settings found nothing that is labelled")
    assert "0.993 or more" in say_nothing_found([silent])
    assert say_nothing_found([poor, good]) == ""
    rows = grid_tables([silent], varied="loss")["Validation"][1]
    assert [row[1] for row in rows] == ["1 B", "2 F"]
