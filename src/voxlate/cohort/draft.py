"""A draft of a manifest: the best guess at a data set, as a table to correct and to give in its place.

Cases, contrasts and attributes stand as the layout found them. Images that it left out are parted into a case and a
word that tells a case's images apart: the end of the name, its beginning or the folder, whichever gives the fewest
words and cases. Each word has a column that begins with ``?``, whose images stay out until it is called by a contrast.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from voxlate.cohort.case import Cohort, natural_key
from voxlate.cohort.layouts.listing import list_folder
from voxlate.cohort.layouts.manifest import UNTOLD
from voxlate.contrast import CONTRASTS
from voxlate.errors import WriteError, readable
from voxlate.io import is_volume_path, volume_stem
from voxlate.io.atomic import write_rows
from voxlate.io.formats.foreign import is_dicom

_Guess = Callable[[tuple[str, ...], str], tuple[str, str]]


def write_draft(path: Path, root: Path, cohort: Cohort | None = None) -> Path:
    """Writes the draft of a data set's manifest.

    Args:
        path: A new CSV file; the paths in it are relative to its folder.
        root: The data set.
        cohort: What its layout found; ``None`` if that was nothing.

    Raises:
        WriteError: If the file is there already, or cannot be written.
    """
    if path.exists():
        raise WriteError("a new file for the manifest", came="one that is there", where=path, remedy="Name another.")
    rows: dict[str, dict[str, str]] = {}
    for case in cohort.cases if cohort else ():
        files = {name: _relative(file, path) for name, file in case.paths.items()}
        rows[case.id] = {"case": case.id, "subject": case.subject, **files, **case.attributes}
    placed = {file for case in (cohort.cases if cohort else ()) for file in case.paths.values()}
    images = [item.path for item in cohort.left_out if is_volume_path(item.path)] if cohort else []
    for file, (case_id, word) in _parted(images if cohort else list_folder(root).images, root).items():
        row = rows.setdefault(case_id, {"case": case_id, "subject": case_id})
        if file not in placed and file.is_file():
            row.setdefault(f"{UNTOLD}{word}", _relative(file, path))
    for item in cohort.left_out if cohort else ():
        if item.case and is_dicom(item.path):
            row = rows.setdefault(item.case, {"case": item.case, "subject": item.case})
            row.setdefault(f"{UNTOLD}{item.path.parent.name}", _relative(item.path, path))
    columns = sorted({name for row in rows.values() for name in row}, key=_rank)
    order = sorted(rows, key=natural_key)
    write_rows(path, [columns, *([rows[case_id].get(name, "") for name in columns] for case_id in order)])
    return path


def _relative(file: Path, table: Path) -> str:
    return readable(Path(os.path.relpath(file.absolute(), table.absolute().parent)).as_posix())


def _rank(column: str) -> tuple[int, int, str]:
    first = {"case": 0, "subject": 1}.get(column, 2 if column in CONTRASTS else 3 if column[:1] == UNTOLD else 4)
    return first, list(CONTRASTS).index(column) if column in CONTRASTS else 0, column


def _parted(images: Iterable[Path], root: Path) -> dict[Path, tuple[str, str]]:
    """The likely case of each image and the word that tells it from others of the case.

    That guess is the likeliest which needs the fewest cases and words together; of two the one whose words have no
    numbers, which cases have.
    """
    files = {path: path.relative_to(root).parts if path.is_relative_to(root) else (path.name,) for path in images}
    everywhere = set.intersection(*(set(parts[:-1]) for parts in files.values())) if files else set()
    folders = {path: tuple(name for name in parts[:-1] if name not in everywhere) for path, parts in files.items()}
    guesses = [{path: guess(folders[path], volume_stem(path)) for path in files} for guess in _GUESSES]
    unique = [guess for guess in guesses if len(set(guess.values())) == len(guess)]

    def cost(guess: dict[Path, tuple[str, str]]) -> tuple[int, int]:
        cases, words = ({pair[side] for pair in guess.values()} for side in (0, 1))
        return len(cases) + len(words), sum(any(map(str.isdigit, word)) for word in words)

    return min(unique or guesses[-1:], key=cost)


def _joined(names: Sequence[str]) -> str:
    return re.sub(r"[/\\\x00-\x1f]", "_", "_".join(filter(None, names))).strip(".") or "case"


def _by_end(folders: tuple[str, ...], stem: str) -> tuple[str, str]:
    front, _, last = stem.rpartition("_")
    return _joined((*folders, front)), last


def _by_front(folders: tuple[str, ...], stem: str) -> tuple[str, str]:
    first, _, rest = stem.partition("_")
    return _joined((*folders, rest)), first


def _by_folder(folders: tuple[str, ...], stem: str) -> tuple[str, str]:
    return _joined((*folders[:-1], stem)), (folders or ("image",))[-1]


def _by_name(folders: tuple[str, ...], stem: str) -> tuple[str, str]:
    return _joined(folders), stem


_GUESSES: tuple[_Guess, ...] = (_by_name, _by_end, _by_folder, _by_front)
