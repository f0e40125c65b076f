"""Verbs that learn: ``forecast`` and ``train``."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from voxlate.config.builtin import built_in_name
from voxlate.config.lineage import with_lineage
from voxlate.config.recipe import Overrides, Recipe, load_recipe
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.machines.shard import own_shard
from voxlate.plainyaml import listed
from voxlate.progress import ProgressReport, silent
from voxlate.verbs.calls import Pattern, begun_with, check_arguments, patterns_kept, read_patterns, telling_anew
from voxlate.workflows.runs import draw_run, watch_run

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from voxlate.training.forecast import Forecast
    from voxlate.training.loop.loop import Observer
    from voxlate.training.run import RunFolder

_DEFAULT, _DEFAULT_OF_LABELS = "translate-default", "segment-default"
"""The recipe where none is named, which configures itself, for images and for label maps as the target."""
_RUNS = Path("runs")
"""Where runs go for which no folder is named."""


class Asked(TypedDict, total=False):
    """What a call may say of a run in the place of a recipe, or beside it.

    Attributes:
        source: Contrasts that go in.
        target: The contrast that comes out.
        minutes: Budget in minutes, that of the recipe ends it too if it is reached first.
        overrides: Recipe fields by dotted name: ``{"training.steps": 100}``.
        pattern: Where the files of contrasts lie, in the place of a layout: ``{"t1": "{case}/anat/*_T1w.nii.gz"}``.
            The run keeps it, and whoever goes on with it or evaluates it finds the same files.
        progress: Whether to show how far it is; ``None``: in a notebook and on a terminal, unless ``report`` or
            ``observers`` are given.
    """

    source: str | Sequence[str] | None
    target: str | None
    minutes: float | None
    overrides: Overrides | None
    pattern: Pattern
    progress: bool | None


def resolve_recipe(
    recipe: str | Path | Recipe | None,
    *,
    source: str | Sequence[str] | None = None,
    target: str | None = None,
    overrides: Overrides | None = None,
    pattern: Pattern = None,
    data: str | Path | None = None,
) -> Recipe:
    """A recipe by name, file or value, with other contrasts and fields if they are given.

    Args:
        recipe: A built-in recipe, a YAML file or a recipe. ``None``: ``translate-default``, or ``segment-default``
            where the target is a label map; then source and target say what is learned.
        source: Contrasts that go in, instead of the recipe's.
        target: The contrast that comes out, instead of the recipe's.
        overrides: Fields that are changed, by dotted name.
        pattern: Where the files of contrasts lie in the data set; it becomes ``plan.patterns``.
        data: A data set: its manifest may declare contrasts, and where it leaves a built-in recipe one choice of them,
            and none is given, the recipe takes it.

    Raises:
        UsageError: If the recipe, a contrast or a field is unknown or invalid.
    """
    if data is not None:
        from voxlate.cohort.layouts.manifest import declare_columns

        declare_columns(Path(data))
    changes = dict(overrides or {})
    declared = {field: value for field, value in changes.items() if field.split(".")[0] == "contrasts"}
    if recipe is None:
        load_recipe(_DEFAULT).with_overrides(declared)  # from here on a target may have one of these names
        recipe = _default_for(source, target, changes)
    resolved = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    resolved = resolved.with_overrides(declared) if declared else resolved
    patterns = read_patterns(pattern)
    if source:
        changes["source"] = "+".join(listed(source))
    if target:
        changes["target"] = target
    if patterns:
        changes["plan.patterns"] = patterns
    resolved = resolved.with_overrides(changes) if changes else resolved
    named = changes.keys() & ({"source"} if recipe == _DEFAULT_OF_LABELS else {"source", "target"})
    if data is None or isinstance(recipe, Recipe) or not built_in_name(recipe) or named:
        return resolved
    from voxlate.training.setup.choosing import take_only_choice

    return take_only_choice(resolved, Path(data))


def _default_for(source: str | Sequence[str] | None, target: str | None, overrides: Overrides) -> str:
    """The recipe that configures itself for a target.

    Raises:
        UsageError: If it is not told what is learned.
    """
    begins_at: object = source or overrides.get("source")
    goal: object = target or overrides.get("target")
    of_labels = isinstance(goal, str) and get_contrast(goal).kind == "label"
    if goal and (begins_at or of_labels):  # a data set with one image contrast leaves no choice
        return _DEFAULT_OF_LABELS if of_labels else _DEFAULT
    raise UsageError(
        "a source and a target, or a recipe",
        came="no recipe and " + ("no target" if begins_at else "no source"),
        where="train",
        remedy='Say what is to be learned: --source t1 --target t2, in Python source="t1", target="t2".',
    )


def forecast(
    data: str | Path, *, recipe: str | Path | Recipe, folds: int | None = None, report: ProgressReport = silent
) -> Forecast:
    """The plan of a run, or of several folds, and what it will cost in time, memory and disk; trains nothing.

    It measures for about 20 seconds; what cannot be measured in them is computed from what was, and a note says so.
    """
    from voxlate.training.forecast import forecast_run

    return forecast_run(Path(data), resolve_recipe(recipe, data=data), folds=folds, report=report)


@telling_anew
def train(
    data: str | Path,
    *,
    recipe: str | Path | Recipe | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    folds: int | None = None,
    report: ProgressReport = silent,
    observers: Sequence[Observer] = (),
    **asked: Unpack[Asked],
) -> Path:
    """Trains a recipe on a data set; the run's folder holds log, checkpoints, figures and the bundle.

    Of a shard (``voxlate.machines.shard``) its own cases are prepared, and nothing is trained yet.

    Args:
        data: A data set.
        recipe: A recipe by name, file or value. ``None``: what is best for the data, ``translate-default``, or
            ``segment-default`` for a label map as the target; then ``source`` and ``target`` say what is learned. With
            ``resume`` it is the run's own.
        out: The run's folder; of several folds that of the ensemble, which is used like a run. ``None``: a new one in
            ``runs``, named after what is learned.
        resume: Go on with what is there.
        folds: Train so many times, each time with another part of the development cases to validate on.
        report: Called with a stage and how much of it is done.
        observers: Who watches steps and validations.
        **asked: ``source``, ``target``, ``minutes``, ``overrides``, ``pattern`` and ``progress``, see ``Asked``.

    Returns:
        The run's folder.

    Raises:
        VoxlateError: If the data set or the recipe is refused, or training cannot go on.

    Example:
        >>> run = train("cohort", source="t1", target="t2", minutes=5)  # doctest: +SKIP
    """
    from voxlate.machines.launch import leads
    from voxlate.training.run import RunFolder
    from voxlate.training.sharing import prepare_shard
    from voxlate.training.train import train_run

    check_arguments("train", asked, Asked)
    if resume and out is not None and not asked.get("pattern"):
        asked["pattern"] = patterns_kept(Path(out))
    if recipe is None and resume and out is not None:
        recipe = begun_with(Path(out))
    resolved = _asked_for(recipe, asked, Path(data))
    folder = _new_run(resolved) if out is None else Path(out)
    with _watched(asked.get("progress"), report, observers) as (told, seeing):
        if own_shard().name:
            prepare_shard(Path(data), resolved, folder, folds=folds, report=told)
            return folder
        if folds is not None:
            return _train_folds(Path(data), resolved, folder, folds=folds, resume=resume, report=told, observers=seeing)
        run = RunFolder(folder)
        train_run(Path(data), resolved, folder, resume=resume, observers=watch_run(run, resolved, seeing), report=told)
        if leads():
            draw_run(run, resolved, data=Path(data), prepared=folder / "prepared")
    return folder


@contextmanager
def _watched(
    wanted: bool | None, report: ProgressReport, observers: Sequence[Observer]
) -> Iterator[tuple[ProgressReport, Sequence[Observer]]]:
    """Who is told how far a training is: those who are given, and whoever looks at a terminal or a notebook."""
    from voxlate.progress.watching import watch_here

    given = report is not silent or bool(observers)
    watch = watch_here(wanted=False if wanted is None and given else wanted)
    if watch is None:
        yield report, observers
        return
    with watch:
        yield watch.stage if report is silent else report, (*observers, watch)


def _asked_for(recipe: str | Path | Recipe | None, asked: Asked, data: Path) -> Recipe:
    """The recipe of a call.

    Raises:
        UsageError: If neither a recipe nor source and target say what is learned, or they are refused.
    """
    source, target, minutes = asked.get("source"), asked.get("target"), asked.get("minutes")
    changes = {**(asked.get("overrides") or {}), **({"training.minutes": minutes} if minutes is not None else {})}
    return resolve_recipe(
        recipe, source=source, target=target, overrides=changes, pattern=asked.get("pattern"), data=data
    )


def _new_run(recipe: Recipe) -> Path:
    """A folder that is not there yet, named after what is learned."""
    name = with_lineage(recipe).name
    names = (_RUNS / (name if count == 1 else f"{name}-{count}") for count in itertools.count(1))
    return next(folder for folder in names if not folder.exists())


def _train_folds(
    data: Path,
    recipe: Recipe,
    folder: Path,
    *,
    folds: int,
    resume: bool,
    report: ProgressReport,
    observers: Sequence[Observer],
) -> Path:
    from voxlate.bundle.ensemble import read_members, write_cross_validation
    from voxlate.training.studies.folds import train_folds

    def watch(run: RunFolder, asked: Recipe) -> tuple[Observer, ...]:
        return watch_run(run, asked, observers)

    runs = train_folds(data, recipe, folder, folds=folds, resume=resume, watch=watch, report=report)
    for run in runs:
        draw_run(run, recipe, data=data, prepared=folder / "prepared")
    logger.info(write_cross_validation(folder, read_members(folder)))
    return folder
