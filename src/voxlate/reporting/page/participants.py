"""The page of a completed BIDS data set: who got which contrast from what, and pictures of what was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from voxlate._version import __version__
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import counted
from voxlate.inference.cohort.outcome import Outcome, sum_up
from voxlate.reporting.page.page import Illustration, Page, Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table

_MOST_PICTURES = 24
_STATUS = {
    "done": "made",
    "skipped": "made",
    "present": "there",
    "cannot": "cannot be made",
    "failed": "failed",
}
_HOW = (
    "“There” is a scan of the data set, which was left as it is. A participant who lacks what the model needs, or whose "
    "files were refused, has the reason in its cell."
)


def participants_page(
    outcomes: Sequence[Outcome], *, pictures: Mapping[tuple[str, str], Path], waiting: Sequence[str], source: str
) -> Page:
    """The page.

    Args:
        outcomes: What became of each participant and contrast.
        pictures: Of a participant and a contrast the PNG file, where there is one.
        waiting: Participants of the data set that nothing was done about yet.
        source: What the data set is called.
    """
    warned = [outcome for outcome in outcomes if outcome.warnings]
    lines = [f"{outcome.case}, {outcome.target}: {' '.join(outcome.warnings)}" for outcome in warned]
    models = dict.fromkeys(outcome.model for outcome in outcomes if outcome.model)
    asked = [f"{counted(len(waiting), 'participant')} not processed yet: {', '.join(waiting)}."] if waiting else []
    return Page(
        title="Contrasts that were made of a BIDS data set",
        verdict=" ".join(sum_up(outcomes)),
        sections=[
            Section("Participants", _HOW, tables=[_table(outcomes)], folded=False),
            Section("Pictures", figures=_figures([*warned, *outcomes], pictures), folded=False),
            Section("What was warned of", lines=lines),
        ],
        facts={"data set": source, "models": ", ".join(models) or "none", "software": f"voxlate {__version__}"},
        warnings=[
            *asked,
            *([f"{counted(len(warned), 'image')} with a warning: look at them first."] if warned else []),
        ],
        footer="Every image that was made is synthetic and not for diagnostic use.",
    )


def _table(outcomes: Sequence[Outcome]) -> Table:
    found = {(outcome.case, outcome.target): outcome for outcome in outcomes}
    targets = [name for name in CONTRASTS if any(target == name for _, target in found)]
    cases = list(dict.fromkeys(outcome.case for outcome in outcomes))
    rows = [Line(case, "", "case", tuple(_cell(found.get((case, name))) for name in targets)) for case in cases]
    columns = [Column(get_contrast(name).title, "") for name in targets]
    return Table("What became of each participant", "Participant", tuple(columns), tuple(rows))


def _cell(outcome: Outcome | None) -> Cell:
    if outcome is None:
        return Cell("not asked for")
    titles = ", ".join(get_contrast(name).title for name in outcome.sources)
    told = [f"from {titles}" if outcome.is_made and titles else "", outcome.reason if outcome.is_bad else ""]
    told += [counted(len(outcome.warnings), "warning")] if outcome.warnings else []
    return Cell(_STATUS[outcome.status], tuple(filter(None, told)))


def _figures(outcomes: Sequence[Outcome], pictures: Mapping[tuple[str, str], Path]) -> list[Illustration]:
    """The pictures of those that were warned of, and of as many others as a page holds."""
    keys = dict.fromkeys((outcome.case, outcome.target) for outcome in outcomes)
    shown = [key for key in keys if key in pictures][:_MOST_PICTURES]
    more = "" if len(shown) == len(pictures) else f" {len(pictures) - len(shown)} more lie in the folders figures."
    caption = f"Above the scan that gives the grid, below what the model made.{more}"
    return [
        Illustration(f"{case}: synthetic {get_contrast(target).title}", caption, pictures[case, target].read_bytes())
        for case, target in shown
    ]
