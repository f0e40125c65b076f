"""Two variants of a recipe with three seeds, their scores made by hand."""

from __future__ import annotations

import numpy as np

from tests.evaluation.study.test_paired import study
from voxlate.evaluation.study.runs import ScoredRun

SEEDS = (0, 1, 2)


NAMES = {"identity": "source", "without": "prediction,\nwithout", "with": "prediction,\nwith"}


def make_runs(cases: int = 6) -> list[ScoredRun]:
    """Lesion and foreground; ``with`` is better by 0.01 (MAE) or 0.05 (SSIM) and a little from seed to seed."""
    runs: list[ScoredRun] = []
    for region in ("foreground", "lesion"):
        for metric, level, step in (("mae", 0.07, -0.01), ("ssim", 0.8, 0.05)):
            theirs = level + np.linspace(0, 0.01, cases)[None] + np.zeros((3, 1))
            ours = theirs + step + np.array([[0.001], [0.0], [-0.001]])
            for place, run in enumerate(study(ours, theirs, metric=metric, region=region)):
                if len(runs) <= place:
                    runs.append(run)
                else:
                    runs[place] = ScoredRun(run.variant, run.seed, (*runs[place].scores, *run.scores))
    return runs
