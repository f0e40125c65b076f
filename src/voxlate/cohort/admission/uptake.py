"""Whether the values of a PET image are standardised uptake values, by their size where there is any uptake.

``SUV = activity (Bq/ml) * weight (g) / injected dose (Bq)``: the body has about 1, organs up to 20, bladder and hot
lesions up to 100; the activity of the same scan is thousands of Bq/ml (Boellaard et al. 2015, FDG PET/CT guideline,
doi 10.1007/s00259-014-2961-x). The highest value does not decide: the 99.5th percentile of what is above zero does.

Activity in kBq/ml is two to five times the SUV. It is told in trunks alone: the SUV of a whole body is 1 on average,
since what was injected is spread in it, and a trunk's no more than about 1.2. A head has 3 to 5: one in kBq/ml is not
told. The body is what lies above Otsu's threshold of the logarithms; a head is narrower than a trunk.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxlate.cohort.admission.histogram import Histogram
from voxlate.cohort.admission.hounsfield import Judgement
from voxlate.cohort.foreground import otsu_threshold
from voxlate.volume import Array

_PERCENT = 99.5
_ACTIVITY, _HOT = 300.0, 50.0
_NEGATIVE = 0.05
_TRUNK_SUV, _TRUNK_MM = 1.5, (220.0, 140.0)
_DARKEST, _EXTENT, _MOST = 1e-3, (3, 97), 60_000


def judge_uptake(seen: Histogram, array: Array, *, spacing_mm: Sequence[float] | None) -> Judgement | None:
    """What speaks against an image being in SUV, or ``None``.

    Args:
        seen: Its values.
        array: Its voxels, ``(i, j, k)``.
        spacing_mm: Between voxels; without it no trunk is known as one.
    """
    positive = seen.values[seen.values > 0]
    if positive.size == 0:
        return Judgement("error", "none is above zero")
    high = float(np.percentile(positive, _PERCENT))
    if np.mean(seen.values < -high / 10) > _NEGATIVE:
        return Judgement("error", "many are below zero, which no uptake is")
    if high > _ACTIVITY:
        return Judgement("error", f"one in two hundred is above {high:.4g}: an activity in Bq/ml, or counts")
    if high > _HOT:
        return Judgement("warning", f"one in two hundred is above {high:.4g}: kBq/ml or counts, perhaps")
    if seen.highest == 1:
        return Judgement("warning", "the highest is 1: they were scaled")
    mean = _trunk_mean(array, high, spacing_mm) if spacing_mm else None
    if mean is not None and mean > _TRUNK_SUV:
        return Judgement("warning", f"the body has {mean:.1f} on average: kBq/ml, perhaps")
    return None


def _trunk_mean(array: Array, high: float, spacing_mm: Sequence[float]) -> float | None:
    """The mean of the body where it is as wide as a trunk; ``None`` where it is not."""
    step = max(1, round((array.size / _MOST) ** (1 / 3)))
    thin = array[::step, ::step, ::step].astype(np.float64)
    shades = np.log(np.maximum(thin, _DARKEST * high))
    body = shades > otsu_threshold(shades)
    low, top = np.percentile(np.argwhere(body), _EXTENT, axis=0)
    wide = sorted(((top - low) * step * np.asarray(spacing_mm)).tolist(), reverse=True)
    is_trunk = wide[1] > _TRUNK_MM[0] and wide[2] > _TRUNK_MM[1]
    return float(thin[body].mean()) if is_trunk else None
