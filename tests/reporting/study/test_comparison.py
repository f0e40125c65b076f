"""The page of recipes side by side, and its table, from numbers made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

from tests.evaluation.study.test_contest import study
from tests.reporting.study.test_ablation import picture
from voxlate.evaluation.study.contest import ContestResult, summarise_contest
from voxlate.evaluation.study.runs import mean_over_seeds
from voxlate.reporting.study.comparison import comparison_page
from voxlate.reporting.study.tables import leaderboard

NAMES = ["fcn", "unet"]


def result(*, pictured: bool = True) -> ContestResult:
    made = study(NAMES)
    scores = mean_over_seeds(made.scored)
    return ContestResult(
        recipes={name: run.recipe for name, run in made.shown.items()},
        seeds=made.seeds,
        scores=scores,
        summary=summarise_contest(scores, NAMES, seconds={"fcn": 1.5}),
        case="case1",
        pictures={"fcn": picture(0.5), "unet": picture(0.3)} if pictured else {},
        shown={name: made.scores_of(name) for name in NAMES},
        failed=[("case9", "no target")],
    )


def test_the_page_opens_with_the_case_by_every_recipe_and_one_table() -> None:
    page = comparison_page(result())
    assert list(page.figures) == ["case", "boxes_foreground", "boxes_lesion"]
    assert [section.title for section in page.sections if not section.folded] == ["Pictures", "Scores"]
    assert page.title == "2 recipes for T2"
    assert page.facts["fcn"] == "regression, from t1; 1.5 s per volume"
    assert page.facts["unet"] == "regression, from t1; nan s per volume"
    html = page.html().replace("\N{NO-BREAK SPACE}", " ")
    order = ["Of 2 recipes fcn", "case9 could not be scored: no target", "The same case by every recipe: case1"]
    order += [
        "Scores</h2>",
        "Further figures</h2>",
        "Every score</h2>",
        "Compared with the baselines, case by case</h2>",
    ]
    assert "<td>" in html
    assert [html.index(part) for part in order] == sorted(html.index(part) for part in order)


def test_a_page_without_a_case_to_show_has_no_picture_of_it() -> None:
    figures = comparison_page(result(pictured=False)).figures
    assert list(figures) == ["boxes_foreground", "boxes_lesion"]


def test_a_page_without_any_value_says_so_and_draws_nothing() -> None:
    made = result(pictured=False)
    scores = [replace(score, value=math.nan) for score in made.scores]
    page = comparison_page(replace(made, scores=scores, summary=summarise_contest(scores, NAMES, seconds={}), case=""))
    assert not page.figures
    assert "Nothing can be said" in page.html()


def test_too_many_recipes_for_box_plots_have_none() -> None:
    made = result()
    many = {f"recipe-{number}": made.recipes["fcn"] for number in range(7)}
    figures = comparison_page(replace(made, recipes={**made.recipes, **many}, pictures={})).figures
    assert not figures


def test_the_leaderboard_has_baselines_first_and_seconds_last() -> None:
    made = result()
    fields, rows = leaderboard(made.summary.overall, seconds=made.summary.seconds)
    assert fields == ("method", "MAE (HU)", "MAE (HU), lesion", "seconds per volume")
    assert [row[0] for row in rows] == ["intensity lookup", "fcn", "unet"]
    assert [row[-1] for row in rows] == ["", "1.5", ""]
    assert rows[1][1:3] == ("41.4", "40.8")
