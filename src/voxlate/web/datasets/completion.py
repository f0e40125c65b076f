"""The worker that makes what a data set lacks: ``voxlate translate`` on it, into a derivative data set.

Finished images are found by their hashes, so that a worker that is begun again goes on where the last one ended.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from voxlate.errors import VoxlateError
from voxlate.io.atomic import write_rows
from voxlate.plainyaml import Json
from voxlate.progress import ProgressReport
from voxlate.verbs import translate
from voxlate.web.places import OUT
from voxlate.web.translation import main

_MARKED = "marked.csv"


def _work(order: Json, folder: Path, report: ProgressReport) -> Json:
    """Makes what is asked, and tells what became of it in counts; the table beside the images tells it by case."""
    began = time.monotonic()
    replaced: list[str | Path] = ["poor"] if order["poor"] else []
    if order["marked"]:
        replaced.append(folder / _MARKED)
        rows = [(case, order["target"], "marked on the page") for case in order["marked"]]
        write_rows(folder / _MARKED, [("case", "contrast", "reason"), *rows])
    outcomes = translate(
        order["model"],
        order["data"],
        out=folder / OUT,
        target=order["target"],
        every=order["every"],
        replace=replaced,
        report=report,
    )
    counts = Counter(outcome.status for outcome in outcomes)
    if not any(outcome.is_made for outcome in outcomes):
        reason = next((outcome.reason for outcome in outcomes if outcome.is_bad), "no case lacks it")
        raise VoxlateError("an image at least", came="none", where=order["title"], remedy=f"For one, {reason}")
    warned = [f"{one.case}: {one.reason}" for one in outcomes if one.is_bad]
    return {
        "image": OUT,
        "seconds": time.monotonic() - began,
        "warnings": warned,
        "seen": any(outcome.seen for outcome in outcomes),
        "windows": {},
        "shape": [],
        "counts": dict(counts),
    }


if __name__ == "__main__":
    sys.exit(main(_work))
