"""Identity of a study: the recipe and the data set that all its trials share, so that unlike ones never mix.

A study is found again by its name alone, in a database that others may use too; what it was begun with is kept in it.

Candidates for the source: whether recipes that start from different contrasts are compared on the same cases.

Every candidate must have the same cases, so that one split serves all, and all their contrasts must lie on the grid of
the label map, so that all are scored on the same voxels. Which of these are foreground is found on each candidate's
first contrast.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import optuna

from voxlate.bundle.ensemble import read_model
from voxlate.cohort import Cohort
from voxlate.config.recipe import Recipe, parse_recipe
from voxlate.derivation import files_of
from voxlate.errors import CohortError, UsageError
from voxlate.io import read_grid
from voxlate.metrics import metrics_of
from voxlate.plainyaml import Json, leaves
from voxlate.training.loop.validation import LESION_PREFIX
from voxlate.training.setup.begin import load_cohort

_CHANGEABLE = {"search.sampler", "search.pruner"}


def check_cohort(cohort: Cohort, recipe: Recipe) -> None:
    """Refuses a metric that the data set cannot give, before anything is prepared.

    Raises:
        CohortError: If the metric is one of lesions or of a task, and no case has a label map.
    """
    metric = recipe.search.metric
    of_labels = metric in metrics_of("task") or metric.startswith(LESION_PREFIX)
    if of_labels and not any("labels" in case.paths for case in cohort.cases):
        raise CohortError(
            f"label maps for the search's metric {metric}",
            came=f"none among {len(cohort.cases)} cases",
            where=cohort.root,
            remedy="Add label maps (seg, labels, ...), or compare a metric of the foreground, such as ssim.",
        )


def check_identity(study: optuna.Study, recipe: Recipe, cohort: Cohort, *, where: str) -> str:
    """Keeps what a new study is begun with, or compares it with what an old one was begun with.

    Sampler, pruner and budget of the search may change; the recipe, the ranges, the metric and the data set may not.

    Returns:
        A digest of the data set.

    Raises:
        UsageError: If the study was begun with another recipe or on another data set.
    """
    digest, now = _digest_cohort(cohort), _flat_recipe(recipe)
    known = study.user_attrs
    if "data" not in known:
        study.set_user_attr("recipe", now)
        study.set_user_attr("data", digest)
        return digest
    before = _completed(known.get("recipe", {}))
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if known["data"] != digest:
        changed.append("the data set")
    if changed:
        raise UsageError(
            f"what the study {study.study_name!r} was begun with",
            came=f"another {', '.join(changed)}",
            where=where,
            remedy="Go on with the same, or begin a study of its own: in another folder, or with --set name=NAME.",
        )
    return digest


def _completed(before: Json) -> Json:
    """The recipe of a study with the defaults of fields that came after it was begun."""
    nested: Json = {}
    for name, value in before.items():
        *sections, last = name.split(".")
        if sections[:1] == ["search"]:  # its ranges are named by fields with dots
            continue
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    try:
        now = parse_recipe(nested, where="the study")
    except UsageError:  # it holds what no recipe may hold any more: then every field counts as it stands
        return before
    left_out = {*_CHANGEABLE, "search.space", "search.task"}
    defaults = {name: value for name, value in leaves(now.model_dump(mode="json")) if name not in left_out}
    return {**defaults, **before}


def _flat_recipe(recipe: Recipe) -> Json:
    """Dotted fields and their values; of a task its model's digest, since the same one lies elsewhere elsewhere."""
    flat = {name: value for name, value in leaves(recipe.model_dump(mode="json")) if name not in _CHANGEABLE}
    if recipe.search.task is not None:
        flat["search.task"] = read_model(recipe.search.task).digest
    return flat


def _digest_cohort(cohort: Cohort) -> str:
    """Of the ids of the cases and the sizes of their files: cheap, and the same wherever the data set lies."""
    files = sorted((case.id, name, path.stat().st_size) for case in cohort.cases for name, path in case.paths.items())
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


_SOURCE = "source"


def load_candidates(data: Path, recipe: Recipe) -> Cohort:
    """The cases of the recipe; where its search tries several sources, they are those of every one.

    Raises:
        CohortError: If there is none, some candidate has other cases, or contrasts lie on different grids.
    """
    if _SOURCE not in recipe.search.space:
        return load_cohort(data, recipe)
    values = map(str, recipe.search.space[_SOURCE].values or ())
    candidates = {value: recipe.with_overrides({_SOURCE: value}) for value in values}
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
