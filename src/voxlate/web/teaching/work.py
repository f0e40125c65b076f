"""The worker of a training: ``voxlate train``, which goes on with what an earlier worker has left."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from voxlate.bundle.ensemble import read_model
from voxlate.jobs.worker import carry_out
from voxlate.plainyaml import Json
from voxlate.progress import ProgressReport
from voxlate.training.loop.validation import Validation
from voxlate.verbs import train
from voxlate.web.teaching.places import RUN
from voxlate.web.teaching.wishes import recipe_of

_EVERY_S = 1.0


class _Telling:
    """An observer that tells how much of the budget is spent."""

    def __init__(self, report: ProgressReport) -> None:
        self._report, self._told = report, 0.0

    def stepped(self, _step: int, fraction: float, _logs: dict[str, float]) -> None:
        if time.monotonic() > self._told + _EVERY_S:
            self._told = time.monotonic()
            self._report("train", round(1000 * fraction), 1000)

    def validated(self, step: int, validation: Validation) -> None:
        """Has nothing to tell: the log has it."""


def _work(order: Json, folder: Path, report: ProgressReport) -> Json:
    """Trains, or goes on."""
    run = folder / RUN
    if order["measured"] and not run.exists() and (prepared := Path(order["measured"]) / "prepared").is_dir():
        shutil.copytree(prepared, run / "prepared")
    train(order["data"], recipe=recipe_of(order), out=run, resume=True, report=report, observers=[_Telling(report)])
    return {"digest": read_model(run).digest}


if __name__ == "__main__":
    sys.exit(carry_out(Path(sys.argv[1]), _work))
