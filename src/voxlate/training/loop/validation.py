"""Validation: whole held-out volumes, scored in normalised values inside the foreground, and inside the lesions.

Beside each metric of the foreground there is one of the lesion (``lesion_mae``, ``lesion_ssim``, ...): the same inside
every label above 0, averaged over the cases that have such a label. A recipe that names a task (``search.task``) is
also told how well that works on the predictions. Where the target shows nothing, nothing is scored.

Validation of a segmentation: label maps of whole cases against the true ones, and how far training is ahead.

Each metric of a segmentation is the mean over the cases of the mean over the classes that have a value,
inside the foreground; ``dice of <class>`` is that of one class of several. ``loss`` is the recipe's, of whole cases. As
many training cases as there are validation cases, ten at most, are scored beside them without augmentation, under the
same names after ``train_``: what they are better by is what the network has learned by heart.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from voxlate.cohort.labels.classes import members
from voxlate.config.catalogue import pick
from voxlate.config.recipe import Recipe
from voxlate.contrast import BACKGROUND, get_contrast
from voxlate.inference.stitching import CasePredictor
from voxlate.methods.build import method_class
from voxlate.methods.encoder import class_maps
from voxlate.methods.interface import Trainable
from voxlate.metrics import Metric, metrics_of
from voxlate.metrics.structural_similarity import apart_from
from voxlate.preprocess.intensity import PHYSICAL_SCALES
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.prepare import PreparedCase
from voxlate.training.loop.batches import CaseStore
from voxlate.training.loop.task import DownstreamTask

Array = NDArray[np.float32]
Predict = Callable[[list[Any], Any], Any]
LESION_PREFIX = "lesion_"
TRAIN_PREFIX = "train_"
"""What the names of metrics of training cases begin with."""


def validation_metric(name: str) -> Metric:
    """The metric that a name of a validation stands for: ``ssim``, ``lesion_ssim``, ``task_dice``, or ``dice``.

    Raises:
        UsageError: If there is none.
    """
    of_images = metrics_of("voxelwise")
    of_lesions = {LESION_PREFIX + key: metric for key, metric in of_images.items()}
    known = {**of_images, **of_lesions, **metrics_of("task", "segmentation")}
    return pick(known, name, what="validation metric")


def metrics_given(recipe: Recipe) -> Mapping[str, Metric]:
    """The metrics, inside the foreground, of what a recipe's method gives: of label maps, or of images."""
    return metrics_of("segmentation" if method_class(recipe).segments else "voxelwise")


@dataclass(frozen=True)
class Example:
    """One validation case with its prediction, for figures; arrays ``(i, j, k)``, RAS, normalised, or label maps.

    Attributes:
        case_id: The case.
        source: The first source.
        prediction: What was predicted.
        truth: What is true.
        mask: The foreground.
        spacing_mm: Voxel size along i, j, k.
        classes: Of label maps, from the name of a class to its label values; no value stands for every one above 0.
        labels: The label map of a case that has one beside its images.
        data_range: Range of the normalised target.
        unit: Of the target where its values are physical; empty where they are normalised scan by scan.
        scale: What a normalised value is multiplied with to have that unit.
        outside: Value of the background in that unit.
    """

    case_id: str
    source: Array
    prediction: Array
    truth: Array
    mask: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]
    classes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    labels: Array | None = None
    data_range: float = 1.0
    unit: str = ""
    scale: float = 1.0
    outside: float = 0.0

    def in_unit(self, image: Array) -> Array:
        """An image of the target in its unit, background outside the foreground, as an evaluation shows it."""
        return np.where(self.mask, image * np.float32(self.scale), np.float32(self.outside))


@dataclass(frozen=True)
class Validation:
    """Mean metrics over the validation cases (NaN where none was available), and the first case."""

    metrics: dict[str, float]
    example: Example


@dataclass(frozen=True, eq=False)
class ScoredCase:
    """A prediction of an image beside its truth, both 0 where nothing counts.

    Attributes:
        case: The case.
        target: What was predicted.
        prediction: ``(i, j, k)``.
        truth: ``(i, j, k)``.
        mask: Where it counts.
        data_range: Range of the normalised target.
        metrics: In the mask, and in the labels as ``lesion_...`` of a case that has some.
    """

    case: PreparedCase
    target: str
    prediction: Array
    truth: Array
    mask: NDArray[np.bool_]
    data_range: float
    metrics: dict[str, float]

    def example(self, plan: Plan, source: str) -> Example:
        """It as figures show it, beside a source."""
        case = self.case
        labels = np.asarray(case.arrays["labels"][:]) if "labels" in case.arrays else None
        images = np.asarray(case.arrays[source][:]), self.prediction, self.truth, self.mask
        shown = Example(case.case_id, *images, case.grid.spacing_mm, labels=labels)
        return dataclasses.replace(shown, data_range=self.data_range, **_physical(plan, self.target))


def score_case(case: PreparedCase, predicted: Array, *, target: str, data_range: float) -> ScoredCase:
    """Scores a prediction of an image.

    Args:
        case: The case, with its truth.
        predicted: ``(i, j, k)``, normalised.
        target: What it is a prediction of.
        data_range: Range of the normalised target, for PSNR and SSIM.
    """
    mask = case.shown(target)
    # Windows of SSIM reach over the edge of the foreground, beyond which a network may predict what it likes.
    truth = np.where(mask, np.asarray(case.arrays[target][:]), np.float32(0))
    prediction = np.where(mask, predicted, np.float32(0))
    hidden = np.asarray(case.mask[:]) & ~mask if target in case.valid else None
    metrics = _score_inside(prediction, truth, mask, data_range=data_range, hidden=hidden)
    if "labels" in case.arrays:
        lesion = mask & (np.asarray(case.arrays["labels"][:]) > 0)
        inside = _score_inside(prediction, truth, lesion, data_range=data_range, hidden=hidden)
        metrics |= {LESION_PREFIX + name: value for name, value in inside.items()}
    return ScoredCase(case, target, prediction, truth, mask, data_range, metrics)


def mean_metrics(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of every metric over the cases that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: mean_of_available([row[name] for row in rows if name in row]) for name in names}


def validate(
    predict: Predict,
    store: CaseStore,
    case_ids: Sequence[str],
    *,
    data_range: float,
    task: DownstreamTask | None = None,
) -> Validation:
    """Predicts and scores every validation case.

    Args:
        predict: From the sources and the foreground of a case to its prediction ``(1, i, j, k)``.
        store: Prepared cases.
        case_ids: Which of them; at least one.
        data_range: Range of the normalised target, for PSNR and SSIM.
        task: What is done with the predictions, if anything.
    """
    plan = store.plan
    rows: list[dict[str, float]] = []
    examples: list[Example] = []
    for case_id in case_ids:
        case = store[case_id]
        predicted = predict([case.arrays[name] for name in plan.source], np.asarray(case.mask[:]))[0]
        scored = score_case(case, predicted, target=plan.target, data_range=data_range)
        rows.append(scored.metrics if task is None else scored.metrics | task.score(case, scored.prediction))
        if not examples:
            examples.append(scored.example(plan, plan.source[0]))
    return Validation(mean_metrics(rows), examples[0])


class _Physical(TypedDict, total=False):
    unit: str
    scale: float
    outside: float


def _physical(plan: Plan, target: str) -> _Physical:
    """Unit, scale and background of a target whose values are physical, as ``Example`` takes them."""
    contrast, normaliser = get_contrast(target), plan.normalisers[target]
    if normaliser.kind not in PHYSICAL_SCALES:
        return {}
    scale = PHYSICAL_SCALES[normaliser.kind]
    return {"unit": contrast.unit, "scale": scale, "outside": BACKGROUND[contrast.kind]}


def _score_inside(
    prediction: Array,
    truth: Array,
    mask: NDArray[np.bool_],
    *,
    data_range: float,
    hidden: NDArray[np.bool_] | None,
) -> dict[str, float]:
    """The metrics of images of a prediction ``(i, j, k)``.

    Args:
        prediction: Normalised, 0 outside the foreground that the target shows.
        truth: Likewise.
        mask: Where they are compared.
        data_range: Of the normalised target.
        hidden: The foreground that the target does not show; ``None`` where it shows all.
    """
    # Metrics of single voxels need no more than the mask; those of windows must not reach what is hidden.
    apart = mask if hidden is None else apart_from(hidden, mask)
    return {
        name: metric(prediction, truth, mask=mask if metric.local is None else apart, data_range=data_range)
        for name, metric in metrics_of("voxelwise").items()
    }


def mean_of_available(values: Sequence[float]) -> float:
    """The mean of what is available."""
    available = [value for value in values if not math.isnan(value)]
    return float(np.mean(available)) if available else math.nan


MOST_TRAINING_CASES = 10
_OF_CLASS = "dice of "
_EPSILON = 1e-6


def validate_segmentation(
    predict: CasePredictor, method: Trainable, store: CaseStore, *, validation: Sequence[str], training: Sequence[str]
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
        rows.append(_score_classes(method, stitched, found=found, truth=truth, mask=mask))
        if not examples:
            source = np.asarray(case.arrays[store.plan.source[0]][:])
            examples.append(Example(case_id, source, found, truth, mask, case.grid.spacing_mm, method.classes))
    ahead = []
    for case_id in training[: min(len(validation), MOST_TRAINING_CASES)]:
        case = store[case_id]
        stitched = predict.stitched([case.arrays[name] for name in store.plan.source], case.mask)
        truth, mask = _truth(case, store.plan.target)
        ahead.append(_score_classes(method, stitched, found=predict.decode(stitched)[0], truth=truth, mask=mask))
    metrics = _means(rows) | {TRAIN_PREFIX + name: value for name, value in _means(ahead).items()}
    return Validation(metrics, examples[0])


def _truth(case: PreparedCase, target: str) -> tuple[Array, NDArray[np.bool_]]:
    mask = case.shown(target)
    return np.where(mask, np.asarray(case.arrays[target][:]), np.float32(0)), mask


def _score_classes(
    method: Trainable, stitched: Array, *, found: Array, truth: Array, mask: NDArray[np.bool_]
) -> dict[str, float]:
    by_class = {}
    for name, values in method.classes.items():
        pair = members(found, values), members(truth, values)
        by_class[name] = {
            metric: function(*pair, mask=mask, data_range=1.0)
            for metric, function in metrics_of("segmentation").items()
        }
    row = {metric: mean_of_available([of[metric] for of in by_class.values()]) for metric in metrics_of("segmentation")}
    row["loss"] = _loss(method, stitched, truth=truth, mask=mask)
    if len(by_class) > 1:
        row |= {_OF_CLASS + name: of["dice"] for name, of in by_class.items()}
    return row


def _loss(method: Trainable, stitched: Array, *, truth: Array, mask: NDArray[np.bool_]) -> float:
    """The recipe's loss of a whole case, from probabilities."""
    probabilities = torch.from_numpy(np.ascontiguousarray(stitched))[None].clamp(_EPSILON, 1 - _EPSILON)
    labels = class_maps(torch.from_numpy(np.ascontiguousarray(truth))[None, None], method.classes)
    inside = torch.from_numpy(np.ascontiguousarray(mask))[None, None].float()
    with torch.inference_mode():
        return float(method.loss(torch.logit(probabilities), labels, inside)[0])


def _means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: mean_of_available([row[name] for row in rows]) for name in names}
