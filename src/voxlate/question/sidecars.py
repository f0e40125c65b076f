"""What JSON files say of an image: the one beside it, and where BIDS names it those above from which it inherits.

The inheritance principle of BIDS: a file speaks of every image in its folder and below that has its suffix and all of
its entities, as ``T1w.json`` or ``ses-2_T1w.json`` beside ``sub-01`` do of ``sub-01_ses-2_T1w.nii.gz`` in it; what is
nearer to the image, or names more entities, comes before the rest.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from voxlate.plainyaml import Json

_SUBJECT = re.compile(r"sub-[^_/]+")


def read_inherited(path: Path) -> Json:
    """The fields that hold for an image.

    Args:
        path: The JSON file beside the image; it need not be there.
    """
    found: Json = {}
    for folder in _folders(path):
        for file in sorted(folder.glob("*.json"), key=lambda one: one.stem.count("_")):
            if _speaks_of(file.stem, path.stem) and file != path:
                found |= _read(file)
    return found | _read(path)


def _folders(path: Path) -> list[Path]:
    """From the data set's folder down to the image's, if the image is named and lies as BIDS says."""
    subject = _SUBJECT.match(path.stem)
    above = [folder for folder in path.parents[:4] if subject and folder.name == subject[0]]
    if not above:
        return []
    root = above[0].parent
    return [root, *(folder for folder in reversed(path.parents[:4]) if root in folder.parents)]


def _speaks_of(stem: str, image: str) -> bool:
    *entities, suffix = stem.split("_")
    *own, last = image.split("_")
    return suffix == last and set(entities) <= set(own)


def _read(path: Path) -> Json:
    """The fields of one file; empty if it is none, or holds something else."""
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
