"""A truth that is the prediction: an error of exactly zero is no achievement but a mistake in the data.

A translated image that lost its mark, or a model's label map, stands where the scan or the expert's map should be. No
model is right to the last digit, nor up to a straight line, so such a case is named before any number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxlate.cohort.preflight.copies import find_copy
from voxlate.errors import counted, plural, some
from voxlate.evaluation.cases import Scored
from voxlate.evaluation.fidelity.comparison import Comparison
from voxlate.evaluation.segmentation.cases import Segmented
from voxlate.roles import MODEL

COPIED = "truth_is_prediction"
"""Under it the evidence of a case says so."""
_RESIDUAL = 0.002


def is_copied_image(comparison: Comparison) -> bool:
    """Whether the true image is the prediction inside the foreground, also scaled or with fewer grey levels."""
    prediction, truth, mask = comparison.methods[MODEL], comparison.truth, comparison.mask
    found = find_copy(prediction, truth, mask, trim=False)
    return found is not None and found.residual < _RESIDUAL


def is_copied_map(segmented: Segmented) -> bool:
    """Whether the true label map is the one that was found, voxel for voxel, and not empty."""
    return bool(segmented.truth.any()) and np.array_equal(segmented.truth, segmented.found[MODEL])


def copied_in(scored: Scored) -> list[str]:
    """The ids of the cases whose truth is the prediction."""
    return [case for case, one in scored.found.items() if one.more.get(COPIED)]


def say_copied(cases: Sequence[str], *, of: int) -> str:
    """That the truth of these cases is the prediction, as a sentence; empty if there is none.

    Args:
        cases: Their ids.
        of: How many cases were scored.

    Example:
        >>> say_copied(["a"], of=4)[:66]
        'The truth of 1 of 4 cases (a) is the prediction itself, up to scale'
    """
    if not cases:
        return ""
    named = some(cases)
    return (
        f"The truth of {len(cases)} of {counted(of, 'case')} ({named}) is the prediction itself, up to scale: a model "
        f"made what should be a scan or a map. {plural(len(cases), 'Its score says', 'Their scores say')} nothing."
    )
