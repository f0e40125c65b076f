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
from collections.abc import Sequence
from pathlib import Path

from voxlate.cohort.case import LeftOut
from voxlate.cohort.layouts.assembly import Found, RecognisedFile
from voxlate.io import volume_stem

_NAME = re.compile(r"(?P<case>(?P<kind>ct|mr)_(?P<part>train|test)_\d+)_(?P<content>image|label)", re.IGNORECASE)


def is_mmwhs(root: Path, images: Sequence[Path]) -> bool:
    """Whether an image is named as in the challenge."""
    return any(_NAME.fullmatch(volume_stem(path)) for path in images)


def place_mmwhs(root: Path, images: Sequence[Path]) -> list[Found]:
    """Where each image of the challenge's data, or of a part of it, belongs."""
    return [_place(path) for path in images]


def _place(path: Path) -> RecognisedFile | LeftOut:
    found = _NAME.fullmatch(volume_stem(path))
    if found is None:
        return LeftOut(path, "its name is not as ct_train_1001_image or ct_train_1001_label is")
    contrast = found["kind"].lower() if found["content"].lower() == "image" else "labels"
    attributes = {"challenge_part": found["part"].lower(), "label_convention": "mmwhs"}
    return RecognisedFile(path, found["case"], contrast, found["case"], attributes)
