"""Which contrast a file name stands for.

The contrast is the end of the name, after a separator (``_``, ``-``, ``.`` or a blank) or alone; of several aliases
that fit the longest wins: ``x_t2_flair`` is FLAIR and ``x-ce-T1w`` is T1 post-contrast. The entity ``ce-`` of BIDS
(Gorgolewski et al. 2016, doi 10.1038/sdata.2016.44) turns T1 into T1 post-contrast.

``mask`` is the outline of the patient, unless the word before it names a lesion or an organ:
``x_lesion_mask`` and ``x_label-WMH_mask`` are label maps.
"""

from __future__ import annotations

import re

from voxlate.cohort.layouts.masks import masks_a_part
from voxlate.contrast import CONTRASTS, Contrast, find_contrast

_SEPARATOR = re.compile(r"[_\-. ]+")
_OPERATION = re.compile(r"(pre|post|intra)[_\-. ]?op$", re.IGNORECASE)  # "pre-op" is a date, not an opposed phase
_CONTRAST_AGENT = re.compile(r"(^|[_\-. ])ce-[^_]+_", re.IGNORECASE)


def contrast_in(stem: str, *, case: str = "") -> Contrast | None:
    """The contrast that a file name without its image suffix ends with, or ``None``.

    Args:
        stem: ``BraTS19_XX_1_t1ce`` of ``BraTS19_XX_1_t1ce.nii.gz``.
        case: The case's name; where the stem begins with it, only the rest is looked at.

    Example:
        >>> contrast_in("sub-01_ses-1_T1w").name
        't1'
    """
    return split_name(stem, case=case)[1]


def split_name(stem: str, *, case: str = "") -> tuple[str, Contrast | None]:
    """What comes before the contrast in a file name, and the contrast; the arguments are those of ``contrast_in``.

    Example:
        >>> split_name("sub-01_ses-1_T1w")[0]
        'sub-01_ses-1_'
    """
    tail = _without_case(stem, case)
    if _OPERATION.search(tail):
        return tail, None
    starts = [0, *(match.end() for match in _SEPARATOR.finditer(tail))]
    before, found = next(
        ((tail[:start], hit) for start in starts if (hit := find_contrast(tail[start:]))), (tail, None)
    )
    if found is not None and found.name == "mask" and masks_a_part(before):
        return before, CONTRASTS["labels"]
    if found is not None and found.name == "t1" and _CONTRAST_AGENT.search(stem):
        return before, CONTRASTS["t1c"]
    return before, found


def _without_case(stem: str, case: str) -> str:
    rest = stem[len(case) :]
    if case and stem.casefold().startswith(case.casefold()) and _SEPARATOR.match(rest):
        return _SEPARATOR.sub("", rest, count=1)
    return stem
