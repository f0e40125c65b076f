"""CT as CT: the scores that a prediction in Hounsfield units has beside those of every image.

Overlap of bone, PSNR and MS-SSIM as SynthRAD defines them, and by how many millimetres of water the paths of beams
differ: from the front to the back and from left to right over all rays through the patient, and from eight directions
to the centre of the patient and of what is labelled. Where the dose is asked for, also how much of the patient passes
the gamma criteria, with primary photons as its stand-in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from voxlate.evaluation.ct.beams import (
    ANTERIOR_POSTERIOR,
    LEFT_RIGHT,
    Spacing,
    centre_of,
    coarsen,
    depths_mm,
    path_lengths_mm,
    primary_dose,
)
from voxlate.evaluation.ct.density import ELECTRON_DENSITY, Calibration
from voxlate.evaluation.ct.gamma import gamma_pass_rate
from voxlate.evaluation.fidelity.comparison import Comparison
from voxlate.evaluation.scores import Score
from voxlate.metrics import metrics_of
from voxlate.regions import FOREGROUND, LESION
from voxlate.volume import Array

_Paths = tuple[NDArray[np.float64], NDArray[np.bool_]]
_SEARCH_STEPS = 5  # ten change the pass rate of a head by 0.1 or so, and take up to four times as long
_CRITERIA = {"gamma_3_3": (3.0, 3.0), "gamma_2_2": (2.0, 2.0)}
"""From a metric of the kind ``dose`` to its criteria: percent of the highest dose, and mm."""


def score_ct(
    comparison: Comparison, calibration: Calibration = ELECTRON_DENSITY, *, union: str = LESION
) -> list[Score]:
    """Every metric of the kinds ``ct`` and ``path`` for every method; none if the target is no CT.

    Args:
        comparison: The case.
        calibration: From HU to electron density relative to water.
        union: Name of the region of all labels, see ``voxlate.cohort.labels.labelling``.
    """
    if not comparison.in_hounsfield:
        return []
    case = comparison.case_id
    true_paths = _paths(comparison.truth, comparison, calibration, union=union)
    scores = []
    for method, prediction in comparison.methods.items():
        for name, metric in metrics_of("ct").items():
            value = metric(prediction, comparison.truth, mask=comparison.mask, data_range=comparison.data_range)
            scores.append(Score(case, FOREGROUND, method, name, value, metric.unit(comparison.unit)))
        paths = _paths(prediction, comparison, calibration, union=union)
        for (region, name), found in paths.items():
            value = _difference(name, found, true_paths[region, name])
            scores.append(Score(case, region, method, name, value, metrics_of("path")[name].unit()))
    return scores


def score_dose(comparison: Comparison, calibration: Calibration = ELECTRON_DENSITY) -> list[Score]:
    """Every metric of the kind ``dose`` for every method, in the foreground; none if the target is no CT.

    Doses are those of ``primary_dose`` on a grid of about 3 mm; voxels count that lie in the foreground by half.

    Args:
        comparison: The case.
        calibration: From HU to electron density relative to water.

    Raises:
        UsageError: If pymedphys is not installed.
    """
    if not comparison.in_hounsfield:
        return []
    share, spacing = coarsen(comparison.mask.astype(np.float64), spacing_mm=comparison.spacing_mm)
    true_dose = _dose(comparison.truth, comparison, calibration, share=share, spacing_mm=spacing)
    scores = []
    for method, prediction in comparison.methods.items():
        dose = _dose(prediction, comparison, calibration, share=share, spacing_mm=spacing)
        available = np.isfinite(true_dose).all() and np.isfinite(dose).all()
        for name, (percent, distance) in _CRITERIA.items():
            value = math.nan
            if available:
                value = gamma_pass_rate(
                    true_dose,
                    dose,
                    spacing_mm=spacing,
                    mask=share >= 0.5,
                    dose_percent=percent,
                    distance_mm=distance,
                    steps=_SEARCH_STEPS,
                )
            unit = metrics_of("dose")[name].unit()
            scores.append(Score(comparison.case_id, FOREGROUND, method, name, value, unit))
    return scores


def _dose(
    image: Array,
    comparison: Comparison,
    calibration: Calibration,
    *,
    share: NDArray[np.float64],
    spacing_mm: Spacing,
) -> NDArray[np.float64]:
    """The dose on the coarse grid; ``share`` is how much of its voxels is foreground."""
    inside = np.where(comparison.mask, calibration.apply(image), 0)
    density, _ = coarsen(inside, spacing_mm=comparison.spacing_mm)
    return primary_dose(density, mask=share > 0, spacing_mm=spacing_mm)


def _difference(name: str, found: _Paths, true: _Paths) -> float:
    return metrics_of("path")[name](found[0], true[0], mask=true[1], data_range=1.0)


def _paths(
    image: Array, comparison: Comparison, calibration: Calibration, *, union: str
) -> Mapping[tuple[str, str], _Paths]:
    """From region and metric to the lengths of paths, and which of them count."""
    density, mask, spacing = calibration.apply(image), comparison.mask, comparison.spacing_mm
    found: dict[tuple[str, str], _Paths] = {}
    for name, axis in (("wepl_ap", ANTERIOR_POSTERIOR), ("wepl_lr", LEFT_RIGHT)):
        lengths = path_lengths_mm(density, mask=mask, spacing_mm=spacing, axis=axis)
        found[FOREGROUND, name] = lengths, np.any(mask, axis=axis, keepdims=True)
    regions = {FOREGROUND: mask}
    if comparison.labels is not None:
        regions[union] = comparison.labels != 0
    for region, inside in regions.items():
        centre = centre_of(inside)
        depths = np.full((1, 1, 1), np.nan)
        if centre is not None:
            depths = depths_mm(density, mask=mask, spacing_mm=spacing, point=centre)
        found[region, "wepl_centre"] = depths, np.ones_like(depths, dtype=np.bool_)
    return found
