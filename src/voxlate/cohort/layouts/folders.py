"""The layouts ``folders``, one folder per case, and ``flat``, cases told by the beginning of their files' names.

    data/patient19/T1.nii.gz                 folders
    data/patient19/patient19_FLAIR.nii.gz
    data/Oslo/patient19/T1.nii.gz            what varies in the folders' names is the case: Oslo_patient19, say
    data/sub-01/sub-01_ses-1_T1w.nii.gz      two sessions in one folder are two cases of one subject
    data/p01/3_t1_mprage_sag.nii.gz          dcm2niix: its JSON says what a name does not

    data/p01_T1.nii.gz                       flat
    data/T1_p01.nii.gz                       where T2_p01, say, lies beside it, and T1_p02
    data/train/p01_T1.nii.gz
    data/p01/visit1_T1.nii.gz                the folder is the person, and the case p01_visit1

Any alias of a contrast will do, and ``-``, ``.`` or a blank for ``_``. The folder of one case, whose images differ in
their names in the contrast alone, is a data set of one case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from voxlate.cohort.case import LeftOut
from voxlate.cohort.layouts.assembly import Found, RecognisedFile
from voxlate.cohort.layouts.naming import contrast_in, dixon_part, split_front, split_name, why_not
from voxlate.cohort.layouts.protocol import guess_contrast, read_sidecar
from voxlate.cohort.subjects import subjects_of
from voxlate.io import volume_stem

_SESSION = re.compile(r"(?:^|[_\-])ses-([^_\-]+)", re.IGNORECASE)
_SEPARATORS = "_-. "
_IN_ROOT = "lies in the root; images lie in one folder per case"


def place_folders(root: Path, images: Sequence[Path]) -> list[Found]:
    """Where each image belongs, in a folder that has one folder per case, or is the folder of one."""
    if images and all(path.parent == root for path in images) and _are_one_case(root.resolve().name, images):
        return _place_folder(root.resolve().name, images)
    return place_in_folders(root, images)


def place_in_folders(root: Path, images: Sequence[Path]) -> list[Found]:
    """Where each image belongs, in a folder that has one folder per case."""
    folders: dict[tuple[str, ...], list[Path]] = {}
    items: list[Found] = []
    for path in images:
        folder = path.relative_to(root).parts[:-1]
        if folder:
            folders.setdefault(folder, []).append(path)
        else:
            stem = volume_stem(path)
            items.append(LeftOut(path, _IN_ROOT if contrast_in(stem) else f"lies in the root, and {why_not(stem)}"))
    for folder, case in _cases_of(folders).items():
        if case:
            items += _place_folder(case, folders[folder], within=folder[-1])
        else:
            items += (LeftOut(path, "lies deeper than other images of its case") for path in folders[folder])
    return items


def has_flat_names(root: Path, images: Sequence[Path]) -> bool:
    """Whether most images are named ``<case>_<contrast>``, and some folder holds one contrast of several cases."""
    named = _named(images)
    prefixes: dict[tuple[Path, str], set[str]] = {}
    for path, (before, contrast) in named.items():
        prefixes.setdefault((path.parent, contrast), set()).add(before)
    several = {folder for (folder, _), found in prefixes.items() if len(found) > 1}
    flat = [folder for folder in several if folder == root or _holds_cases(folder, named)]
    return 2 * len(named) >= len(images) and bool(flat)


def place_flat(root: Path, images: Sequence[Path]) -> list[Found]:
    """Where each image belongs, by the beginning of its name."""
    named = _named(images)
    folders: dict[str, set[Path]] = {}
    for path, (before, _) in named.items():
        folders.setdefault(before, set()).add(path.parent)
    items: list[Found] = []
    for path in images:
        if path not in named:
            items.append(LeftOut(path, why_not(volume_stem(path))))
            continue
        before, contrast = named[path]
        parts = path.relative_to(root).parts[:-1] if len(folders[before]) > 1 else ()
        items.append(RecognisedFile(path, "_".join((*parts, before)), contrast))
    return items


def _named(images: Sequence[Path]) -> dict[Path, tuple[str, str]]:
    """What comes before the contrast in each file's name, and the contrast, without those that lack either.

    A number before it is that of the series, where a scanner's JSON lies beside the image (``3_mprage``).
    """
    named: dict[Path, tuple[str, str]] = {}
    parts: dict[tuple[Path, str], dict[Path, str]] = {}
    for path in images:
        before, found = split_name(volume_stem(path))
        part = None if found else dixon_part(volume_stem(path))
        case = before.rstrip(_SEPARATORS)
        if part and part[0]:
            parts.setdefault((path.parent, part[0].rstrip(_SEPARATORS)), {})[path] = part[1]
        elif case and found and not (case.isdigit() and read_sidecar(path)):
            named[path] = case, found.name
    named |= _named_in_front([path for path in images if path not in named])
    for (_, case), beside in parts.items():
        if len(set(beside.values())) > 1:
            named |= {path: (case, name) for path, name in beside.items()}
    return named


def _named_in_front(images: Sequence[Path]) -> dict[Path, tuple[str, str]]:
    """Case and contrast of names that begin with the contrast, where several cases and contrasts of one bear it out."""
    folders: dict[Path, dict[Path, tuple[str, str]]] = {}
    for path in images:
        found = split_front(volume_stem(path))
        if found and not read_sidecar(path):
            folders.setdefault(path.parent, {})[path] = found[0], found[1].name
    named: dict[Path, tuple[str, str]] = {}
    for files in folders.values():
        cases, contrasts = (Counter(of) for of in zip(*set(files.values()), strict=True))
        if max(cases.values()) > 1 and max(contrasts.values()) > 1:
            named |= files
    return named


def _holds_cases(folder: Path, named: Mapping[Path, tuple[str, str]]) -> bool:
    """Whether the beginnings of a folder's names are cases, or visits of the person that the folder is called by.

    They are neither the folder's own name, nor words that come again in other folders and name no visit (``raw_T1``,
    ``n4_T1``), which are versions of one image.
    """
    own = {before for path, (before, _) in named.items() if path.parent == folder}
    elsewhere = {before for path, (before, _) in named.items() if path.parent != folder}
    if any(before.casefold().startswith(folder.name.casefold()) for before in own):
        return False
    ids = {f"{path.parent.name}_{before}": path.parent for path, (before, _) in named.items()}
    persons = subjects_of(ids)
    are_visits = all(persons[case] == parent.name for case, parent in ids.items() if parent == folder)
    return are_visits or not own & elsewhere


def _cases_of(folders: Mapping[tuple[str, ...], Sequence[Path]]) -> dict[tuple[str, ...], str]:
    """The case of each folder: its name, and where it lies deeper, those of the names on the way that vary."""
    shallow = {folder[0] for folder in folders if len(folder) == 1}
    deep = [folder for folder in folders if len(folder) > 1 and folder[0] not in shallow]
    depth = max(map(len, deep), default=0)
    columns = list(zip(*((*folder[:-1], *[""] * (depth - len(folder)), folder[-1]) for folder in deep), strict=True))
    varying = [column for column in columns if len(set(column)) > 1] or columns[-1:]
    names = ["_".join(filter(None, parts)) for parts in zip(*varying, strict=True)]
    cases = dict(zip(deep, names, strict=True))
    return {folder: folder[0] if len(folder) == 1 else cases.get(folder, "") for folder in folders}


def _place_folder(case: str, paths: Sequence[Path], *, within: str = "") -> list[Found]:
    """The images of one folder; ``within`` is its name, with which its files' names may begin."""
    within = within or case
    sessions = {path: _session(path) for path in paths}
    several = len({session for session in sessions.values() if session}) > 1
    items: list[Found] = []
    for path, session in sessions.items():
        contrast, why = _contrast_of(path, within)
        if not contrast:
            items.append(LeftOut(path, why))
        elif several and not session:
            items.append(LeftOut(path, "names no session, while its folder holds several"))
        elif several:
            items.append(RecognisedFile(path, f"{case}_ses-{session}", contrast, subjects_of([case])[case]))
        else:
            items.append(RecognisedFile(path, case, contrast))
    return items


def _contrast_of(path: Path, within: str) -> tuple[str, str]:
    """The contrast that a file's name tells, or else the JSON beside it; empty with the reason if neither does."""
    found = contrast_in(volume_stem(path), case=within)
    header = {} if found else read_sidecar(path)
    guess = guess_contrast(header)
    why = why_not(volume_stem(path), case=within)
    return (
        (found.name, "") if found else (guess.contrast, f"{why}; by its JSON file, {guess.reason}" if header else why)
    )


def _are_one_case(name: str, paths: Sequence[Path]) -> bool:
    """Whether the files differ in the contrast alone, apart from the folder's name that some may begin with.

    The files of dcm2niix, whose names are those of sequences, are known by their JSON.
    """
    parts = [split_name(volume_stem(path), case=name) for path in paths]
    named = [(before.casefold(), found.name) for before, found in parts if found]
    if len({before for before, _ in named}) != 1:
        told = (guess_contrast(header).contrast for path in paths if (header := read_sidecar(path)))
        named = [("", contrast) for contrast in told if contrast]
    return bool(named) and len({contrast for _, contrast in named}) == len(named)


def _session(path: Path) -> str:
    found = _SESSION.search(volume_stem(path))
    return found.group(1) if found else ""
