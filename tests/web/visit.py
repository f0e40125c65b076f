"""A page that is open in Chromium, for the tests of what it shows."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import voxlate
from tests.web.conftest import TOKEN, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Request

CHROMIUM = shutil.which("chromium")
PLAIN = ["--headless=new", "--no-sandbox"]
SOFTWARE_GL = [*PLAIN, "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WITHOUT_GL = [*PLAIN, "--disable-gpu", "--disable-webgl", "--disable-webgl2"]
_AXE = Path(__file__).parents[2] / "build/page/node_modules/axe-core/axe.min.js"
_WAIT_MS = 180_000
NEEDED = [
    pytest.mark.skipif(
        CHROMIUM is None, reason="the page is opened in Chromium, which is not installed: apt install chromium"
    ),
    pytest.mark.skipif(
        not (_AXE.is_file() and (Path(voxlate.__file__).parent / "web/page/vendor").is_dir()),
        reason="npm has not brought the viewer: make page",
    ),
]


class Visit:
    """A page that is open, and what went wrong in it."""

    def __init__(self, browser: Browser, served: Served, *, view: str = "") -> None:
        self.page = browser.new_page(viewport={"width": 1280, "height": 720})
        self.page.set_default_timeout(_WAIT_MS)
        self.wrong: list[str] = []
        self.foreign: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda told: self.wrong.append(told.text) if told.type == "error" else None)
        self.page.on("request", self._note)
        self.page.goto(f"{served.client.base_url}/?token={TOKEN}{view}")
        self.page.wait_for_selector("body[data-ready]")

    def _note(self, request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.foreign.append(request.url)

    def faults(self) -> list[str]:
        """What is not accessible, seriously."""
        self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in {"serious", "critical"}]

    def lit(self, selector: str) -> float:
        """The share of an element's pixels, as they are on the screen, that are not nearly black."""
        pixels = np.asarray(Image.open(io.BytesIO(self.page.locator(selector).screenshot())).convert("L"))
        return float((pixels > 40).mean())
