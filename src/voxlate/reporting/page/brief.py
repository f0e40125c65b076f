"""The page in brief: one sheet of paper for a clinician, with a sentence, a picture, a small table and a warning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from voxlate.reporting.page.page import Illustration, Page, Section
from voxlate.reporting.page.tables import Table

SHEET = "summary.html"
_TITLE = "Compared with the baselines"
_FACTS = ("model", "paper", "trained on", "cases", "predictions")


def brief_page(
    full: Page, *, answer: str, picture: Illustration | None, table: Table, caption: str, misuses: Sequence[str]
) -> Page:
    """What of a page fits on one sheet.

    Args:
        full: The page itself, ``report.html``.
        answer: One sentence.
        picture: The one picture.
        table: The one table, of a few columns.
        caption: What the numbers in it are.
        misuses: What the model must not be used for.
    """
    return replace(
        full,
        title=f"{full.title}: summary",
        verdict=answer,
        sections=[
            Section("What it must not be used for", lines=misuses, folded=False),
            Section("One case", figures=[picture] if picture else [], folded=False),
            Section(
                "In numbers",
                caption=caption,
                tables=[replace(table, title=_TITLE)],
                folded=False,
            ),
        ],
        facts={name: value for name, value in full.facts.items() if name in _FACTS},
        warnings=(),
        terms={},
        files={"report.html": "everything that was measured"},
        sheet=True,
    )
