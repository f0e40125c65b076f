"""The layout ``mmwhs``: the challenge Multi-Modality Whole Heart Segmentation of 2017.

    ct_train/ct_train_1001_image.nii.gz     ct_train/ct_train_1001_label.nii.gz
    mr_train/mr_train_1001_image.nii.gz     mr_train/mr_train_1001_label.nii.gz
    ct_test/ct_test_2001_image.nii.gz       without a label map

(Zhuang and Shen 2016, doi 10.1016/j.media.2016.02.006; Zhuang et al. 2019, doi 10.1016/j.media.2019.101537). Whatever
folders lie above, a file's name says everything. CT and MR are of different patients, so each case is a subject of its
own: ``ct_train_1001`` has ``ct`` and ``labels``. The attribute ``challenge_part`` is ``train`` or ``test``,
``label_convention`` is ``mmwhs``, whose values ``voxlate.cohort.labels.labelling`` names.
"""

from __future__ import annotations

import re
from pathlib import Path

from voxlate.cohort.case import Cohort, LeftOut
from voxlate.cohort.layouts.assembly import RecognisedFile, place_files
from voxlate.io import volume_stem

_NAME = re.compile(r"(?P<case>(?P<kind>ct|mr)_(?P<part>train|test)_\d+)_(?P<content>image|label)", re.IGNORECASE)


def is_mmwhs_name(stem: str) -> bool:
    """Whether a file name without its image suffix is one of the challenge's."""
    return _NAME.fullmatch(stem) is not None


def index_mmwhs(root: Path) -> Cohort:
    """The cohort of the challenge's data, or of a part of it.

    Raises:
        CohortError: If no case is found, or a table of attributes cannot be used.
        UsageError: If ``root`` is no folder.
    """
    return place_files(root, layout="mmwhs", place=_place)


def _place(path: Path) -> RecognisedFile | LeftOut:
    found = _NAME.fullmatch(volume_stem(path))
    if found is None:
        return LeftOut(path, "its name is not as ct_train_1001_image or ct_train_1001_label is")
    contrast = found["kind"].lower() if found["content"].lower() == "image" else "labels"
    attributes = {"challenge_part": found["part"].lower(), "label_convention": "mmwhs"}
    return RecognisedFile(path, found["case"], contrast, found["case"], attributes)
