"""The report of a search: figures that say the same as the trials, and a page that opens with the answer."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from tests.reporting.page.test_page import HOSTILE, Elements
from tests.reporting.samples import count_colours
from voxlate.config.recipe import Recipe
from voxlate.evaluation.study.search import judge_search
from voxlate.evaluation.words import field_title
from voxlate.reporting.search.page import search_page
from voxlate.reporting.search.plots import draw_history, draw_importance, draw_parallel, draw_slices
from voxlate.reporting.search.tables import trial_lines
from voxlate.training.tuning.results import FEWEST_FOR_IMPORTANCE, Importance, Searched, _measure_importance
from voxlate.training.tuning.space import own_values, resolve_search
from voxlate.training.tuning.trials import Trial
from voxlate.verbs import resolve_recipe
from voxlate.workflows import search

RATE, WEIGHT, SCHEDULE = "training.learning_rate", "loss.l1", "training.schedule"
SPACE = {
    RATE: {"low": 1e-5, "high": 1e-1, "log": True},
    WEIGHT: {"low": 0.5, "high": 9.5},
    "training.batch_size": {"low": 1, "high": 8, "integer": True, "log": True},
    SCHEDULE: {"values": ["constant", "cosine"]},
}


def recipe(**search: Any) -> Recipe:
    overrides = {"search": {"sampler": "tpe", "metric": "ssim", "space": SPACE, **search}}
    return resolve_search(resolve_recipe("avula2020-t1-to-t2", overrides=overrides))


def trial(number: int, value: float | None, state: str = "complete", **values: Any) -> Trial:
    given = {RATE: 1e-3, WEIGHT: 1.0, "training.batch_size": 8, SCHEDULE: "cosine"}
    given |= {name.replace("__", "."): changed for name, changed in values.items()}
    return Trial(number, state, value, given, seconds=90.0, run=f"trials/{number}")  # type: ignore[arg-type]


TRIALS = (
    trial(0, 0.80),
    trial(1, 0.70, training__learning_rate=1e-4, loss__l1=9.0),
    trial(2, 0.91, training__learning_rate=3e-3, training__schedule="constant", training__batch_size=2),
    trial(3, 0.10, "pruned", training__learning_rate=1e-5),
    replace(trial(4, None, "failed", training__learning_rate=1e-1), reason="no finite loss"),
    trial(5, 0.85, loss__l1=5.0),
)


def searched(trials: tuple[Trial, ...] = TRIALS, **changes: Any) -> Searched:
    plain = recipe()
    found = Searched(
        recipe=plain,
        trials=trials,
        own=own_values(plain),
        importance=Importance({RATE: 0.7, WEIGHT: 0.3}, {RATE: 0.4, WEIGHT: 0.5}),
        storage="study.db",
        pruner="median",
        seconds=600.0,
    )
    return replace(found, **changes)


def points(axes: Any) -> set[tuple[float, float]]:
    """Places of single points that are drawn."""
    drawn = [line for line in axes.lines if len(line.get_xdata()) == 1]
    return {(round(float(line.get_xdata()[0]), 6), round(float(np.ravel(line.get_ydata())[0]), 6)) for line in drawn}


def test_slices_show_every_trial_at_its_value_on_the_ranges_axis() -> None:
    rate, weight, batch, schedule = draw_slices(searched()).axes
    assert [axes.get_xscale() for axes in (rate, weight, batch, schedule)] == ["log", "linear", "log", "linear"]
    expected = {(1e-3, 0.8), (1e-4, 0.7), (3e-3, 0.91), (1e-3, 0.85)}
    assert expected <= points(rate)
    assert {(0.0, 0.91), (1.0, 0.8)} <= points(schedule)
    assert [label.get_text() for label in schedule.get_xticklabels()] == ["constant", "cosine"]
    assert rate.get_xlim()[0] < 1e-5
    assert rate.get_xlim()[1] > 1e-1
    assert len(points(rate) - expected) == 1, "the pruned trial, pulled in to the edge"
    ((_, edge),) = points(rate) - expected
    assert rate.get_ylim()[0] < edge < 0.70
    assert [axes.get_xlabel() for axes in (rate, weight)] == ["learning rate", "weight of L1"]


def test_rings_mark_the_best_and_squares_the_recipes_own() -> None:
    rate = draw_slices(searched()).axes[0]
    marked = {line.get_marker(): points_of(line) for line in rate.lines if line.get_markersize() > 7}
    assert marked == {"s": (1e-3, 0.8), "o": (3e-3, 0.91)}


def points_of(line: Any) -> tuple[float, float]:
    return float(line.get_xdata()[0]), float(line.get_ydata()[0])


def test_history_follows_the_best_complete_trial() -> None:
    axes = draw_history(searched()).axes[0]
    (line,) = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert list(line.get_xdata()) == [0, 2, 5]
    assert list(line.get_ydata()) == [0.8, 0.91, 0.91]


def test_an_error_over_decades_has_a_logarithmic_axis() -> None:
    errors = tuple(replace(one, value=10**-one.number) for one in TRIALS if one.state == "complete")
    falling = searched(errors, recipe=recipe(metric="mae"))
    assert draw_history(falling).axes[0].get_yscale() == "log"
    assert falling.best.number == 5
    assert draw_history(searched()).axes[0].get_yscale() == "linear"


def test_importance_shows_shares_and_chance() -> None:
    axes = draw_importance(searched()).axes[0]
    assert [round(patch.get_width(), 6) for patch in axes.patches] == [0.7, 0.3]
    assert [float(line.get_xdata()[0]) for line in axes.lines] == [0.4, 0.5]


def test_parallel_lines_are_complete_trials_the_best_on_top() -> None:
    axes = draw_parallel(searched()).axes[0]
    lines = [line for line in axes.lines if len(line.get_xdata()) == len(SPACE) + 1]
    assert len(lines) == 4
    thickest = max(lines, key=lambda line: line.get_linewidth())
    assert thickest.get_zorder() > max(line.get_zorder() for line in lines if line is not thickest)
    assert thickest.get_ydata()[-1] == 1.0
    assert float(thickest.get_ydata()[0]) == pytest.approx((np.log10(3e-3) + 5) / 4)


@pytest.mark.parametrize("count", [1, 2])
def test_figures_can_be_drawn_of_hardly_anything(count: int) -> None:
    for draw in (draw_slices, draw_history, draw_parallel):
        assert count_colours(draw(searched(TRIALS[:count]))) > 3


def test_the_page_opens_with_the_answer() -> None:
    assert judge_search(searched()).sentence == (
        "SSIM 0.910 in trial 2, the best of 4 complete trials (1 pruned, 1 failed). The recipe's own values gave 0.800."
    )
    assert "nothing better was found" in judge_search(searched(TRIALS[:2])).sentence
    assert "not tried to the end" in judge_search(searched(TRIALS[1:])).sentence


def test_warnings_say_what_the_numbers_cannot() -> None:
    few = judge_search(searched()).warnings
    assert "chosen on the validation cases" in few[0]
    assert any("4 complete trials are few for 4 fields" in line for line in few)
    at_the_end = searched((*TRIALS, trial(6, 0.99, training__learning_rate=0.09)))
    assert any("end of its range: learning rate" in line for line in judge_search(at_the_end).warnings)
    assert not any("end of its range" in line for line in few)
    assert any("do not lie in the ranges" in line for line in judge_search(searched(own=None)).warnings)


def test_the_report_is_one_page_with_its_figures(tmp_path: Path) -> None:
    search.draw(judge_search(searched()), tmp_path)
    text = (tmp_path / "report.html").read_text()
    page = Elements(text)
    assert len(list(page.every("img"))) == 4
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in page.every("img"))
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"objective.png", "history.png", "importance.png", "parallel.png"}
    body = re.sub(r"<[^>]+>", " ", text[text.index("<body>") :])
    order = ["SSIM 0.910 in trial 2", "The values found", "All trials", "no finite loss", "Where this comes from"]
    places = [body.index(part) for part in order]
    assert places == sorted(places)


def test_pictures_come_first_and_one_table_stands_open() -> None:
    page = search_page(judge_search(searched()))
    opening = [section for section in page.sections if not section.folded]
    assert [section.title for section in opening] == ["Pictures", "The values found"]
    assert [figure.title for figure in opening[0].figures] == ["SSIM against every searched field"]
    [table] = opening[1].tables
    assert [cell.value for cell in table.rows[0].cells] == ["0.910", "0.800", ""]
    assert [cell.value for cell in table.rows[1].cells] == ["0.003", "0.001", "1e-05 to 0.1 (logarithmic)"]


def test_baselines_stand_before_the_trials_and_are_said_to_win_where_they_do() -> None:
    beaten, winning = (
        judge_search(searched(), baselines={"identity": {"ssim": 0.1}, "lookup": {"ssim": ssim}})
        for ssim in (0.6, 0.95)
    )
    assert not any("does not beat" in line for line in beaten.warnings)
    assert winning.warnings[0] == "The best trial does not beat intensity lookup (0.950) on the same cases."
    page = search_page(winning)
    [values] = page.sections[1].tables
    assert [column.title for column in values.columns[:3]] == ["identity", "intensity lookup", "best"]
    assert [(cell.value, cell.best) for cell in values.rows[0].cells[:3]] == [
        ("0.100", False),
        ("0.950", True),
        ("0.910", False),
    ]
    [trials] = page.sections[-1].tables
    assert [row.title for row in trials.rows[:3]] == ["identity", "intensity lookup", "0"]
    assert trials.rows[1].cells[1].value == "0.950"


def test_trials_for_a_terminal_have_a_line_each() -> None:
    fields, rows = trial_lines(searched())
    assert fields == ("trial", "state", "ssim", "learning_rate", "l1", "batch_size", "schedule", "seconds")
    assert rows[2] == ("2", "complete", "0.91", "0.003", "1", "2", "constant", "90")
    assert rows[4][:3] == ("4", "failed", "")


def test_importance_that_is_not_known_is_said_and_not_drawn(tmp_path: Path) -> None:
    lacking = searched(importance=Importance({}, {}, "4 complete trials are too few"))
    search.draw(judge_search(lacking), tmp_path)
    assert not (tmp_path / "figures" / "importance.png").exists()
    assert "was not computed: 4 complete trials are too few." in (tmp_path / "report.html").read_text()


def test_hostile_names_are_escaped() -> None:
    text = search_page(judge_search(searched((*TRIALS, replace(trial(7, None, "failed"), reason=HOSTILE))))).html()
    assert not list(Elements(text).every("script"))
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("field", "title"),
    [
        ("training.samples_per_case", "samples per case"),
        ("loss.lesion_mask", "weight of lesion mask"),
        ("loss.ssim.weight", "weight of SSIM"),
        ("loss.ssim.window", "window of SSIM"),
        ("method.network.depth", "depth"),
    ],
)
def test_fields_have_names_that_a_reader_knows(field: str, title: str) -> None:
    assert field_title(field) == title


def frozen(values: list[float], **params: list[float]) -> list[optuna.trial.FrozenTrial]:
    distributions = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in params}
    return [
        optuna.trial.create_trial(
            value=value, params={name: column[at] for name, column in params.items()}, distributions=distributions
        )
        for at, value in enumerate(values)
    ]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_field_that_decides_is_important_beyond_chance_and_the_other_is_not(sign: int) -> None:
    rng = np.random.default_rng(0)
    matters, idle = rng.random((2, 40))
    trials = frozen([sign * abs(x - 0.3) for x in matters], matters=list(matters), idle=list(idle))
    found = _measure_importance(trials, lower_is_better=sign > 0, seed=0)
    assert list(found.shares) == ["matters", "idle"]
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.shares["matters"] > found.chance["matters"]
    assert found.shares["idle"] < found.chance["idle"]


def test_importance_of_too_little_is_not_computed() -> None:
    few = frozen([0.1 * n for n in range(FEWEST_FOR_IMPORTANCE - 1)], a=[0.1 * n for n in range(7)])
    assert "too few" in _measure_importance(few, lower_is_better=True, seed=0).missing
    same = frozen([1.0] * 12, a=[0.05 * n for n in range(12)])
    assert "the same value" in _measure_importance(same, lower_is_better=True, seed=0).missing


def test_what_targets_do_not_show_is_said_on_page_and_terminal() -> None:
    partial = replace(TRIALS[2], not_shown={"cases": 2, "of": 5, "percent": 12.34})
    result = judge_search(searched((*TRIALS[:2], partial)))
    said = "Neither learned nor scored: the T2 of 2 of 5 cases does not show all of the foreground"
    assert [said in remark for remark in result.remarks] == [True]
    assert set(result.remarks) <= set(result.warnings)
    assert not judge_search(searched()).remarks
