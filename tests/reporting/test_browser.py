"""Pages as a browser lays them out: nothing is cut off, and pictures are as large as they were drawn.

They need Chromium (Debian: ``apt-get install chromium``).
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.reporting.page.test_cases import section, strips
from tests.reporting.samples import panel, scores
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import summarise
from voxlate.metrics import metrics_of
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.panels import draw_translation
from voxlate.reporting.fidelity.page import detail_sections, score_sections, slice_section
from voxlate.reporting.page.brief import SHEET, brief_page
from voxlate.reporting.page.page import Illustration, Page, Section
from voxlate.reporting.page.tables import answer_table, means_in_words

LAYOUT = """<script>
for (const section of document.querySelectorAll("details")) section.open = true;
const told = {
  cut: [...document.querySelectorAll(".scroll")].map(box => box.scrollWidth - box.clientWidth),
  page: document.documentElement.scrollWidth - innerWidth,
  main: document.querySelector("main p.verdict").parentElement.clientWidth,
  pictures: [...document.images].map(image => [image.complete && image.naturalWidth, image.clientWidth]),
};
const place = document.createElement("pre");
place.id = "told";
place.textContent = JSON.stringify(told);
document.body.append(place);
</script>"""


def in_chromium(folder: Path, *asked: str) -> str:
    """What Chromium prints, without a window and without a network."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run([chromium, *options, *asked], capture_output=True, text=True, check=True, timeout=300)
    return done.stdout


def laid_out(page: str, folder: Path, *, width: int = 1280, script: str = LAYOUT) -> dict[str, Any]:
    """What a script measures in the page; for its sake the page's policy, which forbids others, is taken out."""
    path = folder / "page.html"
    open_page, policies = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    assert policies == 1
    path.write_text(open_page.replace("</body>", f"{script}</body>"), encoding="utf-8")
    printed = in_chromium(folder, f"--window-size={width},2000", "--dump-dom", path.as_uri())
    found = re.search(r'<pre id="told">(.*?)</pre>', printed, re.DOTALL)
    assert found, printed[-2000:]
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    return told


SCROLLED = """<script>
const stack = document.querySelector("figure.stack");
const slider = stack.querySelector("input");
const shown = () => [...stack.querySelectorAll("img")].filter(image => image.clientHeight > 0).map(image => image.alt);
const before = shown();
slider.value = 0;
slider.dispatchEvent(new Event("input"));
const told = {before, after: shown(), said: stack.querySelector("output").textContent, slider: slider.clientHeight > 0};
const place = document.createElement("pre");
place.id = "told";
place.textContent = JSON.stringify(told);
document.body.append(place);
</script>"""


def test_a_slider_goes_from_slice_to_slice(tmp_path: Path) -> None:
    page = Page("T1 to T2", "It works.", [replace(section(1, strips()), folded=False)]).html()
    told = laid_out(page, tmp_path, script=SCROLLED)
    assert told["before"] == ["axial slice 10 of 16"]
    assert told["after"] == [told["said"]] == [f"axial slice {strips().indices[0] + 1} of 16"]
    assert told["slider"]


def test_a_summary_is_one_sheet_of_paper(tmp_path: Path) -> None:
    found = summarise([Score(**vars(score)) for score in scores(6)])
    median = Illustration("The median case", "How to read it.", to_png(draw_translation(panel())))
    full = Page("T1 to T2", "It works.", [], facts={"model": "x " * 40, "paper": "A long title of a paper. " * 5})
    sheet = brief_page(
        full,
        answer="A long answer of one sentence. " * 8,
        picture=median,
        table=answer_table(found),
        caption=means_in_words(6),
        misuses=["A line about what it must not be used for, as long as they are in practice."] * 6,
    )
    (tmp_path / SHEET).write_text(sheet.html(), encoding="utf-8")
    in_chromium(tmp_path, f"--print-to-pdf={tmp_path / 'sheet.pdf'}", (tmp_path / SHEET).as_uri())
    assert len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "sheet.pdf").read_bytes())) == 1


def wide_page(*figures: Illustration) -> str:
    """Every metric of the catalogue for three methods, long names among them."""
    kept = [Score(**vars(score)) for score in scores(6) if score.metric == "mae"]
    more = [Score(**{**vars(score), "metric": metric}) for score in kept for metric in metrics_of("voxelwise")]
    found = summarise(more)
    pictures = Section("Pictures", figures=figures, folded=False)
    sections = [pictures, *score_sections(found), *detail_sections(found), slice_section(found)]
    return Page("T1 to T2", "It works on 7 % of the cases.", sections).html()


def test_no_table_is_cut_off(tmp_path: Path) -> None:
    told = laid_out(wide_page(), tmp_path)
    assert len(told["cut"]) >= 2
    assert max(told["cut"]) <= 0, "wider than the page"
    assert told["page"] <= 0


def test_a_picture_is_no_larger_than_it_was_drawn(tmp_path: Path) -> None:
    narrow, full = (
        Illustration("A picture", "Of nothing.", to_png(canvas.new_figure(width_mm=width, height_mm=20.0)))
        for width in (90.0, canvas.PAGE_WIDTH_MM)
    )
    told = laid_out(wide_page(narrow, full), tmp_path)
    assert all(drawn for drawn, _ in told["pictures"])
    (_, narrow_width), (_, full_width) = told["pictures"]
    assert full_width == told["main"]
    assert narrow_width == pytest.approx(told["main"] / 2, abs=2)


def test_a_narrow_window_scrolls_the_table_and_not_the_page(tmp_path: Path) -> None:
    told = laid_out(wide_page(), tmp_path, width=500)
    assert max(told["cut"]) > 0
    assert told["page"] <= 0
