"""The verb ``compare``: recipes for one target in one table, of images and of label maps."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import voxlate
from tests.conftest import SMALL
from tests.workflows.steps import check_goes_on_between_steps, check_goes_on_while_it_scores
from tests.workflows.test_fidelity import contents
from voxlate.config.recipe import Recipe
from voxlate.errors import UsageError
from voxlate.verbs import resolve_recipe
from voxlate.workflows.result import Result

UNET = {"name": "regression-unet", "method.network": {"name": "unet", "channels": [8, 16]}}


SPLIT = {"plan.split.fractions": [0.5, 0.17, 0.33]}
SEGMENTER: dict[str, Any] = {
    **{field: value for field, value in SMALL.items() if not field.startswith("method")},
    **SPLIT,
    "name": "segmenter",
    "method": {"name": "segmentation", "classes": "binary", "network": {"name": "unet", "channels": [4, 8]}},
    "loss": "bce+dice",
    "search.metric": "dice",
    "training.monitor": "dice",
    "training.steps": 2,
    "training.validate_every": 2,
    "training.figure_every": 2,
}


def recipes() -> list[Recipe]:
    fcn = resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, **SPLIT, "training.steps": 6})
    return [fcn, fcn.with_overrides(UNET)]


@pytest.fixture(scope="module")
def compared(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return voxlate.compare(phantom_cohort, recipes=recipes(), out=tmp_path_factory.mktemp("compared") / "out")


def test_table_has_a_line_per_method_the_baselines_first(compared: Result) -> None:
    assert [row[0] for row in compared.rows] == [
        "identity",
        "intensity lookup",
        "avula2020-t1-to-t2",
        "regression-unet",
    ]
    assert compared.fields[:2] == ("method", "MAE")
    assert compared.fields[-1] == "seconds per volume"
    assert "MAE, lesion" in compared.fields
    assert not any("oedema" in field for field in compared.fields), "labels stay in the page"
    assert [bool(row[-1]) for row in compared.rows] == [False, False, True, True]


def test_numbers_of_the_table_are_those_of_the_runs(compared: Result) -> None:
    folder = compared.page.parent
    scores = list(csv.DictReader((folder / "scores.csv").read_text(encoding="utf-8").splitlines()))
    of_unet = [
        float(s["value"])
        for s in scores
        if (s["method"], s["metric"], s["region"]) == ("regression-unet", "mae", "foreground")
    ]
    row = next(row for row in compared.rows if row[0] == "regression-unet")
    assert float(row[1]) == pytest.approx(sum(of_unet) / len(of_unet), rel=6e-3)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert set(summary["seconds_per_volume"]) == {"regression-unet", "avula2020-t1-to-t2"}
    assert summary["verdict"] == compared.sentence
    assert {path.name for path in (folder / "figures").iterdir()} >= {"boxes_foreground.png", "case.png"}


def test_same_call_again_trains_nothing(compared: Result, phantom_cohort: Path) -> None:
    folder = compared.page.parent
    logs = {path: path.stat().st_mtime_ns for path in folder.glob("*/seed-0/log.jsonl")}
    assert len(logs) == 2
    again = voxlate.compare(phantom_cohort, recipes=recipes(), out=folder)
    assert again.rows == compared.rows
    assert {path: path.stat().st_mtime_ns for path in logs} == logs


@pytest.fixture(scope="module")
def segmented(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return voxlate.compare(phantom_cohort, recipes=segmenters(), out=tmp_path_factory.mktemp("segmented") / "out")


def segmenters() -> list[Recipe]:
    small = resolve_recipe("avula2020-t1-to-t2", target="labels", overrides=SEGMENTER)
    return [small, small.with_overrides({"name": "other-segmenter", "loss": {"dice": 1.0}})]


def test_segmentations_have_a_table_of_dice_intensity_first(segmented: Result) -> None:
    assert [row[0] for row in segmented.rows] == ["intensity lookup", "segmenter", "other-segmenter"]
    assert segmented.fields[1] == "Dice"
    assert segmented.fields[-1] == "seconds per volume"
    summary = json.loads((segmented.page.parent / "summary.json").read_text(encoding="utf-8"))
    assert summary["verdict"] == segmented.sentence
    assert summary["rule"] == "A model that does not beat intensity alone is not reported as working."
    assert "LABELS FOUND BY A MODEL." in segmented.page.read_text(encoding="utf-8")


@pytest.mark.parametrize("check", [check_goes_on_between_steps, check_goes_on_while_it_scores])
@pytest.mark.parametrize("target", ["images", "labels"])
def test_every_step_can_be_lost_and_done_again(
    check: Callable[[Callable[[], object], Path], None],
    target: str,
    request: pytest.FixtureRequest,
    phantom_cohort: Path,
) -> None:
    compared: Result = request.getfixturevalue("compared" if target == "images" else "segmented")
    asked, out = recipes() if target == "images" else segmenters(), compared.page.parent
    before = contents(out)
    check(lambda: voxlate.compare(phantom_cohort, recipes=asked, out=out), out)
    assert contents(out) == before


def test_recipes_need_names_of_their_own_and_one_target(phantom_cohort: Path, tmp_path: Path) -> None:
    first, second = recipes()
    for wrong in ([first], [first, first]):
        with pytest.raises(UsageError, match="names of their own"):
            voxlate.compare(phantom_cohort, recipes=wrong, out=tmp_path / "out")
    with pytest.raises(UsageError, match="target"):
        voxlate.compare(
            phantom_cohort, recipes=[first, second.with_overrides({"target": "flair"})], out=tmp_path / "out"
        )


def test_patterns_stand_for_built_in_recipes_and_fields_can_be_meant_for_one() -> None:
    from voxlate.verbs.compare import _changed, _found

    found = _found(["zhao-*", "avula2020-t1-to-t2"])
    names = [recipe.name for recipe in found]
    assert {"zhao-unet-2d", "zhao-unet-25d", "zhao-vnet-3d", "zhao-image-analogy"} < set(names)
    assert names[-1] == "avula2020-t1-to-t2"
    changed = _changed(found, {"training.seed": 7, "zhao-unet-2d:training.batch_size": 3})
    assert {recipe.training.seed for recipe in changed} == {7}
    assert [r.name for r in changed if r.training.batch_size == 3] == ["zhao-unet-2d"]
    with pytest.raises(UsageError, match="a pattern that a built-in recipe fits"):
        _found(["nothing-*"])
    with pytest.raises(UsageError, match="zhao-unet-4d"):
        _changed(found, {"zhao-unet-4d:training.seed": 1})
