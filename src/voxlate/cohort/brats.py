"""The layout ``brats``: the Brain Tumour Segmentation challenges from 2017 on, in both eras of their names.

    HGG/BraTS19_CBICA_AAB_1/BraTS19_CBICA_AAB_1_t1ce.nii.gz      2017 to 2021: t1 t1ce t2 flair seg
    BraTS-GLI-00001-000/BraTS-GLI-00001-000-t1n.nii.gz           2023 on:      t1n t1c t2w t2f seg
    Phantom-00001-000/Phantom-00001-000-t1n.nii.gz               as 2023, and any other contrast

A folder ``HGG`` or ``LGG`` above becomes the attribute ``grade``. The meaning of the labels changed with the names and
is kept as the attribute ``label_convention``: ``brats2017`` (1 necrosis and non-enhancing tumour, 2 oedema,
4 enhancing tumour; Bakas et al. 2017, doi 10.1038/sdata.2017.117) or ``brats2023`` (the same with 3 for enhancing
tumour; synapse.org/brats2023). The last number is the time of the scan and no part of the subject: from 2023 on
always, before in names of four parts (year, site, patient, time).
"""

from __future__ import annotations

import re
from pathlib import Path

from voxlate.cohort.assembly import Placed, assemble
from voxlate.cohort.attributes import read_tables
from voxlate.cohort.case import Cohort, LeftOut
from voxlate.cohort.listing import list_folder
from voxlate.contrast import Contrast, find_contrast
from voxlate.io import volume_stem

_UNTIL_2021 = re.compile(r"(?P<case>brats_?\d{2,4}(?:_[^_]+)+)_(?P<contrast>[a-z0-9]+)", re.IGNORECASE)
_SINCE_2023 = re.compile(
    r"(?P<case>(?P<subject>(?:brats(?:-[a-z]+)+|phantom)-\d+)-\d+)[-_](?P<contrast>[a-z0-9_]+)",
    re.IGNORECASE,
)
_GRADES = {"hgg": "HGG", "lgg": "LGG"}
LABEL_NAMES: dict[str, dict[int, str]] = {
    "brats2017": {1: "tumour core without enhancement", 2: "oedema", 4: "enhancing tumour"},
    "brats2023": {1: "tumour core without enhancement", 2: "oedema", 3: "enhancing tumour"},
}
"""From the attribute ``label_convention`` to what the values of a label map mean."""


def is_brats_name(stem: str) -> bool:
    """Whether a file name without its image suffix is one of the challenges'."""
    return _read_name(stem) is not None


def index_brats(root: Path) -> Cohort:
    """The cohort of a BraTS data set, whatever folders lie above its cases.

    Raises:
        CohortError: If no case is found, or a table of attributes cannot be used.
        UsageError: If ``root`` is no folder.
    """
    listing = list_folder(root)
    placed: list[Placed] = []
    left_out = list(listing.left_out)
    for path in listing.images:
        place = _place(path, path.relative_to(root))
        if place is None:
            left_out.append(LeftOut(path, "its name is not <case>_<contrast> of a BraTS challenge"))
        else:
            placed.append(place)
    return assemble(root, layout="brats", placed=placed, left_out=left_out, tables=read_tables(root))


def _read_name(stem: str) -> tuple[re.Match[str], Contrast] | None:
    found = _SINCE_2023.fullmatch(stem) or _UNTIL_2021.fullmatch(stem)
    contrast = find_contrast(found["contrast"]) if found else None
    return (found, contrast) if found and contrast else None


def _place(path: Path, relative: Path) -> Placed | None:
    named = _read_name(volume_stem(path))
    if named is None:
        return None
    found, contrast = named
    recent = found.re is _SINCE_2023
    attributes = {"label_convention": "brats2023" if recent else "brats2017"}
    grade = next((_GRADES[part.casefold()] for part in relative.parts[:-1] if part.casefold() in _GRADES), None)
    if grade:
        attributes["grade"] = grade
    subject = found["subject"] if recent else _earlier_subject(found["case"])
    return Placed(path, found["case"], contrast.name, subject, attributes)


def _earlier_subject(case_id: str) -> str:
    year_site_patient, _, time = case_id.rpartition("_")
    return year_site_patient if case_id.count("_") >= 3 and time.isdigit() else case_id
