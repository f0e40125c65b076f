"""The tables of an audit on disk: the nearest training images of every image, and what is released or waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from voxlate.evaluation.privacy.audit import Audit
from voxlate.evaluation.privacy.verdict import ReleaseDecision
from voxlate.io.atomic import write_rows

_COLUMNS = ("case", "role", "space", "rank", "neighbour", "distance", "relative_distance", "mirrored", "held_back")
_JUDGED = ("decision", "expert", "decided_at", "sha256")
"""Columns that are there where an expert has decided."""
_OF_SPACE = ("nearest", "distance", "relative_distance", "threshold")


def write_distances(audit: Audit, path: Path) -> None:
    """Writes ``scores.csv``: the nearest training images of every image, in every space.

    Raises:
        WriteError: If the file could not be written; an old one is untouched then.
    """
    lines: list[Sequence[str]] = [_COLUMNS]
    for space in audit.spaces.values():
        for question in space.questions:
            held = str(space.held_back(question)).lower()
            for rank, one in enumerate(question.neighbours, 1):
                values = repr(one.distance), repr(space.threshold.relative(one.distance)), str(one.mirrored).lower()
                lines.append((question.case, question.role, space.space, str(rank), one.case, *values, held))
    write_rows(path, lines)


def write_decisions(decided: Sequence[ReleaseDecision], audit: Audit, path: Path, *, files: Mapping[str, str]) -> None:
    """Writes ``released.csv`` or ``review.csv``; what could not be compared has no distance.

    Args:
        decided: What is listed.
        audit: What was found.
        path: Where.
        files: From a case to the name of its image file, as far as it has one.

    Raises:
        WriteError: If the file could not be written; an old one is untouched then.
    """
    spaces = list(audit.spaces.values())
    columns = [f"{what}_{one.space}" for one in spaces for what in _OF_SPACE]
    judged = any(one.expert is not None for one in decided)
    lines: list[Sequence[str]] = [("case", "contrast", "file", *columns, "reason", *(_JUDGED if judged else ()))]
    for decision in decided:
        cells: list[str] = []
        for one in spaces:
            limit, question = repr(one.threshold.distance), audit.question(decision.case, one.space)
            if question is None:
                cells += ["", "", "", limit]
                continue
            relative = one.threshold.relative(question.distance)
            cells += [question.neighbours[0].case, repr(question.distance), repr(relative), limit]
        lines.append(
            (
                decision.case,
                audit.contrast.name,
                files.get(decision.case, ""),
                *cells,
                decision.reason,
                *(_judgement(decision) if judged else ()),
            )
        )
    write_rows(path, lines)


def _judgement(decision: ReleaseDecision) -> tuple[str, ...]:
    one = decision.expert
    return ("",) * len(_JUDGED) if one is None else (one.decision, one.expert, one.decided_at, " ".join(one.sha256))
