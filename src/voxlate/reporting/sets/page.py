"""The page of two sets of images: their features, the distances beside the floor, and one table."""

from __future__ import annotations

from voxlate._version import __version__
from voxlate.evaluation.sets.distances import FLOOR, SYNTHETIC, rows_are
from voxlate.evaluation.sets.verdict import SetResult, SetRow, SetSummary
from voxlate.evaluation.words import listed, number, p_value
from voxlate.metrics import metrics_of
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.caveats import seen_caveats
from voxlate.reporting.page.page import Illustration, Page, Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table
from voxlate.reporting.sets.plots import draw_distances, draw_features

FIELDS = ("view", "metric", "sets", "value", "samples", "features by")
_ARROWS = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}"}
_READING = (
    "Other features give other numbers: compare only what the same network has seen. The row “real vs real” "
    "compares two halves of the real cases, parted by subject, and is the floor to read the others against."
)
_P = "share of random deals of whole cases to the two sets that lie as far apart in MMD; small: the sets differ"
_TERMS = {
    "sd": "standard deviation over random subsets",
    "n/a": "not available: too few samples; the reason stands under the tables",
}


def set_page(result: SetResult) -> Page:
    """The page.

    Args:
        result: What was found.
    """
    summary = result.summary
    return Page(
        title=f"How alike are synthetic and real {result.target}?",
        verdict=summary.answer,
        sections=[
            Section("Pictures", figures=_figures(result), folded=False),
            Section(
                "The sets side by side",
                f"Features by {summary.features}. {_READING}",
                f"Distances between sets of features by {summary.features}.",
                [_table(summary, view) for view in summary.views],
                folded=False,
            ),
            Section("How each number was computed", lines=_notes(summary)),
        ],
        facts={
            **summary.facts,
            "features": summary.features,
            "synthetic": f"{result.images[0]} images",
            "real": f"{result.images[1]} images",
            "software": f"voxlate {__version__}",
        },
        warnings=[
            *seen_caveats(result.seen, result.images[0]),
            *result.caveats,
            *(f"{case} could not be used: {reason}" for case, reason in result.failed),
        ],
        terms=_glossary(),
    )


def _figures(result: SetResult) -> list[Illustration]:
    """The features of both sets in two dimensions, and every distance beside the floor."""
    features = result.summary.features
    return [
        Illustration(
            "Features of every slice or volume",
            "By the first two principal components of the real features. Where the two clouds lie apart, the sets "
            "differ; where they overlap, they may still differ in other components.",
            to_png(draw_features(result.synthetic, result.real, target=result.target, features=features)),
            file="features",
        ),
        Illustration(
            "Distances beside the floor",
            "The hatched bar compares two halves of the real set: as near as two sets of real images come.",
            to_png(draw_distances(result.summary.rows, features=features)),
            file="distances",
        ),
    ]


def set_rows(summary: SetSummary) -> list[tuple[str, ...]]:
    """The table for a terminal under ``FIELDS``, the network beside every value."""
    return [
        (row.region, row.title, row.method, number(row.value), listed(row.samples), row.features)
        for row in summary.rows
    ]


def _table(summary: SetSummary, view: str) -> Table:
    columns = tuple(
        Column(metric.title, f"{_ARROWS[metric.better]} {metric.better} is better", name)
        for name, metric in metrics_of("set").items()
    )
    network, lines = _network(summary.features), []
    for method, kind in ((FLOOR, "baseline"), (SYNTHETIC, "model first-model")):
        found = {row.metric: row for row in summary.rows if (row.region, row.method) == (view, method)}
        first = next(iter(found.values()))
        below = f"{listed(first.cases)} cases, {listed(first.samples)} {rows_are(view)}"
        lines.append(Line(method, below, kind, (network, *(_cell(found[name]) for name in metrics_of("set")))))
    return Table(view[:1].upper() + view[1:], "Sets", (Column("features by", ""), *columns), tuple(lines))


def _network(name: str) -> Cell:
    """The network of a row: its name, and below it layer and digest."""
    first, *rest = name.split(" ")
    return Cell(first, tuple(rest))


def _cell(row: SetRow) -> Cell:
    lines = [f"sd {number(row.sd)}"] if row.sd is not None else []
    lines += [p_value(row.p)] if row.p is not None else []
    return Cell(number(row.value), tuple(lines))


def _glossary() -> dict[str, str]:
    """Every distance, p after the one that it tests, and what stands beside the values."""
    terms: dict[str, str] = {}
    for name, metric in metrics_of("set").items():
        terms[metric.title.removesuffix(" of the set")] = metric.meaning
        if name == "mmd":
            terms["p"] = _P
    return terms | _TERMS


def _notes(summary: SetSummary) -> list[str]:
    """One sentence per way of computing, with the views and sets that it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in summary.rows:
        found.setdefault((row.title, row.note), []).append(f"{row.region}, {row.method}")
    return [f"{title} ({'; '.join(dict.fromkeys(where))}): {note}." for (title, note), where in found.items()]
