"""Tables of attributes beside the images: ``participants.tsv`` of BIDS and ``cases.csv``.

``participants.tsv`` has the column ``participant_id``, matched with or without ``sub-``; ``cases.csv`` has ``case`` or
``subject``, or both, and then says which subject a case belongs to. Empty cells and ``n/a`` are no attributes.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voxlate.errors import CohortError

_ABSENT = {"", "n/a", "nan", "na"}


@dataclass(frozen=True)
class AttributeTable:
    """Rows of attributes by case or by subject.

    Attributes:
        by_case: From a folded case id to its row.
        by_subject: From a folded subject id to its row.
    """

    by_case: Mapping[str, Mapping[str, str]]
    by_subject: Mapping[str, Mapping[str, str]]

    def row(self, case_id: str, subject: str) -> dict[str, str]:
        """The attributes of a case: its own row, else its subject's; empty if there is neither."""
        own = self.by_case.get(fold(case_id))
        if own is None:
            own = self.by_subject.get(fold(subject), self.by_subject.get(fold(case_id), {}))
        return dict(own)


def fold(name: str) -> str:
    """An id without case, Unicode composition and a leading ``sub-``, so that spellings of one subject agree."""
    folded = unicodedata.normalize("NFC", name).casefold().strip()
    return folded.removeprefix("sub-")


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a comma, semicolon or tab separated file, by column.

    Raises:
        CohortError: If the file is not such a table: no header, a name twice, a row of another length, not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CohortError("a table in UTF-8", came=str(error), where=path, remedy="Save it as UTF-8 text.") from error
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


_KEYS: dict[str, dict[str, str]] = {
    "participants.tsv": {"participant_id": "subject"},
    "cases.csv": {"case": "case", "subject": "subject"},
}


def read_tables(folder: Path, *, names: Sequence[str] = tuple(_KEYS)) -> list[AttributeTable]:
    """The tables of a data set, the weaker first.

    Args:
        folder: Where they lie; one that is absent is no error.
        names: Which of ``participants.tsv`` and ``cases.csv`` to read.

    Raises:
        CohortError: If a table cannot be read, lacks its key column or has two rows for one key.
    """
    return [_read_table(folder / name, _KEYS[name]) for name in names if (folder / name).is_file()]


def _read_table(path: Path, keys: Mapping[str, str]) -> AttributeTable:
    rows: dict[str, dict[str, dict[str, str]]] = {"case": {}, "subject": {}}
    for line in read_rows(path):
        cells = {name.casefold() if name.casefold() in keys else name: value for name, value in line.items()}
        key = next((name for name in keys if name in cells), None)
        if key is None:
            wanted = " or ".join(keys)
            raise CohortError(
                f"a column {wanted}", came=", ".join(line), where=path, remedy=f"Name the ids' column {wanted}."
            )
        kind, ident = keys[key], fold(cells.pop(key))
        if ident in rows[kind]:
            raise CohortError(
                f"one row per {kind}", came=f"two for {ident!r}", where=path, remedy="Delete one of them."
            )
        rows[kind][ident] = present(cells.items())
    return AttributeTable(rows["case"], rows["subject"])
