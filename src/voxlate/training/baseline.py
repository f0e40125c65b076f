"""Intensity lookup on the cases that chose a run's weights, so that a model's score never stands alone.

It is scored as a run's validations are, in normalised values. It tells no classes apart: of label maps it is scored for
all labels together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from voxlate.contrast import get_contrast
from voxlate.methods.baselines import Lookup
from voxlate.metrics import metrics_of
from voxlate.preprocess.store import PreparedStore
from voxlate.training.loop.validation import mean_of_available, validate
from voxlate.volume import Array


def training_pairs(
    store: PreparedStore, cases: Iterable[str], *, source: str, target: str
) -> Iterator[tuple[Array, Array, NDArray[np.bool_]]]:
    """What a lookup is fitted on: source, target and mask of each case that has both.

    Of a label map the lookup is told whether a voxel is labelled.

    Args:
        store: Holds the cases.
        cases: Their ids.
        source: A contrast.
        target: Another one.
    """
    is_label = get_contrast(target).kind == "label"
    for case in (store[case] for case in cases):
        if source in case.arrays and target in case.arrays:
            image, truth = (np.asarray(case.arrays[name][:]) for name in (source, target))
            yield image, np.minimum(truth, 1) if is_label else truth, case.shown(source, target)


def score_lookup(store: PreparedStore, lookup: Lookup, cases: Sequence[str]) -> dict[str, float]:
    """The validation metrics of the lookup; none without a case.

    Args:
        store: Holds the cases.
        lookup: Fitted on the training cases.
        cases: Ids of the cases.
    """
    if not cases:
        return {}
    target = store.plan.target
    if get_contrast(target).kind == "label":
        return _score_labels(store, lookup, cases)
    data_range = store.plan.normalisers[target].data_range
    return validate(
        lambda sources, _: lookup.apply(np.asarray(sources[0][:]))[None], store, cases, data_range=data_range
    ).metrics


def _score_labels(store: PreparedStore, lookup: Lookup, cases: Sequence[str]) -> dict[str, float]:
    """What is labelled by intensity alone, all labels together."""
    rows = []
    for case in (store[case] for case in cases):
        share = lookup.apply(np.asarray(case.arrays[store.plan.source[0]][:]))
        truth = np.asarray(case.arrays[store.plan.target][:]) > 0
        pair, mask = (share > lookup.best_share(), truth), case.shown(store.plan.target)
        rows.append({name: one(*pair, mask=mask, data_range=1.0) for name, one in metrics_of("segmentation").items()})
    return {name: mean_of_available([row[name] for row in rows]) for name in metrics_of("segmentation")}
