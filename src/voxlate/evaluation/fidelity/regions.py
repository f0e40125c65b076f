"""Fidelity: how near a prediction comes to the truth, per region, in the target's unit.

Arrays come already in the unit that they are scored in. CT is scored in HU with the data range of [-1024, 3071]. MR
has no unit of its own: truth and prediction are scored as (value - offset) / scale, the truth by its own percentiles
and the prediction by the scaling recorded with it, in the unit ``1``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.metrics import metrics_of, whole_slices
from voxlate.metrics.metric import Image, Mask, Metric, check_images
from voxlate.metrics.structural_similarity import RADIUS, apart_from
from voxlate.regions import FOREGROUND, LESION, WHOLE_SLICES
from voxlate.volume import extent


def score_case(
    prediction: Image,
    truth: Image,
    *,
    mask: Mask,
    data_range: float,
    unit: str,
    case: str,
    method: str,
    regions: Mapping[str, Mask] | None = None,
    hidden: Mask | None = None,
) -> list[Score]:
    """Every voxelwise metric in the foreground and in each region.

    Args:
        prediction: ``(i, j, k)``, in ``unit``.
        truth: ``(i, j, k)``, same unit.
        mask: ``(i, j, k)`` bool, the foreground.
        data_range: Fixed width of the value range, in ``unit``.
        unit: Unit of the images; ``1`` for normalised values.
        case: Id of the case.
        method: Who predicted.
        regions: From a name to a mask ``(i, j, k)``; an empty region gives scores that are not available.
        hidden: ``(i, j, k)`` bool, where the truth shows nothing; it is in no mask.

    Returns:
        The scores, foreground first. SSIM in a region is the mean of the volume's SSIM map there, without voxels whose
        windows reach what is hidden.

    Raises:
        UsageError: If the shapes differ, a region is called ``foreground``, or the foreground is the whole of an image
            with a constant background, which would flatter every method.
    """
    masks = {FOREGROUND: np.asarray(mask, dtype=bool), **_named(regions or {})}
    for region in masks.values():
        check_images(prediction, truth, mask=region, data_range=data_range)
    _refuse_background(masks[FOREGROUND], truth, case=case)
    box = _box_with_halo(masks)
    cropped = {name: region[box] for name, region in masks.items()}
    p, t = np.asarray(prediction)[box], np.asarray(truth)[box]
    apart = cropped
    if hidden is not None:
        apart = {name: apart_from(np.asarray(hidden)[box], region) for name, region in cropped.items()}
    return [
        Score(case, region, method, name, value, metric.unit(unit))
        for name, metric in metrics_of("voxelwise").items()
        for region, value in _by_region(
            metric, p, t, masks=cropped if metric.local is None else apart, data_range=data_range
        )
    ]


def score_slices(
    prediction: Image, truth: Image, *, mask: Mask, data_range: float, unit: str, case: str, method: str, axis: int = 2
) -> list[Score]:
    """The two rows of Table 1 of Avula et al. 2020 for MAE and MSE: total over the slices, and average per slice.

    The paper does not say over which pixels of a slice the mean runs, so both readings are given: region
    ``foreground`` over the voxels of the mask, region ``whole slices`` over every pixel of the slices that hold any.

    Args:
        prediction: ``(i, j, k)``, in ``unit``; the background filled as the truth's.
        truth: ``(i, j, k)``, same unit.
        mask: ``(i, j, k)`` bool, the foreground.
        data_range: Fixed width of the value range, in ``unit``.
        unit: Unit of the images; ``1`` for normalised values.
        case: Id of the case.
        method: Who predicted.
        axis: Axis that the slices are stacked along; 2 for axial slices of a RAS volume.

    Raises:
        UsageError: If the shapes differ or the axis does not exist.
    """
    check_images(prediction, truth, mask=mask, data_range=data_range)
    p, t = (np.moveaxis(np.asarray(image), axis, 2) for image in (prediction, truth))
    inside = np.moveaxis(np.asarray(mask, dtype=bool), axis, 2)
    masks = {FOREGROUND: inside, WHOLE_SLICES: whole_slices(inside)}
    return [
        Score(
            case,
            region,
            method,
            name,
            metric(p, t, mask=counted, data_range=data_range),
            metric.unit(unit),
        )
        for region, counted in masks.items()
        for name, metric in metrics_of("slices").items()
    ]


def score_whole(
    prediction: Image, truth: Image, *, mask: Mask, data_range: float, unit: str, case: str, method: str
) -> list[Score]:
    """Metrics of the whole volume, in the foreground; arguments as ``score_case``.

    They say whether it holds together (kind ``continuity``) and whether it looks like the truth (``appearance``). A CT
    has SynthRAD's multi-scale SSIM among its own metrics, and no other one.
    """
    metrics = dict(metrics_of("continuity", "appearance"))
    if unit == get_contrast("ct").unit:
        del metrics["ms_ssim"]
    return [
        Score(
            case,
            FOREGROUND,
            method,
            name,
            metric(prediction, truth, mask=mask, data_range=data_range),
            metric.unit(unit),
        )
        for name, metric in metrics.items()
    ]


def label_regions(
    labels: Image, *, names: Mapping[int, str] | None = None, union: str | None = LESION
) -> dict[str, Mask]:
    """Regions of a label map: the union of all labels, and each label by its name.

    Args:
        labels: ``(i, j, k)``, integer values; 0 is background.
        names: From a label's value to its name. Give those of the whole cohort, so that a label that this case lacks
            is counted as not available. By default ``label 1``, ``label 2``, ... for the values in the map; a map with
            one value has only its union.
        union: Name of the region of any non-zero label, see ``voxlate.cohort.labels.labelling``; ``None`` for none.

    Raises:
        UsageError: If a value is not an integer.
    """
    array = np.asarray(labels)
    values = np.unique(array)
    if not np.isfinite(values).all() or (values != np.round(values)).any():
        raise UsageError("a label map with integer values", came="other values", remedy="Resample labels by nearest.")
    present = [int(value) for value in values if value != 0]
    if names is None:
        names = {value: f"label {value}" for value in present if len(present) > 1 or union is None}
    regions = {} if union is None else {union: array != 0}
    regions.update({name: array == value for value, name in names.items()})
    return regions


def _by_region(
    metric: Metric, prediction: Image, truth: Image, *, masks: Mapping[str, Mask], data_range: float
) -> Iterator[tuple[str, float]]:
    if metric.local is None:
        for region, mask in masks.items():
            yield region, metric(prediction, truth, mask=mask, data_range=data_range)
        return
    anywhere = np.logical_or.reduce(list(masks.values()))
    local = metric.local(prediction, truth, mask=anywhere, data_range=data_range)
    for region, mask in masks.items():
        yield region, float(local[mask].mean()) if mask.any() else math.nan


def _named(regions: Mapping[str, Mask]) -> dict[str, Mask]:
    taken = {FOREGROUND, WHOLE_SLICES} & set(regions)
    if taken:
        raise UsageError("regions with names of their own", came=repr(taken.pop()), remedy="Rename the region.")
    return {name: np.asarray(region, dtype=bool) for name, region in regions.items()}


def _refuse_background(foreground: Mask, truth: Image, *, case: str) -> None:
    """A mask of everything over an image whose faces are one value takes background for foreground."""
    if not foreground.all() or np.size(truth) == 0:
        return
    array = np.asarray(truth)
    faces = [np.ravel(array.take(end, axis=axis)) for axis in range(3) for end in (0, -1) if array.shape[axis] > 2]
    if faces and np.ptp(np.concatenate(faces)) == 0:
        raise UsageError(
            "a foreground mask",
            came="a mask that is true everywhere, over an image with a constant background",
            where=case,
            remedy="Give the mask of the head or body: background that is easily right flatters every score.",
        )


def _box_with_halo(masks: Mapping[str, Mask]) -> tuple[slice, slice, slice]:
    """The box of all regions, with what the windows of SSIM reach; nothing outside it can change a score."""
    anywhere = np.logical_or.reduce(list(masks.values()))
    box = extent(anywhere)
    if box is None:
        return slice(0, 1), slice(0, 1), slice(0, 1)
    i, j, k = (slice(max(0, part.start - RADIUS), part.stop + RADIUS) for part in box)
    return i, j, k
