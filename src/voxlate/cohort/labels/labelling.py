"""Labelling: what the label maps of a data set mark, lesions or anatomical structures. It is decided here alone.

The names of the labels decide: those of the convention that the layout tells (``label_convention``), else those that
``dataset.json``, the label map's sidecar or its header give. Where every name is one of a lesion (oedema, tumour core,
infarct, ...) the region of all labels is ``lesion``. Where one is not (left ventricle, liver) the labels are
structures, their region is ``labels``, and nothing calls them lesions. A data set that says nothing is taken to mark
lesions. The conventions ``lesions`` and ``structures`` say it without names.

Label conventions: what the values of a data set's label maps mean.

A layout tells the convention of its cases by the attribute ``label_convention``; a table of attributes may do so, too.
Sources: BraTS as in ``voxlate.cohort.layouts.brats``; ``brats2024``, adult gliomas after treatment, arXiv:2405.18368;
``brats-ped2023``, arXiv:2305.17033, ``brats-ped2024``, arXiv:2404.15009; MM-WHS, Zhuang and Shen, Med Image Anal 31:77 (2016), doi
10.1016/j.media.2016.02.006.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxlate.cohort.case import Case
from voxlate.contrast import get_contrast
from voxlate.io import read_volume
from voxlate.io.label_names import names_in_json, read_label_names
from voxlate.regions import LESION, STRUCTURES, UNIONS
from voxlate.volume import Array

logger = logging.getLogger(__name__)

_TOLD = {"lesions": LESION, "structures": STRUCTURES}
_OF_LESIONS = re.compile(
    r"tumou?r|lesion|o?edema|necro|cancer|carcinoma|metasta|glio|mening|melanom|sarcom|lymphom|neoplas|malign|nodul"
    r"|infarct|stroke|ischa?em|penumbra|ha?emorrhag|ha?ematom|bleed|hyperintens|\bwmh\b|plaque|\bms\b|\bgtv|\bcyst|patholog"
    r"|abnormal|enhanc|infect|consolidat|ground.?glass",
    re.IGNORECASE,
)
_SAYS_NOTHING = re.compile(r"(any )?(label|class|region|segment|value|roi|foreground|mask)s?[\W_]*\d*", re.IGNORECASE)


@dataclass(frozen=True)
class Labelling:
    """What the label maps of a data set mark.

    Attributes:
        names: From a label's value to its name; empty where there is one value without a name.
        union: Name of the region of all labels, ``lesion`` or ``labels``.
    """

    names: Mapping[int, str]
    union: str = LESION

    @property
    def of_structures(self) -> bool:
        """Whether they mark anatomical structures."""
        return self.union == STRUCTURES


def labelling_of(cases: Sequence[Case], contrast: str = "labels") -> Labelling:
    """What the label maps of a data set mark, and what their values are called.

    Values that nothing names are ``label 1``, ``label 2``, ...; a single one has no name. Names that a convention gives
    are those of all its values, others those of the values that occur.

    Raises:
        ReadError: If a label map is refused.
    """
    convention, told = convention_of(cases), names_told(cases, contrast)
    union = _TOLD.get(convention) or _union(told.values())
    if convention in LABEL_NAMES:
        return Labelling(told, union)
    values = label_values(cases, contrast)
    names = {value: told.get(value, f"label {value}") for value in values}
    if len(values) < 2 and not told.keys() & values:
        names = {}
    if list(names.values()) == [union]:
        names = {}
    return Labelling(_distinct(names, taken=(*UNIONS, "foreground", "whole slices")), union)


def names_told(cases: Sequence[Case], contrast: str = "labels") -> dict[int, str]:
    """From a value to its name, as the data set's convention or its files tell it; empty if neither does.

    Names that the files of two cases disagree on are left out, with a warning.
    """
    paths = [case.paths[contrast] for case in cases if contrast in case.paths]
    known = LABEL_NAMES.get(convention_of(cases))
    if known:
        return dict(known) if paths else {}
    found: dict[int, set[str]] = {}
    for names in [*_of_data_sets(paths), *map(read_label_names, paths)]:
        for value, name in names.items():
            found.setdefault(value, set()).add(name)
    doubtful = sorted(value for value, names in found.items() if len(names) > 1)
    if doubtful:
        logger.warning("the files of the data set give several names to the labels %s: none is used", doubtful[:10])
    agreed = {value: min(names) for value, names in sorted(found.items()) if len(names) == 1}
    return _distinct(agreed, taken=())


def label_values(cases: Sequence[Case], contrast: str = "labels") -> list[int]:
    """The values above 0 that occur in the label maps.

    Raises:
        ReadError: If a label map is refused.
    """
    paths = [case.paths[contrast] for case in cases if contrast in case.paths]
    known = get_contrast(contrast)
    found = {int(value) for path in paths for value in np.unique(read_volume(path, contrast=known).array) if value > 0}
    return sorted(found)


def component_word(names: Iterable[str]) -> str:
    """What a connected component of such labels is called: a lesion, or a part of a structure.

    Example:
        >>> component_word(["oedema", "tumour core"]), component_word(["any label", "aorta"])
        ('lesion', 'part')
    """
    return "lesion" if _union(names) == LESION else "part"


def _union(names: Iterable[str]) -> str:
    saying = [name for name in names if not _SAYS_NOTHING.fullmatch(name.strip())]
    return STRUCTURES if any(not _OF_LESIONS.search(name) for name in saying) else LESION


def _of_data_sets(paths: Sequence[Path]) -> list[dict[int, str]]:
    """What a ``dataset.json`` beside the label maps, or one folder above, says."""
    folders = dict.fromkeys(folder for path in paths for folder in (path.parent, path.parent.parent))
    return [names for folder in folders if (names := names_in_json(folder / "dataset.json"))]


def _distinct(names: Mapping[int, str], *, taken: Sequence[str]) -> dict[int, str]:
    """The names, with the value beside those that two labels share or another region has."""
    every = [*names.values(), *taken]
    return {value: name if every.count(name) == 1 else f"{name} (label {value})" for value, name in names.items()}


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
}
"""From the attribute ``label_convention`` to what the values of a label map mean."""
CONVENTIONS = (*LABEL_NAMES, *_TOLD)
"""What the attribute ``label_convention`` may be."""


def convention_of(cases: Sequence[Case]) -> str:
    """The one convention that all cases tell, or an empty string."""
    found = {case.attributes.get("label_convention", "") for case in cases}
    return found.pop() if len(found) == 1 else ""


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
    values, counts = np.unique(labels, return_counts=True)
    return {
        int(value): int(count)
        for value, count in zip(values, counts, strict=True)
        if value != 0 and int(value) not in known
    }
