"""Data sets, several scans as one source, and CT in Chromium; screenshots lie in the test's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from tests.web.conftest import Served
from tests.web.visit import CHROMIUM, NEEDED, SOFTWARE_GL, WITHOUT_GL, Visit

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = NEEDED
_DRAWN = "[...document.querySelectorAll('.plane img')].every(one => one.complete && one.naturalWidth)"


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("screenshots")


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with (
        playwright.sync_playwright() as started,
        started.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE_GL) as opened,
    ):
        yield opened


def test_a_data_set_is_completed_and_a_case_looked_at(browser: playwright.Browser, served: Served, shots: Path) -> None:
    visit = Visit(browser, served, view="#datasets")
    page = visit.page
    page.wait_for_selector("#room .hint")
    page.screenshot(path=shots / "cohorts.png")
    page.click(".choices a")
    page.wait_for_selector(".cohort-grid tbody tr >> nth=4")
    assert page.locator(".cell.poor").count() == 2, "one in the grid, one in the legend"
    assert "slices of" in (page.locator("td.poor").get_attribute("title") or "")
    page.screenshot(path=shots / "grid.png")
    assert visit.faults() == []
    page.click(".wish .choice button[value=t2]")
    models = page.locator(".wish select option").evaluate_all("all => all.map(one => one.value)")
    page.locator(".wish select").select_option(next(one for one in models if one != "default"))
    page.check("[data-key='tick poor']")
    assert "Make T2 of 3 cases" in page.text_content(".wish button.main")
    page.click(".wish button.main")
    page.wait_for_selector(".made.done")
    assert page.locator("td.new.done").count() == 3
    assert "lacks T1" in page.text_content("td.new.cannot")
    assert str(served.folder) in page.text_content(".path code")
    page.screenshot(path=shots / "made.png")
    page.set_viewport_size({"width": 1920, "height": 1000})
    page.screenshot(path=shots / "made-wide.png")
    assert visit.faults() == []
    page.click("td.new.done button >> nth=2")
    page.wait_for_selector(".look[data-ready]")
    page.screenshot(path=shots / "case.png")
    assert visit.lit("figure.prediction") > 0.1
    page.select_option(".bar select >> nth=0", "1")
    page.wait_for_selector("figcaption.source:has-text('T2')")
    page.keyboard.press("k")
    page.wait_for_selector(".screen.checker")
    page.screenshot(path=shots / "checkerboard.png")
    assert visit.faults() == []
    page.click("text=← All cases")
    page.wait_for_selector(".cohort-grid")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.wait_for_selector(".runs .job.done")
    assert visit.wrong == []
    page.close()


def test_two_scans_are_put_together(browser: playwright.Browser, served: Served, gappy: Path, shots: Path) -> None:
    visit = Visit(browser, served)
    page = visit.page
    page.set_input_files("#files", sorted(next(iter(sorted(gappy.iterdir()))).glob("*.nii.gz")))
    page.wait_for_selector(".card.together")
    page.screenshot(path=shots / "together.png")
    assert page.locator(".together .tick").count() == 3
    assert visit.faults() == []
    page.click(".together .choice button[value=pd]")
    with page.expect_request(lambda asked: asked.method == "POST" and asked.url.endswith("/jobs")) as ordered:
        page.click(".together button.main")
    assert len(ordered.value.post_data_json["also"]) == 2
    page.wait_for_selector("#jobs .job :text('T1 + T2 + FLAIR → PD')")
    page.click("#jobs .job button:has-text('Cancel')")
    page.wait_for_selector("#jobs .job.cancelled")
    assert visit.wrong == []
    page.close()


@pytest.mark.parametrize("has_gl", [True, False])
def test_a_ct_is_seen_in_its_windows(
    browser: playwright.Browser, served: Served, drawn_once: Callable[..., Path], shots: Path, has_gl: bool
) -> None:
    (scan,) = drawn_once(cases=1, seed=1, size=48, anatomy="abdomen").glob("*/*ct.nii.gz")
    without = partial(browser.browser_type.launch, executable_path=CHROMIUM, args=WITHOUT_GL)
    with nullcontext(browser) if has_gl else without() as opened:
        page = (visit := Visit(opened, served)).page
        page.set_input_files("#files", scan)
        page.click(".card .peek")
        page.wait_for_selector(".look[data-ready]")
        lit = {}
        for preset in ("soft", "lung", "bone"):
            page.select_option(".bar :text('Window') >> xpath=.. >> select", preset)
            while not page.evaluate(_DRAWN):
                page.wait_for_timeout(50)
            lit[preset] = visit.lit(".screen" if has_gl else ".sheet")
            page.screenshot(path=shots / f"ct-{preset}-{'gl' if has_gl else 'slices'}.png")
        assert len({round(share, 2) for share in lit.values()}) > 1, lit
        assert ("no WebGL" in page.text_content("main")) == (not has_gl)
        assert (visit.faults(), visit.wrong) == ([], [])
        page.close()
