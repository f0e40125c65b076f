"""All ordered pairs of some contrasts: one recipe for each, after one preflight, with one folder of prepared cases.

The foreground of a case is found in the source, which is all that there is in use: each source is prepared by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from pathlib import Path

from voxlate.config.recipe import Recipe, load_recipe
from voxlate.errors import CohortError
from voxlate.progress import ProgressReport
from voxlate.question import ANY
from voxlate.training.loop.loop import Observer
from voxlate.training.run import RunFolder, Series
from voxlate.training.setup.refusals import check_recipe
from voxlate.training.studies.variants import VariantRun, train_run_of

logger = logging.getLogger(__name__)


def pair_recipes(recipe: Recipe, contrasts: Sequence[str]) -> dict[str, Recipe]:
    """From the name of each ordered pair, ``t1-to-t2``, to the recipe for it.

    Args:
        recipe: What is trained for each of them.
        contrasts: Canonical names, two at least.
    """
    return {
        f"{source}-to-{target}": recipe.with_overrides({"source": [source], "target": target, "plan.derive": {}})
        for source, target in permutations(contrasts, 2)
    }


def train_pairs(
    data: Path,
    recipes: Mapping[str, Recipe],
    folder: Path,
    *,
    watch: Callable[[VariantRun], tuple[Observer, ...]],
    report: ProgressReport,
) -> tuple[list[VariantRun], list[tuple[str, str]]]:
    """Trains what is not trained yet and goes on with what was begun; a call that was killed is given again.

    Args:
        data: The data set.
        recipes: By the name of each pair.
        folder: Gets a run for each, and ``prepared``, which they share.
        watch: From a run to who observes its training.
        report: Called with a stage and how much of it is done.

    Returns:
        The finished runs, and the pairs for which there is no case, each with the reason.

    Raises:
        UsageError: If a run there was started with another recipe.
        CohortError: If the data set is refused, or there is a case for no pair.
        StoppedError: If a signal asked for an end.
    """
    for recipe in recipes.values():
        check_recipe(recipe)
    every = _of_all(recipes)
    done: list[VariantRun] = []
    without: list[tuple[str, str]] = []
    for number, (name, recipe) in enumerate(recipes.items()):
        report("pairs", number, len(recipes))
        run = VariantRun(name, recipe.training.seed, folder / name, recipe)
        series = Series(folder / "prepared", after=RunFolder(done[0].folder) if done else None, beside=(every,))
        try:
            train_run_of(run, data, recipe, series=series, watch=watch, report=report)
        except CohortError as error:
            without.append((name, str(error)))
            continue
        done.append(run)
    report("pairs", len(recipes), len(recipes))
    if not done:
        raise CohortError("cases with two of the contrasts", came=without[0][1], where=data, remedy="Add cases.")
    return done, without


def _of_all(recipes: Mapping[str, Recipe]) -> Recipe:
    """A recipe of all contrasts together, as which the data set is looked at once."""
    first = next(iter(recipes.values()))
    contrasts = list(dict.fromkeys(recipe.source[0] for recipe in recipes.values()))
    unified = load_recipe("any-to-any")
    return unified.with_overrides({"source": contrasts, "target": ANY, "plan": first.plan.model_dump(mode="json")})
