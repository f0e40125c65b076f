"""Label conventions: what the values of a data set's label maps mean, and which values occur.

A layout tells the convention of its cases by the attribute ``label_convention``; a table of attributes may do so, too.
Sources: BraTS as in ``voxlate.cohort.layouts.brats``; ``brats2024``, adult gliomas after treatment, arXiv:2405.18368;
``brats-ped2023``, arXiv:2305.17033, ``brats-ped2024``, arXiv:2404.15009; MM-WHS, Zhuang and Shen, Med Image Anal 31:77
(2016), doi 10.1016/j.media.2016.02.006; the MR images of CHAOS, Kavur et al., Med Image Anal 69:101950 (2021), doi
10.1016/j.media.2020.101950.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from voxlate.cohort.case import Case
from voxlate.volume import Array

_AT_ONCE = 2**20
_COUNTED_BY_PLACE = 100_000
"""Values of a shorter range are counted without sorting."""

LABEL_NAMES: dict[str, dict[int, str]] = {
    "brats2015": {1: "necrosis", 2: "oedema", 3: "tumour without enhancement", 4: "enhancing tumour"},
    "brats2017": {1: "tumour core without enhancement", 2: "oedema", 4: "enhancing tumour"},
    "brats2023": {1: "tumour core without enhancement", 2: "oedema", 3: "enhancing tumour"},
    "brats2024": {1: "tumour core without enhancement", 2: "oedema", 3: "enhancing tumour", 4: "resection cavity"},
    "brats-ped2023": {1: "tumour core without enhancement", 2: "oedema", 3: "enhancing tumour"},
    "brats-ped2024": {1: "enhancing tumour", 2: "tumour without enhancement", 3: "cyst", 4: "oedema"},
    "mmwhs": {
        205: "myocardium",
        420: "left atrium",
        500: "left ventricle",
        550: "right atrium",
        600: "right ventricle",
        820: "aorta",
        850: "pulmonary artery",
    },
    "chaos": {63: "liver", 126: "right kidney", 189: "left kidney", 252: "spleen"},
}
"""From the attribute ``label_convention`` to what the values of a label map mean."""


def convention_of(cases: Sequence[Case]) -> str:
    """The one convention that all cases tell, or an empty string."""
    found = {case.attributes.get("label_convention", "") for case in cases}
    return found.pop() if len(found) == 1 else ""


def convention_with(names: Mapping[int, str]) -> str:
    """The first convention that calls all these values so, or an empty string.

    Example:
        >>> convention_with({820: "aorta"}), convention_with({820: "liver"})
        ('mmwhs', '')
    """
    fitting = (name for name, known in LABEL_NAMES.items() if names and names.items() <= known.items())
    return next(fitting, "")


def strays(labels: Array, convention: str) -> dict[int, int]:
    """Values other than 0 that a convention does not know, with their numbers of voxels; none if it is unknown itself.

    Args:
        labels: Label map of whole numbers, of any shape.
        convention: A key of ``LABEL_NAMES``, or anything else.

    Example:
        >>> strays(np.array([0, 420, 421]), "mmwhs")
        {421: 1}
    """
    known = LABEL_NAMES.get(convention)
    if known is None:
        return {}
    return {value: count for value, count in count_values(labels).items() if value != 0 and value not in known}


def count_values(labels: Array) -> dict[int, int]:
    """The values of a label map, ascending, with their numbers of voxels.

    Args:
        labels: Label map of whole numbers, of any shape.

    Example:
        >>> count_values(np.array([3, 0, 0]))
        {0: 2, 3: 1}
    """
    low, high = int(labels.min()), int(labels.max())
    if high - low > _COUNTED_BY_PLACE:
        values, counts = np.unique(labels, return_counts=True)
        return {int(value): int(count) for value, count in zip(values, counts, strict=True)}
    flat, counts = labels.ravel(order="K"), np.zeros(high - low + 1, dtype=np.int64)
    others = 0
    for start in range(0, flat.size, _AT_ONCE):
        part = flat[start : start + _AT_ONCE]
        part = part[part != 0]  # most of a label map is 0
        others += part.size
        counts += np.bincount(part.astype(np.int64) - low, minlength=counts.size)
    if low <= 0 <= high:
        counts[-low] = flat.size - others
    return {low + int(place): int(counts[place]) for place in np.flatnonzero(counts)}
