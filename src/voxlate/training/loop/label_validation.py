"""Validation of a segmentation: label maps of whole cases against the true ones, and how far training is ahead.

Each metric of ``SEGMENTATION_METRICS`` is the mean over the cases of the mean over the classes that have a value,
inside the foreground; ``dice of <class>`` is that of one class of several. ``loss`` is the recipe's, of whole cases. As
many training cases as there are validation cases, ten at most, are scored beside them without augmentation, under the
same names after ``train_``: what they are better by is what the network has learned by heart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from voxlate.inference.predict import Predictor
from voxlate.methods.segmentation import Segmentation
from voxlate.metrics import SEGMENTATION_METRICS
from voxlate.preprocess.prepare import PreparedCase
from voxlate.training.loop.batches import CaseStore
from voxlate.training.loop.validation import TRAIN_PREFIX, Array, Example, Validation, mean_of_available

MOST_TRAINING_CASES = 10
OF_CLASS = "dice of "
_EPSILON = 1e-6


def validate_segmentation(
    predict: Predictor, method: Segmentation, store: CaseStore, *, validation: Sequence[str], training: Sequence[str]
) -> Validation:
    """Segments and scores the validation cases and some training cases.

    Args:
        predict: Of the method, in evaluation mode.
        method: Its classes and its loss.
        store: Prepared cases.
        validation: Ids of the cases that choose the weights; at least one.
        training: Ids of the training cases; none where they are the validation cases.
    """
    rows: list[dict[str, float]] = []
    examples: list[Example] = []
    for case_id in validation:
        case = store[case_id]
        stitched = predict.stitched([case.arrays[name] for name in store.plan.source], case.mask)
        found, truth, mask = predict.decode(stitched)[0], *_truth(case, store.plan.target)
        rows.append(_score(method, stitched, found=found, truth=truth, mask=mask))
        if not examples:
            source = np.asarray(case.arrays[store.plan.source[0]][:])
            examples.append(Example(case_id, source, found, truth, mask, case.grid.spacing_mm, method.classes))
    ahead = []
    for case_id in training[: min(len(validation), MOST_TRAINING_CASES)]:
        case = store[case_id]
        stitched = predict.stitched([case.arrays[name] for name in store.plan.source], case.mask)
        truth, mask = _truth(case, store.plan.target)
        ahead.append(_score(method, stitched, found=predict.decode(stitched)[0], truth=truth, mask=mask))
    metrics = _means(rows) | {TRAIN_PREFIX + name: value for name, value in _means(ahead).items()}
    return Validation(metrics, examples[0])


def _truth(case: PreparedCase, target: str) -> tuple[Array, NDArray[np.bool_]]:
    mask = np.asarray(case.mask[:])
    return np.where(mask, np.asarray(case.arrays[target][:]), np.float32(0)), mask


def _score(
    method: Segmentation, stitched: Array, *, found: Array, truth: Array, mask: NDArray[np.bool_]
) -> dict[str, float]:
    by_class = {}
    for name in method.classes:
        pair = method.members(found, name), method.members(truth, name)
        by_class[name] = {
            metric: function(*pair, mask=mask, data_range=1.0) for metric, function in SEGMENTATION_METRICS.items()
        }
    row = {metric: mean_of_available([of[metric] for of in by_class.values()]) for metric in SEGMENTATION_METRICS}
    row["loss"] = _loss(method, stitched, truth=truth, mask=mask)
    if len(by_class) > 1:
        row |= {OF_CLASS + name: of["dice"] for name, of in by_class.items()}
    return row


def _loss(method: Segmentation, stitched: Array, *, truth: Array, mask: NDArray[np.bool_]) -> float:
    """The recipe's loss of a whole case, from probabilities."""
    probabilities = torch.from_numpy(np.ascontiguousarray(stitched))[None].clamp(_EPSILON, 1 - _EPSILON)
    labels = method.encode(torch.from_numpy(np.ascontiguousarray(truth))[None, None])
    inside = torch.from_numpy(np.ascontiguousarray(mask))[None, None].float()
    with torch.inference_mode():
        return float(method.loss(torch.logit(probabilities), labels, inside)[0])


def _means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: mean_of_available([row[name] for row in rows]) for name in names}
