"""Pages as a browser lays them out: nothing is cut off, and pictures are as large as they were drawn.

They need Chromium (Debian: ``apt-get install chromium``).
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.reporting.samples import scores
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import summarise
from voxlate.metrics import metrics_of
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.fidelity.page import detail_sections, score_sections
from voxlate.reporting.page.page import Illustration, Page, Section

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


def laid_out(page: str, folder: Path, *, width: int = 1280) -> dict[str, Any]:
    """What a script measures in the page; for its sake the page's policy, which forbids scripts, is taken out."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    path = folder / "page.html"
    open_page, policies = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    assert policies == 1
    path.write_text(open_page.replace("</body>", f"{LAYOUT}</body>"), encoding="utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run(
        [chromium, *options, f"--window-size={width},2000", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    return told


def wide_page(*figures: Illustration) -> str:
    """Every metric of the catalogue for three methods, long names among them."""
    kept = [Score(**vars(score)) for score in scores(6) if score.metric == "mae"]
    more = [Score(**{**vars(score), "metric": metric}) for score in kept for metric in metrics_of("voxelwise")]
    found = summarise(more)
    pictures = Section("Pictures", figures=figures, folded=False)
    sections = [pictures, *score_sections(found), *detail_sections(found)]
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
