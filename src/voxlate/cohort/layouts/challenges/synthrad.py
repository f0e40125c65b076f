"""The layout ``synthrad``: the challenges SynthRAD 2023 and 2025, synthetic CT for radiotherapy.

    Task1/brain/1BA001/{mr,ct,mask}.nii.gz      2023: brain and pelvis
    Task2/pelvis/2PC001/{cbct,ct,mask}.nii.gz
    Task1/HN/1HNA001/{mr,ct,mask}.mha           2025: head and neck, thorax, abdomen

(Thummerer et al. 2023, doi 10.1002/mp.16529; 2025, arXiv:2502.17609). Any folder above the cases may be the data set.
A case id says everything: task, region, centre, number. These become the attributes ``task`` (``Task1``: MR to CT,
``Task2``: CBCT to CT), ``region`` (``brain``, ``pelvis``, ``HN``, ``TH``, ``AB``) and ``centre`` (a letter). Cases that
are named otherwise are known by their folders ``Task1/<region>``, and have no centre. ``mask`` is the patient's
outline, which the rule ``file`` takes as the foreground.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from voxlate.cohort.case import LeftOut
from voxlate.cohort.layouts.assembly import Found, RecognisedFile
from voxlate.io import volume_stem

_CONTENTS = ("mr", "cbct", "ct", "mask")
_REGIONS = {"B": "brain", "P": "pelvis", "HN": "HN", "TH": "TH", "AB": "AB"}
"""From how a case id writes a region to the name of its folder."""
_CASE_ID = re.compile(r"(?P<task>[12])(?P<region>HN|TH|AB|B|P)(?P<centre>[A-Z])\d{3}")
_TASK = re.compile(r"Task[12]")


def is_synthrad(root: Path, images: Sequence[Path]) -> bool:
    """Whether an image lies and is called as in the challenges; no folder is opened."""
    return any(volume_stem(path) in _CONTENTS and _attributes(path) is not None for path in images)


def place_synthrad(root: Path, images: Sequence[Path]) -> list[Found]:
    """Where each image of a SynthRAD data set, of one of its tasks or of one of its regions, belongs."""
    return [_place(path) for path in images]


def _place(path: Path) -> RecognisedFile | LeftOut:
    attributes, contrast = _attributes(path), volume_stem(path)
    if attributes is None:
        return LeftOut(path, "its folder is no case of SynthRAD, as 1BA001 in Task1/brain is")
    if contrast not in _CONTENTS:
        return LeftOut(path, f"it is none of {', '.join(_CONTENTS)}")
    return RecognisedFile(path, path.parent.name, contrast, path.parent.name, attributes)


def _attributes(path: Path) -> dict[str, str] | None:
    """What the case's id says, or else its folders; ``None`` if neither is of the challenges."""
    case = path.parent
    found = _CASE_ID.fullmatch(case.name)
    if found:
        return {"task": f"Task{found['task']}", "region": _REGIONS[found["region"]], "centre": found["centre"]}
    region, task = case.parent.name, case.parent.parent.name
    if region in _REGIONS.values() and _TASK.fullmatch(task):
        return {"task": task, "region": region}
    return None
