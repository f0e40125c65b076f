"""A forecast of time, memory and disk, from a few real steps on one real case.

Nothing is modelled that can be measured in the time that a forecast has: one training case is prepared, some steps and
one validation are run as the run would run them, and the budget scales what they cost.
"""

from __future__ import annotations

import math
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from voxlate.cohort import Cohort, share_cells, split_table
from voxlate.cohort.splits import PARTS
from voxlate.config.recipe import Recipe
from voxlate.errors import counted
from voxlate.methods.build import method_class
from voxlate.methods.interface import Batch, count_parameters
from voxlate.progress import ProgressReport
from voxlate.training.combining import forecast_combination
from voxlate.training.loop.checkpoints import KEEP
from voxlate.training.loop.loop import take_step
from voxlate.training.loop.state import RunState
from voxlate.training.loop.validation import MOST_TRAINING_CASES
from voxlate.training.run import Series
from voxlate.training.setup.begin import build_trainable, load_cohort, prepare, set_up, split_for
from voxlate.training.setup.refusals import check_recipe
from voxlate.training.setup.setup import Setup
from voxlate.training.stopwatch import ENOUGH_S, OutOfTimeError, Stopwatch
from voxlate.training.studies.folds import fold_recipe
from voxlate.training.train import make_job, validate_method

_PROBE_STEPS = 6
_WARM_UP_STEPS = 2
_SHARE_OF_LOOKING = 0.5
"""Of the time: to check and read cases; the rest is for steps."""


@dataclass(frozen=True)
class Forecast:
    """What a run will cost.

    Attributes:
        plan_yaml: The plan that the run would have.
        cases: Number of cases to train on, to validate on and left for testing.
        shares: How attributes are spread over these parts, under ``SHARE_FIELDS``.
        networks: What is trained, in words: from a part to its size.
        settled: What the recipe leaves open: from its fields to what they become and why.
        steps: Steps that the budget allows, per fold.
        seconds: Wall time: checks, preparation and validations included, figures not.
        memory_bytes: Peak resident memory of the process.
        disk_bytes: Size of the run's folder.
        folds: How many are trained; ``None`` for one run. Time and disk are those of all, the rest of the first.
        notes: What was not measured, in sentences; there was no time for it.
    """

    plan_yaml: str
    cases: tuple[int, int, int]
    shares: list[tuple[str, ...]]
    networks: Mapping[str, str]
    settled: Mapping[str, str]
    steps: int
    seconds: float
    memory_bytes: int
    disk_bytes: int
    folds: int | None = None
    notes: tuple[str, ...] = ()

    def rows(self) -> list[tuple[str, str]]:
        """The forecast as a table of name and value."""
        return [
            *([("folds", f"{self.folds}; time and disk are those of all")] if self.folds else []),
            ("cases (train, validation, test)", ", ".join(map(str, self.cases))),
            *self.networks.items(),
            *self.settled.items(),
            ("steps", f"{self.steps:,}"),
            ("time", duration(self.seconds)),
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
    notes: tuple[str, ...]


def forecast_run(
    data: Path, recipe: Recipe, *, report: ProgressReport, folds: int | None = None, seconds: float = ENOUGH_S
) -> Forecast:
    """Measures a few steps of a recipe, or of its first fold, and scales them to the budget; leaves nothing behind.

    Args:
        data: The data set.
        recipe: What would be trained.
        report: Called with a stage and how much of it is done.
        folds: How many would be trained; ``None`` for one run.
        seconds: How long is measured. One case and one step are, however long they take; what is left out is forecast
            from what was measured, and a note says so.

    Raises:
        VoxlateError: If the recipe or what was looked at of the data set is refused.
    """
    recipe = fold_recipe(recipe, 0, folds=folds) if folds else recipe
    check_recipe(recipe)
    with tempfile.TemporaryDirectory(prefix="voxlate-forecast-") as folder:
        watch = Stopwatch(report, seconds=_SHARE_OF_LOOKING * seconds)
        cohort = load_cohort(data, recipe)
        split = split_for(recipe, cohort)
        setup, settled_s, notes = _look(data, recipe, Path(folder), watch=watch, among=(cohort, split))
        probe = _measure(setup, Path(folder), report, seconds=max(seconds - watch.elapsed, 0))
    whole = replace(setup, cohort=cohort, split=split) if notes else setup
    train, validation, test = (len(whole.cases(part)) for part in PARTS)
    steps, trained_s = _scale(whole, probe)
    # A checkpoint holds the weights, their average and Adam's two moments; best and bundle hold the weights once.
    states = KEEP * (3 + (recipe.training.ema is not None)) + 2
    runs = folds or 1  # which share what is prepared
    return Forecast(
        plan_yaml=setup.plan.to_yaml(),
        cases=(train, validation, test),
        shares=share_cells(split_table(whole.split, whole.cohort)),
        networks=probe.networks,
        settled=setup.settled_words,
        steps=steps,
        seconds=settled_s + (train + validation) * probe.prepare_s + runs * (trained_s + probe.combination_s),
        memory_bytes=_peak_memory(),
        disk_bytes=(train + validation) * probe.case_bytes + runs * states * 4 * probe.parameters,
        folds=folds,
        notes=(*notes, *probe.notes),
    )


def _look(
    data: Path, recipe: Recipe, folder: Path, *, watch: Stopwatch, among: tuple[Cohort, Mapping[str, str]]
) -> tuple[Setup, float, list[str]]:
    """The setup, of as many cases as there is time for; what all of it takes, and what was left out, in words."""
    cohort, split = among
    begin = partial(set_up, data, recipe, run=None, series=Series(folder / "kept"))
    try:
        return begin(report=watch), watch.elapsed, []
    except OutOfTimeError:
        looked = _looked_at(cohort, split, watch)
    again = Stopwatch(watch.report, seconds=None)
    setup = begin(only=looked, report=again)
    checked, read = watch.done("preflight"), max(again.done("fingerprint"), 1)
    training = list(split.values()).count("train")
    whole = watch.took("preflight") / checked * len(cohort) + again.took("fingerprint") / read * training
    told = f"{len(looked)} of {counted(len(cohort), 'case')} were looked at; `voxlate check` looks at all of them."
    return setup, whole, [told]


def _looked_at(cohort: Cohort, split: Mapping[str, str], watch: Stopwatch) -> set[str]:
    """The cases that there was time for, and one of each part."""
    every = [case.id for case in cohort.cases]
    firsts = {part: case for case, part in reversed(list(split.items())) if case in set(every)}
    training = [case for case in every if split[case] == "train"]
    read = watch.done("fingerprint")
    done = training[:read] if read else every[: watch.done("preflight")]
    return {*done, *firsts.values()}


def _measure(setup: Setup, folder: Path, report: ProgressReport, *, seconds: float) -> _Probe:
    first, watch, notes = setup.cases("train")[:1], Stopwatch(report, seconds=None), []
    store = prepare(setup, first, folder / "prepared", report=watch)
    prepare_s = watch.elapsed
    case_bytes = sum(path.stat().st_size for path in (folder / "prepared").rglob("*") if path.is_file())
    method = build_trainable(setup)
    state = RunState(method, setup.recipe.training)
    job = make_job(setup, store, first, method=method)
    taken: list[float] = []
    began = time.monotonic()
    for number, batch in enumerate(job.batches(0), start=1):
        take_step(state, job.place(batch), job)
        state.average_weights()
        taken.append(time.monotonic() - began)
        report("probe", number, _PROBE_STEPS)
        if number == _PROBE_STEPS or watch.elapsed >= seconds:
            break
        began = time.monotonic()
    step_s = median(taken[_WARM_UP_STEPS:] or taken[-1:])
    if len(taken) < _PROBE_STEPS:
        notes.append(f"{counted(len(taken), 'step')} of {_PROBE_STEPS} was there time for.")
    validation_s = _predicted_s(math.prod(store[first[0].id].mask.shape), batch, step_s=step_s)
    if watch.elapsed + validation_s < seconds:
        began = time.monotonic()
        validate_method(setup, store, first, state.chosen)
        validation_s = time.monotonic() - began
    else:
        notes.append("What a validation takes is estimated from the steps.")
    return _Probe(
        prepare_s=prepare_s,
        step_s=step_s,
        validation_s=validation_s,
        combination_s=forecast_combination(setup, method, case_s=validation_s),
        case_bytes=case_bytes,
        parameters=count_parameters(method),
        networks=method.describe(),
        notes=tuple(notes),
    )


def _predicted_s(voxels: int, batch: Batch, *, step_s: float) -> float:
    """Seconds to predict a case of so many voxels: forward, a third of a step, once for all of its voxels."""
    return step_s / 3 * max(1.0, voxels / batch.mask.numel())


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


def duration(seconds: float) -> str:
    """Seconds in hours and minutes, or minutes and seconds."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s"
