"""How a reader study is shown: the answer, a line per reader, agreement and ratings, and what was blinded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voxlate._version import __version__
from voxlate.evaluation.readers import Chosen, ReaderVerdict, say_readers
from voxlate.evaluation.words import interval_words, number, p_value
from voxlate.reporting.page.page import Page, Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table

BLINDED = (
    "Readers saw both images in one window, on one grid, under no name and without the mark SYNTHETIC, which every "
    "other view has; the file of answers says so, too."
)


def readers_page(
    verdict: ReaderVerdict, *, title: str, kinds: tuple[str, str], facts: Mapping[str, object], warnings: Sequence[str]
) -> Page:
    """The page.

    Args:
        verdict: What the readings say.
        title: What the study is called.
        kinds: What images of the first and of the second kind are.
        facts: Provenance from a name to its value.
        warnings: What must be read first.
    """
    several = len(verdict.readers) > 1
    rows = [_line(name, one) for name, one in verdict.readers.items()]
    rows += [_line("all readings", verdict.pooled)] if several else []
    columns = (Column(f"chose {kinds[0]}", ""), Column("share", "95 % interval"), Column("against chance", "exact"))
    note = "Exact binomial tests, two-sided; intervals of Clopper and Pearson."
    pooled = " Readings of one pair are not independent, so that the interval of all is narrow." if several else ""
    return Page(
        title=title,
        verdict=say_readers(verdict, kinds=kinds),
        sections=[
            Section(
                "Choices", note=note + pooled, tables=[Table("By reader", "reader", columns, tuple(rows))], folded=False
            ),
            Section("Agreement and ratings", lines=_lines(verdict, kinds), folded=False),
        ],
        facts={**facts, "blinding": BLINDED, "software": f"voxlate {__version__}"},
        warnings=warnings,
    )


def _line(name: str, found: Chosen) -> Line:
    interval = interval_words([100 * end for end in found.interval])
    cells = (
        Cell(f"{found.count} of {found.of}"),
        Cell(f"{number(100 * found.share)} %", (f"{interval} %",)),
        Cell(p_value(found.p)),
    )
    return Line(name, "", "", cells)


def _lines(verdict: ReaderVerdict, kinds: tuple[str, str]) -> list[str]:
    lines = []
    if verdict.agreement:
        value = number(verdict.kappa) if verdict.kappa is not None else "not defined, since all chose alike"
        lines.append(
            f"{verdict.agreement}'s kappa over the {verdict.shared} pairs that all readers have read: {value}."
        )
    gap = verdict.ratings
    interval = f" (95 % interval {interval_words(gap.interval)})" if gap.interval is not None else ""
    lines.append(
        f"Mean rating from 1 to 5: {kinds[0]} {number(gap.first)}, {kinds[1]} {number(gap.second)}; difference "
        f"{number(gap.difference, signed=True)}{interval}."
    )
    return lines
