"""Tables of attributes beside the images: ``participants.tsv`` and ``sub-*_sessions.tsv`` of BIDS, and ``cases.csv``.

``participants.tsv`` has the column ``participant_id``, matched with or without ``sub-``; ``cases.csv`` has ``case`` or
``subject``, or both, and then says which subject a case belongs to. Empty cells and ``n/a`` are no attributes. An id
that a spreadsheet has changed (1 for 001) is matched where it can mean one case alone; other rows are told. A row of
``sub-01/sub-01_sessions.tsv`` is of one session (column ``session_id``); its date, ``acq_time``, is no attribute.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from voxlate.errors import CohortError, counted
from voxlate.io import is_volume_path, volume_stem
from voxlate.io.formats.foreign import stand_in

_ABSENT = {"", "n/a", "nan", "na"}
_WHOSE = re.compile(
    r"(subj(ects?)?|sub|patients?|persons?|participants?|pt|people|individual|animal|donor)"
    r"([_\-. ]?(id|no|nr|name|number|code))?|pid|mrn",
    re.IGNORECASE,
)
"""Columns that may say whose scan a case is."""


@dataclass(frozen=True)
class AttributeTable:
    """Rows of attributes by case or by subject.

    Attributes:
        path: The file.
        by_case: From a case id, as it is written, to its row.
        by_subject: From a subject id, as it is written, to its row.
        remarks: What is odd about the table's columns, as sentences without a capital.
    """

    path: Path
    by_case: Mapping[str, Mapping[str, str]]
    by_subject: Mapping[str, Mapping[str, str]]
    remarks: tuple[str, ...] = ()

    def row(self, case_id: str, subject: str, *, of: IdMatch) -> dict[str, str]:
        """The attributes of a case: its own row, else its subject's; empty if there is neither."""
        own = of.cases.get(case_id)
        if own is not None:
            return dict(self.by_case[own])
        key = of.subjects.get(subject, of.subjects.get(case_id))
        return dict(self.by_subject[key]) if key is not None else {}

    def match(self, cases: Iterable[str], subjects: Iterable[str]) -> IdMatch:
        """Which row belongs to which of these ids; a row by subject may name a case as well."""
        ids = list(cases)
        of_cases, of_subjects = _pair(self.by_case, ids), _pair(self.by_subject, [*subjects, *ids])
        found = {*of_cases.values(), *of_subjects.values()}
        return IdMatch(of_cases, of_subjects, [key for key in (*self.by_case, *self.by_subject) if key not in found])

    def told(self, of: IdMatch) -> str:
        """How many of its rows were matched, as words."""
        rows = len(self.by_case) + len(self.by_subject)
        return f"{self.path.name}: {rows - len(of.alone)} of {counted(rows, 'row')} matched"


class IdMatch(NamedTuple):
    """How the rows of a table and the ids of a cohort belong together.

    Attributes:
        cases: From a case id to the key of its row.
        subjects: From a subject's or case's id to the key of its row.
        alone: Keys of the rows that nothing matches.
    """

    cases: dict[str, str]
    subjects: dict[str, str]
    alone: list[str]


def fold(name: str) -> str:
    """An id without case, Unicode composition and a leading ``sub-``, so that spellings of one subject agree."""
    folded = unicodedata.normalize("NFC", name).casefold().strip()
    return folded.removeprefix("sub-")


def _loosely(name: str) -> str:
    """An id as hands and spreadsheets change it: without leading zeros, ``.0``, an image suffix, the separators' kind.

    Example:
        >>> _loosely("1.0"), _loosely("sub-001"), _loosely("Case 07")
        ('1', '1', 'case_7')
    """
    folded = fold(volume_stem(name) if is_volume_path(name) else name)
    folded = re.sub(r"[_\-\s.]+", "_", re.sub(r"^(\d+)\.0+$", r"\1", folded))
    return re.sub(r"\d+", lambda run: run[0].lstrip("0") or "0", re.sub(r"^sub_?(?=\d)", "", folded))


def _pair(keys: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """From a name to the key of the row that means it: as written, else folded, else the only one that may be meant."""
    paired: dict[str, str] = {}
    open_keys, open_names = list(dict.fromkeys(keys)), list(dict.fromkeys(names))
    for spelling in (str, fold, _loosely):
        found, wanted = _by_spelling(open_keys, spelling), _by_spelling(open_names, spelling)
        for spelt, fitting in wanted.items():
            rows = found.get(spelt, [])
            if len(rows) == 1 and len(set(map(fold, fitting))) == 1:
                paired |= dict.fromkeys(fitting, rows[0])
        taken = set(paired.values())
        open_keys = [key for key in open_keys if key not in taken]
        open_names = [name for name in open_names if name not in paired]
    return paired


def _by_spelling(names: Iterable[str], spelling: Callable[[str], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(spelling(name), []).append(name)
    return found


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a comma, semicolon or tab separated file, by column.

    Raises:
        CohortError: If the file is not such a table: no header, a name twice, a row of another length, not UTF-8.
    """
    if (found := stand_in(path)) and path.stat().st_size:
        raise CohortError("a table", came=found.what, where=path, remedy=found.remedy)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CohortError(
            "a table in UTF-8",
            came=f"bytes of another encoding in line {error.object[: error.start].count(10) + 1}",
            where=path,
            remedy='Save it as UTF-8 text; spreadsheets call that "CSV UTF-8".',
        ) from error
    except OSError as error:
        raise CohortError("a readable table", came=str(error), where=path, remedy="Check its permissions.") from error
    first = text.partition("\n")[0]
    delimiter = max("\t;,", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise CohortError("a table", came=str(error), where=path, remedy="Save it as CSV.") from error
    lines = [row for row in rows if any(map(str.strip, row))]
    if not lines:
        raise CohortError("a header line", came="an empty table", where=path, remedy="Write the column names first.")
    header = [name.strip() for name in lines[0]]
    doubles = {name for name in header if header.count(name) > 1 and name}
    if doubles:
        raise CohortError("each column once", came=f"{sorted(doubles)} twice", where=path, remedy="Rename one of them.")
    for number, row in enumerate(lines[1:], 2):
        if len(row) != len(header):
            raise CohortError(
                f"{len(header)} cells", came=f"{len(row)} in row {number}", where=path, remedy="Correct the row."
            )
    return [dict(zip(header, row, strict=True)) for row in lines[1:]]


def present(cells: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The cells that say something, by column."""
    return {name: value.strip() for name, value in cells if name and value.strip().casefold() not in _ABSENT}


_BIDS, _SESSION, _DATE = "participants.tsv", "session_id", "acq_time"
_KEYS: dict[str, dict[str, str]] = {
    _BIDS: {"participant_id": "subject"},
    "cases.csv": {"case": "case", "subject": "subject"},
}


def read_tables(folder: Path, *, names: Sequence[str] = tuple(_KEYS)) -> list[AttributeTable]:
    """The tables of a data set, the weaker first; those of sessions come behind that of participants.

    Args:
        folder: Where they lie; one that is absent is no error.
        names: Which of ``participants.tsv`` and ``cases.csv`` to read.

    Raises:
        CohortError: If a table cannot be read, lacks its key column or has two rows for one key.
    """
    tables: list[AttributeTable] = []
    for name in names:
        tables += [_read_table(folder / name, _KEYS[name])] if (folder / name).is_file() else []
        tables += _of_sessions(folder) if name == _BIDS else []
    return tables


def _of_sessions(folder: Path) -> list[AttributeTable]:
    """The tables of sessions of all subjects, as one."""
    rows: dict[str, dict[str, str]] = {}
    paths = sorted(folder.glob("sub-*/sub-*_sessions.tsv"))
    for path in paths:
        for cells in read_rows(path):
            if _SESSION not in cells:
                remedy = f"Name the ids' column {_SESSION}."
                raise CohortError(f"a column {_SESSION}", came=", ".join(cells), where=path, remedy=remedy)
            ident = f"{path.parent.name}_ses-{cells[_SESSION].strip().removeprefix('ses-')}"
            if ident in rows:
                came, remedy = f"two for {ident!r}", "Delete one of them."
                raise CohortError("one row per session", came=came, where=path, remedy=remedy)
            rows[ident] = present((name, cell) for name, cell in cells.items() if name not in {_SESSION, _DATE})
    place = paths[0] if len(paths) == 1 else folder / "sub-*" / "sub-*_sessions.tsv"
    return [AttributeTable(place, rows, {})] if rows else []


def _read_table(path: Path, keys: Mapping[str, str]) -> AttributeTable:
    rows: dict[str, dict[str, dict[str, str]]] = {"case": {}, "subject": {}}
    seen: set[tuple[str, str]] = set()
    lines = [
        {name.casefold() if name.casefold() in keys else name: value for name, value in line.items()}
        for line in read_rows(path)
    ]
    for cells in lines:
        key = next((name for name in keys if name in cells), None)
        if key is None:
            wanted = " or ".join(keys)
            raise CohortError(
                f"a column {wanted}", came=", ".join(cells), where=path, remedy=f"Name the ids' column {wanted}."
            )
        kind, ident = keys[key], cells[key].strip()
        if (kind, fold(ident)) in seen:
            raise CohortError(
                f"one row per {kind}", came=f"two for {fold(ident)!r}", where=path, remedy="Delete one of them."
            )
        seen.add((kind, fold(ident)))
        rows[kind][ident] = present((name, cell) for name, cell in cells.items() if name != key)
    return AttributeTable(path, rows["case"], rows["subject"], remarks_on(lines) if "case" in keys else ())


def remarks_on(rows: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """What is odd about the columns of a table of cases: one that says whose scan a case is, under another name.

    Args:
        rows: The rows by column, ``case`` among them.
    """
    columns = list(rows[0]) if rows else []
    if "case" not in columns or "subject" in columns:
        return ()
    return tuple(
        f"the column {name!r} is an attribute; call it subject if it says whose scan a case is, so that the scans of "
        "one person stay together"
        for name in columns
        if _WHOSE.fullmatch(name) and len({row[name].strip() for row in rows}) < len(rows)
    )
