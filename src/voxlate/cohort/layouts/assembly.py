"""From placed files to cases: what every layout shares.

A layout says of each file where it belongs (``RecognisedFile``) or why it belongs nowhere; here files become cases,
tables of attributes are joined, and two files that claim one contrast of one case are both left out: Voxlate never
chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voxlate.cohort.case import Case, Cohort, LeftOut, natural_key, subject_of
from voxlate.cohort.layouts.attributes import AttributeTable, read_tables
from voxlate.cohort.layouts.listing import list_folder
from voxlate.errors import CohortError


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


def place_files(root: Path, *, layout: str, place: Callable[[Path], RecognisedFile | LeftOut]) -> Cohort:
    """The cohort of a layout in which every file's own path tells its place.

    Args:
        root: The data set.
        layout: Name of the layout.
        place: From an image file to its place, or to why it has none.

    Raises:
        CohortError: If no case is found, or a table of attributes cannot be used.
        UsageError: If ``root`` is no folder.
    """
    listing = list_folder(root)
    found = [place(path) for path in listing.images]
    placed = [item for item in found if isinstance(item, RecognisedFile)]
    left_out = [*listing.left_out, *(item for item in found if isinstance(item, LeftOut))]
    return assemble(root, layout=layout, placed=placed, left_out=left_out, tables=read_tables(root))


def assemble(
    root: Path,
    *,
    layout: str,
    placed: Sequence[RecognisedFile],
    left_out: Sequence[LeftOut],
    tables: Sequence[AttributeTable] = (),
) -> Cohort:
    """A cohort from placed files.

    Args:
        root: The data set.
        layout: Name of the layout that placed the files.
        placed: Files with their places, in the order in which they were found.
        left_out: What the layout left out.
        tables: Attributes by case or subject; a later table, and any table, comes before what a file's place says.

    Raises:
        CohortError: If no case is left.
    """
    groups: dict[str, list[RecognisedFile]] = {}
    for file in placed:
        groups.setdefault(file.case, []).append(file)
    cases: list[Case] = []
    rejected: list[LeftOut] = list(left_out)
    for case_id in sorted(groups, key=natural_key):
        paths, doubles = _unambiguous(case_id, groups[case_id])
        rejected.extend(doubles)
        if paths:
            cases.append(_case(case_id, paths, groups[case_id], tables))
    if not cases:
        raise _no_case(root, layout, rejected)
    return Cohort(root, layout, tuple(cases), tuple(rejected))


def _unambiguous(case_id: str, files: Sequence[RecognisedFile]) -> tuple[dict[str, Path], list[LeftOut]]:
    by_contrast: dict[str, list[Path]] = {}
    for file in files:
        by_contrast.setdefault(file.contrast, []).append(file.path)
    paths = {contrast: found[0] for contrast, found in sorted(by_contrast.items()) if len(found) == 1}
    doubles = []
    for contrast, found in by_contrast.items():
        for path in found if len(found) > 1 else []:
            others = ", ".join(str(other) for other in found if other is not path)
            reason = f"case {case_id} has {len(found)} files for {contrast}, the other being {others}; keep one"
            doubles.append(LeftOut(path, reason, "duplicate_contrast", case=case_id, contrast=contrast))
    return paths, doubles


def _case(
    case_id: str, paths: dict[str, Path], files: Sequence[RecognisedFile], tables: Sequence[AttributeTable]
) -> Case:
    subject = next((file.subject for file in files if file.subject), "") or subject_of(case_id)
    attributes: dict[str, str] = {}
    for table in tables:
        row = table.row(case_id, subject)
        subject = row.pop("subject", subject)
        attributes |= row
    for file in files:
        attributes = {**file.attributes, **attributes}
    return Case(case_id, subject, paths, dict(sorted(attributes.items())))


def _no_case(root: Path, layout: str, left_out: Sequence[LeftOut]) -> CohortError:
    reasons = "; ".join(f"{item.path.name}: {item.reason}" for item in left_out[:3])
    return CohortError(
        f"at least one case in the layout {layout!r}",
        came=f"{len(left_out)} files that fit none ({reasons})" if left_out else "no file",
        where=root,
        remedy="Lay the data out as one folder per case with <contrast> or <case>_<contrast> files, or give a CSV.",
    )
