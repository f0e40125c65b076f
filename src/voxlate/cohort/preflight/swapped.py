"""Contrasts that were exchanged within one case: its T1 file is the T2, and the other way round.

One case does not tell it; others do. Of a case's two MR images, the joint histogram of 16 x 16 steps of grey, over what
both show, is held against those of the other cases, as it is and transposed, by the Bhattacharyya coefficient
(Bhattacharyya 1943). The gain is the median over the others of the one less the other. Fluid is dark and rare in T1 and
bright and rare in T2, so that it is well above 0 where the files are what they are called, and as far below where they
were exchanged: told is what lies 0.7 times as far below as is usual above, and six robust standard deviations from
that. Where the cases together gain too little (T1 before and after contrast) or differ too much (protocols of every
kind) nothing is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from voxlate.cohort.finding import Finding
from voxlate.cohort.foreground import onto_grid
from voxlate.cohort.preflight.copies import Signature
from voxlate.cohort.preflight.measures.binned import Portrait
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.volume import Volume

_LEAST_CASES = 5
_SIDE = 16
_LEAST_VOXELS = 300
_TELLS, _BELOW, _FAR = 0.1, 0.7, 6.0


def check_swapped(signatures: Sequence[Signature], path_of: Callable[[str, str], object]) -> Iterator[Finding]:
    """Cases in which two contrasts seem to be exchanged.

    Args:
        signatures: Of all images.
        path_of: The file of a case's contrast, for the messages.
    """
    portraits = {(one.contrast, one.case): one.portrait for one in signatures if one.portrait is not None}
    there = {contrast for contrast, _ in portraits}
    names = [name for name in CONTRASTS if name in there and get_contrast(name).kind == "mr"]
    for one, other in itertools.combinations(names, 2):
        joint = {}
        for case in (case for contrast, case in portraits if contrast == one and (other, case) in portraits):
            found = _joint(portraits[one, case], portraits[other, case])
            if found is not None:
                joint[case] = found
        for case in _exchanged_within(joint):
            message = (
                f"{path_of(case, one)} and {path_of(case, other)} look like each other's contrast: taken for "
                f"{get_contrast(other).title} and {get_contrast(one).title} they are as in the other cases. Were the "
                "two files exchanged? Look at them, and name each by what it shows."
            )
            yield Finding("warning", "exchanged", case, message)


def _exchanged_within(joint: dict[str, NDArray[np.float64]]) -> list[str]:
    """The cases whose joint histograms are as the others' once they are transposed."""
    if len(joint) < _LEAST_CASES:
        return []
    gains = _gains_of(joint)
    usual = float(np.median(gains))
    spread = 1.4826 * float(np.median(np.abs(gains - usual)))
    if usual < _TELLS:
        return []
    bar = min(-_BELOW * usual, usual - _FAR * spread)
    return [case for case, gain in zip(joint, gains, strict=True) if gain < bar]


def _gains_of(joint: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """By how much each histogram is more like the others as it is than transposed, at most 1."""
    given = np.stack([table.ravel() for table in joint.values()])
    turned = np.stack([table.T.ravel() for table in joint.values()])
    gain = given @ given.T - turned @ given.T
    np.fill_diagonal(gain, np.nan)
    return np.asarray(np.nanmedian(gain, axis=1))


def _joint(one: Portrait, other: Portrait) -> NDArray[np.float64] | None:
    """The root of the joint histogram of two portraits, ``(16, 16)``, of length 1; ``None`` where too little shows."""
    steps = onto_grid(Volume(other.steps, other.affine), one.grid, outside=0.0)
    both = (one.steps > 0) & (steps > 0)
    if np.count_nonzero(both) < _LEAST_VOXELS:
        return None
    levels = [(part[both].astype(np.int64) - 1) * _SIDE // 255 for part in (one.steps, steps)]
    counts = np.bincount(levels[0] * _SIDE + levels[1], minlength=_SIDE**2).reshape(_SIDE, _SIDE)
    smooth = ndimage.gaussian_filter(counts.astype(np.float64), 0.7, mode="nearest")
    return np.asarray(np.sqrt(smooth / smooth.sum()))
