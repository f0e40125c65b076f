from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.reporting.samples import panel, scores
from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import summarise
from voxlate.evaluation.summary import Summary
from voxlate.evaluation.words import meaning, metric_title, number, p_value
from voxlate.metrics import METRICS, metrics_of
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.panels import draw_translation
from voxlate.reporting.fidelity.page import detail_sections, score_sections, slice_section
from voxlate.reporting.page.brief import SHEET
from voxlate.reporting.page.cases import case_file
from voxlate.reporting.page.caveats import caveats, seen_caveats
from voxlate.reporting.page.page import Illustration, Page, Section
from voxlate.reporting.page.tables import (
    Line,
    Table,
    answer_table,
    best_place,
    comparison_tables,
    score_tables,
    slice_tables,
    terminal_table,
)
from voxlate.reporting.page.terms import score_terms
from voxlate.workflows.workspace import publish

HOSTILE = '<script>alert(1)</script><img src="https://evil.example/x.png" onerror=a>'
VOID = {"meta", "img", "br", "link", "input"}


class Elements(HTMLParser):
    """The page's elements; fails on tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def every(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.found if name == tag)


@cache
def summary(cases: int = 6, *, more: tuple[Score, ...] = ()) -> Summary:
    slices = [
        Score(score.case, "foreground", score.method, f"mae_slice_{kind}", score.value, "a.u.")
        for score in scores(cases)
        if (score.region, score.metric) == ("foreground", "mae")
        for kind in ("total", "average")
    ]
    return summarise([Score(**vars(score)) for score in scores(cases)] + slices + list(more))


@cache
def picture() -> bytes:
    return to_png(draw_translation(panel()), dpi=60)


def report(found: Summary | None = None, **changes: Any) -> Page:
    """A page of translations, made by hand."""
    found = summary() if found is None else found
    values: dict[str, Any] = {
        "title": "T1 to T2",
        "verdict": "The model beats the baselines.",
        "sections": [
            Section("Pictures", figures=[Illustration("One case", "How to read it.", picture())], folded=False),
            *score_sections(found),
            *detail_sections(found),
            slice_section(found),
        ],
        "facts": {"model": "sha256 abc"},
        "warnings": ["The cohort is simulated.", *caveats(found)],
        "terms": score_terms(found),
    }
    return Page(**{**values, **changes})


def test_the_page_opens_with_the_answer_and_the_warning() -> None:
    text = report().html()
    body = re.sub(r"<[^>]+>", " ", text[text.index("<body>") :])
    order = ["not for diagnostic use", "The model beats the baselines.", "The cohort is simulated.", "How to read it."]
    order += ["Scores", "More on this page", "case by case", "sha256"]
    places = [body.index(part) for part in order]
    assert places == sorted(places)


def test_the_page_is_well_formed_and_self_contained() -> None:
    text = report().html()
    page = Elements(text)
    assert not list(page.every("script"))
    assert not list(page.every("link"))
    outside_pictures = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.findall(r"//|@import|url\(", outside_pictures)
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in page.every("img"))
    policy = next(meta for meta in page.every("meta") if meta.get("http-equiv"))
    assert "default-src 'none'" in str(policy["content"])


def test_bold_marks_the_better_value_and_not_ours() -> None:
    style = report().html().partition("<style>")[2].partition("</style>")[0]
    bold = re.findall(r"([^{}\n]*)\{[^{}]*font-weight: (?:700|bold)", style)
    assert [selector.strip() for selector in bold if "value" in selector or "model" in selector] == ["td.best .value"]
    worse = [
        Score(f"c{n}", "foreground", m, "mae", v, "HU") for n in range(6) for m, v in (("model", 9.0), ("lookup", 4.0))
    ]
    lines = answer_table(summarise(worse)).rows
    assert {line.title: line.cells[0].best for line in lines} == {"intensity lookup": True, "model": False}


@pytest.mark.parametrize(("other", "marked"), [(4.0001, None), (4.01, 0), (3.99, 1), (None, None), (math.nan, None)])
def test_the_best_is_marked_where_it_is_seen_to_be_better(other: float | None, marked: int | None) -> None:
    assert best_place([4.0, other], metric="mae", lower=True) == marked
    higher = best_place([4.0, other], metric="psnr", lower=False)
    assert higher is None, "PSNR is printed with one decimal"
    assert best_place([4.0, 4.2, None], metric="psnr", lower=False) == 1


@pytest.mark.parametrize("cases", [1, 6])
def test_the_number_of_cases_is_said_once(cases: int) -> None:
    found = summary(cases)
    cells = [cell for table in score_tables(found) for row in table.rows for cell in row.cells]
    assert not [line for cell in cells for line in cell.lines if "n =" in line]
    [section] = score_sections(found)
    assert section.caption.count(f"n = {cases}") == 1


def test_a_mean_over_fewer_cases_says_over_how_many() -> None:
    lacking = tuple(score for score in (Score(**vars(one)) for one in scores(6)) if score.case != "case_000")
    extra = (Score("case_000", "foreground", "model", "mae", 30.0, "a.u."),)
    cell = score_tables(summarise([*lacking, *extra]))[0].rows[0].cells[0]
    assert "n = 5" in cell.lines


def test_every_metric_is_explained_where_it_stands_and_at_the_end() -> None:
    found = summarise([Score("a", "foreground", "model", metric, 0.5, "1") for metric in metrics_of("voxelwise", "ct")])
    text = report(found, terms={}).html()
    for metric in metrics_of("voxelwise", "ct"):
        assert f'<abbr title="{html.escape(meaning(metric))}">' in text, metric
        assert f"<dt>{html.escape(metric_title(metric))}</dt><dd>{html.escape(meaning(metric))}</dd>" in text, metric
    assert all(meaning(metric) for metric in METRICS)


def test_the_page_is_accessible() -> None:
    page = Elements(report().html())
    assert next(page.every("html"))["lang"] == "en"
    assert all(image["alt"] and image["width"] and image["height"] for image in page.every("img"))
    assert all(head["scope"] in {"row", "col"} for head in page.every("th"))
    assert len(list(page.every("caption"))) == len(list(page.every("table"))) == 6
    named = {section["aria-labelledby"] for section in page.every("section")}
    assert named <= {heading.get("id") for heading in page.every("h2")}
    assert len(list(page.every("h1"))) == 1


def test_all_but_pictures_and_one_table_folds_and_stands_in_the_contents() -> None:
    page = Elements(report().html())
    places = {str(link["href"]).removeprefix("#") for link in page.every("a")}
    assert places == {str(section["id"]) for section in page.every("section") if "id" in section}
    assert len(places) == len(list(page.every("details"))) == 3


def test_the_one_table_has_the_headlines_of_the_foreground_and_the_lesion() -> None:
    table = answer_table(summary())
    titles = ["MAE (a.u.), foreground", "SSIM, foreground", "MAE (a.u.), lesion", "SSIM, lesion"]
    assert [column.title for column in table.columns] == titles
    assert [row.title for row in table.rows] == ["identity", "intensity lookup", "model"]
    assert [cell.best for cell in table.rows[2].cells] == [True, True, True, True]
    assert table.rows[0].cells[0].value == "202"


def test_a_terminal_gets_the_metrics_of_volumes() -> None:
    fields, rows = terminal_table(summary())
    assert fields == ("region", "metric", "method", "mean", "95 % interval", "unit", "n")
    assert {row[1] for row in rows} == {"MAE", "SSIM"}
    assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize("field", ["title", "verdict"])
def test_hostile_text_is_escaped(field: str) -> None:
    assert_harmless(report(**{field: HOSTILE}))


def test_hostile_names_are_escaped_everywhere() -> None:
    odd = [Score(HOSTILE, HOSTILE, method, "mae", 1.0, "a.u.") for method in ("model", HOSTILE, "lookup")]
    illustration = Illustration(HOSTILE, HOSTILE, picture(), alt=f'"{HOSTILE}')
    shown = Section(HOSTILE, HOSTILE, HOSTILE, figures=[illustration], lines=[HOSTILE])
    found = summarise(odd)
    sections = [shown, *score_sections(found), *detail_sections(found), slice_section(found)]
    assert_harmless(report(sections=sections, facts={HOSTILE: HOSTILE}, warnings=[HOSTILE], terms={HOSTILE: HOSTILE}))


def assert_harmless(hostile: Page) -> None:
    text = hostile.html()
    page = Elements(text)
    assert not list(page.every("script"))
    assert all(str(image["src"]).startswith("data:") and "onerror" not in image for image in page.every("img"))
    assert "&lt;script&gt;" in text


def test_baselines_stand_in_the_first_rows_and_directions_in_every_column() -> None:
    table = score_tables(summary())[0]
    assert [(row.title, row.below) for row in table.rows] == [
        ("identity", "baseline"),
        ("intensity lookup", "baseline"),
        ("model", ""),
    ]
    assert [column.title for column in table.columns] == ["MAE (a.u.)", "SSIM"]
    assert [column.below for column in table.columns] == ["↓ lower is better", "↑ higher is better"]
    assert [table.title for table in score_tables(summary())] == ["Foreground", "Lesion"]


def test_cells_carry_mean_interval_spread_and_number() -> None:
    cell = score_tables(summary())[0].rows[2].cells[0]
    assert cell.value == "32.5"
    assert cell.best
    low, high = (float(end) for end in cell.lines[0].split(" to "))
    assert 30 <= low < 32.5 < high <= 35
    assert cell.lines[1] == "sd 1.87"
    assert [row.cells[1].best for row in score_tables(summary())[0].rows] == [False, False, True]


def test_what_is_not_available_is_counted() -> None:
    lacking = (Score("case_x", "lesion", "model", "mae", math.nan, "a.u."),)
    cell = score_tables(summary(more=lacking))[1].rows[2].cells[0]
    assert "1 not available" in cell.lines
    assert any("1 of 7 cases has no score in the region lesion" in line for line in caveats(summary(more=lacking)))
    nothing = summarise([Score("a", "lesion", "model", "mae", math.nan, "HU")])
    assert score_tables(nothing)[0].rows[0].cells[0].value == "n/a"


def test_one_metric_that_is_undefined_does_not_take_the_region_away() -> None:
    constant = tuple(Score(f"case_{n:03}", "lesion", "lookup", "ncc", math.nan, "1") for n in range(20))
    assert caveats(summary(20, more=constant)) == []


def test_a_region_without_bone_is_scored_nevertheless() -> None:
    found = summary(20, more=(Score("case_000", "foreground", "model", "bone_dice", math.nan, "1"),))
    assert any(row.metric == "bone_dice" and row.n_not_available for row in found.rows)
    assert caveats(found) == []


def test_comparisons_say_in_words_who_is_beaten() -> None:
    table = comparison_tables(summary())[0]
    assert [column.title for column in table.columns] == ["against identity", "against lookup"]
    cell = table.rows[0].cells[1]
    assert cell.value == "−30.0, beaten"
    assert cell.lines[0] == "−30.0 to −30.0"
    assert "better in 6 of 6" in cell.lines[-1]
    assert re.search(r"p = 0\.0\d+", cell.lines[-1])
    worse = summarise(
        [Score(f"c{case}", "foreground", method, "mae", value, "HU") for case in range(3) for method, value in
         (("model", 50.0 + case), ("lookup", 40.0))]
    )  # fmt: skip
    cell = comparison_tables(worse)[0].rows[0].cells[0]
    assert cell.value == "+11.0, NOT beaten"
    assert "too few cases for a test" in cell.lines[-1]


def test_the_table_of_avula_stands_apart() -> None:
    titles = [column.title for column in slice_tables(summary())[0].columns]
    assert titles == ["MAE, total of slices (a.u.)", "MAE, average per slice (a.u.)"]
    assert not any("slice" in column.title for table in score_tables(summary()) for column in table.columns)


@pytest.mark.parametrize(("cases", "words"), [(1, "One case"), (3, "Only 3 cases"), (9, "9 cases are few")])
def test_few_cases_are_called_few(cases: int, words: str) -> None:
    assert any(words in caveat for caveat in caveats(summary(cases)))
    assert words in report(summary(cases)).html()


def test_many_cases_need_no_caveat() -> None:
    assert caveats(summary(20)) == []


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    figure = Illustration("One case", "", picture(), file="case")
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    pages = [publish(report(sections=[Section("Pictures", figures=[figure])]), folder) for folder in folders]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    names = [path.relative_to(tmp_path / "a").as_posix() for path in sorted((tmp_path / "a").rglob("*.*"))]
    assert names == ["figures/case.png", "report.html"]


def test_pictures_of_an_earlier_page_are_removed_and_others_left_alone(tmp_path: Path) -> None:
    lesion, extremes, labels = (
        Illustration("One case", "", picture(), file=name) for name in ("boxes_lesion", "extremes", "boxes_labels")
    )
    publish(report(sections=[Section("Pictures", figures=[lesion, extremes])]), tmp_path)
    (tmp_path / "figures" / "step_000000001.png").write_bytes(lesion.png)
    publish(report(sections=[Section("Pictures", figures=[labels])]), tmp_path)
    left = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert left == ["boxes_labels.png", "step_000000001.png"]


def test_the_page_links_what_lies_beside_it(tmp_path: Path) -> None:
    for name in ("scores.csv", "summary.json"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    odd = case_file("a case/50 %#1?")
    others = [(SHEET, report()), (case_file("case_000"), report()), (odd, report())]
    lines = (Line("odd", "", "", (), link=odd), Line("plain", "", "", (), link=case_file("case_000")))
    linked = Section("Cases", tables=[Table("Cases", "Case", (), lines)])
    page = publish(report(sections=[linked]), tmp_path, others=others)
    links = [str(link["href"]) for link in Elements(page.read_text(encoding="utf-8")).every("a")]
    paths = [tmp_path / unquote(link) for link in links]
    assert all(path.is_file() for path in paths)
    assert {path.name for path in paths} >= {"scores.csv", "summary.json", SHEET, "case_000.html", Path(odd).name}
    publish(report(), tmp_path)
    assert [path.name for path in sorted(tmp_path.rglob("*.html"))] == ["report.html"], "none outlives its evaluation"


def test_what_is_no_png_is_refused() -> None:
    with pytest.raises(UsageError, match="a PNG file"):
        report(sections=[Section("Bad", figures=[Illustration("Bad", "", b"<svg/>")])]).html()


def test_an_empty_summary_is_a_page_too() -> None:
    assert "There is no score." in report(summarise([])).html()


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [
        (0.91234, "ssim", "0.912"),
        (31.27, "mae", "31.3"),
        (27.09, "psnr", "27.1"),
        (-0.0514, "mae", "−0.0514"),
        (1234.5, "mse", "1234"),
        (0.0, "mae", "0"),
        (9.996, "mae", "10.0"),
        (1.2e-6, "mse", "1.20e−06"),
        (math.nan, "mae", "n/a"),
        (None, "mae", "n/a"),
        (math.inf, "psnr", "∞"),
    ],
)
def test_numbers_have_the_digits_they_deserve(value: float | None, metric: str, text: str) -> None:
    assert number(value, metric=metric) == text


def test_p_values_are_not_overstated() -> None:
    assert [p_value(value) for value in (0.03125, 1e-9, None)] == ["p = 0.031", "p < 0.001", "n/a"]


@pytest.mark.parametrize(("seen", "scored", "words"), [(1, 1, "every case that is"), (3, 5, "3 of the 5 cases")])
def test_scores_of_seen_cases_say_so(seen: int, scored: int, words: str) -> None:
    [caveat] = seen_caveats(seen, scored)
    assert words in caveat
    assert "do not say how it does on new cases" in caveat
    assert seen_caveats(0, scored) == []
