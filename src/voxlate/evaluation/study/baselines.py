"""The baselines of a search: what needs no training, on the validation cases that chose the values.

They are scored as a run's validations are, in normalised values, so that they stand beside the trials in one table.
Intensity lookup tells no classes apart: of label maps it is scored for all labels together.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from voxlate.bundle.bundle import read_bundle
from voxlate.cohort.split_file import read_split
from voxlate.config.recipe import load_recipe
from voxlate.contrast import get_contrast
from voxlate.methods.baselines import Lookup
from voxlate.metrics import metrics_of
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.store import PreparedStore
from voxlate.training.loop.validation import mean_of_available, validate
from voxlate.training.run import RunFolder
from voxlate.training.setup.begin import load_cohort
from voxlate.volume import Array

Baselines = Mapping[str, Mapping[str, float]]
"""From ``identity`` or ``lookup`` to its validation metrics."""


@lru_cache(maxsize=4)
def score_baselines(data: Path, folder: Path, prepared: Path) -> Baselines:
    """The baselines on the cases that chose the weights of a run; none if its bundle is not here.

    Args:
        data: The run's data set.
        folder: The run.
        prepared: Where its prepared store lies.
    """
    run = RunFolder(folder)
    if not run.bundle.is_dir():
        return {}
    recipe, plan = load_recipe(run.recipe), Plan.from_yaml(run.plan.read_text(encoding="utf-8"), where=run.plan)
    split = read_split(run.split)
    parts = {part: [case for case in load_cohort(data, recipe).cases if split.get(case.id) == part] for part in _PARTS}
    cases = next((found for found in parts.values() if found), [])
    store = PreparedStore(prepared, plan, (*plan.source, plan.target), optional=("labels",))
    store.prepare(cases)
    lookup, ids = Lookup.from_arrays(read_bundle(run.bundle).lookup()), [case.id for case in cases]
    if get_contrast(plan.target).kind == "label":
        return {"lookup": _score_labels(store, ids, lookup)}
    data_range = plan.normalisers[plan.target].data_range
    found = {"identity": _first, "lookup": lambda sources, _: lookup.apply(_first(sources, _)[0])[None]}
    if get_contrast(plan.source[0]).kind == "label":
        del found["identity"]
    return {
        name: validate(predict, store, ids, data_range=data_range).metrics for name, predict in found.items() if ids
    }


_PARTS = ("validation", "train")


def _first(sources: list[Array], _: Array) -> Array:
    """The first source as a prediction ``(1, i, j, k)``."""
    return np.asarray(sources[0][:])[None]


def _score_labels(store: PreparedStore, cases: list[str], lookup: Lookup) -> dict[str, float]:
    """What is labelled by intensity alone, all labels together."""
    rows = []
    for case in (store[case] for case in cases):
        share = lookup.apply(np.asarray(case.arrays[store.plan.source[0]][:]))
        truth = np.asarray(case.arrays[store.plan.target][:]) > 0
        pair, mask = (share > lookup.best_share(), truth), case.shown(store.plan.target)
        rows.append({name: one(*pair, mask=mask, data_range=1.0) for name, one in metrics_of("segmentation").items()})
    return {name: mean_of_available([row[name] for row in rows]) for name in metrics_of("segmentation")}
