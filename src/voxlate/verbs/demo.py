"""The demo: every verb in a row, on a simulated cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.recipe import Overrides
from voxlate.progress import ProgressReport, silent
from voxlate.verbs.data import phantom
from voxlate.verbs.evaluate import evaluate
from voxlate.verbs.train import resolve_recipe, train

if TYPE_CHECKING:
    from voxlate.training.loop.loop import Observer

_DEMO_CASES = 24
_DEMO_SEED = 20
_DEMO_RECIPE = "t1-to-t2-fcn"
# The paper's recipe, shortened to minutes: 15 cases to train on, 3 to choose by, 6 to test on.
_DEMO_OVERRIDES: dict[str, object] = {
    "plan.split.fractions": [0.625, 0.125, 0.25],
    "training.epochs": None,
    "training.steps": 700,
    "training.learning_rate": 0.002,
    "training.validate_every": 100,
    "training.figure_every": 100,
}


@dataclass(frozen=True)
class Demonstrated:
    """What ``demo`` made: the answer in a sentence, and the page."""

    sentence: str
    page: Path


def demo(
    out: str | Path = "demo",
    *,
    cases: int = _DEMO_CASES,
    overrides: Overrides | None = None,
    report: ProgressReport = silent,
    observers: Sequence[Observer] = (),
) -> Demonstrated:
    """A phantom cohort, the first paper's recipe shortened to minutes, translation, evaluation and report.

    Args:
        out: Gets ``cohort/``, ``run/``, ``translated/`` and ``evaluation/``; a rerun goes on where one ended.
        cases: Number of simulated subjects.
        overrides: Recipe fields other than the demo's.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.
    """
    folder = Path(out)
    cohort, run = folder / "cohort", folder / "run"
    if not (cohort / "participants.tsv").is_file():
        phantom(cohort, cases=cases, seed=_DEMO_SEED, report=report)
    recipe = resolve_recipe(_DEMO_RECIPE, overrides={**_DEMO_OVERRIDES, **(overrides or {})})
    train(cohort, recipe=recipe, out=run, resume=True, report=report, observers=observers)
    _translate_unseen(run, cohort, folder / "translated", report)
    evaluated = evaluate(run, cohort, out=folder / "evaluation", report=report)
    return Demonstrated(evaluated.sentence, evaluated.page)


def _translate_unseen(run: Path, data: Path, out: Path, report: ProgressReport) -> None:
    from voxlate.cohort import index_cohort
    from voxlate.inference.cohort.translate import translate_cohort
    from voxlate.inference.model import load_model

    model, cohort = load_model(run), index_cohort(data)
    held_out = replace(cohort, cases=tuple(model.unseen(cohort.cases)))
    translate_cohort([model], held_out, out, every=True, report=partial(report, "translate"))
