"""Figures, tables and the page of an ablation from numbers made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.reporting.samples import LESION, MASK, count_colours, panel
from tests.reporting.study.variants import NAMES, SEEDS, make_runs
from voxlate.errors import UsageError
from voxlate.evaluation import Score, summarise
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.fidelity.comparison import Comparison
from voxlate.evaluation.study.ablation import AblationResult, AblationSummary, case_of
from voxlate.evaluation.study.paired import VariantDifference, compare_variants, differences
from voxlate.evaluation.study.runs import ScoredRun, mean_over_seeds
from voxlate.evaluation.study.verdict import judge_ablation
from voxlate.evaluation.words import changes
from voxlate.reporting.fidelity.pictures import picture_of
from voxlate.reporting.study.ablation import ablation_page
from voxlate.reporting.study.pictures import draw_contrasted
from voxlate.reporting.study.plots import PairedTest, draw_differences, draw_similarity, draw_tasks
from voxlate.reporting.study.tables import FIELDS, answer_section, difference_rows, difference_sections
from voxlate.verbs import resolve_recipe

COARSE = (5.0, 5.0, 5.0)


CHANGES = {"loss.lesion_mask": 0}


def told(runs: list[ScoredRun]) -> AblationSummary:
    overall, comparisons = summarise(mean_over_seeds(runs[::-1])), compare_variants(runs, "with", "without")
    verdict = judge_ablation(comparisons, overall, changes=CHANGES)
    return AblationSummary(verdict, CHANGES, SEEDS, overall, comparisons)


def picture(brightness: float) -> CaseEvidence:
    """What the picture of a case needs, whose prediction is a head of one brightness."""
    truth = np.where(MASK, 0.5, 0.0) + np.where(LESION, 0.3, 0.0)
    methods = {"identity": truth, "lookup": truth, "model": np.where(MASK, brightness, 0.0)}
    source = np.where(MASK, 0.4, 0.0)
    case = Comparison("case03", source, truth, methods, MASK, LESION.astype(float), COARSE, "1", 1.0)
    return CaseEvidence([], picture_of(case, labelled="lesion"))


def result(runs: list[ScoredRun]) -> AblationResult:
    summary, scores = told(runs), mean_over_seeds(runs[::-1])
    return AblationResult(
        recipe=resolve_recipe("genc2022-t1c-to-t1"),
        scores=scores,
        summary=summary,
        differences=differences(runs, "with", "without", region="lesion", metric="mae"),
        case=case_of(summary, scores),
        pictures={"with": picture(0.5), "without": picture(0.3)},
        shown={run.variant: run.scores for run in runs if run.seed == 0},
        failed=[("case99", "it is <b>broken</b>")],
    )


def texts(figure: Figure) -> list[str]:
    ticks = [label.get_text() for axes in figure.axes for label in axes.get_xticklabels()]
    inside = [text.get_text() for axes in figure.axes for text in axes.texts]
    return [*(text.get_text() for text in figure.texts), *inside, *ticks, *(a.get_title("left") for a in figure.axes)]


def fits(figure: Figure) -> bool:
    """Whether every text of the figure lies inside it."""
    width, height = figure.get_size_inches() * figure.dpi
    boxes = [text.get_window_extent() for text in figure.texts]
    return all(box.x0 >= 0 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1 for box in boxes)


def row_of(runs: list[ScoredRun], metric: str, region: str = "lesion") -> VariantDifference:
    rows = compare_variants(runs, "with", "without")
    return next(row for row in rows if (row.metric, row.region) == (metric, region))


def test_similarity_has_a_plot_per_region_with_source_without_and_with() -> None:
    runs = make_runs()
    compared = row_of(runs, "ssim")
    tests = {"lesion": [PairedTest("with - without", compared.pair, compared.crossed_interval)]}
    figure = draw_similarity(mean_over_seeds(runs[::-1]), tests, names=NAMES, heading="Without: loss.lesion_mask=0")
    assert [axes.get_title("left").split(":")[0] for axes in figure.axes] == ["Foreground", "Lesion"]
    labels = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert labels == ["source\nn = 6", "prediction,\nwithout\nn = 6", "prediction,\nwith\nn = 6"]
    pairs = [line for line in figure.axes[1].lines if line.get_xdata().tolist() == [0, 1, 2]]
    assert len(pairs) == 6
    assert any(text.startswith("+0.0500 (") for text in texts(figure))
    assert "6 of 6" in texts(figure)
    assert fits(figure)
    assert count_colours(figure) > 10


def test_similarity_without_lesions_has_one_plot() -> None:
    scores = [score for score in mean_over_seeds(make_runs()[::-1]) if score.region == "foreground"]
    assert len(draw_similarity(scores, {}, names=NAMES).axes) == 1
    with pytest.raises(UsageError, match="none of ssim"):
        draw_similarity([score for score in scores if score.metric == "mae"], {}, names=NAMES)


def test_differences_show_every_seed_and_all_of_them() -> None:
    runs = make_runs()
    by_case = differences(runs, "with", "without", region="lesion", metric="mae")
    values = {f"seed {seed}": by_case[seed] for seed in SEEDS} | {"all seeds": by_case[1]}
    figure = draw_differences(mean_over_seeds(runs[::-1]), row_of(runs, "mae"), values, heading="Without: x")
    labels = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    minus = "\N{MINUS SIGN}"
    assert labels == [
        f"seed 0\n{minus}0.0090", f"seed 1\n{minus}0.0100", f"seed 2\n{minus}0.0110", f"all seeds\n{minus}0.0100"
    ]  # fmt: skip
    assert any("below 0: better with" in text for text in texts(figure))
    assert fits(figure)


def test_one_seed_and_one_case_can_be_drawn() -> None:
    runs = [ScoredRun(run.variant, run.seed, run.scores) for run in make_runs(cases=1) if run.seed == 0]
    by_case = differences(runs, "with", "without", region="lesion", metric="mae")
    values = {"seed 0": by_case[0], "all seeds": by_case[0]}
    assert fits(draw_differences(mean_over_seeds(runs[::-1]), row_of(runs, "mae"), values))


def test_a_case_is_shown_as_both_variants_predict_it_with_the_lesion_enlarged() -> None:
    brighter = panel(prediction=np.where(MASK, 700.0, 0.0), spacing_mm=COARSE)
    figure = draw_contrasted({"without": panel(spacing_mm=COARSE), "with": brighter})
    words = texts(figure)
    assert [text for text in words if text in {"Source", "Truth", "Prediction", "Error"}] == [
        "Source", "Truth", "Prediction", "Prediction", "Error", "Error"
    ]  # fmt: skip
    assert any("largest lesion area" in text for text in words)
    assert any("enlarged" in text for text in words)
    assert "with: foreground: MAE 12.3 a.u." in words
    tiles = [axes for axes in figure.axes if axes.images]
    assert len(tiles) == 12
    whole, close = tiles[0].images[0].get_array(), tiles[6].images[0].get_array()
    assert close.size < whole.size
    assert fits(figure)


@pytest.mark.parametrize("changes", [{"lesion": None}, {"spacing_mm": (1.0, 1.0, 1.0)}])
def test_nothing_is_enlarged_without_a_lesion_or_where_it_fills_the_picture(changes: dict[str, Any]) -> None:
    alone = draw_contrasted({"without": panel(**changes), "with": panel(**changes)})
    assert len([axes for axes in alone.axes if axes.images]) == 6
    assert not any("enlarged" in text for text in texts(alone))


def test_the_enlarged_box_holds_the_lesion_of_the_slice() -> None:
    shown = panel(spacing_mm=COARSE)
    truth = np.where(LESION, 900.0, 0.0)
    figure = draw_contrasted({"with": panel(truth=truth, prediction=truth, spacing_mm=COARSE)})
    close = [axes for axes in figure.axes if axes.images][4 + 1]
    area = int(np.count_nonzero(np.asarray(close.images[0].get_array()) == 900))
    assert area == np.count_nonzero(LESION[:, :, shown.choose().index])


def test_tables_give_both_intervals_and_every_seed() -> None:
    runs = make_runs()
    compared, each = difference_sections(told(runs))
    assert [table.title for table in compared.tables] == ["Foreground", "Lesion"]
    [mae, ssim] = compared.tables[1].rows
    titles = [column.title for column in compared.tables[1].columns]
    assert titles == ["identity (baseline)", "without", "with", "with \N{MINUS SIGN} without"]
    assert [cell.value for cell in mae.cells] == ["1.00", "0.0750", "0.0650", "\N{MINUS SIGN}0.0100"]
    assert [line.split(" over ")[-1] for line in mae.cells[3].lines[:2]] == ["seeds and cases", "cases alone"]
    assert mae.cells[3].lines[2].startswith("better in 6 of 6; p = ")
    assert ssim.cells[3].value == "+0.0500"
    assert [column.title for column in each.tables[1].columns] == ["seed 0", "seed 1", "seed 2"]
    assert [cell.value for cell in each.tables[1].rows[0].cells] == [
        f"\N{MINUS SIGN}{value}" for value in ("0.00900", "0.0100", "0.0110")
    ]


def test_one_table_stands_open_and_tells_the_region_in_each_line() -> None:
    section = answer_section(told(make_runs()))
    assert not section.folded
    [table] = section.tables
    assert [row.title for row in table.rows] == [
        "MAE, foreground", "SSIM, foreground", "MAE, lesion", "SSIM, lesion"
    ]  # fmt: skip
    assert [cell.value for cell in table.rows[2].cells] == ["1.00", "0.0750", "0.0650", "\N{MINUS SIGN}0.0100"]


def test_the_page_opens_with_the_answer_the_case_and_one_table() -> None:
    made = result(make_runs())
    page = ablation_page(made)
    assert list(page.figures) == ["case", "similarity", "differences"]
    assert [section.title for section in page.sections if not section.folded] == ["Pictures", "With and without"]
    assert page.title == "T1 post-contrast to T1, genc2022-t1c-to-t1: with and without loss.lesion_mask"
    assert page.facts["without"] == "loss.lesion_mask=0"
    assert (page.facts["seeds"], page.facts["cases"]) == ("0, 1, 2", "6 held-out")
    html = page.html().replace("\N{NO-BREAK SPACE}", " ")
    order = [made.summary.verdict.sentence, "case99 could not be scored: it is &lt;b&gt;broken", "Pictures</h2>"]
    order += [f"The median case: {made.case}", "With and without</h2>", "Seed by seed</h2>", "Every score</h2>"]
    places = [html.index(part) for part in order]
    assert places == sorted(places)
    assert "seeds and cases</dt>" in html


def test_a_budget_in_minutes_is_warned_of() -> None:
    made = result(make_runs())
    timed = made.recipe.with_overrides({"training.minutes": 3.0})
    assert any("The budget is a time" in line for line in ablation_page(replace(made, recipe=timed)).warnings)
    assert not any("The budget is a time" in line for line in ablation_page(made).warnings)


def test_differences_have_the_decimals_that_the_largest_needs() -> None:
    minus = "\N{MINUS SIGN}"
    assert changes(-0.00385, 0.000927, None) == [f"{minus}0.00385", "+0.00093", "n/a"]
    assert changes(12.34, -0.5) == ["+12.3", f"{minus}0.5"]
    assert changes(0.0, None) == ["+0", "n/a"]
    assert changes(-0.00385, most=4) == [f"{minus}0.0039"]


def test_rows_for_a_terminal_are_of_foreground_and_lesion() -> None:
    more = [ScoredRun(run.variant, run.seed, (*run.scores, *_of("oedema", run.scores))) for run in make_runs()]
    rows = difference_rows(compare_variants(more, "with", "without"))
    assert {row[0] for row in rows} == {"foreground", "lesion"}
    assert {len(row) for row in rows} == {len(FIELDS)}
    assert rows[2][:5] == ("lesion", "MAE", "0.0750", "0.0650", "\N{MINUS SIGN}0.0100")


def _of(region: str, scores: tuple[Score, ...]) -> list[Score]:
    return [Score(s.case, region, s.method, s.metric, s.value, s.unit) for s in scores if s.region == "lesion"]


def test_a_page_without_any_value_says_so_and_draws_nothing() -> None:
    empty = [replace(run, scores=tuple(replace(one, value=math.nan) for one in run.scores)) for run in make_runs()]
    page = ablation_page(replace(result(empty), pictures={}))
    assert not page.figures
    assert "Nothing can be said" in page.html()


def test_two_tasks_stand_beside_each_other() -> None:
    """Figure 5 of Genc et al.: a column per task, a row per region, the source drawn once."""
    one, other = (mean_over_seeds(make_runs()[::-1]) for _ in range(2))
    names = {"identity": "source", "without": "prediction, without", "with": "prediction, with"}
    figure = draw_tasks({"T1c to T1": one, "T2 to FLAIR": other}, names=names)
    titles = [axes.get_title("left").replace("\n", " ") for axes in figure.axes]
    tasks = ("T1c to T1", "T2 to FLAIR")
    assert titles == [f"{task}, {where}: SSIM" for where in ("foreground", "lesion") for task in tasks]
    assert sum("without" in text and "p " in text for text in texts(figure)) == 4
    page = ablation_page(replace(result(make_runs()), beside=("T2 to FLAIR", other)))
    assert "tasks" in page.figures
    assert "T2 to FLAIR" in page.html()
