"""A split as a file and as a table: ``split.csv`` of a run, and the share of every attribute's value in each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voxlate.cohort.case import Case, Cohort, natural_key
from voxlate.cohort.layouts.attributes import fold, read_rows
from voxlate.cohort.splits import PARTS, UNKNOWN, Split
from voxlate.errors import CohortError
from voxlate.io.atomic import write_rows

_COLUMNS = ("case", "subject", "part")


@dataclass(frozen=True)
class ShareRow:
    """How one value of an attribute is spread over the parts.

    Attributes:
        attribute: Name of the attribute; empty in the first row, which counts all.
        value: The value; ``unknown`` where a case has none.
        subjects: Number of subjects with the value, by part.
        shares: The same over the number of subjects in the part, 0 to 1; 0 in an empty part.
    """

    attribute: str
    value: str
    subjects: Mapping[str, int]
    shares: Mapping[str, float]


def split_table(split: Split, cohort: Cohort, *, attributes: Sequence[str] | None = None) -> list[ShareRow]:
    """The shares of attributes in the parts of a split.

    Args:
        split: From case id to part.
        cohort: The cohort that was split.
        attributes: Which to show; ``None`` for all that have at most eight values.
    """
    by_part = {part: _subject_values(split, cohort, part) for part in PARTS}
    names = sorted({name for values in by_part.values() for has in values for name, _ in has})
    rows = [_row("", "all subjects", by_part)]
    for name in names if attributes is None else attributes:
        found = {value for values in by_part.values() for has in values for key, value in has if key == name}
        if attributes is None and len(found) > 8:
            continue
        rows.extend(_row(name, value, by_part) for value in sorted(found, key=natural_key))
    return rows


def _subject_values(split: Split, cohort: Cohort, part: str) -> list[set[tuple[str, str]]]:
    """What each subject of a part has, with ``unknown`` for attributes that only others have."""
    names = {name for case in cohort.cases for name in case.attributes}
    subjects: dict[str, list[Case]] = {}
    for case in cohort.cases:
        if split.get(case.id) == part:
            subjects.setdefault(fold(case.subject), []).append(case)
    return [
        {(name, case.attributes.get(name, UNKNOWN)) for name in names for case in cases} for cases in subjects.values()
    ]


def _row(name: str, value: str, by_part: Mapping[str, list[set[tuple[str, str]]]]) -> ShareRow:
    counts = {
        part: sum((name, value) in has for has in values) if name else len(values) for part, values in by_part.items()
    }
    shares = {part: counts[part] / len(values) if values else 0.0 for part, values in by_part.items()}
    return ShareRow(name, value, counts, shares)


SHARE_FIELDS = ("attribute", "value", *PARTS)


def share_cells(rows: Sequence[ShareRow]) -> list[tuple[str, ...]]:
    """The rows of a ``split_table`` as text under ``SHARE_FIELDS``: subjects, and their share of the part.

    Example:
        >>> row = ShareRow("grade", "4", {"train": 9}, {"train": 0.45})
        >>> share_cells([row])[0][:3]
        ('grade', '4', '9 (45 %)')
    """
    return [
        (
            row.attribute or "all",
            row.value,
            *(f"{n} ({100 * row.shares[part]:.0f} %)" for part, n in row.subjects.items()),
        )
        for row in rows
    ]


def write_shares(split: Split, cohort: Cohort, path: Path) -> None:
    """Writes the shares of every attribute's values in the parts as CSV, whole or not at all."""
    write_rows(path, [SHARE_FIELDS, *share_cells(split_table(split, cohort))])


def write_split(split: Split, cohort: Cohort, path: Path) -> None:
    """Writes ``case,subject,part`` and the attributes, a row per case of the split, whole or not at all.

    Raises:
        WriteError: If the file cannot be written.
    """
    names = sorted({name for case in cohort.cases for name in case.attributes if name.casefold() not in _COLUMNS})
    rows = [[*_COLUMNS, *names]]
    for case in cohort.cases:
        if case.id in split:
            cells = [case.attributes.get(name, "") for name in names]
            rows.append([case.id, case.subject, split[case.id], *cells])
    write_rows(path, rows)


def read_split(path: Path) -> dict[str, str]:
    """The split of a file: the part of every case.

    Raises:
        CohortError: If a column is missing, a part is unknown, a case has two rows or a subject is in two parts.
    """
    split: dict[str, str] = {}
    subjects: dict[str, str] = {}
    for number, row in enumerate(read_rows(path), 2):
        if "case" not in row or "part" not in row:
            raise _refused("the columns case and part", ", ".join(row), path)
        case, part = row["case"], row["part"]
        if part not in PARTS:
            raise _refused(f"one of {', '.join(PARTS)}", f"{part!r} in row {number}", path)
        if case in split:
            raise _refused("one row per case", f"{case!r} again in row {number}", path)
        subject = fold(row.get("subject") or case)
        if subjects.setdefault(subject, part) != part:
            raise _refused("each subject in one part", f"{subject!r} in {subjects[subject]} and {part}", path)
        split[case] = part
    return split


def _refused(expected: str, came: str, path: Path) -> CohortError:
    return CohortError(expected, came=came, where=path, remedy="Correct the file, or let Voxlate split anew.")
