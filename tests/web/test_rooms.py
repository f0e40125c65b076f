"""The rooms of the page in Chromium: models, training, reader studies; screenshots lie in the test's folder."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.web.conftest import TOKEN, Served, serving
from tests.web.visit import CHROMIUM, NEEDED, SOFTWARE_GL, WITHOUT_GL, Visit
from voxlate.web.readers.book import draw_sights
from voxlate.web.settings import Settings

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = NEEDED
_SEED, _PAIRS, _BIAS = 5, 10, 0.8
_WORK_MS = 900_000
"""For what a worker does on a machine that is busy with other things."""


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("screenshots")


@pytest.fixture(scope="module")
def heads(drawn_once: Callable[..., Path]) -> Path:
    """As many as a study has pairs; the first six are those that other tests have."""
    return drawn_once(cases=_PAIRS, seed=1, size=32)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, trained: Path, evaluated_run: object, heads: Path
) -> Iterator[Served]:
    models = tmp_path_factory.mktemp("rooms") / "models"
    shutil.copytree(trained, models / "run", ignore=shutil.ignore_patterns("prepared", "checkpoints"))
    shutil.copytree(evaluated_run.out, models / "run/evaluation")  # type: ignore[attr-defined]
    _renamed(trained / "bundle", models / "twin")
    folder = tmp_path_factory.mktemp("state")
    with serving(Settings(folder, TOKEN, models=models, data=(heads,))) as one:
        yield one


def _renamed(bundle: Path, place: Path) -> None:
    """The same model under another name, so that there are two which are quick."""
    shutil.copytree(bundle, place)
    recipe = place / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("name: t1-to-t2-fcn", "name: twin", 1))
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["members"]["recipe.yaml"] = hashlib.sha256(recipe.read_bytes()).hexdigest()
    (place / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with (
        playwright.sync_playwright() as started,
        started.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE_GL) as one,
    ):
        yield one


def _shoot(visit: Visit, path: Path) -> None:
    """Two pictures, as on a small screen and on a wide one; the small one stays."""
    for name, size in {"wide": (1920, 1080), "": (1280, 720)}.items():
        visit.page.set_viewport_size({"width": size[0], "height": size[1]})
        visit.page.wait_for_timeout(150)
        visit.page.screenshot(path=path.with_stem(f"{path.stem}-{name}" if name else path.stem))


def test_a_model_shows_what_is_known_of_it(browser: playwright.Browser, server: Served, shots: Path) -> None:
    visit = Visit(browser, server)
    page = visit.page
    page.set_default_timeout(_WORK_MS)
    page.click("#rooms >> text=Models")
    page.wait_for_selector(".choices a[data-model]")
    assert visit.faults() == []
    page.click(".choices a[data-model] >> text=t1-to-t2-fcn")
    page.wait_for_selector(".plot canvas")
    page.wait_for_selector(".figures img")
    assert "Intensity lookup" in page.text_content("#room")
    _shoot(visit, shots / "model.png")
    for summary in page.locator("details.part > summary").all():
        summary.click()
    assert visit.faults() == []
    page.screenshot(path=shots / "model-whole.png", full_page=True)
    page.click(".choices a[data-model=default]")
    page.wait_for_selector("#room h2:text('default-head')")
    page.wait_for_selector("text=Trained on: 45 cases", state="attached")
    assert (visit.wrong, visit.foreign) == ([], [])
    page.close()


def test_two_models_stand_beside_each_other(
    browser: playwright.Browser, server: Served, heads: Path, shots: Path
) -> None:
    visit = Visit(browser, server)
    page = visit.page
    page.set_default_timeout(_WORK_MS)
    page.goto(f"{server.client.base_url}/#models/compare")
    models = {one.recipe.name: one.id for one in server.service.offers.all}
    page.select_option("#compare-one", models["t1-to-t2-fcn"])
    page.select_option("#compare-other", models["twin"])
    page.set_input_files("#compare-file", next(heads.glob("*001-000/*-t1n.nii.gz")))
    page.wait_for_selector("#room .look[data-ready]")
    for figure in ("#room figure.source", "#room figure.prediction"):
        assert visit.lit(figure) > 0.05
    before = page.text_content("#room .readout")
    page.keyboard.press("PageUp")
    assert page.text_content("#room .readout") != before
    _shoot(visit, shots / "compare.png")
    assert visit.faults() == []
    assert visit.wrong == []
    page.close()


def test_a_model_is_uploaded_and_what_is_none_is_refused_in_words(
    browser: playwright.Browser, trained: Path, tmp_path: Path, shots: Path
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for member in (trained / "bundle").iterdir():
            archive.write(member, f"bundle/{member.name}")
    (tmp_path / "bundle.zip").write_bytes(packed.getvalue())
    (tmp_path / "evil.zip").write_bytes(packed.getvalue().replace(b"source:", b"sourcf:"))
    with serving(Settings(tmp_path / "state", TOKEN)) as bare:
        visit = Visit(browser, bare)
        page = visit.page
        page.set_default_timeout(_WORK_MS)
        for room, words in (("Training", "Start it with --data"), ("Reader study", "Start it with --data")):
            page.click(f"#rooms >> text={room}")
            page.wait_for_selector(f"#room .warning:has-text('{words}')")
            assert visit.faults() == []
            page.screenshot(path=shots / f"empty-{room.split()[0].lower()}.png")
        page.click("#rooms >> text=Models")
        page.set_input_files("#model-file", tmp_path / "evil.zip")
        page.wait_for_selector("#room .list .warning[role=alert]")
        assert "Expected" in page.text_content("#room .list .warning")
        assert "null" not in page.text_content("#room")
        page.screenshot(path=shots / "refused-model.png")
        visit.wrong.clear()  # the browser tells of every answer that is a refusal
        page.set_input_files("#model-file", tmp_path / "bundle.zip")
        page.click("text=Remove this model", trial=True)
        assert len(bare.client.get("/api/v1/models").json()) == 2
        assert visit.wrong == []
        page.close()


def test_a_training_is_begun_watched_and_its_model_is_in_the_gallery(
    browser: playwright.Browser, server: Served, shots: Path
) -> None:
    visit = Visit(browser, server)
    page = visit.page
    page.set_default_timeout(_WORK_MS)
    page.click("#rooms >> text=Training")
    page.wait_for_selector("#train-recipe")
    page.select_option("#train-recipe", "t1-to-t2-fcn")
    page.wait_for_selector("[data-field='loss.euclidean']")
    page.fill("#train-name", "from-the-page")
    page.fill("[data-field='training.steps']", "many")
    page.click("#check")
    page.wait_for_selector("#room .warning:has-text('Expected a number in training.steps')")
    page.fill("[data-field='training.steps']", "16")
    page.fill("[data-field='training.batch_size']", "2")
    assert page.is_disabled("#train")
    page.click("#check")
    page.wait_for_selector("#room .fine")
    _shoot(visit, shots / "training-form.png")
    page.click(".recipe summary >> nth=0")
    assert visit.faults() == []
    page.click("#train")
    page.wait_for_selector("[data-state=done]")
    page.wait_for_selector(".plot canvas")
    page.wait_for_selector(".figures img")
    _shoot(visit, shots / "training.png")
    assert visit.faults() == []
    page.click("text=See the model")
    page.wait_for_selector("#room h2:text('from-the-page')")
    assert visit.wrong == []
    page.close()


def test_a_reader_of_known_bias_is_recovered_from_ten_pairs(
    browser: playwright.Browser, server: Served, shots: Path
) -> None:
    visit = Visit(browser, server)
    page = visit.page
    page.set_default_timeout(_WORK_MS)
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#rooms >> text=Reader study")
    page.wait_for_selector("#study-one")
    name = server.service.offers.all[1].id
    page.select_option("#study-one", name)
    page.fill("#study-title", "Phantom heads")
    page.fill("#study-seed", str(_SEED))
    page.fill("#study-cases", str(_PAIRS))
    _shoot(visit, shots / "study-form.png")
    assert visit.faults() == []
    page.click("#begin")
    page.wait_for_selector("p[data-state=done]")
    assert visit.faults() == []
    (study,) = server.client.get("/api/v1/studies").json()
    assert study["pairs"] == _PAIRS
    _read(visit, shots, reader="Dr A", correct=round(_BIAS * _PAIRS))
    page.click("text=Back to the study")
    page.click("text=Close and unblind")
    page.wait_for_selector("p[data-state=closed]")
    page.wait_for_selector(".verdict")
    _shoot(visit, shots / "study-report.png")
    assert visit.faults() == []
    report = server.client.get(f"/api/v1/studies/{study['id']}/report").json()
    low, high = report["readers"][0]["interval"]
    assert report["readers"][0]["count"] == _BIAS * _PAIRS
    assert low < _BIAS < high
    assert "8 of 10" in page.text_content("#room")
    with page.expect_download() as download:
        page.click("text=Answers (CSV)")
    assert len(download.value.path().read_text().splitlines()) == 1 + _PAIRS
    assert (visit.wrong, visit.foreign) == ([], [])
    page.close()


def _read(visit: Visit, shots: Path, *, reader: str, correct: int) -> None:
    """Reads every pair, and chooses the real image in so many of them."""
    page = visit.page
    page.set_default_timeout(_WORK_MS)
    page.fill("#reader", reader)
    page.click("button:text('Read')")
    right = [True] * correct + [False] * (_PAIRS - correct)
    random.Random(1).shuffle(right)  # noqa: S311
    seen = ""
    for number, (_, first_is_left) in enumerate(draw_sights(_SEED, reader, _PAIRS)):
        page.wait_for_selector(f"#room[data-ready]:not([data-ready='{seen}'])")
        seen = page.get_attribute("#room", "data-ready")
        page.wait_for_selector(f"#room .look[data-ready='{seen}']")
        if number == 0:
            assert "SYNTHETIC" not in page.text_content("body")
            for figure in ("#room figure.source", "#room figure.prediction"):
                assert visit.lit(figure) > 0.05
            _shoot(visit, shots / "reading.png")
            page.click("text=Save, and go on")
            page.wait_for_selector(".reading .warning")
            assert visit.faults() == []
        side = "left" if first_is_left == right[number] else "right"
        page.check(f"input[name=choice][value={side}]")
        page.check("input[name=left][value='4']")
        page.check("input[name=right][value='3']")
        page.fill("textarea", "streaks" if number == 3 else "")
        page.click("text=Save, and go on")
    page.wait_for_selector("text=You have read every pair")


def test_a_reader_without_webgl_reads_slices_of_the_server(
    browser: playwright.Browser, server: Served, shots: Path
) -> None:
    data, model = server.client.get("/api/v1/datasets").json()[0]["id"], server.service.offers.all[1].id
    order = {"title": "One", "kind": "real", "target": "t2", "data": data, "models": [model], "cases": 1}
    made = server.client.post("/api/v1/studies", json=order).json()
    with browser.browser_type.launch(executable_path=CHROMIUM, args=WITHOUT_GL) as one:
        visit = Visit(one, server)
        visit.page.goto(f"{server.client.base_url}/#readers/{made['id']}")
        visit.page.wait_for_selector("p[data-state=done]")
        visit.page.fill("#reader", "Dr B")
        visit.page.click("button:text('Read')")
        visit.page.wait_for_selector("#room .plane img")
        while not visit.page.evaluate("[...document.querySelectorAll('.plane img')].every(one => one.naturalWidth)"):
            visit.page.wait_for_timeout(50)
        assert "no WebGL" in visit.page.text_content("#room")
        visit.page.screenshot(path=shots / "reading-slices.png")
        assert visit.faults() == []
