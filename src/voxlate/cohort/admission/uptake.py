"""Whether the values of a PET image are standardised uptake values, by their size where there is any uptake.

``SUV = activity (Bq/ml) * weight (g) / injected dose (Bq)``: the body has about 1, organs up to 20, bladder and hot
lesions up to 100; the activity of the same scan is thousands of Bq/ml (Boellaard et al. 2015, FDG PET/CT guideline,
doi 10.1007/s00259-014-2961-x). The highest value does not decide: the 99.5th percentile of what is above zero does.
"""

from __future__ import annotations

import numpy as np

from voxlate.cohort.admission.histogram import Histogram
from voxlate.cohort.admission.hounsfield import Judgement

_PERCENT = 99.5
_ACTIVITY, _HOT = 300.0, 50.0
_NEGATIVE = 0.05


def judge_uptake(seen: Histogram) -> Judgement | None:
    """What speaks against an image being in SUV, or ``None``."""
    positive = seen.values[seen.values > 0]
    if positive.size == 0:
        return Judgement("error", "none is above zero")
    high = float(np.percentile(positive, _PERCENT))
    if np.mean(seen.values < -high / 10) > _NEGATIVE:
        return Judgement("error", "many are below zero, which no uptake is")
    if high > _ACTIVITY:
        return Judgement("error", f"one in two hundred is above {high:.4g}: an activity in Bq/ml, or counts")
    if high > _HOT:
        return Judgement("warning", f"one in two hundred is above {high:.4g}: kBq/ml, or counts?")
    if seen.highest == 1:
        return Judgement("warning", "the highest is 1: they were scaled")
    return None
