"""The page, the pictures and the terminal of a segmentation, from training to evaluation.

The model is trained for a moment, so it labels nothing: what the guard is there for, by the real thing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import voxlate
from tests.reporting.samples import count_colours
from tests.reporting.test_plots import texts
from tests.training.test_segmentation import make
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.io import read_volume, write_volume
from voxlate.reporting.run.gap import draw_gap, gap_in_words
from voxlate.reporting.segmentation.pictures import Finding, draw_finding, draw_findings
from voxlate.reporting.segmentation.plots import draw_classes, draw_volumes

REGIONS = {"whole tumour": [1, 2, 3], "tumour core": [1, 3], "enhancing tumour": [3]}
CLASSES = {"whole": (1, 2), "core": (2,)}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("segmentation") / "cohort"
    voxlate.phantom(folder, cases=4, seed=3, size=32, contrasts=["t1c", "flair"])
    return folder


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


def test_a_model_that_finds_nothing_is_said_to(run: Path, cohort: Path, tmp_path: Path) -> None:
    found = voxlate.evaluate(run, cohort, out=tmp_path / "out", split="all")
    assert found.sentence.startswith("No tumour was found: not one true voxel of it in any of the 4 cases")
    page = found.page.read_text(encoding="utf-8")
    assert page.count("No tumour was found: ") >= 2, "in the verdict and among the warnings"
    assert "normalised intensity" not in page
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["nothing_found"] == ["whole tumour"]
    assert summary["answer"] == found.sentence
    [accuracy] = [row for row in found.rows if row[:3] == ("whole tumour", "accuracy", "model")]
    assert float(accuracy[3]) > 0.9
    figures = {path.stem for path in (tmp_path / "out" / "figures").iterdir()}
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


def test_recipes_for_labels_are_compared_by_what_they_find(cohort: Path, tmp_path: Path) -> None:
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


def finding(**changes: Any) -> Finding:
    image = np.random.default_rng(0).uniform(0.5, 1, (16, 18, 12)).astype(np.float32)
    truth, found = np.zeros(image.shape), np.zeros(image.shape)
    truth[4:9, 5:10, 3:8], truth[5:7, 6:8, 4:6] = 1, 2
    found[5:10, 5:10, 3:8], found[5:7, 6:8, 4:6] = 1, 2
    fields: dict[str, Any] = {
        "case": "case-1",
        "image": image,
        "title": "FLAIR",
        "truth": truth,
        "found": found,
        "classes": CLASSES,
        "spacing_mm": (1.0, 1.0, 2.0),
        "numbers": {"whole": "Dice 0.900"},
    }
    return Finding(**{**fields, **changes})


def test_a_finding_has_an_overlay_per_class_and_a_row_per_plane() -> None:
    figure = draw_finding(finding())
    assert len(figure.axes) == 3 * 3 + 1
    assert {"Whole", "Core", "FLAIR", "Dice 0.900"} <= set(texts(figure))
    assert any("largest true area" in text for text in texts(figure))
    assert count_colours(figure) > 10


def test_of_many_classes_the_first_are_drawn_and_the_others_counted() -> None:
    one = finding(classes={f"label {value}": (value,) for value in range(1, 7)})
    assert one.shown == ["any label", "label 1", "label 2"]
    assert any("4 further classes are not drawn" in text for text in texts(draw_findings({"best": one})))


def test_a_case_without_labels_is_drawn_where_something_was_found() -> None:
    one = finding(truth=np.zeros((16, 18, 12)))
    assert one.choose().rule == "largest area that was found"
    neither = finding(truth=np.zeros((16, 18, 12)), found=np.zeros((16, 18, 12)))
    assert neither.choose().rule == "median of the foreground"
    assert count_colours(draw_findings({"worst": one, "best": neither})) > 10


def sample_scores() -> list[Score]:
    scores = []
    for number in range(6):
        for region in CLASSES:
            scores += [
                Score(f"case-{number}", region, "model", "dice", 0.5 + number / 20, "1"),
                Score(f"case-{number}", region, "model", "hd95", 340.0 if number == 5 else 2.0 + number, "mm"),
                Score(f"case-{number}", region, "model", "volume", 10.0 + number, "ml"),
                Score(f"case-{number}", region, "truth", "volume", 12.0, "ml"),
            ]
    return scores


def test_a_distance_that_stands_for_nothing_does_not_hide_the_others() -> None:
    figure = draw_classes(sample_scores(), regions=list(CLASSES))
    assert figure.axes[1].get_yscale() == "symlog"
    assert any("diagonal" in text for text in texts(figure))


def test_volumes_lie_about_the_line_of_equality() -> None:
    figure = draw_volumes(sample_scores(), regions=list(CLASSES))
    line, points = figure.axes[0].lines
    assert line.get_xdata().tolist() == line.get_ydata().tolist()
    assert points.get_xdata().tolist() == [12.0] * 6
    assert points.get_ydata().tolist() == [10.0, 11, 12, 13, 14, 15]
    assert any("+0.500 ml" in text for text in texts(figure))


def log(*, ahead: float) -> list[dict[str, Any]]:
    rows = []
    for step in (10, 20, 30):
        metrics = {"loss": 1 / step, "dice": 0.5, "recall": 0.5, "precision": 0.5, "accuracy": 0.99}
        metrics |= {"train_loss": 0.5 / step, "train_dice": 0.5 + ahead, "train_recall": 0.6, "train_precision": 0.6}
        rows.append({"step": step, "validation": metrics})
    return rows


def test_the_gap_is_drawn_and_a_large_one_is_said() -> None:
    figure = draw_gap(log(ahead=0.3), best_step=20)
    assert [axes.get_title("left").strip() for axes in figure.axes] == ["Loss", "Dice", "Recall", "Precision"]
    for axes in figure.axes:
        validation, training = axes.lines[:2]
        assert validation.get_linestyle() == "-"
        assert training.get_linestyle() == "--"
    assert any("gap at the ring +0.300" in text for text in texts(figure))
    assert any("gap between training and validation cases is large" in text for text in texts(figure))
    assert not gap_in_words(log(ahead=0.05), step=20)
    assert not gap_in_words(log(ahead=0.3), step=25), "a step that was not validated"
    assert count_colours(figure) > 10


def test_a_log_without_training_cases_has_no_gap() -> None:
    rows = [{"step": 5, "validation": {"dice": 0.4, "loss": 1.0}}]
    assert count_colours(draw_gap(rows, best_step=5)) > 5
    with pytest.raises(UsageError, match="validation"):
        draw_gap([{"step": 1, "loss": 1.0}])
