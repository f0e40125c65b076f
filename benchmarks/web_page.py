"""How soon the page answers: interactive, a large volume visible, twenty people at once.

    python benchmarks/web_page.py [--volume 240 240 155] [--users 20]

A server is started, and Chromium opens its page. *Interactive* is from the navigation to the mark that the page sets
when its list is read; *visible* is from the end of a translation, as its job tells it, until both volumes are drawn.
The volume is noise in a ball: only its size counts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import voxlate

_TOKEN = "a-token-of-the-benchmark"  # noqa: S105
_NOTE = """() => {
    window.seen = 0;
    new MutationObserver(() => {
        if (!window.seen && document.querySelector('.look[data-ready]')) window.seen = Date.now() / 1000;
    }).observe(document, { subtree: true, attributes: true, childList: true });
}"""
"""Notes when both volumes are drawn."""
_GL = ["--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def _scan(path: Path, shape: tuple[int, ...]) -> Path:
    rng = np.random.default_rng(0)
    places = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    inside = sum(place**2 for place in places) < 0.7
    array = (inside * rng.normal(500, 90, shape)).astype(np.float32)
    return voxlate.write_volume(voxlate.Volume(array, np.diag([1.0, 1.0, 1.0, 1.0])), path)


def _page(link: str, job: str | None) -> dict[str, float]:
    """Seconds until the page is interactive, and, once a job ends, until its volumes are drawn."""
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as started,
        started.chromium.launch(executable_path=shutil.which("chromium"), args=_GL) as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        began = time.perf_counter()
        page.goto(link)
        page.wait_for_selector("body[data-ready]")
        told = {"interactive_s": time.perf_counter() - began}
        if job is not None:
            page.evaluate(_NOTE)
            page.wait_for_selector(f"[data-job='{job}'].done button.main", timeout=3_600_000)
            ended = page.evaluate("job => fetch(`/api/v1/jobs/${job}`).then(one => one.json())", job)["ended"]
            page.click(f"[data-job='{job}'] button.main")
            while not (seen := page.evaluate("window.seen")):
                page.wait_for_timeout(20)
            told["visible_s"] = seen - ended
        return told


def _upload(url: str, scan: Path) -> float:
    began, client = time.perf_counter(), voxlate.Client(url, _TOKEN)
    upload = client.recognise(client.upload(scan))
    assert upload.scans[0].contrast == "t1"
    return time.perf_counter() - began


def main() -> None:
    """Measures, and prints what it measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--volume", type=int, nargs=3, default=(240, 240, 155))
    parser.add_argument("--users", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        large = _scan(folder / "large_T1w.nii.gz", tuple(asked.volume))
        small = _scan(folder / "small_T1w.nii.gz", (32, 32, 32))
        words = ["serve", "--no-browser", "--port", "0", "--folder", str(folder / "served")]
        server = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "voxlate", *words],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "VOXLATE_TOKEN": _TOKEN},
        )
        try:
            link = server.stdout.readline().strip() if server.stdout else ""
            url = link.partition("/?")[0]
            told = _page(link, None)
            with ThreadPoolExecutor(asked.users) as users:
                answered = list(users.map(lambda _: _upload(url, small), range(asked.users)))
            told |= {"users": len(answered), "slowest_user_s": max(answered)}
            client = voxlate.Client(url, _TOKEN)
            upload = client.recognise(client.upload(large))
            told |= _page(link, client.translate(upload, target="t2", scans=["1"]).id)
            print(json.dumps({name: round(value, 2) for name, value in told.items()}, indent=1))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
