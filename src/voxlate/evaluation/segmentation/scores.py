"""Segmentation scores: one label map beside the true one, class by class.

A class is a set of label values, so that nested regions (whole tumour, tumour core) and disjoint labels are the same
thing; no value stands for every one above 0. Scores are voxel by voxel, by surface and lesion by lesion; what is empty
is told in ``voxlate.metrics.segmentation``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from voxlate.cohort.labels.classes import ANY_LABEL, members
from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.metrics import Detection, detect, metrics_of
from voxlate.metrics.metric import Mask
from voxlate.volume import Array, extent

Labels = Array
Classes = Mapping[str, Sequence[int]]
VOLUME = "volume"


def class_regions(classes: Classes) -> dict[str, tuple[int, ...]]:
    """The classes, and ``any label`` where there are several and none of them holds all labels already.

    Example:
        >>> class_regions({"core": [1, 4], "oedema": [2]})["any label"]
        (1, 2, 4)
    """
    regions = {name: tuple(sorted(set(values))) for name, values in classes.items()}
    everything = _all_values(classes)
    return regions if everything in regions.values() else {**regions, ANY_LABEL: everything}


def whole(classes: Classes) -> str:
    """The region that holds every label: a class that does, or ``any label``.

    Example:
        >>> whole({"whole tumour": [1, 2, 4], "tumour core": [1, 4]})
        'whole tumour'
    """
    regions = class_regions(classes)
    return max(regions, key=lambda name: (not regions[name], len(regions[name])))


def values_of(region: str, classes: Classes) -> tuple[int, ...]:
    """The label values of a class, or of all classes for ``any label``; none stands for every one above 0."""
    return tuple(classes[region]) if region in classes else _all_values(classes)


def score_segmentation(
    found: Labels,
    truth: Labels,
    *,
    classes: Classes,
    mask: Mask,
    spacing_mm: Sequence[float],
    case: str,
    method: str,
    truth_classes: Classes | None = None,
) -> list[Score]:
    """Every metric of segmentations for every class.

    Args:
        found: ``(i, j, k)`` label map to judge.
        truth: ``(i, j, k)`` true label map, on the same grid.
        classes: From the name of a class to its label values.
        mask: ``(i, j, k)`` bool, the voxels that count. Only accuracy and the worst HD95 depend on how much background
            it holds.
        spacing_mm: Distance of neighbouring voxels along i, j and k.
        case: Id of the case.
        method: Who found it.
        truth_classes: The same names with their values in the truth, if these are others.

    Returns:
        Per region of ``class_regions``: every metric of the kinds ``segmentation``, ``surface`` and ``detection``.

    Raises:
        UsageError: If shapes differ, a value is not finite, or mask or spacing cannot be used.
    """
    for labels in (found, truth):
        if not np.isfinite(labels).all():
            raise UsageError("finite labels", came="NaN or infinity", where=case, remedy="Repair the label map.")
    scores: list[Score] = []
    of_truth = classes if truth_classes is None else truth_classes
    for region, values in class_regions(classes).items():
        sets = members(found, values), members(truth, values_of(region, of_truth))
        measured = _measure(*sets, mask=mask, spacing_mm=spacing_mm)
        scores += [Score(case, region, method, name, value, unit) for name, (value, unit) in measured.items()]
    return scores


def volumes_ml(
    labels: Labels,
    *,
    classes: Classes,
    mask: Mask,
    spacing_mm: Sequence[float],
    case: str,
    method: str,
    regions: Sequence[str] = (),
) -> list[Score]:
    """The volume of every class in millilitres, as scores of the name ``volume``, which is better in no direction.

    Args:
        labels: ``(i, j, k)`` label map, found or true.
        classes: From the name of a class to its label values.
        mask: ``(i, j, k)`` bool, the voxels that count.
        spacing_mm: Distance of neighbouring voxels along i, j and k.
        case: Id of the case.
        method: Who found it; ``truth`` for the true one.
        regions: Names of the regions; by default those of ``class_regions``.
    """
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    sizes = {
        region: np.count_nonzero(members(labels, values_of(region, classes)) & mask)
        for region in regions or class_regions(classes)
    }
    return [Score(case, region, method, VOLUME, size * voxel_ml, "ml") for region, size in sizes.items()]


def _all_values(classes: Classes) -> tuple[int, ...]:
    """Every value of every class; none if one class is whatever is labelled."""
    return tuple(sorted({value for values in classes.values() for value in values})) if all(classes.values()) else ()


def _measure(found: Mask, truth: Mask, *, mask: Mask, spacing_mm: Sequence[float]) -> dict[str, tuple[float, str]]:
    """From a metric to its value and unit.

    Lesions are counted once for all six numbers of detection. Where both sets have voxels, only their box is looked at,
    which changes nothing but accuracy: that counts the background too.
    """
    sets = found & mask, truth & mask
    box = extent(sets[0] | sets[1]) if all(part.any() for part in sets) else None
    near = (found, truth, mask) if box is None else (sets[0][box], sets[1][box], mask[box])
    values: dict[str, tuple[float, str]] = {}
    for name, metric in metrics_of("segmentation").items():
        prediction, reference, counted = (found, truth, mask) if name == "accuracy" else near
        values[name] = metric(prediction, reference, mask=counted, data_range=1.0), "1"
    for name, surface in metrics_of("surface").items():
        value = surface(*near[:2], mask=near[2], data_range=1.0, spacing_mm=spacing_mm)
        values[name] = value, surface.unit()
    lesions = detect(*near[:2], mask=near[2])
    return values | {name: (value, "1") for name, value in _detection(lesions).items()}


def _detection(lesions: Detection | None) -> dict[str, float]:
    """The metrics of the kind ``detection`` by name; NaN for an empty mask."""
    prefix = "detection_"
    return {
        name: float("nan") if lesions is None else float(getattr(lesions, name.removeprefix(prefix)))
        for name in metrics_of("detection")
    }
