"""The layout ``pairs``: images in one folder, their labels under the same names in another.

    images/hippocampus_001.nii.gz      labels/hippocampus_001.nii.gz
    imagesTr/la_003_0000.nii.gz        labelsTr/la_003.nii.gz

as in the Medical Segmentation Decathlon (Antonelli et al. 2022, doi 10.1038/s41467-022-30695-9) and nnU-Net, whose
channel number ``_0000`` is read through ``dataset.json``. What the images show is ``mr`` unless ``modality`` or
``channel_names`` of ``dataset.json`` names another contrast. Channels that are called alike, or by no known contrast
where there are several, are left out and told. Images without labels and labels without an image are left out, as are
test images (``imagesTs``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from voxlate.cohort.case import Cohort, LeftOut
from voxlate.cohort.layouts.assembly import RecognisedFile, assemble
from voxlate.cohort.layouts.attributes import read_tables
from voxlate.cohort.layouts.listing import list_folder
from voxlate.contrast import CONTRASTS, find_contrast
from voxlate.errors import CohortError
from voxlate.io import volume_stem

_FOLDERS = {"images": "labels", "imagesTr": "labelsTr"}
_TEST_FOLDERS = ("imagesTs", "labelsTs")
_UNTOLD = "mr"
"""What an image is taken for that nothing names."""
_SAYS_NOTHING = re.compile(r"|z[-_ ]?score|no[-_ ]?norm|(rescale|rgb)[-_ ]?(to[-_ ]?)?0[-_ ]?1", re.IGNORECASE)
"""Channel names of nnU-Net that say how to normalise, not what is shown."""
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
    names = _channel_names(root / "dataset.json")
    sides: dict[str, dict[Path, str]] = {name: {} for pair in _FOLDERS.items() for name in pair}
    for path in listing.images:
        parts = path.relative_to(root).parts
        if len(parts) == 2 and parts[0] in sides:
            sides[parts[0]][path] = volume_stem(path)
        elif parts[0] in _TEST_FOLDERS:
            left_out.append(LeftOut(path, "an image or labels of the test", "test_image"))
        else:
            left_out.append(LeftOut(path, f"lies in none of {', '.join(sides)}"))
    placed: list[RecognisedFile] = []
    numbered: list[tuple[RecognisedFile, int]] = []
    for images, labels in _FOLDERS.items():
        for item in _pair(sides[images], sides[labels], names):
            if isinstance(item, LeftOut):
                left_out.append(item)
                continue
            file, channel = item
            if channel is None:
                placed.append(file)
            else:
                numbered.append((file, channel))
    told, unclear = _contrasts((channel for _, channel in numbered), names, root / "dataset.json")
    left_out.extend(unclear)
    for file, channel in numbered:
        if channel in told:
            placed.append(replace(file, contrast=told[channel]))
        else:
            reason = f"nothing says what its channel {channel} shows that no other channel does"
            left_out.append(LeftOut(file.path, reason, "unclear_channel", case=file.case, contrast=file.contrast))
    return assemble(root, layout="pairs", placed=placed, left_out=left_out, tables=read_tables(root))


def _pair(
    images: dict[Path, str], labels: dict[Path, str], names: dict[int, str]
) -> Iterator[tuple[RecognisedFile, int | None] | LeftOut]:
    """The images with their channels, the labels, and what has no partner."""
    labelled = set(labels.values())
    seen: set[str] = set()
    for path, stem in images.items():
        numbered = _CHANNEL.fullmatch(stem)
        case, channel = (numbered["case"], int(numbered["channel"])) if numbered else (stem, 0)
        if stem in labelled:
            case, channel = stem, 0
        if case not in labelled:
            yield LeftOut(path, f"an image without labels: no file {case} among them", "unpaired")
        elif channel not in names and names and channel:
            yield LeftOut(path, f"dataset.json names no channel {channel}")
        else:
            seen.add(case)
            yield RecognisedFile(path, case, _UNTOLD), channel
    for path, stem in labels.items():
        if stem in seen:
            yield RecognisedFile(path, stem, "labels"), None
        else:
            yield LeftOut(path, f"labels without an image: no file {stem} among the images", "unpaired")


def _contrasts(found: Iterable[int], names: Mapping[int, str], path: Path) -> tuple[dict[int, str], list[LeftOut]]:
    """From a channel that occurs to its contrast, without those that two share, and what to say about their names."""
    numbers = sorted(set(found))
    known = {number: find_contrast(names.get(number, "")) for number in numbers}
    contrasts = {number: contrast.name if contrast else _UNTOLD for number, contrast in known.items()}
    told = {number: name for number, name in contrasts.items() if list(contrasts.values()).count(name) == 1}
    unclear = [number for number in numbers if number not in told]
    strange = [number for number in numbers if not known[number] and not _SAYS_NOTHING.fullmatch(names.get(number, ""))]
    if not unclear and not strange:
        return told, []
    called = ", ".join(f"{number} ({names.get(number, 'not named')!r})" for number in unclear or strange)
    if not unclear:
        problem = f"no contrast is known by the name of channel {called}, which is taken for {_UNTOLD}"
    else:
        problem = f"the channels {called} cannot be told apart by the name of a known contrast and are left out"
    remedy = f"write one for each channel under channel_names; known are {', '.join(CONTRASTS)} and their aliases"
    return told, [LeftOut(path, f"{problem}; {remedy}", "unknown_channels")]


def _channel_names(path: Path) -> dict[int, str]:
    """From the number of a channel to what ``dataset.json`` calls it; empty without the file."""
    if not path.is_file():
        return {}
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
        names = content.get("channel_names") or content.get("modality") or {}
        return {
            int(number): str(name)
            for number, name in (dict(enumerate(names)) if isinstance(names, list) else names).items()
        }
    except (ValueError, AttributeError) as error:
        raise CohortError(
            "dataset.json of a segmentation data set", came=str(error), where=path, remedy="Correct or remove the file."
        ) from error
