"""The layout ``brats``: the Brain Tumour Segmentation challenges, in all three eras of their names.

    HGG/brats_tcia_pat101_0001/VSD.Brain.XX.O.MR_T1c.40854/VSD.Brain.XX.O.MR_T1c.40854.mha
    HGG/BraTS19_CBICA_AAB_1/BraTS19_CBICA_AAB_1_t1ce.nii.gz      2017 to 2021: t1 t1ce t2 flair seg
    BraTS-GLI-00001-000/BraTS-GLI-00001-000-t1n.nii.gz           2023 on:      t1n t1c t2w t2f seg
    Phantom-00001-000/Phantom-00001-000-t1n.nii.gz               as 2023, and any other contrast

The first line is of 2013 to 2015: ``MR_T1``, ``MR_T1c``, ``MR_T2``, ``MR_Flair``, and ``OT`` for the truth. A folder
``HGG`` or ``LGG`` above becomes the attribute ``grade``. The meaning of the labels changed with the names and is kept
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
from pathlib import Path

from voxlate.cohort.case import Cohort, LeftOut
from voxlate.cohort.layouts.assembly import RecognisedFile, place_files
from voxlate.contrast import Contrast, find_contrast
from voxlate.io import volume_stem

_UNTIL_2015 = re.compile(r"VSD\.Brain[^.]*\.XX\.O\.(?:MR_(?P<contrast>[a-z0-9]+)|OT)\.\d+", re.IGNORECASE)
_UNTIL_2021 = re.compile(r"(?P<case>brats_?\d{2,4}(?:_[^_]+)+)_(?P<contrast>[a-z0-9]+)", re.IGNORECASE)
_SINCE_2023 = re.compile(
    r"(?P<case>(?P<subject>(?:brats(?:-[a-z]+)+|phantom)-\d+)-\d+)[-_](?P<contrast>[a-z0-9_]+)",
    re.IGNORECASE,
)
_GRADES = {"hgg": "HGG", "lgg": "LGG"}
_CONVENTIONS = {_UNTIL_2015: "brats2015", _UNTIL_2021: "brats2017", _SINCE_2023: "brats2023"}
_ADULT = re.compile(r"brats-(gli|ssa|met|men)-\d+-.*|phantom-.*", re.IGNORECASE)
"""Challenges since 2023 whose label values are those of ``brats2023``."""
_OTHER = re.compile(r"brats(-[a-z]+)+-\d+-\d+", re.IGNORECASE)


def is_brats_name(stem: str) -> bool:
    """Whether a file name without its image suffix is one of the challenges'."""
    return _read_name(stem) is not None


def names_labels_unclearly(case_id: str) -> bool:
    """Whether a case is of a challenge whose label values its name does not tell, as BraTS-PED: the year decides.

    Example:
        >>> names_labels_unclearly("BraTS-PED-00001-000"), names_labels_unclearly("BraTS-GLI-00001-000")
        (True, False)
    """
    return _OTHER.fullmatch(case_id) is not None and not _ADULT.fullmatch(case_id)


def index_brats(root: Path) -> Cohort:
    """The cohort of a BraTS data set, whatever folders lie above its cases.

    Raises:
        CohortError: If no case is found, or a table of attributes cannot be used.
        UsageError: If ``root`` is no folder.
    """

    def place(path: Path) -> RecognisedFile | LeftOut:
        found = _place(path, path.relative_to(root))
        return found or LeftOut(path, "its name is not <case>_<contrast> of a BraTS challenge")

    return place_files(root, layout="brats", place=place)


def _read_name(stem: str) -> tuple[re.Match[str], Contrast] | None:
    found = _SINCE_2023.fullmatch(stem) or _UNTIL_2021.fullmatch(stem) or _UNTIL_2015.fullmatch(stem)
    contrast = find_contrast(found["contrast"] or "labels") if found else None
    return (found, contrast) if found and contrast else None


def _place(path: Path, relative: Path) -> RecognisedFile | None:
    named = _read_name(volume_stem(path))
    if named is None:
        return None
    found, contrast = named
    clear = found.re is not _SINCE_2023 or _ADULT.fullmatch(found["case"])
    attributes = {"label_convention": _CONVENTIONS[found.re]} if clear else {}
    grade = next((_GRADES[part.casefold()] for part in relative.parts[:-1] if part.casefold() in _GRADES), None)
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
