"""Intensity lookup on the cases that chose a run's weights, so that its score never stands alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.methods.baselines import Lookup
from voxlate.metrics import metrics_of
from voxlate.preprocess.store import PreparedStore
from voxlate.training.setup.setup import Setup


def score_lookup(setup: Setup, store: PreparedStore, lookup: Lookup, cases: Sequence[Case]) -> dict[str, float]:
    """The mean MAE of the lookup, or its Dice of whatever is labelled, over prepared cases that have a value.

    Args:
        setup: What is trained.
        store: Holds the cases.
        lookup: Fitted on the training cases.
        cases: Which cases.

    Returns:
        ``mae``, normalised like the run's own, or ``dice``; nothing if no case has a value.
    """
    names = (setup.recipe.source[0], setup.recipe.target)
    is_label = get_contrast(names[1]).kind == "label"
    name = "dice" if is_label else "mae"
    metric = metrics_of("segmentation" if is_label else "voxelwise")[name]
    values = []
    for case in cases:
        prepared = store[case.id]
        source, truth = (np.asarray(prepared.arrays[one][:]) for one in names)
        pair = (lookup.apply(source), truth)
        data_range = 1.0 if is_label else setup.plan.normalisers[names[1]].data_range
        marked = (pair[0] > lookup.best_share(), truth > 0) if is_label else pair
        values.append(metric(*marked, mask=prepared.shown(names[1]), data_range=data_range))
    known = [value for value in values if not math.isnan(value)]
    return {name: float(np.mean(known))} if known else {}
