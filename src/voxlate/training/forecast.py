"""A forecast of time, memory and disk, from a few real steps on one real case.

Nothing is modelled that can be measured: one training case is prepared, some steps and one validation are run as the
run would run them, and the budget scales what they cost.
"""

from __future__ import annotations

import math
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from voxlate.cohort import share_cells, split_table
from voxlate.config.recipe import Recipe
from voxlate.methods.build import method_class
from voxlate.methods.interface import count_parameters
from voxlate.progress import ProgressReport
from voxlate.training.combining import forecast_combination
from voxlate.training.loop.checkpoints import KEEP
from voxlate.training.loop.loop import take_step
from voxlate.training.loop.state import RunState
from voxlate.training.loop.validation import MOST_TRAINING_CASES
from voxlate.training.setup.begin import build_trainable, prepare, set_up
from voxlate.training.setup.refusals import check_recipe
from voxlate.training.setup.setup import Setup
from voxlate.training.studies.folds import fold_recipe
from voxlate.training.train import make_job, validate_method

_PROBE_STEPS = 6
_WARM_UP_STEPS = 2


@dataclass(frozen=True)
class Forecast:
    """What a run will cost.

    Attributes:
        plan_yaml: The plan that the run would have.
        cases: Number of cases to train on, to validate on and left for testing.
        shares: How attributes are spread over these parts, under ``SHARE_FIELDS``.
        networks: What is trained, in words: from a part to its size.
        window: What an ``auto`` window becomes and why; empty if the recipe says what it is.
        steps: Steps that the budget allows, per fold.
        seconds: Wall time: checks, preparation and validations included, figures not.
        memory_bytes: Peak resident memory of the process.
        disk_bytes: Size of the run's folder.
        folds: How many are trained; ``None`` for one run. Time and disk are those of all, the rest of the first.
    """

    plan_yaml: str
    cases: tuple[int, int, int]
    shares: list[tuple[str, ...]]
    networks: Mapping[str, str]
    window: str
    steps: int
    seconds: float
    memory_bytes: int
    disk_bytes: int
    folds: int | None = None

    def rows(self) -> list[tuple[str, str]]:
        """The forecast as a table of name and value."""
        return [
            *([("folds", f"{self.folds}; time and disk are those of all")] if self.folds else []),
            ("cases (train, validation, test)", ", ".join(map(str, self.cases))),
            *self.networks.items(),
            *([("window", self.window)] if self.window else []),
            ("steps", f"{self.steps:,}"),
            ("time", _duration(self.seconds)),
            ("peak memory", f"{self.memory_bytes / 2**30:.2f} GiB"),
            ("disk", f"{self.disk_bytes / 2**20:.0f} MiB"),
        ]


@dataclass(frozen=True)
class _Probe:
    """What one case, one step and one validation case cost, and the combination of all views."""

    prepare_s: float
    step_s: float
    validation_s: float
    combination_s: float
    case_bytes: int
    parameters: int
    networks: Mapping[str, str]


def forecast_run(data: Path, recipe: Recipe, *, report: ProgressReport, folds: int | None = None) -> Forecast:
    """Measures a few steps of a recipe, or of its first fold, and scales them to the budget; leaves nothing behind."""
    recipe = fold_recipe(recipe, 0, folds=folds) if folds else recipe
    check_recipe(recipe)
    began = time.monotonic()
    setup = set_up(data, recipe, run=None, report=report)
    settled_s = time.monotonic() - began
    with tempfile.TemporaryDirectory(prefix="voxlate-forecast-") as folder:
        probe = _measure(setup, Path(folder), report)
    train, validation, test = (len(setup.cases(part)) for part in ("train", "validation", "test"))
    steps, seconds = _scale(setup, probe)
    # A checkpoint holds the weights, their average and Adam's two moments; best and bundle hold the weights once.
    states = KEEP * (3 + (recipe.training.ema is not None)) + 2
    runs = folds or 1  # which share what is prepared
    return Forecast(
        plan_yaml=setup.plan.to_yaml(),
        cases=(train, validation, test),
        shares=share_cells(split_table(setup.split, setup.cohort)),
        networks=probe.networks,
        window=setup.why("window"),
        steps=steps,
        seconds=settled_s + (train + validation) * probe.prepare_s + runs * (seconds + probe.combination_s),
        memory_bytes=_peak_memory(),
        disk_bytes=(train + validation) * probe.case_bytes + runs * states * 4 * probe.parameters,
        folds=folds,
    )


def _measure(setup: Setup, folder: Path, report: ProgressReport) -> _Probe:
    first = setup.cases("train")[:1]
    began = time.monotonic()
    store = prepare(setup, first, folder, report=report)
    prepare_s = time.monotonic() - began
    case_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    method = build_trainable(setup)
    state = RunState(method, setup.recipe.training)
    job = make_job(setup, store, first, method=method)
    seconds: list[float] = []
    began = time.monotonic()
    for number, batch in enumerate(job.batches(0), start=1):
        take_step(state, job.place(batch), job)
        state.average_weights()
        seconds.append(time.monotonic() - began)
        report("probe", number, _PROBE_STEPS)
        if number == _PROBE_STEPS:
            break
        began = time.monotonic()
    began = time.monotonic()
    validate_method(setup, store, first, state.chosen)
    validation_s = time.monotonic() - began
    return _Probe(
        prepare_s=prepare_s,
        step_s=median(seconds[_WARM_UP_STEPS:]),
        validation_s=validation_s,
        combination_s=forecast_combination(setup, method, case_s=validation_s),
        case_bytes=case_bytes,
        parameters=count_parameters(method),
        networks=method.describe(),
    )


def _scale(setup: Setup, probe: _Probe) -> tuple[int, float]:
    """Steps of the budget and the seconds that they and their validations take."""
    training = setup.recipe.training
    steps = min(training.steps or math.inf, (training.epochs or math.inf) * training.steps_per_epoch)
    validated = len(setup.validation_cases)
    if method_class(setup.recipe).segments and setup.cases("validation"):
        validated += min(validated, MOST_TRAINING_CASES, len(setup.cases("train")))
    validation_s = probe.validation_s * validated
    step_s = probe.step_s + validation_s / training.validate_every
    if training.minutes is not None and steps * step_s > 60 * training.minutes:
        steps = math.floor(60 * training.minutes / step_s)
    return int(steps), steps * step_s


def _peak_memory() -> int:
    """Peak resident bytes of this process so far; the kernel counts in KiB, that of macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s"
