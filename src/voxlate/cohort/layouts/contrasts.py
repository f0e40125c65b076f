"""The layout ``contrasts``: a folder per contrast, and a case's files under one name in several of them.

    T1/001.nii.gz                            T2/001.nii.gz
    IXI-T1/IXI002-Guys-0828-T1.nii.gz        IXI-T2/IXI002-Guys-0828-T2.nii.gz
    train/ct/p1.nii.gz                       train/mr/p1.nii.gz
    T1/p1/image.nii.gz                       T2/p1/image.nii.gz

    p1_ct/image.nii.gz                       p1_mr/image.nii.gz

The folder's name ends with the contrast. A file's name may say it again, in front or at its end, but no other one. What
is left of the name is the case, and with it, where that does not tell the files of a contrast apart, what is left of
the folders' names and differs. Source of the second line: the Brain Development project, https://brain-development.org/ixi-dataset.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voxlate.cohort.case import LeftOut
from voxlate.cohort.layouts.assembly import Found, RecognisedFile
from voxlate.cohort.layouts.naming import split_name
from voxlate.contrast import find_contrast
from voxlate.io import volume_stem

_SEPARATORS = "_-. "
_FRONT = re.compile(r"(?P<word>[^_\-. ]+)[_\-. ]+(?=.)")
_PART = re.compile(r"(?P<part>train|test|val|valid|validation)[_\-. ]?(?P<rest>.+)", re.IGNORECASE)
_MOST_FOLDERS = 3


@dataclass(frozen=True)
class _Place:
    """A file below a folder of a contrast.

    Attributes:
        contrast: Canonical name of the contrast.
        parts: The other folders on the way, what its own folder's name says besides, and the file's name without
            contrast and suffix.
    """

    contrast: str
    parts: tuple[str, ...]


def has_contrast_folders(root: Path, images: Sequence[Path]) -> bool:
    """Whether the images lie in folders of their contrasts, and some case in two of them."""
    placed, _ = _places(root, images)
    contrasts: dict[str, set[str]] = {}
    for path, case in _ids(placed).items():
        contrasts.setdefault(case, set()).add(placed[path].contrast)
    return 2 * len(placed) >= len(images) and any(len(found) > 1 for found in contrasts.values())


def place_contrasts(root: Path, images: Sequence[Path]) -> list[Found]:
    """Where each image of a folder that has one folder per contrast belongs."""
    places, strange = _places(root, images)
    return [*(RecognisedFile(path, case, places[path].contrast) for path, case in _ids(places).items()), *strange]


def _places(root: Path, images: Sequence[Path]) -> tuple[dict[Path, _Place], list[LeftOut]]:
    """Where each image belongs, and those that belong nowhere with the reason."""
    found = {path: _place(path.relative_to(root)) for path in images}
    placed = {path: place for path, place in found.items() if isinstance(place, _Place)}
    return placed, [LeftOut(path, *why) for path, why in found.items() if not isinstance(why, _Place)]


def _place(relative: Path) -> _Place | tuple[str, str]:
    folders = [name for folder in relative.parts[:-1] for name in _without_part(folder)]
    named = [(place, *found) for place, folder in enumerate(folders) if (found := _of_folder(folder))]
    if len(named) != 1 or len(folders) > _MOST_FOLDERS:
        return (
            ("lies in folders of several contrasts", "contradictory")
            if named
            else ("lies in no folder of a contrast", "unmatched")
        )
    (place, before, contrast), (rest, own) = named[0], _without_contrast(volume_stem(relative))
    if own is not None and own != contrast:
        return f"is named {own} in a folder of {contrast}", "contradictory"
    parts = (*folders[:place], before, *folders[place + 1 :], rest)
    return _Place(contrast, parts) if any(parts) else ("its name tells no case", "unmatched")


def _of_folder(folder: str) -> tuple[str, str] | None:
    """What stands before the contrast in the name of a folder, and the contrast."""
    for name in (folder, folder.removesuffix("s")):
        before, found = split_name(name)
        if found:
            return before.rstrip(_SEPARATORS), found.name
    return None


def _without_part(folder: str) -> list[str]:
    """``trainT1`` is ``T1`` in ``train``."""
    found = _PART.fullmatch(folder)
    return [found["part"], found["rest"]] if found and find_contrast(found["rest"]) else [folder]


def _without_contrast(stem: str) -> tuple[str, str | None]:
    """A name without the contrast in front or at its end, and the contrast."""
    before, found = split_name(stem)
    if found:
        return before.rstrip(_SEPARATORS), found.name
    front = _FRONT.match(stem)
    first = find_contrast(front["word"]) if front else None
    return (stem[front.end() :], first.name) if front and first else (stem, None)


def _ids(places: Mapping[Path, _Place]) -> dict[Path, str]:
    """The case of each file: its name if that is enough to tell the files of a contrast apart, else its folders too."""
    for spelled in (_without_zeros, str):
        names = Counter((place.contrast, spelled(place.parts[-1])) for place in places.values())
        if all(count == 1 and name for (_, name), count in names.items()):
            return _named({path: place.parts[-1] for path, place in places.items()}, spelled)
    depth = max((len(place.parts) for place in places.values()), default=0)
    columns = list(
        zip(
            *((*place.parts[:-1], *[""] * (depth - len(place.parts)), place.parts[-1]) for place in places.values()),
            strict=True,
        )
    )
    varying = [column for column in columns if len(set(column)) > 1] or columns
    return dict(zip(places, ("_".join(filter(None, parts)) for parts in zip(*varying, strict=True)), strict=True))


def _without_zeros(name: str) -> str:
    """A name whose numbers have no leading zeros: ``T1/1.nii.gz`` and ``T2/001.nii.gz`` are of one case."""
    return re.sub(r"\d+", lambda run: run[0].lstrip("0") or "0", name)


def _named(names: Mapping[Path, str], spelled: Callable[[str], str]) -> dict[Path, str]:
    """The case of each file; where the names of a case differ the longest."""
    longest: dict[str, str] = {}
    for name in names.values():
        longest[spelled(name)] = max(longest.get(spelled(name), ""), name, key=len)
    return {path: longest[spelled(name)] for path, name in names.items()}
