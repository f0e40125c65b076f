"""The layout ``brats``: the Brain Tumour Segmentation challenges, in all three eras of their names.

    HGG/brats_tcia_pat101_0001/VSD.Brain.XX.O.MR_T1c.40854/VSD.Brain.XX.O.MR_T1c.40854.mha
    HGG/BraTS19_CBICA_AAB_1/BraTS19_CBICA_AAB_1_t1ce.nii.gz      2017 to 2021: t1 t1ce t2 flair seg
    BraTS-GLI-00001-000/BraTS-GLI-00001-000-t1n.nii.gz           2023 on:      t1n t1c t2w t2f seg
    Phantom-00001-000/Phantom-00001-000-t1n.nii.gz               as 2023, and any other contrast

The first line is of 2013 to 2015: ``MR_T1``, ``MR_T1c``, ``MR_T2``, ``MR_Flair``, and ``OT`` for the truth. A folder
``HGG`` or ``LGG`` above becomes the attribute ``grade``, which ``name_mapping.csv`` tells where there is none (2020).
The meaning of the labels changed with the names and is kept
as the attribute ``label_convention``: ``brats2015`` (1 necrosis, 2 oedema, 3 tumour that does not enhance, 4 enhancing
tumour; Menze et al. 2015, doi 10.1109/TMI.2014.2377694), ``brats2017`` (1 necrosis and non-enhancing tumour, 2 oedema,
4 enhancing tumour; Bakas et al. 2017, doi 10.1038/sdata.2017.117) or ``brats2023`` (the same with 3 for enhancing
tumour; synapse.org/brats2023). Names of other challenges since 2023 (PED, MEN-RT, ...) tell no convention: BraTS-PED
numbered its labels anew in 2024, under the same names. The last number is the time of the scan and no part of the
subject: until 2015 and from 2023 on always, in between in names of four parts (year, site, patient, time). Until 2015
the case is named by the folder above that of the scan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from voxlate.cohort.case import LeftOut
from voxlate.cohort.layouts.assembly import Found, RecognisedFile
from voxlate.cohort.layouts.attributes import read_rows
from voxlate.contrast import Contrast, find_contrast
from voxlate.io import volume_stem

_UNTIL_2015 = re.compile(r"VSD\.Brain[^.]*\.XX\.O\.(?:MR_(?P<contrast>[a-z0-9]+)|OT)\.\d+", re.IGNORECASE)
_UNTIL_2021 = re.compile(r"(?P<case>brats_?\d{2,4}(?:_[^_]+)+)_(?P<contrast>[a-z0-9]+)", re.IGNORECASE)
_SINCE_2023 = re.compile(
    r"(?P<case>(?P<subject>(?:brats(?:-[a-z]+)+|phantom)-\d+)-\d+)[-_](?P<contrast>[a-z0-9_]+)",
    re.IGNORECASE,
)
_GRADES = {"hgg": "HGG", "lgg": "LGG"}
_IS_GRADE = re.compile("grade", re.IGNORECASE).fullmatch
_CONVENTIONS = {_UNTIL_2015: "brats2015", _UNTIL_2021: "brats2017", _SINCE_2023: "brats2023"}
_ADULT = re.compile(r"brats-(gli|ssa|met|men)-\d+-.*|phantom-.*", re.IGNORECASE)
"""Challenges since 2023 whose label values are those of ``brats2023``."""
_OTHER = re.compile(r"brats(-[a-z]+)+-\d+-\d+", re.IGNORECASE)


def names_labels_unclearly(case_id: str) -> bool:
    """Whether a case is of a challenge whose label values its name does not tell, as BraTS-PED: the year decides.

    Example:
        >>> names_labels_unclearly("BraTS-PED-00001-000"), names_labels_unclearly("BraTS-GLI-00001-000")
        (True, False)
    """
    return _OTHER.fullmatch(case_id) is not None and not _ADULT.fullmatch(case_id)


def is_brats(root: Path, images: Sequence[Path]) -> bool:
    """Whether an image is named as the challenge names it."""
    return any(_read_name(volume_stem(path)) for path in images)


def place_brats(root: Path, images: Sequence[Path]) -> list[Found]:
    """Where each image of a BraTS data set belongs, whatever folders lie above its case.

    Raises:
        CohortError: If ``name_mapping.csv`` is no table.
    """
    grades = _mapped_grades(root)
    found = {path: _place(path, path.relative_to(root), grades) for path in images}
    reason = "its name is not <case>_<contrast> of a BraTS challenge"
    return [file or LeftOut(path, reason) for path, file in found.items()]


def _mapped_grades(root: Path) -> dict[str, str]:
    """From a case id, of any year, to the grade that ``name_mapping.csv`` tells."""
    grades: dict[str, str] = {}
    for path in sorted([*root.glob("name_mapping*.csv"), *root.glob("*/name_mapping*.csv")]):
        for row in read_rows(path):
            grade = next((_GRADES.get(cell.strip().casefold()) for name, cell in row.items() if _IS_GRADE(name)), None)
            grades |= dict.fromkeys(filter(None, map(str.strip, row.values())), grade) if grade else {}
    return grades


def _read_name(stem: str) -> tuple[re.Match[str], Contrast] | None:
    found = _SINCE_2023.fullmatch(stem) or _UNTIL_2021.fullmatch(stem) or _UNTIL_2015.fullmatch(stem)
    contrast = find_contrast(found["contrast"] or "labels") if found else None
    return (found, contrast) if found and contrast else None


def _place(path: Path, relative: Path, grades: Mapping[str, str]) -> RecognisedFile | None:
    named = _read_name(volume_stem(path))
    if named is None:
        return None
    found, contrast = named
    clear = found.re is not _SINCE_2023 or _ADULT.fullmatch(found["case"])
    attributes = {"label_convention": _CONVENTIONS[found.re]} if clear else {}
    grade = next((_GRADES[part.casefold()] for part in relative.parts[:-1] if part.casefold() in _GRADES), None)
    grade = grade or grades.get(found.groupdict().get("case", ""))
    if grade:
        attributes["grade"] = grade
    if found.re is _UNTIL_2015:
        return _place_early(path, contrast, attributes)
    subject = found["subject"] if found.re is _SINCE_2023 else _earlier_subject(found["case"])
    return RecognisedFile(path, found["case"], contrast.name, subject, attributes)


def _place_early(path: Path, contrast: Contrast, attributes: dict[str, str]) -> RecognisedFile:
    """A scan until 2015, in a folder of its own name within that of its case, or right in that of its case."""
    folders = [path.absolute().parent, *path.absolute().parent.parents]
    case_id = next(folder.name for folder in folders if not _UNTIL_2015.fullmatch(folder.name))
    subject, underscore, time = case_id.rpartition("_")
    return RecognisedFile(
        path, case_id, contrast.name, subject if underscore and time.isdigit() else case_id, attributes
    )


def _earlier_subject(case_id: str) -> str:
    year_site_patient, _, time = case_id.rpartition("_")
    return year_site_patient if case_id.count("_") >= 3 and time.isdigit() else case_id
