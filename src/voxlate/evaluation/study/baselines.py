"""The baselines of a search: what needs no training, on the validation cases that chose the values.

They are scored as a run's validations are, in normalised values, so that they stand beside the trials in one table.
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
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.store import PreparedStore
from voxlate.training.baseline import score_lookup
from voxlate.training.loop.validation import validate
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
    ids = [case.id for case in cases]
    found = {"lookup": score_lookup(store, Lookup.from_arrays(read_bundle(run.bundle).lookup()), ids)}
    if not ids or "label" in {get_contrast(name).kind for name in (plan.source[0], plan.target)}:
        return found
    data_range = plan.normalisers[plan.target].data_range
    return {"identity": validate(_first, store, ids, data_range=data_range).metrics} | found


_PARTS = ("validation", "train")


def _first(sources: list[Array], _: Array) -> Array:
    """The first source as a prediction ``(1, i, j, k)``."""
    return np.asarray(sources[0][:])[None]
