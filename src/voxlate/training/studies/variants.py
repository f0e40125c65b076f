"""Variants of a study: recipes that are compared, each trained with the same seeds on the same split.

A difference between two recipes is told from luck only if everything else is equal: the split is drawn with a seed of
its own, the runs of one number share the training seed (and so the first weights, where the networks are alike, and the
order of the samples), and all share one prepared store. Variants are trained seed by seed, so that a study which ends
early has whole pairs. A window ``auto`` is decided in a variant's first run; what memory is free later changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voxlate.bundle.bundle import read_bundle
from voxlate.cohort.split_file import read_split
from voxlate.config.recipe import Overrides, Recipe
from voxlate.errors import BundleError, CohortError, StoppedError, UsageError
from voxlate.progress import ProgressReport, silent
from voxlate.training.loop.loop import Observer
from voxlate.training.run import RunFolder, Series
from voxlate.training.setup.refusals import check_recipe
from voxlate.training.setup.settling import may_come_of, settled_as
from voxlate.training.train import train_run

logger = logging.getLogger(__name__)
WITH, WITHOUT = "with", "without"
# They change what a network sees, not what it is scored on.
_FREE_OF_THE_PLAN = {"spacing_mm", "crop_margin_mm", "derive"}


@dataclass(frozen=True)
class VariantRun:
    """One run of a study.

    Attributes:
        variant: Name of the variant.
        seed: Its training seed.
        folder: Where it lies.
        recipe: What is trained there.
    """

    variant: str
    seed: int
    folder: Path
    recipe: Recipe

    @property
    def finished(self) -> bool:
        """Whether its bundle is whole and was trained with this very recipe, or with what this came to be."""
        try:
            found = read_bundle(self.folder).recipe
        except BundleError:
            return False
        return may_come_of(self.recipe, found)


@dataclass(frozen=True)
class Study:
    """Recipes to compare, by name, and the training seeds that each is trained with.

    Variants may also differ in what they are trained on: ``data`` then has a data set for each, with training cases of
    its own, and validation and test cases that all have in common.

    Raises:
        UsageError: If there is no seed, or two variants would not be scored on the same images: they must share
            target, first source and plan, but for spacing and crop margin.

    Example:
        >>> Study({"unet": unet, "fcn": fcn}, seeds=(0, 1, 2)).runs(Path("study"))  # doctest: +SKIP
    """

    variants: Mapping[str, Recipe]
    seeds: tuple[int, ...]
    data: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.seeds:
            raise UsageError("at least one seed", came="none", where="--seeds", remedy="Give 3, say.")
        first, *others = self.variants.values()
        for other in others:
            free = _FREE_OF_THE_PLAN | ({"split"} if self.data else set())
            changed = _scored_on(first, free).items() - _scored_on(other, free).items()
            if changed:
                raise UsageError(
                    "variants that are scored on the same images",
                    came=f"another {', '.join(sorted(name for name, _ in changed))}",
                    where=", ".join(self.variants),
                    remedy="Change it in every variant, with --set.",
                )

    def runs(self, folder: Path) -> list[VariantRun]:
        """Every run, seed by seed, in ``<folder>/<variant>/seed-<seed>``."""
        return [
            VariantRun(name, seed, folder / name / f"seed-{seed}", _seeded(recipe, seed))
            for seed in self.seeds
            for name, recipe in self.variants.items()
        ]


def ablation(recipe: Recipe, changes: Overrides, *, seeds: int) -> Study:
    """The study of one recipe as it is (``with``) and changed (``without``).

    Args:
        recipe: The recipe.
        changes: Dotted fields and the values that take something away: ``{"loss.lesion_mask": 0}``.
        seeds: How many training seeds: the recipe's and those that follow it.

    Raises:
        UsageError: If nothing is changed, nothing of the loss is left, or a change concerns what must be equal.
    """
    without = recipe.with_overrides(changes)
    if not changes or _without_zeros(without) == _without_zeros(recipe):
        raise UsageError(
            "a change",
            came=", ".join(f"{field}={value}" for field, value in changes.items()) or "none",
            where=f"recipe {recipe.name}",
            remedy="Take away something that the recipe has; see its loss section.",
        )
    if recipe.loss and not _without_zeros(without).loss:
        raise UsageError(
            "a term of the loss that is left when the others are taken away",
            came=f"none without {', '.join(changes)}",
            where=f"recipe {recipe.name}",
            remedy="Add another term to both, as --set loss.ssim=1, or change another field with --change.",
        )
    first = recipe.training.seed
    if without.training.seed != first:
        raise UsageError(
            "variants of one seed", came=f"training.seed={without.training.seed}", remedy="Change it with --set."
        )
    return Study({WITH: recipe, WITHOUT: without}, tuple(range(first, first + seeds)))


def side_by_side(recipes: Sequence[Recipe], *, seeds: int) -> Study:
    """The study of recipes for one target, each under its own name.

    Args:
        recipes: Two or more.
        seeds: How many training seeds: that of the first recipe and those that follow it.

    Raises:
        UsageError: If two recipes share a name, there is no seed, or they would be scored on other images.
    """
    names = [recipe.name for recipe in recipes]
    if len(set(names)) < max(2, len(names)) or seeds < 1:
        raise UsageError(
            "two or more recipes with names of their own, and at least one seed",
            came=f"{', '.join(names) or 'none'}; {seeds} seeds",
            where="--recipe",
            remedy="Give each recipe file its own name.",
        )
    first = recipes[0].training.seed
    return Study(dict(zip(names, recipes, strict=True)), tuple(range(first, first + seeds)))


def train_variants(
    data: Path,
    study: Study,
    folder: Path,
    *,
    watch: Callable[[VariantRun], tuple[Observer, ...]] = lambda _run: (),
    report: ProgressReport = silent,
) -> list[VariantRun]:
    """Trains what is not trained yet and goes on with what was begun; a study that was killed is called again.

    Args:
        data: The data set.
        study: What to train.
        folder: Gets the runs and ``prepared``, the store that they share.
        watch: From a run to who observes its training.
        report: Called with a stage and how much of it is done.

    Raises:
        UsageError: If a run there was started with another recipe.
        CohortError: If the runs there were not made on one split.
        StoppedError: If a signal asked for an end.
    """
    for recipe in study.variants.values():
        check_recipe(recipe)
    runs = study.runs(folder)
    for number, run in enumerate(runs):
        report("runs", number, len(runs))
        own, series = study.data.get(run.variant, data), _series(study, folder, run, runs[:number])
        train_run_of(
            run, own, run.recipe if run.finished else _settled(run, runs), series=series, watch=watch, report=report
        )
    report("runs", len(runs), len(runs))
    _check_split(runs, own_training=bool(study.data))
    return runs


def train_run_of(
    run: VariantRun,
    data: Path,
    recipe: Recipe,
    *,
    series: Series,
    watch: Callable[[VariantRun], tuple[Observer, ...]],
    report: ProgressReport,
) -> None:
    """Trains a run of several, goes on with it, or leaves it as it is if it is finished.

    Args:
        run: The run.
        data: Its data set.
        recipe: What it is to be trained with.
        series: The runs that it is one of.
        watch: From a run to who observes its training.
        report: Called with a stage and how much of it is done.

    Raises:
        VoxlateError: As ``train_run`` does.
    """
    if run.finished:
        logger.info("%s, seed %d: trained before", run.variant, run.seed)
        return
    try:
        train_run(data, recipe, run.folder, resume=True, series=series, observers=watch(run), report=report)
    except StoppedError as error:
        remedy = "Give the same command again to go on."
        raise StoppedError(error.expected, came=error.came, where=error.where, remedy=remedy) from error


def _seeded(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with that training seed; the split keeps the seed that it has without."""
    options = recipe.plan.split
    split = recipe.training.seed if options.seed is None else options.seed
    return recipe.with_overrides({"training.seed": seed, "plan.split.seed": split})


def _settled(run: VariantRun, runs: list[VariantRun]) -> Recipe:
    """The recipe of a run; what it leaves open is decided in the variant's first run, once this is trained."""
    first = next(other for other in runs if other.variant == run.variant)
    if run is first:
        return run.recipe
    return settled_as(run.recipe, read_bundle(first.folder).recipe)


def _series(study: Study, folder: Path, run: VariantRun, done: Sequence[VariantRun]) -> Series:
    """The runs on the same data, of which some are done; variants with data of their own share nothing."""
    if study.data:
        done = [other for other in done if other.variant == run.variant]
    after = RunFolder(done[0].folder) if done else None
    others = () if study.data else [recipe for name, recipe in study.variants.items() if name != run.variant]
    return Series((folder / run.variant if study.data else folder) / "prepared", after=after, beside=others)


def _scored_on(recipe: Recipe, free: set[str]) -> dict[str, str]:
    """What decides which cases are scored, and against which images; some fields of the plan are free."""
    plan = recipe.plan.model_dump_json(exclude=free)
    return {"target": recipe.target, "first source": recipe.source[0], "plan": plan}


def _without_zeros(recipe: Recipe) -> Recipe:
    """The recipe without the terms of the loss that are switched off."""
    return recipe.model_copy(update={"loss": {name: term for name, term in recipe.loss.items() if term != 0}})


def _check_split(runs: list[VariantRun], *, own_training: bool) -> None:
    """Trusts no folder: runs that were made before the data set changed may lie on another split."""

    def shared(run: VariantRun) -> dict[str, str]:
        split = read_split(RunFolder(run.folder).split)
        return {case: part for case, part in split.items() if not own_training or part != "train"}

    first = shared(runs[0])
    for run in runs[1:]:
        if shared(run) != first:
            raise CohortError(
                f"the split of {runs[0].folder}",
                came="another one",
                where=run.folder,
                remedy="The data set has changed since the first run: use another folder.",
            )
