"""From placed files to cases: what every layout shares.

A layout says of each file where it belongs (``RecognisedFile``) or why it belongs nowhere; here files become cases,
tables of attributes are joined, and two files that claim one contrast of one case are both left out: nothing chooses
between them but a rule that a layout states.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from voxlate.cohort.case import Case, Cohort, LeftOut, natural_key
from voxlate.cohort.layouts.attributes import AttributeTable, IdMatch
from voxlate.cohort.subjects import subjects_of
from voxlate.contrast import find_contrast
from voxlate.errors import CohortError, counted, readable
from voxlate.io import is_picture_path, is_volume_path, volume_stem

_SAFE = " !#$&'()+,;=@[]{}~^`"
_NAMED = 5


@dataclass(frozen=True)
class RecognisedFile:
    """A file that a layout understood.

    Attributes:
        path: The image.
        case: Id of its case.
        contrast: Canonical name of its contrast.
        subject: Whose scan; empty to read it from the case id.
        attributes: What the file's place says (grade, label convention).
    """

    path: Path
    case: str
    contrast: str
    subject: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


Found = RecognisedFile | LeftOut
"""What a layout says of a file."""


def assemble(
    root: Path,
    *,
    layout: str,
    found: Sequence[Found],
    tables: Sequence[AttributeTable] = (),
) -> Cohort:
    """A cohort from placed files.

    Args:
        root: The data set.
        layout: Name of the layout that placed the files.
        found: Files with their places, in the order in which they were found, and what was left out.
        tables: Attributes by case or subject; a later table, and any table, comes before what a file's place says.

    Raises:
        CohortError: If no case is left.
    """
    groups: dict[str, list[RecognisedFile]] = {}
    for file in found:
        if isinstance(file, RecognisedFile):
            groups.setdefault(file.case, []).append(file)
    texts = _readable_ids(groups)
    subjects, told, matches = _subjects({texts[case]: files for case, files in groups.items()}, tables)
    cases: list[Case] = []
    rejected = [item for item in found if isinstance(item, LeftOut)]
    for raw, case_id in sorted(texts.items(), key=lambda item: natural_key(item[1])):
        paths, doubles = _unambiguous(case_id, groups[raw])
        rejected.extend(doubles)
        if paths:
            attributes = _attributes(case_id, subjects[case_id], groups[raw], list(zip(tables, matches, strict=True)))
            cases.append(Case(case_id, subjects[case_id], paths, attributes, case_id in told))
    if not cases:
        raise _no_case(root, layout, rejected)
    rejected.extend(_odd_rows(tables, matches))
    told_by = tuple(table.told(match) for table, match in zip(tables, matches, strict=True))
    return Cohort(root, layout, tuple(cases), tuple(rejected), told_by)


def _readable_ids(raw: Iterable[str]) -> dict[str, str]:
    """From an id to text that every file can hold; two that would become one keep their bytes apart, as ``%F6``."""
    texts: dict[str, str] = {}
    for case in sorted(raw, key=lambda case: (readable(case) != case, case)):
        text = readable(case)
        texts[case] = quote(os.fsencode(case), safe=_SAFE) if text in texts.values() else text
    return texts


def _subjects(
    files: Mapping[str, Sequence[RecognisedFile]], tables: Sequence[AttributeTable]
) -> tuple[dict[str, str], set[str], list[IdMatch]]:
    """The subject of every case, the cases whose subject is told, and how the tables match the cases.

    The layout comes before the id, and a table before both; a table by subject is matched with what a table by case
    says.
    """
    subjects = subjects_of(files)
    laid_out = {case: readable(file.subject) for case, found in files.items() for file in found if file.subject}
    subjects |= laid_out
    told = set(laid_out)
    for table in tables:
        match = table.match(files, subjects.values())
        rows = {case: table.row(case, subject, of=match) for case, subject in subjects.items()}
        said = {case: row["subject"] for case, row in rows.items() if "subject" in row}
        subjects |= said
        told |= said.keys()
    return subjects, told, [table.match(files, subjects.values()) for table in tables]


def _odd_rows(tables: Sequence[AttributeTable], matches: Sequence[IdMatch]) -> Iterator[LeftOut]:
    for table, match in zip(tables, matches, strict=True):
        yield from (LeftOut(table.path, remark, "unknown_column") for remark in table.remarks)
        if match.alone:
            names = ", ".join(name or "(no id)" for name in match.alone[:_NAMED])
            more = f" and {len(match.alone) - _NAMED} more" if len(match.alone) > _NAMED else ""
            rows = "1 row matches" if len(match.alone) == 1 else f"{len(match.alone)} rows match"
            yield LeftOut(table.path, f"{rows} no case: {names}{more}", "unmatched_rows")


def _unambiguous(case_id: str, files: Sequence[RecognisedFile]) -> tuple[dict[str, Path], list[LeftOut]]:
    by_contrast: dict[str, list[Path]] = {}
    for file in files:
        by_contrast.setdefault(file.contrast, []).append(file.path)
    paths = {contrast: found[0] for contrast, found in sorted(by_contrast.items()) if len(found) == 1}
    doubles = []
    for contrast, found in by_contrast.items():
        for path in found if len(found) > 1 else []:
            others = ", ".join(str(other) for other in found if other is not path)
            reason = (
                f"case {case_id} has {len(found)} files for {contrast}, the other being {others}; keep one, or say "
                "with --pattern which"
            )
            doubles.append(LeftOut(path, reason, "duplicate_contrast", case=case_id, contrast=contrast))
    return paths, doubles


def _attributes(
    case_id: str,
    subject: str,
    files: Sequence[RecognisedFile],
    tables: Sequence[tuple[AttributeTable, IdMatch]],
) -> dict[str, str]:
    """What is known of a case, sorted: a later table, and any table, comes before what its files' places say."""
    attributes: dict[str, str] = {}
    for file in reversed(files):
        attributes |= {name: readable(value) for name, value in file.attributes.items()}
    for table, match in tables:
        attributes |= table.row(case_id, subject, of=match)
    attributes.pop("subject", None)
    return dict(sorted(attributes.items()))


def _no_case(root: Path, layout: str, left_out: Sequence[LeftOut]) -> CohortError:
    by_reason: dict[str, LeftOut] = {}
    for item in sorted(left_out, key=lambda item: item.code == "not_an_image"):
        by_reason.setdefault(item.reason, item)
    reasons = "; ".join(f"{item.path.name}: {reason}" for reason, item in list(by_reason.items())[:3])
    return CohortError(
        f"at least one case in the layout {layout!r}",
        came=f"{counted(len(left_out), 'file')} that belong{'s' * (len(left_out) == 1)} to none ({reasons})"
        if left_out
        else "no file",
        where=root,
        remedy=_how_to_lay_out(root, left_out),
    )


def _how_to_lay_out(root: Path, left_out: Sequence[LeftOut]) -> str:
    """What to do about a data set without a case, by what lies there."""
    if root.is_file():
        return "Correct the table: in a column that is called by a contrast, write the path of an image that exists."
    images = [item.path for item in left_out if is_volume_path(item.path) or is_picture_path(item.path)]
    series = [item for item in left_out if item.code == "dicom"]
    if not images and series:
        if all(item.remedy for item in series):
            return series[0].remedy
        return "Say what a series shows by `translate --as`, or name the series by contrasts in a CSV."
    inner = next((path.parent.parent for path in images if path.parent.name == "imagesTr"), root)
    if inner != root:
        return f"Give the folder that imagesTr lies in: {inner}."
    table = next((item.path for item in left_out if item.path.suffix in {".csv", ".tsv"}), None)
    itself = f"Give the table itself, {table}, if it lists them. Or say" if table else "Say"
    return (
        f"{itself} where the files of a contrast lie, as --pattern {_guess_pattern(root, images)}; or lay the data out "
        "as one folder per case with <contrast> or <case>_<contrast> files, as one folder per contrast with <case> "
        "files, or in one folder as <case>_<contrast> files; or give a CSV with the column case and one of paths for "
        "each contrast, which `voxlate check DATA --manifest cases.csv` begins for you."
    )


def _guess_pattern(root: Path, images: Sequence[Path]) -> str:
    """A pattern for a message: that of the first image whose path has a word for a contrast, or of the first at all.

    The case is the first folder where files without numbers in their names are called alike in several; else the end of
    the name where there are more ends than beginnings, or the beginning, or the whole name.
    """
    if not images:
        return "t1='{case}/T1.nii.gz'"
    told = ((path, _contrast_within(path.relative_to(root))) for path in images)
    image, contrast = next(((path, found) for path, found in told if found), (images[0], "t1"))
    first = image.relative_to(root)
    stem = volume_stem(first)
    alike = sum(path.name == first.name for path in images) > 1
    if len(first.parts) > 1 and alike and not re.search(r"\d", stem):
        return f"{contrast}='{'/'.join(['{case}', *first.parts[1:]])}'"
    folders = {path.relative_to(root).parts[0] for path in images}
    if len(first.parts) > 1 and stem.startswith(first.parts[0]) and len(folders) > 1:
        rest = first.name.removeprefix(first.parts[0])
        return f"{contrast}='{'/'.join(['{case}', *first.parts[1:-1], f'*{rest}'])}'"
    parts = [volume_stem(path).rpartition("_") for path in images if path.parent == image.parent]
    front, separator, last = stem.rpartition("_")
    at_end = len({end for _, _, end in parts}) > len({begin for begin, _, _ in parts}) and bool(front)
    name = f"{front}{separator}{{case}}" if at_end else f"{{case}}_{last}" if front else "{case}"
    folder = "".join(f"{part}/" for part in first.parts[:-1])
    return f"{contrast}='{folder}{name}{first.name[len(stem) :]}'"


def _contrast_within(path: Path) -> str:
    """The contrast that a word of a path stands for, wherever it is; empty without one."""
    words = re.split(r"[_\-. ]+", " ".join([*path.parts[:-1], volume_stem(path)]))
    return next((found.name for word in words if (found := find_contrast(word))), "")
