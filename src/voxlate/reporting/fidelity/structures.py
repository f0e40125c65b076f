"""Structures on the page: the error and the bias of model and lookup inside every named label."""

from __future__ import annotations

from collections.abc import Sequence

from voxlate.evaluation.fidelity.structures import StructureRow, say_structures
from voxlate.evaluation.words import MINUS, after_value, changes, interval_words, number, short_title
from voxlate.reporting.page.page import Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table, best_place
from voxlate.roles import MODEL

_LINES = (("mae", "lookup"), ("mae", MODEL), ("bias", "lookup"), ("bias", MODEL))
_HEADS = {"mae": ("MAE", "lower is better"), "bias": ("bias", f"prediction {MINUS} truth, 0 is best")}


def structure_section(rows: Sequence[StructureRow], *, cases: int, anatomical: bool) -> Section:
    """The section ``Structure by structure``, or ``Label by label`` where these mark lesions.

    Args:
        rows: As ``voxlate.evaluation.fidelity.structures.summarise_structures`` gives them; at least one.
        cases: How many cases were scored.
        anatomical: Whether the labels are anatomical structures.
    """
    unit, what = after_value(rows[0].unit), "structure" if anatomical else "label"
    columns = [
        Column(f"{short_title(method)}: {_HEADS[name][0]}{f' ({unit.strip()})' if unit else ''}", _HEADS[name][1])
        for name, method in _LINES
    ]
    lines = [
        Line(
            row.structure,
            f"in {row.n} of {cases} cases, {row.voxels:,.0f} voxels in the mean",
            "model",
            tuple(_cell(row, name, method, best=_best(row)) for name, method in _LINES),
        )
        for row in rows
    ]
    return Section(
        title=f"{what.capitalize()} by {what}",
        note=f"{say_structures(rows)} A bias above 0 is too bright, below 0 too dark; where it is as large as the MAE, "
        f"the whole {what} is shifted. A case without a {what} does not count for it. "
        "Case by case: structures.csv.",
        caption=f"Mean over the cases that have the {what}, and its 95 % interval.",
        tables=[Table(f"Error inside each {what}", what.capitalize(), tuple(columns), tuple(lines))],
    )


def _best(row: StructureRow) -> str:
    """The method with the lower MAE; empty if there is nothing to compare."""
    place = best_place([told.mae for told in row.methods.values()], metric="mae", lower=True)
    return "" if place is None else list(row.methods)[place]


def _cell(row: StructureRow, name: str, method: str, *, best: str) -> Cell:
    told = row.methods.get(method)
    if told is None:
        return Cell(number(None))
    value, interval = (told.bias, told.bias_interval) if name == "bias" else (told.mae, told.mae_interval)
    if name == "bias":
        shown, *ends = changes(value, *(interval or ()))
        return Cell(shown, (" to ".join(ends),) if ends else ())
    return Cell(
        number(value, metric=name), (interval_words(interval, metric=name),) if interval else (), method == best
    )
