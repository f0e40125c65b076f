"""Views beside each other: what is compared, what is said, and that the figure shows what it is given."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reporting.samples import MASK, panel, pixels
from voxlate.evaluation.fidelity.views import compare_views, say_views, view_names
from voxlate.evaluation.scores import Score
from voxlate.evaluation.study.runs import ScoredRun, by_seed, mean_over_seeds
from voxlate.reporting.fidelity.views import draw_views
from voxlate.reporting.page.tables import comparison_tables

ERRORS = {"identity": 400.0, "lookup": 200.0, "axial": 60.0, "sagittal": 55.0, "coronal": 90.0, "model": 40.0}


def _scores(**changes: float) -> list[Score]:
    """Seven cases whose errors differ by one, by every method."""
    errors = {**ERRORS, **changes}
    return [
        Score(f"case_{number}", region, method, "mae", value + number + (9 if region == "bone" else 0), "HU")
        for method, value in errors.items()
        for region in ("foreground", "bone")
        for number in range(7)
    ]


def test_the_combination_is_compared_with_the_views_alone_in_the_foreground() -> None:
    assert view_names(_scores()) == ["axial", "sagittal", "coronal"]
    summary = compare_views(_scores())
    assert {(row.method, row.region) for row in summary.rows} == {
        (name, "foreground") for name in ("axial", "sagittal", "coronal", "model")
    }
    [row] = [row for row in summary.rows if row.method == "model"]
    assert {name: pair.difference for name, pair in row.against.items()} == pytest.approx(
        {"axial": -20.0, "sagittal": -15.0, "coronal": -50.0}
    )


def test_a_view_that_is_better_is_named() -> None:
    assert say_views(compare_views(_scores())) == (
        "The combination of views beats every single view: MAE 43.0 HU on 7 cases; alone axial 63.0 HU, "
        "sagittal 58.0 HU, coronal 93.0 HU."
    )
    said = say_views(compare_views(_scores(sagittal=30.0)))
    assert said.startswith("The combination of views does not beat sagittal: MAE 43.0 HU")
    first = comparison_tables(compare_views(_scores()), other="view")[0].columns[0]
    assert (first.title, first.below.rpartition(" ")[2]) == ("against axial", "view")


def test_one_view_has_nothing_to_compare() -> None:
    scores = [score for score in _scores() if score.method in {"identity", "lookup", "model"}]
    assert view_names(scores) == []


def test_views_of_a_variant_are_methods_of_their_own_where_they_are_asked_for() -> None:
    runs = [ScoredRun("many", seed, tuple(_scores(model=40.0 + seed, axial=60.0 + seed))) for seed in (0, 2)]
    plain = {score.method for score in mean_over_seeds(runs)}
    assert plain == {"identity", "lookup", "many"}
    merged = mean_over_seeds(runs, views=True)
    assert {score.method for score in merged} - plain == {"many, axial", "many, sagittal", "many, coronal"}
    [value] = {
        score.value
        for score in merged
        if (score.method, score.case, score.region) == ("many, axial", "case_0", "foreground")
    }
    assert value == pytest.approx(61.0)
    assert {score.method for scores in by_seed(runs).values() for score in scores} == plain


def test_figure_shows_each_view_and_its_error() -> None:
    case = panel()
    good = case.truth
    bad = np.where(MASK, good + 400.0, good)
    views = {"axial": bad, "sagittal": good, "coronal": good, "model": good}
    numbers = dict.fromkeys(views, "MAE 1 HU")
    drawn = pixels(draw_views(case, views, numbers=numbers))
    without = pixels(draw_views(case, {**views, "axial": good}, numbers=numbers))
    changed = np.flatnonzero((drawn != without).any(axis=(1, 2)))
    assert drawn.shape == without.shape
    assert changed.min() > 0
    assert changed.max() < drawn.shape[0] * 0.3, "only the first row of five changes"
    right = (drawn != without).any(axis=(0, 2))
    assert right[: len(right) // 2].any(), "the picture"
    assert right[len(right) // 2 :].any(), "and its error"
