"""Identity of a study: the recipe and the data set that all its trials share, so that unlike ones never mix.

A study is found again by its name alone, in a database that others may use too; what it was begun with is kept in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import optuna

from voxlate.bundle.ensemble import read_model
from voxlate.cohort import Cohort
from voxlate.config.recipe import Recipe
from voxlate.errors import CohortError, UsageError
from voxlate.metrics import TASK_METRICS
from voxlate.training.loop.validation import LESION_PREFIX

_CHANGEABLE = {"search.sampler", "search.pruner"}


def check_cohort(cohort: Cohort, recipe: Recipe) -> None:
    """Refuses a metric that the data set cannot give, before anything is prepared.

    Raises:
        CohortError: If the metric is one of lesions or of a task, and no case has a label map.
    """
    metric = recipe.search.metric
    of_labels = metric in TASK_METRICS or metric.startswith(LESION_PREFIX)
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
    before: Mapping[str, Any] = known.get("recipe", {})
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


def _flat_recipe(recipe: Recipe) -> dict[str, Any]:
    """Dotted fields and their values; of a task its model's digest, since the same one lies elsewhere elsewhere."""
    flat = {name: value for name, value in _flatten(recipe.model_dump(mode="json"), "") if name not in _CHANGEABLE}
    if recipe.search.task is not None:
        flat["search.task"] = read_model(recipe.search.task).digest
    return flat


def _flatten(value: Any, name: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flatten(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _digest_cohort(cohort: Cohort) -> str:
    """Of the ids of the cases and the sizes of their files: cheap, and the same wherever the data set lies."""
    files = sorted((case.id, name, path.stat().st_size) for case in cohort.cases for name, path in case.paths.items())
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()
