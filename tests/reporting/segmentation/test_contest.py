"""The page of segmentations side by side, and its table, from label maps made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reporting.samples import LESION, MASK
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.cases import Segmented, _score_segmented
from voxlate.evaluation.segmentation.contest import SegmentationContest, summarise_segmentations
from voxlate.evaluation.study.contest import ContestResult
from voxlate.evaluation.study.runs import ScoredRun, mean_over_seeds
from voxlate.reporting.segmentation.contest import segmentations_page
from voxlate.reporting.segmentation.pictures import picture_of
from voxlate.reporting.study.tables import segmentation_leaderboard
from voxlate.verbs import resolve_recipe

KINDS = ("real", "synthetic", "both")
CLASSES = {"tumour": (1, 2), "core": (2,)}
SPACING = (2.0, 2.0, 3.0)


def segmented(case: str, *, shift: int) -> Segmented:
    """A lesion whose core is found, and which is found as far off as its shift."""
    truth = LESION.astype(np.uint8) + np.roll(LESION, 1, axis=0).astype(np.uint8) * LESION
    found = {"lookup": (MASK & ~LESION).astype(np.uint8), "model": np.roll(truth, shift, axis=1)}
    return Segmented(case, np.where(MASK, 500.0, 0.0).astype(np.float32), truth, found, SPACING)


@pytest.fixture(scope="module")
def contest() -> SegmentationContest:
    runs, pictures = [], {}
    for place, kind in enumerate(KINDS):
        cases = [segmented(f"case{number}", shift=place) for number in range(2)]
        scores: list[Score] = [score for case in cases for score in _score_segmented(case, CLASSES)]
        runs.append(ScoredRun(kind, 0, tuple(scores)))
        pictures[kind] = CaseEvidence([], picture_of(cases[0], CLASSES))
    scores = mean_over_seeds(runs)
    result = ContestResult(
        recipes=dict.fromkeys(KINDS, resolve_recipe("segment-default")),
        seeds=[0],
        scores=scores,
        summary=summarise_segmentations(scores, KINDS, classes=CLASSES, seconds={"real": 0.5}, substitutes=True),
        case="case0",
        pictures=pictures,
        shown={run.variant: run.scores for run in runs},
    )
    return SegmentationContest(result, CLASSES, "t2", substitutes=True)


def test_the_page_opens_with_the_case_by_every_recipe_and_one_table(contest: SegmentationContest) -> None:
    page = segmentations_page(contest)
    assert list(page.figures) == ["case", "boxes_tumour", "boxes_core"]
    assert [section.title for section in page.sections if not section.folded] == ["Pictures", "Scores"]
    [table] = next(section for section in page.sections if section.title == "Scores").tables
    assert [column.title for column in table.columns][:3] == ["Dice, tumour", "Dice, core", "recall, tumour"]
    assert [row.title for row in table.rows] == ["intensity lookup", *KINDS]
    html = page.html()
    assert (page.banner, page.title.partition(":")[0]) == ("LABELS FOUND BY A MODEL.", "Real, synthetic, both")
    order = ["Tested on real cases, training on synthetic images", "The same case by every recipe: case0"]
    order += [
        "Scores</h2>",
        "Voxel by voxel</h2>",
        "Surfaces and volumes</h2>",
        "Compared with intensity alone, case by case</h2>",
    ]
    assert [html.index(part) for part in order] == sorted(html.index(part) for part in order)


def test_the_leaderboard_has_dice_of_every_class_and_the_rest_of_all_labels(contest: SegmentationContest) -> None:
    summary = contest.result.summary
    fields, rows = segmentation_leaderboard(summary.overall, CLASSES, seconds=summary.seconds)
    assert fields[:4] == ("method", "Dice", "Dice, core", "precision")
    assert [row[0] for row in rows] == ["intensity lookup", *KINDS]
    assert rows[0][2] == "n/a", "intensity knows no classes"
    assert rows[1][1] == "1.000"


def test_what_was_not_found_is_a_warning_and_part_of_the_answer() -> None:
    empty = [
        Score(f"case{number}", "tumour", "model", metric, value, "1")
        for number in range(2)
        for metric, value in (("accuracy", 0.99), ("recall", 0.0), ("dice", 0.0))
    ]
    scores = mean_over_seeds([ScoredRun(name, 0, tuple(empty)) for name in ("a", "b")])
    summary = summarise_segmentations(scores, ["a", "b"], classes={"tumour": (1,)}, seconds={})
    assert [remark.partition(":")[0] for remark in summary.remarks] == ["a", "b"]
    assert "No tumour was found" in summary.answer
    assert summary.answer.startswith(summary.verdict)
