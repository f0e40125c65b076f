"""Case by case: a table with a line per case, cases to scroll through, and where the page of each case lies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from voxlate.errors import counted
from voxlate.evaluation.brief import placed, spread
from voxlate.evaluation.scores import Score, ranked
from voxlate.evaluation.words import arrow, better, direction, in_order, metric_title, number, short_title
from voxlate.regions import in_words
from voxlate.reporting.page.page import Illustration, Section, SliceStack
from voxlate.reporting.page.tables import Cell, Column, Line, Table, best_place

_LONGEST = 100
FOLDER = "cases"
"""Where the pages of cases lie, beside the page of all."""
BACK = {"../report.html": "all cases", "../scores.csv": "every score of every case"}
"""What a page of a case links."""


def case_file(case: str) -> str:
    """The path of a case's page, relative to that of all: its id, or what of it every file system can hold.

    Example:
        >>> case_file("case_001"), case_file("a/b")[:14]
        ('cases/case_001.html', 'cases/a%2Fb-c1')
    """
    readable = quote(case, safe=" ", errors="surrogateescape")
    if readable != case or len(case) > _LONGEST or case.startswith("."):
        digest = hashlib.sha256(case.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        readable = f"{readable[:_LONGEST].strip('. ')}-{digest}"
    return f"{FOLDER}/{readable}.html"


def pictures(caption: str, drawn: bytes, stack: SliceStack | None) -> Section:
    """The section with what is drawn of a case in three planes, and its slices if they were kept.

    Args:
        caption: What the drawing shows.
        drawn: The drawing, as PNG.
        stack: The slices to scroll through.
    """
    stacks = [] if stack is None else [stack]
    return Section("Pictures", figures=[Illustration("Three planes", caption, drawn)], stacks=stacks, folded=False)


def case_section(
    scores: Sequence[Score], stacks: Mapping[str, SliceStack | None], *, metric: str, region: str, linked: bool
) -> Section:
    """The section of all cases, the worst first.

    Args:
        scores: Of all cases.
        stacks: Of each of ``shown_cases`` its slices; ``None`` where none were kept.
        metric: By which cases are ordered.
        region: Where.
        linked: Whether every case has a page of its own.
    """
    order = ranked(scores, metric=metric, region=region)
    shown = [stack for stack in stacks.values() if stack is not None]
    note = f"By {metric_title(metric)} {placed(region)}, the worst case first."
    if len(shown) < len(order):
        note += f" Of {counted(len(order), 'case')} {len(shown)} are shown, equally far apart in that order."
    note += " The slider, or the arrow keys upon it, goes from slice to slice; the pictures are small and compressed."
    if not order:
        return Section("Case by case")
    table = _case_table(scores, order, metric=metric, region=region, linked=linked)
    return Section("Case by case", note, "One value per case, the worst first.", [table], stacks=shown)


def shown_cases(scores: Sequence[Score], *, metric: str, region: str) -> list[str]:
    """The cases whose slices a page shows: all, or so many equally far apart from the worst to the best."""
    return spread(ranked(scores, metric=metric, region=region))


def _case_table(scores: Sequence[Score], order: Sequence[str], *, metric: str, region: str, linked: bool) -> Table:
    chosen = [score for score in scores if (score.metric, score.region) == (metric, region)]
    values = {(score.case, score.method): score.value for score in chosen}
    methods = in_order(score.method for score in chosen)
    unit = next((score.unit for score in chosen), "")
    columns = tuple(Column(short_title(name), f"{arrow(metric)} {direction(metric)}") for name in methods)
    lines = []
    for case in order:
        found = [values.get((case, method)) for method in methods]
        best = best_place(found, metric=metric, lower=better(metric) == "lower")
        cells = tuple(Cell(number(value, metric=metric), best=place == best) for place, value in enumerate(found))
        lines.append(Line(case, "", "", cells, case_file(case) if linked else ""))
    return Table(f"{metric_title(metric, unit=unit)}, {in_words(region)}", "Case", columns, tuple(lines))
