"""The page of a task, made from a result that was built by hand."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.evaluation.task.samples import CASES, scores, subject
from tests.reporting.task.test_pictures import block, taken
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.task.result import TaskResult
from voxlate.evaluation.task.verdict import conclude_task, task_caveats
from voxlate.reporting.page.page import Illustration
from voxlate.reporting.task.page import task_page
from voxlate.reporting.task.tables import arm_tables, pair_tables, task_table


def result(**changes: Any) -> TaskResult:
    about, found = subject(**changes), scores()
    picture = taken(block(k=slice(3, 4)), block(k=slice(3, 4), size=3)).arrays()
    evidence = {case: CaseEvidence([s for s in found if s.case == case], picture) for case in CASES}
    return TaskResult(about, found, conclude_task(found, about), evidence)


@pytest.fixture(scope="module")
def shown() -> tuple[str, dict[str, Illustration]]:
    page = task_page(result(failed=(("case-9", "a license is missing"),)))
    return page.html(), page.figures


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_pictures_come_first_then_one_table_and_the_rest_folds(shown: tuple[str, dict[str, Illustration]]) -> None:
    page, figures = shown
    assert list(figures) == ["worst", "dice"]
    opening, _, folding = page.partition("<details>")
    assert opening.index("<figure>") < opening.index("<table>")
    assert opening.count("<table>") == 1
    assert "Arm against arm, case by case" in folding
    assert "All scores" in folding


def test_the_page_opens_with_the_answer_and_what_must_be_read_first(
    shown: tuple[str, dict[str, Illustration]],
) -> None:
    text = text_of(shown[0])
    assert "Is the synthetic FLAIR as useful as the real one? t1-to-flair, judged by judge" in text
    assert "With the synthetic FLAIR the segmenter works worse than with the real one: mean Dice" in text
    for warning in ("was trained or chosen on case-0", "In 1 of 7 cases", "case-9 could not be scored: a license"):
        assert warning in text
    assert "real: judge on the real FLAIR beside the real T1." in text
    assert "nor is what a segmenter found in them" in text


def test_the_cases_that_lose_most_are_shown() -> None:
    figures = task_page(result()).figures
    assert figures["worst"].title == "The 3 cases in which the synthetic FLAIR loses most"


def test_an_arm_is_a_row_and_the_truth_the_last() -> None:
    [table] = arm_tables(result())
    assert [row.title for row in table.rows] == ["real FLAIR", "synthetic FLAIR", "without FLAIR", "in truth"]
    assert table.rows[2].below == "an empty image in its place"
    assert not arm_tables(result(other="another"))[0].rows[2].below
    assert [row.cells[2].value for row in table.rows] == ["7 / 0 / 14"] * 3 + ["7"]
    assert table.rows[3].cells[3].value == "12.0"


def test_the_baseline_is_the_first_row_and_said_to_be_as_useful_where_it_is() -> None:
    about, found = subject(), scores()
    lookup = [replace(score, method="lookup") for score in found if score.method == "synthetic"]
    concluded = conclude_task([*found, *lookup], about)
    [table] = arm_tables(TaskResult(about, [*found, *lookup], concluded, {}))
    assert [(row.title, row.below) for row in table.rows[:2]] == [
        ("intensity lookup in place of FLAIR", "baseline"),
        ("real FLAIR", ""),
    ]
    assert [row.cells[0].best for row in table.rows[:3]] == [False, True, False], "bold marks the better value"
    assert any(
        "not shown to be more useful than an image by intensity lookup" in one for one in task_caveats(concluded, about)
    )
    assert not any("intensity lookup" in one for one in task_caveats(conclude_task(found, about), about))


def test_arms_are_compared_metric_by_metric() -> None:
    [table] = pair_tables(result().summary, target="FLAIR")
    assert table.columns[0].title == "synthetic FLAIR \N{MINUS SIGN} real FLAIR"
    dice = table.rows[0]
    assert dice.title == "Dice"
    assert "better in 0 of 6" in dice.cells[0].lines


def test_a_terminal_shows_each_arm() -> None:
    fields, rows = task_table(result().summary)
    assert fields[2] == "segmented with"
    assert {row[2] for row in rows} == {"real", "synthetic", "without"}
    assert np.unique([row[0] for row in rows]).tolist() == ["lesion"]
