"""Expert decisions: what a person decided about synthetic images beside the real ones that are nearest to them.

The review page writes them as a CSV file, a row per image: what is decided, a note, who decided and when, the SHA-256
of the files that were judged, and the real cases that stood beside them. A decision holds for these files beside these
cases alone: where either has changed, it is refused.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.errors import ReadError, UsageError
from voxlate.evaluation.privacy.verdict import ExpertDecision, ReleaseDecision
from voxlate.io import file_digest

_DECISIONS = ("release", "withhold", "unsure")
_WHERE = "--decisions"
_REMEDY = "Save the decisions in review.html again, and change nothing but decision and note by hand."


@dataclass(frozen=True)
class _Row:
    """A row of the file, as text; lists are parted by spaces."""

    case: str
    decision: str
    note: str
    expert: str
    decided_at: str
    sha256: str
    beside: str


COLUMNS = tuple(field.name for field in fields(_Row))
"""Of the file."""


@dataclass(frozen=True)
class Shown:
    """What stands on the review page for a case.

    Attributes:
        sha256: Of its files, each after the name of its contrast.
        beside: The real cases beside it.
    """

    sha256: tuple[str, ...]
    beside: tuple[str, ...]


def digests_of(case: Case, *, contrast: str) -> tuple[str, ...]:
    """SHA-256 of the files of a case that are released, each after the name of its contrast: ``t1:0a1b...``.

    Args:
        case: The case.
        contrast: Of the image; its label maps are released with it.

    Raises:
        ReadError: If a file cannot be read.
    """
    names = [name for name in case.paths if name == contrast or get_contrast(name).kind == "label"]
    return tuple(f"{name}:{file_digest(case.paths[name])}" for name in sorted(names))


def read_decisions(path: Path) -> tuple[ExpertDecision, ...]:
    """The decisions of a file; rows without one are left out.

    Args:
        path: The file.

    Raises:
        ReadError: If it is no such file, or a row lacks who decided, when, or on what.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, strict=True)
            rows, columns = list(table), table.fieldnames or ()
    except (OSError, ValueError, csv.Error) as error:
        raise ReadError("a CSV file of decisions", came=str(error), where=path, remedy=_REMEDY) from error
    if not rows or not set(COLUMNS) <= set(columns) or len(set(columns)) < len(columns):
        came = ", ".join(columns) if rows else "no rows"
        raise ReadError(f"the columns {', '.join(COLUMNS)}, each once", came=came, where=path, remedy=_REMEDY)
    texts = [_Row(*((row[name] or "").strip() for name in COLUMNS)) for row in rows]
    found = [_decision(row, path) for row in texts if row.decision]
    cases = [one.case for one in found]
    twice = sorted({case for case in cases if cases.count(case) > 1})
    if twice:
        remedy = "Leave one row for each case, of experts who differ the more careful one."
        raise ReadError("one decision for each case", came=f"several for {twice[0]}", where=path, remedy=remedy)
    return tuple(found)


def _decision(row: _Row, path: Path) -> ExpertDecision:
    lacking = [name for name in ("case", "expert", "decided_at", "sha256", "beside") if not getattr(row, name)]
    if lacking:
        came = f"a row of {row.case or 'no case'} without {' and '.join(lacking)}"
        raise ReadError("who decided, when, and on which files", came=came, where=path, remedy=_REMEDY)
    if row.decision not in _DECISIONS:
        came = f"{row.decision!r} for {row.case}"
        raise ReadError(f"one of {', '.join(_DECISIONS)}", came=came, where=path, remedy=_REMEDY)
    try:
        datetime.fromisoformat(row.decided_at)
    except ValueError as error:
        came = f"{row.decided_at!r} for {row.case}"
        raise ReadError("a time as in 2031-05-17T09:30:00Z", came=came, where=path, remedy=_REMEDY) from error
    return ExpertDecision(
        case=row.case,
        decision="release" if row.decision == "release" else "withhold" if row.decision == "withhold" else "unsure",
        note=row.note,
        expert=row.expert,
        decided_at=row.decided_at,
        sha256=tuple(row.sha256.split()),
        beside=tuple(row.beside.split()),
    )


def apply_decisions(
    decided: Sequence[ReleaseDecision], given: Sequence[ExpertDecision], *, shown: Mapping[str, Shown]
) -> list[ReleaseDecision]:
    """What holds after experts have decided: they release and withhold, and who is unsure releases nothing.

    Args:
        decided: By the audit.
        given: By experts.
        shown: From a case that was compared to what an expert is shown now.

    Raises:
        UsageError: If a decision is about another image than the one that is there, one that was not compared, or was
            made beside other real images.
    """
    by_case = {one.case: one for one in given}
    for case, one in by_case.items():
        now = shown.get(case)
        if now is None:
            came = f"one about {case}, which is none"
            remedy = "Decide about the images in review.html of this audit."
            raise UsageError(
                "decisions about synthetic images that were compared", came=came, where=_WHERE, remedy=remedy
            )
        if set(one.sha256) != set(now.sha256):
            came = f"{case} with other files than {one.expert} judged on {one.decided_at}"
            remedy = "Let an expert judge the image as it is now, in review.html of this audit."
            raise UsageError("images as they were when they were judged", came=came, where=_WHERE, remedy=remedy)
        if not set(now.beside) <= set(one.beside):
            unseen = ", ".join(sorted(set(now.beside) - set(one.beside)))
            came = f"{case}, to which {unseen} is nearest now, which {one.expert} has not seen beside it"
            remedy = "Let an expert judge it beside that case, in review.html of this audit."
            raise UsageError("the nearest real images as they were judged", came=came, where=_WHERE, remedy=remedy)
    return [_after(one, by_case.get(one.case)) for one in decided]


def _after(decided: ReleaseDecision, given: ExpertDecision | None) -> ReleaseDecision:
    if given is None:
        return decided
    what = {"release": "released", "withhold": "withheld", "unsure": "left open"}[given.decision]
    reason = f"{what} by {given.expert} on {given.decided_at}" + (f" ({given.note})" if given.note else "")
    return replace(
        decided, released=given.decision == "release", reason=f"{reason}; the audit: {decided.reason}", expert=given
    )
