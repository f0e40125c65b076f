"""The page in Chromium, from a file that is dropped to the image that is kept; screenshots lie in the test's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import voxlate
from tests.web.conftest import Served
from tests.web.visit import CHROMIUM, NEEDED, PLAIN, SOFTWARE_GL, WITHOUT_GL, Visit

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = NEEDED


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("screenshots")


@pytest.fixture(scope="module")
def scan(phantom_cohort: Path) -> Path:
    return next(phantom_cohort.glob("*001-000/*-t1n.nii.gz"))


@pytest.fixture(scope="module")
def browsers() -> Iterator[playwright.Playwright]:
    with playwright.sync_playwright() as started:
        yield started


def test_three_clicks_from_a_file_to_its_translation(
    browsers: playwright.Playwright, served: Served, scan: Path, trained: Path, shots: Path, tmp_path: Path
) -> None:
    with browsers.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE_GL) as browser:
        visit = Visit(browser, served)
        page = visit.page
        assert "token" not in page.url
        page.screenshot(path=shots / "welcome.png")
        with page.expect_file_chooser() as chooser:
            page.click("#choose-files")
        chooser.value.set_files(scan)
        page.wait_for_selector(".card")
        assert page.locator(".card select").first.input_value() == "t1"
        page.screenshot(path=shots / "recognised.png")
        assert visit.faults() == []
        models = page.locator(".order select option").evaluate_all("all => all.map(one => one.value)")
        page.locator(".order select").select_option(next(one for one in models if one != "default"))
        page.click(".order button.main")
        page.wait_for_selector(".look[data-ready]")
        page.screenshot(path=shots / "side-by-side.png")
        for figure in ("figure.source", "figure.prediction"):
            assert visit.lit(figure) > 0.1
        assert "Prediction" in page.text_content(".readout")
        before = page.text_content(".readout")
        page.keyboard.press("PageUp")
        assert page.text_content(".readout") != before
        page.keyboard.press("c")
        page.keyboard.press("]")
        assert "45%" in page.locator("figure.prediction").get_attribute("style") or "55%" in page.locator(
            "figure.prediction"
        ).get_attribute("style")
        page.screenshot(path=shots / "curtain.png")
        page.keyboard.press("b")
        page.keyboard.press("2")
        page.screenshot(path=shots / "blend.png")
        assert visit.faults() == []
        with page.expect_download() as download:
            page.click(".title a >> nth=0")
        (outcome,) = voxlate.translate(trained, scan, out=tmp_path / "t2.nii.gz", shows="t1")
        assert download.value.path().read_bytes() == outcome.path.read_bytes()
        assert (visit.wrong, visit.foreign) == ([], [])


def test_without_webgl_the_server_draws(browsers: playwright.Playwright, served: Served, shots: Path) -> None:
    """Looks at the job of the test above."""
    with browsers.chromium.launch(executable_path=CHROMIUM, args=WITHOUT_GL) as browser:
        visit = Visit(browser, served)
        visit.page.click("text=Look")
        visit.page.wait_for_selector(".look[data-ready]")
        while not visit.page.evaluate(
            "() => [...document.querySelectorAll('.plane img')].every(one => one.naturalWidth)"
        ):
            visit.page.wait_for_timeout(50)
        assert "no WebGL" in visit.page.text_content("main")
        assert visit.lit(".plane >> nth=0") > 0.05
        visit.page.screenshot(path=shots / "slices.png")
        assert visit.faults() == []


def test_a_refusal_is_told_in_words(browsers: playwright.Playwright, served: Served, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "large_T1.nii").write_bytes(bytes(5 * 2**20))
    with browsers.chromium.launch(executable_path=CHROMIUM, args=PLAIN) as browser:
        page = Visit(browser, served).page
        page.set_input_files("#files", tmp_path / "large_T1.nii")
        page.wait_for_selector("#upload-state .warning")
        assert "Upload less" in page.text_content("#upload-state")
        page.set_input_files("#files", tmp_path / "notes.txt")
        page.wait_for_selector("#upload-state :text('no known format')")
