"""CT as CT: the scores that a prediction in Hounsfield units has beside those of every image.

Overlap of bone, PSNR and MS-SSIM as SynthRAD defines them, and by how many millimetres of water the paths of beams
differ: from the front to the back and from left to right over all rays through the patient, and from eight directions
to the centre of the patient and of the lesion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.evaluation.comparison import Comparison
from voxlate.evaluation.density import ELECTRON_DENSITY, Calibration
from voxlate.evaluation.fidelity import FOREGROUND, LESION
from voxlate.evaluation.scores import Score
from voxlate.evaluation.water_path import ANTERIOR_POSTERIOR, LEFT_RIGHT, centre_of, depths_mm, path_lengths_mm
from voxlate.metrics import CT_METRICS, PATH_METRICS

Paths = tuple[NDArray[np.float64], NDArray[np.bool_]]
MM = "mm"


def score_ct(comparison: Comparison, calibration: Calibration = ELECTRON_DENSITY) -> list[Score]:
    """Every metric of ``CT_METRICS`` and ``PATH_METRICS`` for every method; none if the target is no CT.

    Args:
        comparison: The case.
        calibration: From HU to electron density relative to water.
    """
    if not comparison.in_hounsfield:
        return []
    case = comparison.case_id
    true_paths = _paths(comparison.truth, comparison, calibration)
    scores = []
    for method, prediction in comparison.methods.items():
        for name, metric in CT_METRICS.items():
            value = metric(prediction, comparison.truth, mask=comparison.mask, data_range=comparison.data_range)
            scores.append(Score(case, FOREGROUND, method, name, value, metric.unit(comparison.unit)))
        paths = _paths(prediction, comparison, calibration)
        for (region, name), found in paths.items():
            value = _difference(name, found, true_paths[region, name])
            scores.append(Score(case, region, method, name, value, PATH_METRICS[name].unit(MM)))
    return scores


def _difference(name: str, found: Paths, true: Paths) -> float:
    return PATH_METRICS[name](found[0], true[0], mask=true[1], data_range=1.0)


def _paths(image: NDArray[Any], comparison: Comparison, calibration: Calibration) -> Mapping[tuple[str, str], Paths]:
    """From region and metric to the lengths of paths, and which of them count."""
    density, mask, spacing = calibration.apply(image), comparison.mask, comparison.spacing_mm
    found: dict[tuple[str, str], Paths] = {}
    for name, axis in (("wepl_ap", ANTERIOR_POSTERIOR), ("wepl_lr", LEFT_RIGHT)):
        lengths = path_lengths_mm(density, mask=mask, spacing_mm=spacing, axis=axis)
        found[FOREGROUND, name] = lengths, np.any(mask, axis=axis, keepdims=True)
    regions = {FOREGROUND: mask}
    if comparison.labels is not None:
        regions[LESION] = comparison.labels != 0
    for region, inside in regions.items():
        centre = centre_of(inside)
        depths = np.full((1, 1, 1), np.nan)
        if centre is not None:
            depths = depths_mm(density, mask=mask, spacing_mm=spacing, point=centre)
        found[region, "wepl_centre"] = depths, np.ones_like(depths, dtype=np.bool_)
    return found
