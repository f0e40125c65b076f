"""The page in Chromium, from a file that is dropped to the image that is kept; screenshots lie in the test's folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import voxlate
from tests.web.conftest import TOKEN, Served

playwright = pytest.importorskip("playwright.sync_api")
_CHROMIUM = shutil.which("chromium")
_AXE = Path(__file__).parents[2] / "build/page/node_modules/axe-core/axe.min.js"
_PLAIN = ["--headless=new", "--no-sandbox"]
_SOFTWARE_GL = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
_WAIT_MS = 180_000

pytestmark = [
    pytest.mark.skipif(
        _CHROMIUM is None, reason="the page is opened in Chromium, which is not installed: apt install chromium"
    ),
    pytest.mark.skipif(
        not (_AXE.is_file() and (Path(voxlate.__file__).parent / "web/page/vendor").is_dir()),
        reason="npm has not brought the viewer: make page",
    ),
]


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


class _Visit:
    """A page that is open, and what went wrong in it."""

    def __init__(self, browser: playwright.Browser, served: Served) -> None:
        self.page = browser.new_page(viewport={"width": 1280, "height": 720})
        self.page.set_default_timeout(_WAIT_MS)
        self.wrong: list[str] = []
        self.foreign: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda told: self.wrong.append(told.text) if told.type == "error" else None)
        self.page.on("request", self._note)
        self.page.goto(f"{served.client.base_url}/?token={TOKEN}")
        self.page.wait_for_selector("body[data-ready]")

    def _note(self, request: playwright.Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.foreign.append(request.url)

    def faults(self) -> list[str]:
        """What is not accessible, seriously."""
        self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in {"serious", "critical"}]

    def lit(self, selector: str) -> float:
        """The share of an element's pixels, as they are on the screen, that are not nearly black."""
        import io

        import numpy as np
        from PIL import Image

        pixels = np.asarray(Image.open(io.BytesIO(self.page.locator(selector).screenshot())).convert("L"))
        return float((pixels > 40).mean())


def test_three_clicks_from_a_file_to_its_translation(
    browsers: playwright.Playwright, served: Served, scan: Path, trained: Path, shots: Path, tmp_path: Path
) -> None:
    with browsers.chromium.launch(executable_path=_CHROMIUM, args=[*_PLAIN, *_SOFTWARE_GL]) as browser:
        visit = _Visit(browser, served)
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
    with browsers.chromium.launch(executable_path=_CHROMIUM, args=[*_PLAIN, "--disable-3d-apis"]) as browser:
        visit = _Visit(browser, served)
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
    with browsers.chromium.launch(executable_path=_CHROMIUM, args=_PLAIN) as browser:
        page = _Visit(browser, served).page
        page.set_input_files("#files", tmp_path / "large_T1.nii")
        page.wait_for_selector("#upload-state .warning")
        assert "Upload less" in page.text_content("#upload-state")
        page.set_input_files("#files", tmp_path / "notes.txt")
        page.wait_for_selector("#upload-state :text('no known format')")
