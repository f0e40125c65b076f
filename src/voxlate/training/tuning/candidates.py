"""Candidates for the source: whether recipes that start from different contrasts are compared on the same cases.

Every candidate must have the same cases, so that one split serves all, and all their contrasts must lie on the grid of
the label map, so that all are scored on the same voxels. Which of these are foreground is found on each candidate's
first contrast.
"""

from __future__ import annotations

from pathlib import Path

from voxlate.cohort import Cohort
from voxlate.config.recipe import Recipe
from voxlate.derivation import files_of
from voxlate.errors import CohortError
from voxlate.io import read_grid
from voxlate.training.setup.begin import load_cohort

SOURCE = "source"


def load_candidates(data: Path, recipe: Recipe) -> Cohort:
    """The cases of the recipe; where its search tries several sources, they are those of every one.

    Raises:
        CohortError: If there is none, some candidate has other cases, or contrasts lie on different grids.
    """
    if SOURCE not in recipe.search.space:
        return load_cohort(data, recipe)
    values = map(str, recipe.search.space[SOURCE].values or ())
    candidates = {value: recipe.with_overrides({SOURCE: value}) for value in values}
    wanted, first = next(iter(candidates.items()))  # not the recipe's own source, which may be no candidate
    cohort = load_cohort(data, first)
    ids = {case.id for case in cohort.cases}
    for value, candidate in candidates.items():
        other = load_cohort(data, candidate)
        differing = ids ^ {case.id for case in other.cases}
        if differing:
            raise CohortError(
                f"the same cases for every source of search.space, {len(ids)} for {wanted}",
                came=f"{len(other.cases)} for {value}",
                where=", ".join(sorted(differing)[:5]),
                remedy="Leave out the cases that lack a contrast, or the sources that cases lack.",
            )
        _check_grids(other, candidate)
    return cohort


def _check_grids(cohort: Cohort, recipe: Recipe) -> None:
    for case in cohort.cases:
        wanted = read_grid(case.paths[recipe.target], reading=recipe.plan.reading)
        for name in files_of(recipe.source, recipe.plan.derive, case.paths):
            if not read_grid(case.paths[name], reading=recipe.plan.reading).matches(wanted):
                raise CohortError(
                    f"contrasts on the grid of {recipe.target}, where sources are compared",
                    came=f"another grid of {name}",
                    where=case.id,
                    remedy="Bring the contrasts of every case to one grid first, or compare sources with `compare`.",
                )
