"""The layout ``pairs``: images in one folder, their labels under the same names in another.

    images/hippocampus_001.nii.gz      labels/hippocampus_001.nii.gz
    imagesTr/la_003_0000.nii.gz        labelsTr/la_003.nii.gz

as in the Medical Segmentation Decathlon (Antonelli et al. 2022, doi 10.1038/s41467-022-30695-9) and nnU-Net, whose
channel number ``_0000`` is read through ``dataset.json``. What the images show is ``mr`` unless ``modality`` or
``channel_names`` of ``dataset.json`` names another contrast. Images without labels and labels without an image are
left out, as are unlabelled test images (``imagesTs``).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from voxlate.cohort.case import Cohort, LeftOut
from voxlate.cohort.layouts.assembly import RecognisedFile, assemble
from voxlate.cohort.layouts.attributes import read_tables
from voxlate.cohort.layouts.listing import list_folder
from voxlate.contrast import find_contrast
from voxlate.errors import CohortError
from voxlate.io import volume_stem

_FOLDERS = {"images": "labels", "imagesTr": "labelsTr"}
_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")


def has_pairs(root: Path) -> bool:
    """Whether a folder holds ``images`` beside ``labels``, or ``imagesTr`` beside ``labelsTr``."""
    return any((root / images).is_dir() and (root / labels).is_dir() for images, labels in _FOLDERS.items())


def index_pairs(root: Path) -> Cohort:
    """The cohort of paired folders.

    Raises:
        CohortError: If no pair is found, or ``dataset.json`` or a table of attributes cannot be used.
        UsageError: If ``root`` is no folder.
    """
    listing = list_folder(root)
    left_out = list(listing.left_out)
    channels = _channels(root / "dataset.json")
    sides: dict[str, dict[Path, str]] = {name: {} for pair in _FOLDERS.items() for name in pair}
    for path in listing.images:
        parts = path.relative_to(root).parts
        if len(parts) == 2 and parts[0] in sides:
            sides[parts[0]][path] = volume_stem(path)
        else:
            left_out.append(LeftOut(path, f"lies in none of {', '.join(sides)}"))
    placed: list[RecognisedFile] = []
    for images, labels in _FOLDERS.items():
        pairs, alone = _pair(sides[images], sides[labels], channels)
        placed.extend(pairs)
        left_out.extend(alone)
    return assemble(root, layout="pairs", placed=placed, left_out=left_out, tables=read_tables(root))


def _pair(
    images: dict[Path, str], labels: dict[Path, str], channels: dict[int, str]
) -> tuple[list[RecognisedFile], list[LeftOut]]:
    labelled = set(labels.values())
    placed: list[RecognisedFile] = []
    alone: list[LeftOut] = []
    seen: set[str] = set()
    for path, stem in images.items():
        numbered = _CHANNEL.fullmatch(stem)
        case, channel = (numbered["case"], int(numbered["channel"])) if numbered else (stem, 0)
        if stem in labelled:
            case, channel = stem, 0
        if case not in labelled:
            alone.append(LeftOut(path, f"an image without labels: no file {case} among them", "unpaired"))
        elif channel not in channels and channels and channel:
            alone.append(LeftOut(path, f"dataset.json names no channel {channel}"))
        else:
            seen.add(case)
            placed.append(RecognisedFile(path, case, channels.get(channel, "mr")))
    for path, stem in labels.items():
        if stem in seen:
            placed.append(RecognisedFile(path, stem, "labels"))
        else:
            alone.append(LeftOut(path, f"labels without an image: no file {stem} among the images", "unpaired"))
    return placed, alone


def _channels(path: Path) -> dict[int, str]:
    """From the number of a channel to its contrast, empty without ``dataset.json``."""
    if not path.is_file():
        return {}
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
        names = content.get("channel_names") or content.get("modality") or {}
        known = {int(number): find_contrast(str(name)) for number, name in names.items()}
    except (ValueError, AttributeError) as error:
        raise CohortError(
            "dataset.json of a segmentation data set", came=str(error), where=path, remedy="Correct or remove the file."
        ) from error
    return {number: contrast.name if contrast else "mr" for number, contrast in known.items()}
