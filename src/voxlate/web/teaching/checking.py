"""The worker of a preflight: ``voxlate check`` for the training that is wished for."""

from __future__ import annotations

import sys
from pathlib import Path

from voxlate.jobs.worker import carry_out
from voxlate.plainyaml import Json
from voxlate.progress import ProgressReport
from voxlate.verbs import check
from voxlate.web.teaching.places import RUN
from voxlate.web.teaching.wishes import recipe_of


def _work(order: Json, folder: Path, report: ProgressReport) -> Json:
    """Looks at the data set as the training would."""
    found = check(order["data"], recipe=recipe_of(order), keep=folder / RUN, report=report)
    return {
        "cases": len(found.rows),
        "layout": found.layout,
        "left_out": [f"{Path(path).name}: {reason}" for path, reason in found.left_out],
        "findings": [list(finding) for finding in found.findings],
    }


if __name__ == "__main__":
    sys.exit(carry_out(Path(sys.argv[1]), _work))
