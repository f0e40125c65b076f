"""The layout ``manifest``: a CSV file with a row per case.

    case,subject,t1,t2,seg,site
    p1,anna,p1/T1.nii.gz,p1/T2.nii.gz,p1/lesions.nii.gz,Oslo

``case`` is needed, ``subject`` is optional (then the case id says it); a column named like a contrast holds paths,
relative to the CSV; every other column is an attribute. Semicolons and tabs separate as well as commas.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from voxlate.cohort.case import Cohort, LeftOut
from voxlate.cohort.layouts.assembly import RecognisedFile, assemble
from voxlate.cohort.layouts.attributes import AttributeTable, present, read_rows, read_tables, remarks_on
from voxlate.contrast import CONTRASTS, find_contrast
from voxlate.errors import CohortError, readable
from voxlate.io import is_volume_path

_NAMES = ("manifest.csv", "cases.csv")
_UNUSABLE_ID = re.compile(r"[/\\\x00-\x1f]|^\.{0,2}$")


def find_manifest(root: Path) -> Path | None:
    """The manifest that a path is, or that its folder holds: a CSV with a case column and one of a contrast."""
    if _is_file(root):
        return root if root.suffix.casefold() in {".csv", ".tsv"} else None
    return next((root / name for name in _NAMES if (root / name).is_file() and _has_contrasts(root / name)), None)


def index_manifest(root: Path) -> Cohort:
    """The cohort of a manifest, or of the folder that holds it.

    Raises:
        CohortError: If there is no manifest, a column or a row cannot be used, a case has two rows, or no case is left.
    """
    path = find_manifest(root)
    if path is None:
        raise CohortError(
            "a CSV file, or a folder with manifest.csv or cases.csv",
            came="neither with a column for a contrast",
            where=root,
            remedy=f"Write a table with the columns case and, for example, t1; contrasts are {', '.join(CONTRASTS)}.",
        )
    rows = read_rows(path)
    contrasts = _columns(path, rows)
    checked = _checked(path, rows)
    rows_by_case: dict[str, dict[str, str]] = {}
    placed: list[RecognisedFile] = []
    left_out: list[LeftOut] = []
    for row in checked:
        items = _place_row(path, row, contrasts)
        placed += [item for item in items if isinstance(item, RecognisedFile)]
        left_out += [item for item in items if isinstance(item, LeftOut)]
        if not items or any(isinstance(item, RecognisedFile) for item in items):  # else its missing files are named
            cells = ((name, cell) for name, cell in row.items() if name not in {"case", *contrasts})
            rows_by_case[row["case"]] = present(cells)
    table = AttributeTable(path, rows_by_case, {}, remarks_on(checked))
    tables = [*read_tables(path.parent, names=("participants.tsv",)), table]
    return assemble(root, layout="manifest", placed=placed, left_out=left_out, tables=tables)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _has_contrasts(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:  # reading the rows says why
        return True
    return any(find_contrast(name) is not None for name in re.split(r"[\t;,]", text.partition("\n")[0]))


def _columns(path: Path, rows: list[dict[str, str]]) -> dict[str, str]:
    """From a column to the contrast whose paths it holds."""
    columns: dict[str, str] = {}
    for name in rows[0] if rows else ():
        contrast = find_contrast(name)
        if contrast is not None and contrast.name in columns.values():
            raise CohortError(
                "one column per contrast",
                came=f"a second for {contrast.name}: {name!r}",
                where=path,
                remedy="Merge them.",
            )
        if contrast is not None:
            columns[name] = contrast.name
        elif any(is_volume_path(Path(row[name].strip())) for row in rows if row[name].strip()):
            raise CohortError(
                "a column of images to be named like a contrast",
                came=repr(name),
                where=path,
                remedy=f"Rename the column to one of {', '.join(CONTRASTS)}, or an alias of one of them.",
            )
    return columns


def _checked(path: Path, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows with the key columns under ``case`` and ``subject``, each case once."""
    seen: set[str] = set()
    checked = []
    for number, row in enumerate(rows, 2):
        cells = {
            name.casefold() if name.casefold() in {"case", "subject"} else name: cell.strip()
            for name, cell in row.items()
        }
        case = cells.get("case", "")
        if _UNUSABLE_ID.search(case) or case in seen:
            came = f"{case!r} again" if case in seen else repr(case)
            raise CohortError(
                "a unique id without slashes in the column 'case'",
                came=f"{came} in row {number}",
                where=path,
                remedy="Give each row its own id; for sessions of one person use the column 'subject'.",
            )
        seen.add(case)
        checked.append(cells)
    return checked


def _place_row(path: Path, row: dict[str, str], contrasts: dict[str, str]) -> list[RecognisedFile | LeftOut]:
    case = row["case"]
    items: list[RecognisedFile | LeftOut] = []
    for column, contrast in contrasts.items():
        file = _named(path.parent, row[column])
        if not row[column]:
            continue
        if not _is_file(file):
            items.append(LeftOut(file, f"named for case {case}, but the file does not exist", "missing_file"))
        elif not is_volume_path(file):
            items.append(LeftOut(file, f"named for case {case}, but not an image", "not_an_image"))
        else:
            items.append(RecognisedFile(file, case, contrast))
    return items


def _named(folder: Path, name: str) -> Path:
    """The file that a table names; where a folder's name is no UTF-8, the table holds it as text."""
    file = place = folder / name
    if not _is_file(file):
        place = folder
        with suppress(OSError, ValueError):  # no such folder, or a name that no file can have
            for part in Path(name).parts:
                entries = () if (place / part).exists() else place.iterdir()
                place = next((entry for entry in entries if readable(entry.name) == part), place / part)
    return place if _is_file(place) else file
