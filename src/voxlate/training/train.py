"""A run from a data set to a bundle."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from voxlate.bundle.bundle import Contents, read_bundle, write_bundle
from voxlate.cohort import Case
from voxlate.cohort.synthetic import is_imputed
from voxlate.config.lineage import with_lineage
from voxlate.config.recipe import Recipe
from voxlate.contrast import get_contrast
from voxlate.errors import BundleError, TrainingError, VoxlateError
from voxlate.inference.given import case_acquisitions
from voxlate.inference.predict import predictor
from voxlate.machines.launch import leads
from voxlate.machines.processes import together
from voxlate.methods.baselines import Lookup
from voxlate.methods.curve import KNOTS
from voxlate.methods.exemplars import Exemplary
from voxlate.methods.hardware import memory_format, pick_device
from voxlate.methods.interface import Trainable
from voxlate.plainyaml import Json
from voxlate.plugins import needed_by, recall, record
from voxlate.preprocess.familiar import Familiar, appearance, get_familiar
from voxlate.preprocess.store import PreparedStore
from voxlate.progress import ProgressReport, silent
from voxlate.training.answering import fit_tables, score_questions, validate_few
from voxlate.training.baseline import score_lookup, training_pairs
from voxlate.training.card import model_card, say_not_shown
from voxlate.training.combining import combine_views
from voxlate.training.loop.batches import stream, training_samples
from voxlate.training.loop.checkpoints import BEST, State, load_checkpoint, save_checkpoint
from voxlate.training.loop.journal import append_log
from voxlate.training.loop.loop import Job, Observer, fit
from voxlate.training.loop.state import RunState
from voxlate.training.loop.task import DownstreamTask, load_task
from voxlate.training.loop.validation import (
    Validation,
    validate,
    validate_segmentation,
    validation_metric,
)
from voxlate.training.run import RunFolder, Series, open_run, take_over
from voxlate.training.seen import note_seen, read_seen, refuse_changed, sketches_of, voxels_of
from voxlate.training.setup.begin import build_method, new_store, set_up
from voxlate.training.setup.exemplars import choose_exemplars
from voxlate.training.setup.leaving_out import prepare_usable, read_left_out
from voxlate.training.setup.refusals import (
    check_label_maps,
    check_labelled,
    check_monitor,
    check_recipe,
    check_shares,
    count_labelled,
    try_loss,
)
from voxlate.training.setup.setup import Setup
from voxlate.training.setup.shapes import check_shapes, fit_shapes
from voxlate.training.setup.starting import read_start, take_start
from voxlate.training.sharing import set_up_by_shards
from voxlate.volume import Array

logger = logging.getLogger(__name__)
_CURVE_CASES = 16
"""Training cases that a lookup is fitted on which a network begins at; more change it little."""


def train_run(
    data: Path,
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    check: bool = True,
    series: Series | None = None,
    observers: tuple[Observer, ...] = (),
    report: ProgressReport = silent,
) -> RunFolder:
    """Trains a recipe on a data set and writes the bundle of its best weights.

    Args:
        data: The data set, in any layout of the cohort's.
        recipe: What to train.
        folder: The run's folder.
        resume: Go on with the run that is there.
        check: Preflight the data set, if no run of the series came before.
        series: The runs that this one is one of. The first of them, as a run by itself, goes on without cases that
            cannot be prepared, if enough others are there.
        observers: Who watches the steps and validations.
        report: Called with a stage and how much of it is done.

    Raises:
        VoxlateError: As its parts do; a run that ends early can be resumed.
    """
    recall(folder)
    check_shares(recipe, alone=series is None)
    if not leads():
        return _train_along(data, recipe, RunFolder(folder))
    check_recipe(recipe, begun=RunFolder(folder).has_learned)
    with open_run(folder, recipe, resume=resume) as run:
        record(folder, recipe)
        series = series or Series(folder / "prepared")
        like = series.like or set_up_by_shards(folder, recipe)
        if like is not None:
            take_over(run, like)
        setup = set_up(data, recipe, run=run, check=check, series=series, report=report)
        check_shapes(setup)
        check_label_maps(setup)
        refuse_changed(setup, run)
        method = build_method(setup)
        try_loss(method, dims=setup.recipe.window.dims)
        store = new_store(setup, series.prepared)
        setup = prepare_usable(setup, store, run, decided=series.after is not None, report=report)
        check_monitor(setup, store)
        check_labelled(setup, store, method)
        note_seen(setup, run)
        if method.learns == "exemplars":
            _keep_exemplars(setup, store, run, method=method, observers=observers)
        else:
            report("train", 0, 1)
            with together(setup.device):
                _fit(setup, store, run, method=method, observers=observers)
        best = _best(setup, run)
        if setup.recipe.window.combine != "mean":
            best = combine_views(setup, store, folder / "combination", best=best, report=report)
        _write_result(setup, store, run, best=best)
    return run


def _train_along(data: Path, recipe: Recipe, run: RunFolder) -> RunFolder:
    """What the other processes do: they wait until the first has set the run up, and compute their share of a step."""
    with together(pick_device()):
        setup = set_up(data, recipe, run=run, report=silent)
        method = build_method(setup)
        if method.learns == "steps":
            _fit(setup, new_store(setup, run.folder / "prepared"), run, method=method)
    return run


def _fit(
    setup: Setup, store: PreparedStore, run: RunFolder, *, method: Trainable, observers: tuple[Observer, ...] = ()
) -> None:
    for name, size in method.describe().items():
        logger.info("%s: %s", name, size)
    take_start(method, setup.recipe, run)
    job = make_job(setup, store, setup.cases("train"), method=method, observers=observers)
    fit(RunState(method, setup.recipe.training), run, job)


def make_job(
    setup: Setup,
    store: PreparedStore,
    cases: Sequence[Case],
    *,
    method: Trainable,
    observers: tuple[Observer, ...] = (),
) -> Job:
    """The loop's job for training on some prepared cases and validating as the setup says."""
    _fit_curves(setup, store, cases, method=method)
    task = None if setup.recipe.search.task is None else load_task(setup.recipe.search.task, setup.plan)
    labelled = method.loss.uses_labels
    if labelled:
        count_labelled(cases)
    samples = training_samples(
        store,
        [case.id for case in cases],
        setup.recipe,
        divisor=method.divisor,
        labelled=labelled,
        acquired={case.id: case_acquisitions(case) for case in cases} if setup.recipe.by_acquisition else None,
        together=method.together,
    )
    _tell_padding(setup, store, cases)
    if hidden := _hidden(setup, store, cases):
        logger.warning(
            "%s: what is not shown is neither learned nor scored", say_not_shown(setup.recipe.target, hidden)
        )
    return Job(
        training=setup.recipe.training,
        steps_per_epoch=samples.steps_per_epoch,
        batches=lambda start: stream(samples, start=start),
        validate=partial(validate_method, setup, store, setup.validation_cases, task=task, training=cases),
        lower_is_better=validation_metric(setup.recipe.training.monitor).better == "lower",
        device=setup.device,
        memory_format=memory_format(setup.recipe.window.dims),
        precision=setup.precision,
        observers=observers,
    )


def _fit_curves(setup: Setup, store: PreparedStore, cases: Sequence[Case], *, method: Trainable) -> None:
    """Gives the networks that begin at intensity lookup that of some training cases; a model started from has its."""
    each = 2 * setup.recipe.window.neighbours + 1
    for view in method.networks.values():
        if view.curve is not None and view.add_channel is not None and setup.recipe.training.start is None:
            source, ids = setup.recipe.source[view.add_channel // each], [case.id for case in cases[:_CURVE_CASES]]
            pairs = training_pairs(store, ids, source=source, target=setup.recipe.target)
            view.curve.set(*Lookup.fit(pairs).sampled(KNOTS))


def _keep_exemplars(
    setup: Setup, store: PreparedStore, run: RunFolder, *, method: Exemplary, observers: tuple[Observer, ...]
) -> None:
    """Chooses the exemplars and validates the method that keeps them; a run that has done so is left alone."""
    if load_checkpoint(run.checkpoints / BEST) is not None:
        return
    case_ids = [case.id for case in setup.cases("train")]
    samples = training_samples(store, case_ids, setup.recipe, divisor=method.divisor)
    method.fit(choose_exemplars(samples, count=method.wanted).to(setup.device))
    validation = validate_method(setup, store, setup.validation_cases, method)
    append_log(run.log, {"step": 0, "validation": validation.metrics})
    for observer in observers:
        observer.validated(0, validation)
    best = {"step": 0, "metrics": validation.metrics, "method": method.shipped_state()}
    save_checkpoint(run.checkpoints, best, name=BEST)


def _hidden(setup: Setup, store: PreparedStore, cases: Sequence[Case]) -> Json:
    """Of how many cases the target does not show all of the foreground, and the mean of what is lacking there."""
    target = setup.recipe.target
    partial = [store[case.id] for case in cases if target in store[case.id].valid]
    shares = [1 - np.count_nonzero(case.shown(target)) / np.count_nonzero(case.shown()) for case in partial]
    return {"cases": len(shares), "of": len(cases), "percent": 100 * float(np.mean(shares))} if shares else {}


def validate_method(
    setup: Setup,
    store: PreparedStore,
    cases: Sequence[Case],
    method: Trainable | Exemplary,
    *,
    task: DownstreamTask | None = None,
    training: Sequence[Case] = (),
) -> Validation:
    """Scores the method, in evaluation mode and in the precision of training, on some prepared cases.

    Args:
        setup: What is trained.
        store: Holds the cases.
        cases: Which of them; at least one.
        method: The method.
        task: What is done with the predictions, if anything.
        training: Cases of which a segmentation is scored too, to tell how far it is ahead on what it has seen.
    """
    method.eval()
    predict = predictor(setup.recipe, method, device=setup.device, precision=setup.precision)
    chosen = [case.id for case in cases]
    if method.learns == "steps" and method.segments:
        ahead = [case.id for case in training if case.id not in chosen]
        result = validate_segmentation(predict, method, store, validation=chosen, training=ahead)
    elif setup.recipe.targets:
        result = validate_few(setup, store, chosen, predict)
    else:
        data_range = setup.plan.normalisers[setup.plan.target].data_range
        result = validate(predict, store, chosen, data_range=data_range, task=task)
    method.train()
    return result


def _tell_padding(setup: Setup, store: PreparedStore, cases: Sequence[Case]) -> None:
    """Says so where a sample is larger than any case, so that a part of each holds nothing but a border continued."""
    size = setup.recipe.window.size or ()
    largest = np.max([store[case.id].grid.shape for case in cases], axis=0)
    if setup.recipe.window.kind == "patches" and any(np.array(size) > largest):
        logger.warning(
            "patches of %s voxels are larger than every training case, of which the largest has %s: what is beyond it "
            "is padding, and costs as much time; a smaller window.size costs less",
            " x ".join(map(str, size)),
            " x ".join(map(str, largest)),
        )


def _best(setup: Setup, run: RunFolder) -> State:
    """The chosen weights with their scores.

    Raises:
        TrainingError: If no validation could choose any.
    """
    best = load_checkpoint(run.checkpoints / BEST)
    if best is None:
        raise TrainingError(
            "a validated state",
            came=f"none: {setup.recipe.training.monitor} was never available",
            where=run.folder,
            remedy="Check the validation cases' masks, or choose another training.monitor.",
        )
    if math.isnan(best["metrics"].get(setup.recipe.training.monitor, math.nan)):
        logger.warning(
            "%s was never available: the weights of the last validation are kept", setup.recipe.training.monitor
        )
    return best


def _write_result(setup: Setup, store: PreparedStore, run: RunFolder, *, best: State) -> None:
    scores = {
        "step": best["step"],
        "part": "validation" if setup.cases("validation") else "train",
        "cases": len(setup.validation_cases),
        "training_cases": len(setup.cases("train")),  # with folds the fingerprint is of those that validate too
        "metrics": {name: None if math.isnan(value) else value for name, value in best["metrics"].items()},
    }
    if left_out := read_left_out(run):
        scores["left_out"] = left_out
    lookup = _add_baseline(setup, store, scores, best=best)
    seen = {part: setup.cases(part) for part in ("train", "validation")}
    if hidden := _hidden(setup, store, [case for cases in seen.values() for case in cases]):
        scores["not_shown"] = hidden
    start = read_start(run)
    recipe = _called(setup, run)
    contents = Contents(
        recipe=recipe,
        plan=setup.plan,
        fingerprint=setup.fingerprint.model_copy(update={"familiar": _familiar(setup, store)}),
        scores=scores,
        seen=read_seen(run) | frozenset(() if start is None else start.seen),
        seen_cases={part: {case.id: voxels_of(setup, case) for case in cases} for part, cases in seen.items() if cases}
        | ({} if start is None else {"start": {start.name: start.voxels}}),
        sketches={case.id: sketches_of(setup, case) for cases in seen.values() for case in cases}
        | ({} if start is None else {f"start: {start.name}": start.sketches}),
        weights=best["method"],
        lookup=lookup,
        card=model_card(
            recipe,
            setup.fingerprint,
            scores,
            imputed=_imputed(setup),
            settled=setup.settled_words,
            start="" if start is None else start.words,
            needs=[plugin.words() for plugin in needed_by(setup.recipe)],
        ),
    )
    if setup.recipe.shapes is None:
        write_bundle(contents, run.bundle)
    else:
        _add_shapes(setup, contents, run)
    logger.info("bundle written to %s", run.bundle)


def _called(setup: Setup, run: RunFolder) -> Recipe:
    """The recipe with the name of the model: of a run that goes on the one that it has."""
    try:
        had = read_bundle(run.folder).recipe
    except BundleError:
        return with_lineage(setup.recipe, settled=[field for one in setup.settled for field in one.values])
    return setup.recipe.model_copy(update={"name": had.name, "after": had.after})


def _add_baseline(setup: Setup, store: PreparedStore, scores: Json, *, best: State) -> dict[str, Array]:
    """The fitted lookup; its scores join those of the model, and for several targets those of each question."""
    if setup.recipe.targets:
        tables = fit_tables(setup, store)
        scores |= score_questions(setup, store, best["method"], tables)
        return tables
    cases = [case.id for case in setup.cases("train")]
    lookup = Lookup.fit(training_pairs(store, cases, source=setup.recipe.source[0], target=setup.recipe.target))
    scores["lookup"] = score_lookup(store, lookup, [case.id for case in setup.validation_cases])
    return lookup.to_arrays()


def _add_shapes(setup: Setup, contents: Contents, run: RunFolder) -> None:
    """Writes the bundle with the shape model; what was learned is kept, and translates, if that cannot be fitted."""
    try:
        shapes = fit_shapes(setup)
    except VoxlateError as error:
        write_bundle(replace(contents, recipe=contents.recipe.model_copy(update={"shapes": None})), run.bundle)
        remedy = f"{error.remedy} The model is kept in {run.bundle}; --resume goes on with the shapes."
        raise TrainingError(error.expected, came=error.came, where=error.where or "shapes", remedy=remedy) from error
    write_bundle(replace(contents, shapes=shapes), run.bundle)


def _imputed(setup: Setup) -> dict[str, int]:
    """From a contrast to how many training cases have one that a model made."""
    names = setup.recipe.all_contrasts
    made = {name: [case for case in setup.cases("train") if _is_imputed(case, name)] for name in names}
    return {name: len(cases) for name, cases in made.items() if cases}


def _is_imputed(case: Case, name: str) -> bool:
    return name in case.paths and is_imputed(case.paths[name])


def _familiar(setup: Setup, store: PreparedStore) -> dict[str, Familiar]:
    """By source that is an image, what the training cases look like."""
    names = [name for name in setup.recipe.source if get_contrast(name).kind != "label"]
    cases = [store[case.id] for case in setup.cases("train")]
    return {
        name: get_familiar(
            [appearance(np.asarray(case.arrays[name][:]), case.shown(name)) for case in cases if name in case.arrays]
        )
        for name in names
    }
