"""A segmentation from training to the page, and its evaluation in steps that can be lost and done again.

The model is trained for a moment, so it labels nothing: what the guard is there for, by the real thing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import voxlate
from tests.training.test_segmentation import make
from tests.workflows.test_fidelity import contents
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.candidates import ModelCandidate
from voxlate.io import read_volume, write_volume
from voxlate.workflows import segmentation
from voxlate.workflows.result import Result

REGIONS = {"whole tumour": [1, 2, 3], "tumour core": [1, 3], "enhancing tumour": [3]}


@pytest.fixture(scope="module")
def cohort(drawn_once: Callable[..., Path]) -> Path:
    return drawn_once(cases=4, seed=3, size=32, contrasts=["t1c", "flair"])


@pytest.fixture(scope="module")
def run(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = make(
        plan__split__fractions=[0.5, 0.25, 0.25],
        training__steps=2,
        training__validate_every=1,
        training__figure_every=1,
        training__learning_rate=1e-6,
    )
    return voxlate.train(cohort, recipe=recipe, out=tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def evaluated(run: Path, cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return voxlate.evaluate(run, cohort, out=tmp_path_factory.mktemp("evaluated") / "out", split="all")


def test_training_draws_what_is_found_over_time(run: Path) -> None:
    drawn = {path.name for path in (run / "figures").glob("*.png")}
    assert drawn == {"curves.png", "progression.png", "step_000000001.png", "step_000000002.png"}


def test_the_card_names_classes_and_has_training_cases_in_a_column_of_their_own(run: Path) -> None:
    card = (run / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "- Classes: whole tumour = label 1, 2, 3; tumour core = label 1, 3; enhancing tumour = label 3" in card
    assert "| metric | mean | on training cases |" in card
    assert "train_" not in card
    assert "normalised intensity" not in card
    assert "intensity-lookup" not in card


def test_a_model_that_finds_nothing_is_said_to(evaluated: Result) -> None:
    found, out = evaluated, evaluated.page.parent
    assert found.sentence.startswith("No tumour was found: not one true voxel of it in any of the 4 cases")
    page = found.page.read_text(encoding="utf-8")
    assert page.count("No tumour was found: ") >= 2, "in the verdict and among the warnings"
    assert "normalised intensity" not in page
    summary = json.loads((out / "summary.json").read_text())
    assert summary["nothing_found"] == ["whole tumour"]
    assert summary["answer"] == found.sentence
    [accuracy] = [row for row in found.rows if row[:3] == ("whole tumour", "accuracy", "model")]
    assert float(accuracy[3]) > 0.9
    figures = {path.stem for path in (out / "figures").iterdir()}
    assert figures >= {"median", "extremes", "classes", "volumes", "curves", "progression"}
    lookup = [row for row in summary["rows"] if row["method"] == "lookup" and row["metric"] == "dice"]
    assert lookup[0]["mean"] > 0, "intensity alone finds something in every head"


def test_what_only_a_ct_has_is_refused(run: Path, cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="CT as the target"):
        voxlate.evaluate(run, cohort, out=tmp_path / "out", aspects=("fidelity", "dose"))


def test_label_maps_on_disk_are_judged_by_every_value(run: Path, cohort: Path, tmp_path: Path) -> None:
    voxlate.translate(run, cohort, out=tmp_path / "made", every=True)
    for path in (tmp_path / "made").glob("*/*_labels.nii.gz"):
        true = read_volume(
            cohort / path.parent.name / f"{path.parent.name}-seg.nii.gz", contrast=get_contrast("labels")
        )
        assert true.grid.matches(read_volume(path).grid)
        write_volume(true, path, overwrite=True)  # as if a perfect model had made it
    found = voxlate.evaluate(tmp_path / "made", cohort, out=tmp_path / "out", split="all")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["classes"]) == 3
    dice = [row["mean"] for row in summary["rows"] if row["method"] == "model" and row["metric"] == "dice"]
    assert dice == [1.0] * 4
    assert "any label" in found.sentence


def test_recipes_for_labels_are_compared_by_what_they_find(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxlate.training.setup.settling._levels_for", lambda *_args, **_kwargs: [4, 8])
    few = {"plan.split.fractions": [0.5, 0.25, 0.25], "training.steps": 1, "training.validate_every": 1}
    network = {"name": "unet", "channels": "auto"}
    one, other = (
        make(name="one", method__network=network),
        make(name="other", loss={"bce": 1.0}, method__classes=REGIONS),
    )
    recipes = [recipe.with_overrides(few) for recipe in (one, other)]
    found = voxlate.compare(cohort, recipes=recipes, out=tmp_path)
    assert [row[0] for row in found.rows] == ["intensity lookup", "one", "other"]
    assert found.fields[:4] == ("method", "Dice", "Dice, tumour core", "Dice, enhancing tumour")
    assert "2 recipes" in found.sentence
    assert "identity" not in found.sentence
    assert {path.stem for path in (tmp_path / "figures").iterdir()} >= {"boxes_whole tumour", "case"}
    logs = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/seed-0/log.jsonl")}
    again = voxlate.compare(cohort, recipes=recipes, out=tmp_path)
    assert again.rows == found.rows
    assert {path: path.stat().st_mtime_ns for path in logs} == logs, "words and auto are what they came to be"


def test_an_ablation_asks_for_the_error_of_an_image(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="voxlate compare"):
        voxlate.ablate(cohort, recipe=make(), changes={"loss.bce": 0}, out=tmp_path / "out")


def test_an_evaluation_killed_between_its_steps_goes_on_without_predicting(
    run: Path, cohort: Path, evaluated: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def predict(*_: object) -> None:
        pytest.fail("a case was predicted again")

    for step in ("summarise", "draw"):
        with monkeypatch.context() as patch:
            patch.setattr(segmentation, step, killed)
            with pytest.raises(KeyboardInterrupt):
                voxlate.evaluate(run, cohort, out=out, split="all")
        monkeypatch.setattr(ModelCandidate, "predict", predict)
    assert not (out / "report.html").exists()
    voxlate.evaluate(run, cohort, out=out, split="all")
    assert contents(out) == contents(evaluated.page.parent)
