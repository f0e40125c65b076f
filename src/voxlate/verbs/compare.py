"""Verbs that compare: ``ablate`` a part of a recipe, ``compare`` recipes, all ``pairs`` of contrasts; on one split."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.builtin import ALIASES, recipe_names
from voxlate.config.recipe import Overrides, Recipe
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.plainyaml import listed
from voxlate.progress import ProgressReport, silent
from voxlate.verbs.calls import Pattern, read_patterns, telling_anew
from voxlate.verbs.train import resolve_recipe

if TYPE_CHECKING:
    from voxlate.training.loop.loop import Observer
    from voxlate.workflows.result import Result


@telling_anew
def ablate(
    data: str | Path,
    *,
    recipe: str | Path | Recipe,
    changes: Overrides,
    out: str | Path,
    seeds: int = 3,
    beside: str | Path | None = None,
    report: ProgressReport = silent,
    observers: Sequence[Observer] = (),
) -> Result:
    """Trains a recipe as it is and changed, on one split with the same seeds, and compares them on the held-out cases.

    A call that was stopped or killed is given again: runs that are finished, and their scores, are kept.

    Args:
        data: A data set.
        recipe: The recipe as it is (``with``).
        changes: What is taken away in ``without``: ``{"loss.lesion_mask": 0}``.
        out: Gets a run per variant and seed, scores, figures and the page.
        seeds: How many seeds: that of the recipe and those that follow it.
        beside: Folder of another ablation, whose similarity is drawn beside this one's.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.

    Raises:
        UsageError: If nothing is changed, or what is changed would be scored on other images.
        CohortError: If the data set is refused, or no case is held out.
        LockedError: If another process works there.
    """
    from voxlate.plugins import recall
    from voxlate.workflows.ablation import ablate_recipe

    recall(Path(out))
    if seeds < 1:
        raise UsageError("at least one seed", came=str(seeds), where="--seeds", remedy="Give 3, say.")
    return ablate_recipe(
        Path(data),
        resolve_recipe(recipe),
        Path(out),
        changes=changes,
        seeds=seeds,
        beside=None if beside is None else Path(beside),
        report=report,
        observers=observers,
    )


@telling_anew
def compare(
    data: str | Path,
    *,
    recipes: str | Path | Recipe | Sequence[str | Path | Recipe],
    out: str | Path,
    overrides: Overrides | None = None,
    pattern: Pattern = None,
    seeds: int = 1,
    synthetic: str | Path | None = None,
    report: ProgressReport = silent,
    observers: Sequence[Observer] = (),
) -> Result:
    """Trains recipes for one target on one split and puts them into one table, beside the baselines.

    A call that was stopped or killed is given again: runs that are finished, and their scores, are kept.

    Args:
        data: A data set.
        recipes: Two or more, with the same target, first source and plan (but for spacing, margin and derived
            contrasts), so that all are scored on the same images. A pattern as ``dixon-*`` stands for the built-in
            recipes that it fits.
        out: Gets a run per recipe and seed, scores, figures and the page.
        overrides: Recipe fields that are changed in every recipe, or in one:
            ``dixon-to-ct-vnet-3d:training.batch_size``.
        pattern: Where the files of contrasts lie in the data set, in the place of a layout.
        seeds: How many seeds: that of the first recipe and those that follow it.
        synthetic: Compares one recipe trained on the real images, on synthetic ones, and on both, all scored on the
            same real cases: a model that makes them, or a folder of them; see
            ``voxlate.training.studies.substitution``.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.

    Raises:
        UsageError: If two recipes share a name, a pattern or a field names none of them, or they would be scored on
            other images.
        CohortError: If the data set is refused, or no case is held out.
        LockedError: If another process works there.
    """
    from voxlate.plugins import recall
    from voxlate.training.studies.substitution import Sources
    from voxlate.workflows.comparison import compare_kinds, compare_recipes

    recall(Path(out))
    resolved = resolve_recipes(recipes, overrides=overrides, pattern=pattern)
    folder = Path(out)
    if synthetic is None:
        return compare_recipes(Path(data), resolved, folder, seeds=seeds, report=report, observers=observers)
    sources = Sources(Path(data), Path(synthetic), folder)
    return compare_kinds(sources, resolved, seeds=seeds, report=report, observers=observers)


@telling_anew
def pairs(
    data: str | Path,
    *,
    out: str | Path,
    contrasts: str | Sequence[str] | None = None,
    recipe: str | Path | Recipe = "translate-default",
    minutes: float | None = None,
    overrides: Overrides | None = None,
    pattern: Pattern = None,
    report: ProgressReport = silent,
    observers: Sequence[Observer] = (),
) -> Result:
    """Trains a model for every ordered pair of contrasts and scores them: a matrix, beside lookup and identity.

    A call that was stopped or killed is given again: pairs that are trained, and their scores, are kept.

    Args:
        data: A data set.
        out: Gets a run for each pair, scores, the figure and the page.
        contrasts: Two or more images; ``None`` for all that the data set has.
        recipe: What is trained for each pair.
        minutes: Budget of each pair.
        overrides: Recipe fields by dotted name.
        pattern: Where the files of contrasts lie in the data set, in the place of a layout.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.

    Raises:
        UsageError: If there are fewer than two contrasts, or one that the data set has not.
        CohortError: If the data set is refused, there is a case for no pair, or none is held out.
        LockedError: If another process works there.
    """
    from voxlate.plugins import recall
    from voxlate.workflows.matrix import train_all_pairs

    recall(Path(out))
    changes = {**(overrides or {}), **({"training.minutes": minutes} if minutes is not None else {})}
    recipes = resolve_pairs(data, recipe, contrasts=contrasts, overrides=changes, pattern=pattern)
    return train_all_pairs(Path(data), recipes, Path(out), report=report, observers=observers)


def resolve_pairs(
    data: str | Path,
    recipe: str | Path | Recipe,
    *,
    contrasts: str | Sequence[str] | None = None,
    overrides: Overrides | None = None,
    pattern: Pattern = None,
) -> dict[str, Recipe]:
    """From the name of each ordered pair of a data set's contrasts, ``t1-to-t2``, to the recipe for it.

    Args:
        data: A data set.
        recipe: What is trained for each pair.
        contrasts: Two or more images; ``None`` for all that the data set has.
        overrides: Recipe fields by dotted name.
        pattern: Where the files of contrasts lie in the data set.

    Raises:
        UsageError: If there are fewer than two contrasts, or one that the data set has not.
    """
    from voxlate.cohort import contrast_counts, index_cohort
    from voxlate.training.studies.pairs import pair_recipes

    resolved = resolve_recipe(recipe, overrides=overrides, pattern=pattern, data=data)
    counts = contrast_counts(index_cohort(Path(data), patterns=resolved.plan.patterns))
    images = [name for name in counts if get_contrast(name).kind != "label"]
    named: tuple[str, ...] = listed(contrasts or ())
    asked = [get_contrast(name).name for name in named] or images
    unknown = [name for name in asked if name not in images]
    if unknown or len(set(asked)) < 2:
        raise UsageError(
            f"two or more of the data set's images: {', '.join(images) or 'none'}",
            came=", ".join(unknown or asked) or "none",
            where="--contrast",
            remedy="Look at what was matched with `voxlate check`.",
        )
    return pair_recipes(resolved, list(dict.fromkeys(asked)))


def resolve_recipes(
    recipes: str | Path | Recipe | Sequence[str | Path | Recipe],
    *,
    overrides: Overrides | None = None,
    pattern: Pattern = None,
) -> list[Recipe]:
    """Recipes by name, wildcard, file or value, with fields that are changed in all of them, or in one.

    Args:
        recipes: What to compare.
        overrides: Fields that are changed, those of one recipe by ``RECIPE:FIELD``.
        pattern: Where the files of contrasts lie in the data set; it becomes ``plan.patterns``.

    Raises:
        UsageError: If a recipe, or a field or its recipe, is unknown.
    """
    patterns = read_patterns(pattern)
    changes = {**(overrides or {}), **({"plan.patterns": patterns} if patterns else {})}
    return _changed(_found(listed(recipes)), changes)


def _found(recipes: Sequence[str | Path | Recipe]) -> list[Recipe]:
    """The recipes, with what each pattern stands for in its place."""
    found: list[Recipe] = []
    for recipe in recipes:
        is_pattern = isinstance(recipe, str) and any(sign in recipe for sign in "*?[")
        names = _fitting(str(recipe)) if is_pattern else [recipe]
        if not names:
            raise UsageError(
                "a pattern that a built-in recipe fits",
                came=repr(recipe),
                where="--recipe",
                remedy=f"There are {', '.join(recipe_names())}.",
            )
        found += [resolve_recipe(name) for name in names]
    return found


def _fitting(pattern: str) -> list[str]:
    """The built-in recipes whose name a pattern fits, or whose earlier name, if no present one does."""
    return fnmatch.filter(recipe_names(), pattern) or fnmatch.filter(ALIASES, pattern)


def _changed(recipes: Sequence[Recipe], overrides: Overrides) -> list[Recipe]:
    """The recipes with the fields that are meant for all, and then those that name one of them."""
    names = {recipe.name for recipe in recipes}
    parted = {field: field.rpartition(":") for field in overrides}
    unknown = sorted({name for name, colon, _ in parted.values() if colon and name not in names})
    if unknown:
        raise UsageError(
            f"a field of all recipes, or of one of {', '.join(sorted(names))}",
            came=", ".join(unknown),
            where="--set",
            remedy="Write RECIPE:FIELD=VALUE with the name of a recipe that is compared.",
        )
    changed = []
    for recipe in recipes:
        for_all = {field: overrides[field] for field, (_, colon, _) in parted.items() if not colon}
        own = {inner: overrides[field] for field, (name, _, inner) in parted.items() if name == recipe.name}
        changed.append(resolve_recipe(recipe, overrides={**for_all, **own}))
    return changed


def switched_off(fields: str | Sequence[str]) -> dict[str, float]:
    """The changes that ``--without`` stands for: weights of the loss set to 0.

    Raises:
        UsageError: If a field is no weight of the loss.
    """
    named: tuple[str, ...] = listed(fields)
    for field in named:
        section, dot, term = field.partition(".")
        if section != "loss" or not dot or not term or "." in term:
            raise UsageError(
                "a term of the loss, as loss.lesion_mask",
                came=repr(field),
                where="--without",
                remedy="Use --change FIELD=VALUE for another field.",
            )
    return dict.fromkeys(named, 0)
