"""The layout ``folders``: one folder per case, with ``<contrast>`` or ``<case>_<contrast>`` images in it.

    data/patient19/T1.nii.gz
    data/patient19/patient19_FLAIR.nii.gz
    data/sub-01/sub-01_ses-1_T1w.nii.gz      two sessions in one folder are two cases of one subject

Any alias of a contrast will do, and ``-``, ``.`` or a blank for ``_``. The folder of one case, whose images differ in
their names in the contrast alone, is a data set of one case.
"""

from __future__ import annotations

import re
from pathlib import Path

from voxlate.cohort.case import Cohort, LeftOut
from voxlate.cohort.layouts.assembly import RecognisedFile, assemble
from voxlate.cohort.layouts.attributes import read_tables
from voxlate.cohort.layouts.listing import list_folder
from voxlate.cohort.layouts.naming import contrast_in, split_name, why_not
from voxlate.cohort.subjects import subjects_of
from voxlate.io import volume_stem

_SESSION = re.compile(r"(?:^|[_\-])ses-([^_\-]+)", re.IGNORECASE)


def index_folders(root: Path) -> Cohort:
    """The cohort of a folder that has one folder per case.

    Raises:
        CohortError: If no case is found, or a table of attributes cannot be used.
        UsageError: If ``root`` is no folder.
    """
    listing = list_folder(root)
    placed: list[RecognisedFile] = []
    left_out = list(listing.left_out)
    folders: dict[str, list[Path]] = {}
    in_root: list[Path] = []
    for path in listing.images:
        parts = path.relative_to(root).parts
        if len(parts) == 2:
            folders.setdefault(parts[0], []).append(path)
        elif len(parts) == 1:
            in_root.append(path)
        else:
            left_out.append(LeftOut(path, "lies deeper than one folder per case"))
    name = root.resolve().name
    if len(in_root) == len(listing.images) and _are_one_case(name, in_root):
        folders[name] = in_root
    else:
        reason = "lies in the root; images lie in one folder per case"
        left_out.extend(LeftOut(path, reason) for path in in_root)
    for name, paths in folders.items():
        for item in _place_folder(name, paths):
            (placed if isinstance(item, RecognisedFile) else left_out).append(item)  # type: ignore[arg-type]
    return assemble(root, layout="folders", placed=placed, left_out=left_out, tables=read_tables(root))


def _place_folder(name: str, paths: list[Path]) -> list[RecognisedFile | LeftOut]:
    sessions = {path: _session(path) for path in paths}
    several = len({session for session in sessions.values() if session}) > 1
    items: list[RecognisedFile | LeftOut] = []
    for path, session in sessions.items():
        contrast = contrast_in(volume_stem(path), case=name)
        if contrast is None:
            items.append(LeftOut(path, why_not(volume_stem(path), case=name)))
        elif several and not session:
            items.append(LeftOut(path, "names no session, while its folder holds several"))
        else:
            case, subject = (f"{name}_ses-{session}", subjects_of([name])[name]) if several else (name, "")
            items.append(RecognisedFile(path, case, contrast.name, subject))
    return items


def _are_one_case(name: str, paths: list[Path]) -> bool:
    """Whether the files differ in the contrast alone, apart from the folder's name that some may begin with."""
    parts = [split_name(volume_stem(path), case=name) for path in paths]
    named = [(before.casefold(), found.name) for before, found in parts if found]
    return len({before for before, _ in named}) == 1 and len({contrast for _, contrast in named}) == len(named)


def _session(path: Path) -> str:
    found = _SESSION.search(volume_stem(path))
    return found.group(1) if found else ""
