"""The page of a completed BIDS data set: who got which contrast from what, and pictures of what was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voxlate._version import __version__
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import counted
from voxlate.reporting.page.page import Illustration, Page, Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table

_MOST_PICTURES = 24
_WORDS = {"present": "there", "cannot": "cannot be made", "failed": "failed"}
_HOW = (
    "“There” is a scan of the data set, which was left as it is. The cell of a participant who lacks what the model "
    "needs, or whose files were refused, has the reason."
)


@dataclass(frozen=True)
class ParticipantEntry:
    """What became of one contrast of one participant.

    Attributes:
        case: Id of the case.
        target: The contrast.
        status: ``made``, ``present``, ``cannot`` or ``failed``.
        sources: Contrasts that it was made from.
        model: Who made it.
        reason: Why not, where it was not made.
        warnings: What was said of the case.
        picture: A PNG file of it, if there is one.
    """

    case: str
    target: str
    status: str
    sources: tuple[str, ...] = ()
    model: str = ""
    reason: str = ""
    warnings: tuple[str, ...] = ()
    picture: Path | None = None


def participants_page(
    entries: Sequence[ParticipantEntry], *, verdict: str, waiting: Sequence[str], source: str
) -> Page:
    """The page.

    Args:
        entries: In the data set's order.
        verdict: What they come to.
        waiting: Participants of the data set that nothing was done about yet.
        source: What the data set is called.
    """
    warned = [entry for entry in entries if entry.warnings]
    models = dict.fromkeys(entry.model for entry in entries if entry.model)
    first = [f"{counted(len(waiting), 'participant')} not processed yet: {', '.join(waiting)}."] if waiting else []
    first += [f"{counted(len(warned), 'image')} with warnings; they are shown first."] if warned else []
    return Page(
        title="Contrasts that were made of a BIDS data set",
        verdict=verdict,
        sections=[
            Section("Participants", _HOW, tables=[_table(entries)], folded=False),
            Section("Pictures", figures=_figures([*warned, *entries]), folded=False),
            Section("Warnings", lines=[f"{one.case}, {one.target}: {' '.join(one.warnings)}" for one in warned]),
        ],
        facts={"data set": source, "models": ", ".join(models) or "none", "software": f"voxlate {__version__}"},
        warnings=first,
        footer="Every image that was made is synthetic and not for diagnostic use.",
    )


def _table(entries: Sequence[ParticipantEntry]) -> Table:
    found = {(entry.case, entry.target): entry for entry in entries}
    targets = [name for name in CONTRASTS if any(target == name for _, target in found)]
    cases = dict.fromkeys(entry.case for entry in entries)
    rows = [Line(case, "", "case", tuple(_cell(found.get((case, name))) for name in targets)) for case in cases]
    columns = [Column(get_contrast(name).title, "") for name in targets]
    return Table("What became of each participant", "Participant", tuple(columns), tuple(rows))


def _cell(entry: ParticipantEntry | None) -> Cell:
    if entry is None:
        return Cell("not asked for")
    titles = ", ".join(get_contrast(name).title for name in entry.sources)
    told = [f"from {titles}" if entry.status == "made" and titles else "", entry.reason]
    told += [counted(len(entry.warnings), "warning")] if entry.warnings else []
    return Cell(_WORDS.get(entry.status, entry.status), tuple(filter(None, told)))


def _figures(entries: Sequence[ParticipantEntry]) -> list[Illustration]:
    """The pictures of as many as a page holds, each once."""
    drawn = {(one.case, one.target): one.picture for one in entries if one.picture is not None}
    shown = list(drawn.items())[:_MOST_PICTURES]
    more = f" {len(drawn) - len(shown)} more lie in the folders figures." if len(drawn) > len(shown) else ""
    caption = f"Above the scan that gives the grid, below what the model made.{more}"
    return [
        Illustration(f"{case}: synthetic {get_contrast(target).title}", caption, path.read_bytes())
        for (case, target), path in shown
    ]
