"""The page of a segmentation, made from a result that was built by hand."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from tests.evaluation.segmentation.samples import CLASSES, label_maps, scores, subject
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.cases import Segmented
from voxlate.evaluation.segmentation.result import SegmentationResult, summarise_classes
from voxlate.reporting.page.page import Illustration
from voxlate.reporting.segmentation.page import segmentation_page
from voxlate.reporting.segmentation.pictures import picture_of
from voxlate.reporting.segmentation.tables import answer_section, class_table


def result(*, of: list[Score] | None = None, **changes: Any) -> SegmentationResult:
    found = scores() if of is None else of
    evidence = {}
    for number in range(3):
        image, truth, model = label_maps(number)
        segmented = Segmented(f"case-{number}", image, truth, {"model": model}, (1.0, 1.0, 2.0))
        mine = [score for score in found if score.case == segmented.case_id]
        evidence[segmented.case_id] = CaseEvidence(mine, picture_of(segmented, CLASSES))
    about = subject(**changes)
    return SegmentationResult(about, found, summarise_classes(found, about), evidence)


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture(scope="module")
def shown() -> tuple[str, dict[str, Illustration]]:
    about = {"seen": 1, "gap": "The gap is large.", "failed": (("case-9", "a fault"),)}
    page = segmentation_page(result(**about), training=[])
    return page.html(), page.figures


def test_pictures_come_first_then_one_table_and_the_rest_folds(shown: tuple[str, dict[str, Illustration]]) -> None:
    page, figures = shown
    assert list(figures) == ["median", "extremes", "classes", "volumes"]
    opening, _, folding = page.partition("<details>")
    assert opening.index("<figure>") < opening.index("<table>")
    assert opening.count("<figure>") == 2
    assert opening.count("<table>") == 1
    for title in ("Voxel by voxel", "Surfaces and volumes", "Lesion by lesion", "Compared with intensity alone"):
        assert title in folding
    assert folding.count("<figure>") == 2


def test_the_page_opens_with_the_answer_and_with_what_must_be_read_first(
    shown: tuple[str, dict[str, Illustration]],
) -> None:
    text = text_of(shown[0])
    assert "LABELS FOUND BY A MODEL" in text
    assert "Labels in FLAIR, T1 post-contrast, segment-default" in text
    assert "The model does not beat intensity lookup in Dice on 3 held-out cases" in text
    for warning in ("The gap is large.", "was trained or chosen on 1 of the 3 cases", "case-9 could not be scored"):
        assert warning in text
    assert "whole tumour: label 1, 2; tumour core: label 2" in text


def test_the_median_case_is_the_one_of_dice() -> None:
    figures = segmentation_page(result(), training=[]).figures
    assert "By Dice in whole tumour." in figures["median"].caption


def test_where_nothing_is_labelled_there_is_no_picture() -> None:
    nothing = [Score(f"case-{n}", "whole tumour", "model", "dice", float("nan"), "1") for n in range(3)]
    page = segmentation_page(result(of=nothing), training=[])
    assert not page.figures
    assert "Nothing can be said about the model" in page.html()


def test_figures_of_the_training_are_shown_below() -> None:
    figures = segmentation_page(result(), training=[]).figures
    picture = Illustration("Training", "Curves.", figures["median"].png, file="curves")
    page = segmentation_page(result(), training=[picture])
    assert list(page.figures)[-1] == "curves"
    assert "Curves." in page.html().partition("<details>")[2]


def test_intensity_alone_stands_in_the_first_row() -> None:
    found = result()
    section = answer_section(found.summary.overall, found.scores, main="whole tumour")
    [table] = section.tables
    assert [(row.title, row.kind) for row in table.rows] == [
        ("Whole tumour", "baseline"),
        ("Whole tumour", "model first-model"),
        ("Tumour core", "model"),
    ]
    assert table.rows[1].cells[-1].value == "3 / 3 / 0", "lesions found, missed and invented"


def test_a_terminal_shows_all_labels_first_and_less_of_the_classes() -> None:
    fields, rows = class_table(result().summary.overall, main="whole tumour")
    assert fields[:4] == ("region", "metric", "method", "mean")
    assert rows[0][:4] == ("whole tumour", "Dice", "intensity lookup", "0.292")
    assert {row[1] for row in rows if row[0] == "tumour core"} == {"Dice", "recall", "HD95"}
