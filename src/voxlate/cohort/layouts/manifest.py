"""The layout ``manifest``: a CSV file with a row per case.

    case,subject,t1,t2,seg,site
    p1,anna,p1/T1.nii.gz,p1/T2.nii.gz,p1/lesions.nii.gz,Oslo

``case`` is needed, ``subject`` is optional (then the case id says it); a column named like a contrast, in which paths
stand, holds images, relative to the CSV; every other column is an attribute. ``swi:mr`` declares a contrast with its
kind. A column that begins with ``?`` holds images of a contrast that nothing told when the table was drafted: they are
left out, until it is called by one. Semicolons and tabs separate as well as commas.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from voxlate.cohort.case import Cohort, LeftOut
from voxlate.cohort.layouts.assembly import Found, RecognisedFile, assemble
from voxlate.cohort.layouts.attributes import AttributeTable, present, read_rows, read_tables, remarks_on
from voxlate.contrast import CONTRASTS, find_declaring
from voxlate.errors import CohortError, ReadError, readable
from voxlate.io import dicom, is_picture_path, is_volume_path
from voxlate.io.formats.foreign import foreign, is_dicom

_NAMES = ("manifest.csv", "cases.csv")
UNTOLD = "?"
"""How a column begins whose images show nobody knows what."""
_UNUSABLE_ID = re.compile(r"[/\\\x00-\x1f]|^\.{0,2}$")


def find_manifest(root: Path) -> Path | None:
    """The manifest that a path is, or that its folder holds: a CSV with a case column and one of a contrast."""
    if _is_file(root):
        return root if root.suffix.casefold() in {".csv", ".tsv"} else None
    return next((root / name for name in _NAMES if (root / name).is_file() and _has_contrasts(root / name)), None)


def declare_columns(root: Path) -> None:
    """Makes known the contrasts that the head of a data set's manifest declares, if there is one.

    Raises:
        CohortError: If the table cannot be read.
        UsageError: If a contrast cannot be declared.
    """
    path = find_manifest(root)
    for name in next(iter(read_rows(path) if path else ()), ()):
        _contrast_of(name)


def _columns_needed() -> str:
    return (
        "A manifest has the column case, and for each contrast one of paths, as in case,subject,t1,t2,site; contrasts "
        f"are {', '.join(CONTRASTS)}, or swi:mr to declare one. `voxlate check DATA --manifest cases.csv` drafts it."
    )


def index_manifest(root: Path) -> Cohort:
    """The cohort of a manifest, or of the folder that holds it.

    Raises:
        CohortError: If there is no manifest, a column or a row cannot be used, a case has two rows, or no case is left.
    """
    path = find_manifest(root)
    if path is None:
        raise CohortError(
            "a CSV file, or a folder with manifest.csv or cases.csv",
            came="neither with a column of images",
            where=root,
            remedy=_columns_needed(),
        )
    rows = read_rows(path)
    contrasts = _columns(path, rows)
    checked = _checked(path, rows)
    rows_by_case: dict[str, dict[str, str]] = {}
    found: list[Found] = []
    for row in checked:
        items = _place_row(path, row, contrasts)
        found += items
        if not items or any(isinstance(item, RecognisedFile) for item in items):  # else its missing files are named
            cells = ((name, cell) for name, cell in row.items() if name not in {"case", *contrasts})
            rows_by_case[row["case"]] = present(cells)
    table = AttributeTable(path, rows_by_case, {}, remarks_on(checked))
    tables = [*read_tables(path.parent, names=("participants.tsv",)), table]
    return assemble(root, layout="manifest", found=found, tables=tables)


def _is_file(path: Path, *, folder: bool = False) -> bool:
    try:
        return path.is_dir() if folder else path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _has_contrasts(path: Path) -> bool:
    """Whether a table has a column of images; one that cannot be read is taken for such, and reading it says why."""
    try:
        rows = read_rows(path)
    except CohortError:
        text = path.read_text(encoding="utf-8-sig", errors="replace") if os.access(path, os.R_OK) else ""
        return not text or any(_contrast_of(name) for name in re.split(r"[\t;,]", text.partition("\n")[0]))
    names = [name for name in (rows[0] if rows else ()) if _contrast_of(name) or name.startswith(UNTOLD)]
    return any(_holds_paths(rows, name) for name in names)


def _contrast_of(name: str) -> str | None:
    """The contrast that a column is named like, which it may declare itself."""
    contrast = find_declaring(name, where=f"the column {name!r}")
    return contrast.name if contrast else None


def _holds_paths(rows: list[dict[str, str]], name: str) -> bool:
    """Whether a column's cells are files, and not the values of an attribute that is called like a contrast."""
    cells = [row[name].strip() for row in rows]
    return any(_is_image(cell) or "/" in cell or "\\" in cell for cell in cells if cell)


def _columns(path: Path, rows: list[dict[str, str]]) -> dict[str, str]:
    """From a column to the contrast whose paths it holds; empty for a column whose images show nobody knows what."""
    columns: dict[str, str] = {}
    for name in rows[0] if rows else ():
        contrast, of_paths = _contrast_of(name), _holds_paths(rows, name)
        if name.startswith(UNTOLD):
            columns[name] = ""
        elif contrast is not None and of_paths:
            if contrast in columns.values():
                came = f"a second for {contrast}: {name!r}"
                raise CohortError("one column per contrast", came=came, where=path, remedy="Merge them.")
            columns[name] = contrast
        elif any(_is_image(row[name].strip()) for row in rows if row[name].strip()):
            raise CohortError(
                "a column of images to be named like a contrast",
                came=repr(name),
                where=path,
                remedy=f"Rename the column to one of {', '.join(CONTRASTS)}, or an alias of one of them; or declare "
                f"it with its kind, as {name}:mr.",
            )
    if rows and "case" not in map(str.casefold, rows[0]):
        came = f"the columns {', '.join(rows[0])}"
        raise CohortError("a column case, with an id in each row", came=came, where=path, remedy=_columns_needed())
    if rows and not columns:
        came = f"the columns {', '.join(rows[0])}, none of which holds paths"
        raise CohortError("a column of images", came=came, where=path, remedy=_columns_needed())
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


def _place_row(path: Path, row: dict[str, str], contrasts: dict[str, str]) -> list[Found]:
    case = row["case"]
    items: list[Found] = []
    for column, contrast in contrasts.items():
        if not present([(column, row[column])]):
            continue
        file = _named(path.parent, row[column])
        if _is_file(file, folder=True) and dicom.has_dicom(file):
            try:
                file = dicom.first_file(file)
            except ReadError as error:
                items.append(LeftOut(file, f"expected {error.expected}, got {error.came}", "dicom", case, contrast))
                continue
        if not contrast:
            items.append(LeftOut(file, f"its column is {column!r}: call it by a contrast to use it", case=case))
        elif not _is_file(file):
            items.append(LeftOut(file, f"named for case {case}, but the file does not exist", "missing_file"))
        elif not _is_image(file) and not is_dicom(file):
            items.append(LeftOut(file, f"named for case {case}, but {_no_image(file)}"))
        else:
            items.append(RecognisedFile(file, case, contrast))
    return items


def _is_image(name: str | Path) -> bool:
    return is_volume_path(name) or is_picture_path(name)


def _no_image(path: Path) -> str:
    found = foreign(path)
    return f"it is {found.what}: {found.remedy}" if found else "not an image"


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
