"""The layout ``pairs``: images in one folder, their labels under the same names in another.

    images/hippocampus_001.nii.gz      labels/hippocampus_001.nii.gz
    imagesTr/la_003_0000.nii.gz        labelsTr/la_003.nii.gz

as in the Medical Segmentation Decathlon (Antonelli et al. 2022, doi 10.1038/s41467-022-30695-9) and nnU-Net, whose
channel number ``_0000`` is read through ``dataset.json``. ``imagesTr`` alone, or a data set of one folder ``images``
with numbered channels, is a data set without labels. What the images show is ``mr`` unless ``modality`` or
``channel_names`` of ``dataset.json`` names another contrast. Channels that are called alike, or by no known contrast
where there are several, are left out and told. Images without labels beside others that have some, and labels without
an image, are left out, as are test images (``imagesTs``), so that nobody trains on them unasked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from voxlate.cohort.case import LeftOut
from voxlate.cohort.layouts.assembly import Found, RecognisedFile
from voxlate.contrast import CONTRASTS, find_contrast
from voxlate.errors import CohortError
from voxlate.io import volume_stem
from voxlate.io.formats.foreign import stand_in
from voxlate.plainyaml import Json

_FOLDERS = {"images": "labels", "imagesTr": "labelsTr"}
_DESCRIPTION = "dataset.json"
_TEST_FOLDERS = ("imagesTs", "labelsTs")
_UNTOLD = "mr"
"""What an image is taken for that nothing names."""
_SAYS_NOTHING = re.compile(r"|z[-_ ]?score|no[-_ ]?norm|(rescale|rgb)[-_ ]?(to[-_ ]?)?0[-_ ]?1", re.IGNORECASE)
"""Channel names of nnU-Net that say how to normalise, not what is shown."""
_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")


def has_pairs(root: Path, images: Sequence[Path]) -> bool:
    """Whether ``images`` lies beside ``labels``, or ``imagesTr`` alone holds numbered channels."""
    if any((root / images).is_dir() and (root / labels).is_dir() for images, labels in _FOLDERS.items()):
        return True
    within = [path for path in images if path.relative_to(root).parts[0] in _FOLDERS]
    return any(_CHANNEL.fullmatch(volume_stem(path)) for path in within) or (
        bool(within) and (root / _DESCRIPTION).is_file()
    )


def place_pairs(root: Path, images: Sequence[Path]) -> list[Found]:
    """Where each image of paired folders belongs.

    Raises:
        CohortError: If ``dataset.json`` cannot be used.
    """
    names = _channel_names(root / _DESCRIPTION)
    sides: dict[str, dict[Path, str]] = {name: {} for pair in _FOLDERS.items() for name in pair}
    items: list[Found] = []
    for path in images:
        parts = path.relative_to(root).parts
        if len(parts) == 2 and parts[0] in sides:
            sides[parts[0]][path] = volume_stem(path)
        elif parts[0] in _TEST_FOLDERS:
            items.append(LeftOut(path, f"an image or labels of the test ({parts[0]})", "test_image"))
        else:
            items.append(LeftOut(path, f"lies in none of {', '.join(sides)}"))
    numbered: list[tuple[RecognisedFile, int]] = []
    for images_folder, labels in _FOLDERS.items():
        for item in _pair(sides[images_folder], sides[labels], names):
            if isinstance(item, LeftOut):
                items.append(item)
            elif item[1] is None:
                items.append(item[0])
            else:
                numbered.append((item[0], item[1]))
    told, unclear = _contrasts((channel for _, channel in numbered), names, root / _DESCRIPTION)
    items.extend(unclear)
    for file, channel in numbered:
        if channel in told:
            items.append(replace(file, contrast=told[channel]))
        else:
            reason = f"nothing says what its channel {channel} shows that no other channel does"
            items.append(LeftOut(file.path, reason, "unclear_channel", case=file.case, contrast=file.contrast))
    return items


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
        if labels and case not in labelled:
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
    elif not names:
        problem = f"there is none that says what the channels {', '.join(map(str, numbers))} show"
    else:
        problem = f"the channels {called} cannot be told apart by the name of a known contrast and are left out"
    remedy = f"write one for each channel under channel_names; known are {', '.join(CONTRASTS)} and their aliases"
    return told, [LeftOut(path, f"{problem}; {remedy}", "unknown_channels")]


def _channel_names(path: Path) -> dict[int, str]:
    """From the number of a channel to what ``dataset.json`` calls it; empty without the file."""
    if not path.is_file():
        return {}
    if found := stand_in(path):
        raise CohortError("dataset.json of a data set", came=found.what, where=path, remedy=found.remedy)
    try:
        content: Json = json.loads(path.read_text(encoding="utf-8-sig"))
        names = content.get("channel_names") or content.get("modality") or {}
        return {
            int(number): str(name)
            for number, name in (dict(enumerate(names)) if isinstance(names, list) else names).items()
        }
    except (ValueError, AttributeError) as error:
        raise CohortError(
            "dataset.json of a segmentation data set", came=str(error), where=path, remedy="Correct or remove the file."
        ) from error
