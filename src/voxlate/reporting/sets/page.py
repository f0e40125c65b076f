"""Distribution on disk: how alike the sets of synthetic and real images are, as scores, summary, figures and page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from voxlate._version import __version__
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.cases import Failed
from voxlate.evaluation.files import write_scores, write_summary
from voxlate.evaluation.sets.distances import (
    FLOOR,
    SYNTHETIC,
    Request,
    Sample,
    Sets,
    compare_samples,
    embed_set,
    find_sets,
    set_scores,
    summarise_sets,
)
from voxlate.evaluation.sets.embedding import VOLUME_VIEW
from voxlate.evaluation.words import listed, number, p_value
from voxlate.io.atomic import check_writable, remove_stale, write_text
from voxlate.io.lock import hold
from voxlate.metrics import metrics_of
from voxlate.metrics.distribution import PLAIN_FROM
from voxlate.progress import ProgressReport
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.caveats import seen_caveats
from voxlate.reporting.page.page import Illustration, Report, embed, render_page, write_figures
from voxlate.reporting.page.tables import Cell, Column, Line, Table
from voxlate.reporting.sets.plots import draw_distances, draw_features
from voxlate.workflows.result import Evaluated

Summary = Mapping[str, Any]
FEW_CASES = 20
_ARROWS = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}"}
_P = "share of random deals of whole cases to the two sets that lie as far apart in MMD; small: the sets differ"
_TERMS = {
    "sd": "standard deviation over random subsets",
    "n/a": "not available: too few samples; the reason stands under the tables",
}


def evaluate_distribution(
    synthetic: Path,
    real: Path,
    out: Path,
    *,
    features: Path | None,
    split: str,
    report: ProgressReport,
    contrast: str | None = None,
) -> Evaluated:
    """Compares a set of synthetic with a set of real images, and writes scores, summary, figures and page.

    Args:
        synthetic: A run or bundle, which translates cases of the real data set; or a folder of images that a model
            made, whose cases need not be those of the real data set.
        real: The data set.
        out: Where it is written; a model's images go into its folder ``synthetic``.
        features: The network: a run, a bundle or a file of weights, see ``voxlate.evaluation.sets.embedding``.
        split: Of a model: ``test`` for the cases that it has not seen, ``all`` for every one.
        report: Called with the number of finished cases.
        contrast: Which images of a folder are meant, if there are several.

    Raises:
        UsageError: If no network is given, it cannot take the images, the split is unknown, or the two sides have no
            contrast in common.
        CohortError: If there is no image on either side, or there are too few for any metric.
        BundleError: If a model or the network is refused.
    """
    if features is None:
        raise UsageError(
            "a network whose features are compared",
            came="none",
            where="--features",
            remedy="Give a run or bundle whose one source is what the images show, such as a segmenter, or a file of "
            "VGG-19's or ResNet-50's weights. There is no default: the values depend on it.",
        )
    if split not in {"test", "all"}:
        raise UsageError("the split test or all", came=repr(split), where="--split", remedy="Use one of them.")
    check_writable(out)
    with hold(out, what="evaluation"):
        remove_stale(out)
        request = Request(synthetic, real, features, split, contrast)
        sets = find_sets(request, out / "synthetic", report=report)
        of = len(sets.synthetic) + len(sets.real)
        made, lost = embed_set(sets.synthetic, sets.embedder, report=lambda done: report("features", done, of))
        before = len(sets.synthetic)
        there, gone = embed_set(sets.real, sets.embedder, report=lambda done: report("features", before + done, of))
        failed = [*sets.failed, *lost, *((f"{case} (real)", reason) for case, reason in gone)]
        return _write(sets, made, there, failed=failed, out=out)


def _write(
    sets: Sets, synthetic: Mapping[str, Sample], real: Mapping[str, Sample], *, failed: list[Failed], out: Path
) -> Evaluated:
    comparisons = compare_samples(synthetic, real)
    title, features = get_contrast(sets.contrast).title, sets.embedder.name
    summary = summarise_sets(comparisons, features=features)
    sentence = say_distribution(summary, target=title)
    summary = {"answer": sentence, "contrast": sets.contrast, **summary, "facts": dict(sets.facts)}
    figures = {
        "features": Illustration(
            "Features of every slice or volume",
            "By the first two principal components of the real features. Where the two clouds lie apart, the sets "
            "differ; where they overlap, they may still differ in other components.",
            to_png(draw_features(synthetic, real, target=title, features=features)),
        ),
        "distances": Illustration(
            "Distances beside the floor",
            "The hatched bar compares two halves of the real set: as near as two sets of real images come.",
            to_png(draw_distances(summary["rows"], features=features)),
        ),
    }
    write_scores(set_scores(comparisons), out / "scores.csv")
    write_summary(summary, out / "summary.json")
    write_figures(figures, out)
    page = out / "report.html"
    write_text(page, _page(sets, summary, figures, failed=failed))
    return Evaluated(sentence, page, *_rows(summary), failed=failed)


def say_distribution(summary: Summary, *, target: str) -> str:
    """The answer: KID, p, precision and recall in the view in which the sets lie farthest apart.

    Args:
        summary: As ``summarise_sets`` gives it.
        target: What the images show.
    """
    values = {(row["region"], row["method"], row["metric"]): row for row in summary["rows"]}
    known = [view for view in summary["views"] if values[view, SYNTHETIC, "kid"]["value"] is not None]
    if not known:
        return f"There are too few synthetic {target} images for an unbiased distance from the real ones."
    view = max(known, key=lambda one: values[one, SYNTHETIC, "kid"]["value"])
    kid, floor = (values[view, method, "kid"]["value"] for method in (SYNTHETIC, FLOOR))
    beside = "halves of the real set are too small to compare" if floor is None else f"real vs real {number(floor)}"
    where = f" in {view} features, the view in which they differ most" if len(summary["views"]) > 1 else f" ({view})"
    sentence = f"Synthetic {target} lies at a KID of {number(kid)} from real {target}{where}; {beside}."
    p = values[view, SYNTHETIC, "mmd"]["p"]
    if p is not None:
        found = "tells the two sets apart" if p < 0.05 else "does not tell the two sets apart"
        sentence += f" A test that deals whole cases {found} ({p_value(p)})."
    precision, recall = (values[view, SYNTHETIC, name]["value"] for name in ("set_precision", "set_recall"))
    if precision is not None and recall is not None:
        sentence += (
            f" {100 * precision:.0f} % of the synthetic {_what(view)} lie among real ones, and {100 * recall:.0f} % of "
            "the real ones among synthetic ones."
        )
    return f"{sentence} Features by {summary['features']}."


def _page(sets: Sets, summary: Summary, figures: Mapping[str, Illustration], *, failed: Sequence[Failed]) -> str:
    title = get_contrast(sets.contrast).title
    return render_page(
        "distribution.html.j2",
        report=Report(
            title=f"How alike are synthetic and real {title}?",
            verdict=summary["answer"],
            summary=summary,
            facts={
                **sets.facts,
                "features": sets.embedder.name,
                "synthetic": f"{len(sets.synthetic)} images",
                "real": f"{len(sets.real)} images",
                "software": f"voxlate {__version__}",
            },
        ),
        warnings=[*_warnings(sets, summary), *(f"{case} could not be used: {reason}" for case, reason in failed)],
        figures=[embed(figure) for figure in figures.values()],
        features=sets.embedder.name,
        tables=[_table(summary, view) for view in summary["views"]],
        notes=_notes(summary),
        glossary=_glossary(),
    )


def _glossary() -> list[tuple[str, str]]:
    """Every distance, p after the one that it tests, and what stands beside the values."""
    terms: dict[str, str] = {}
    for name, metric in metrics_of("set").items():
        terms[metric.title.removesuffix(" of the set")] = metric.meaning
        if name == "mmd":
            terms["p"] = _P
    return list((terms | _TERMS).items())


def _warnings(sets: Sets, summary: Summary) -> list[str]:
    found = seen_caveats(sets.seen, len(sets.synthetic))
    n = min(len(sets.synthetic), len(sets.real))
    if n < FEW_CASES:
        found.append(
            f"Only {n} images on one side: slices of one case are alike, so the numbers say little about other cases."
        )
    corrected = sorted({row["region"] for row in summary["rows"] if row["note"].startswith("corrected")})
    if corrected:
        found.append(
            f"FID of {', '.join(corrected)} is extrapolated, because there are fewer than {PLAIN_FROM} samples; "
            "it is not comparable with uncorrected values elsewhere. KID needs no correction."
        )
    lacking = sorted({row["title"] for row in summary["rows"] if row["value"] is None and row["method"] == SYNTHETIC})
    if lacking:
        found.append(f"Not available in some view, for want of samples: {', '.join(lacking)}.")
    return found


def _table(summary: Summary, view: str) -> Table:
    rows = [row for row in summary["rows"] if row["region"] == view]
    columns = tuple(
        Column(metric.title, f"{_ARROWS[metric.better]} {metric.better} is better", name)
        for name, metric in metrics_of("set").items()
    )
    network, lines = _network(summary["features"]), []
    for method, kind in ((FLOOR, "baseline"), (SYNTHETIC, "model first-model")):
        found = {row["metric"]: row for row in rows if row["method"] == method}
        counts = next(iter(found.values()))
        below = f"{listed(counts['cases'])} cases, {listed(counts['samples'])} {_what(view)}"
        lines.append(Line(method, below, kind, (network, *(_cell(found[name]) for name in metrics_of("set")))))
    return Table(view[:1].upper() + view[1:], "Sets", (Column("features by", ""), *columns), tuple(lines))


def _network(name: str) -> Cell:
    """The network of a row: its name, and below it layer and digest."""
    first, *rest = name.split(" ")
    return Cell(first, tuple(rest))


def _what(view: str) -> str:
    return "volumes" if view == VOLUME_VIEW else "slices"


def _cell(row: Mapping[str, Any]) -> Cell:
    lines = [f"sd {number(row['sd'])}"] if row["sd"] is not None else []
    lines += [p_value(row["p"])] if row["p"] is not None else []
    return Cell(number(row["value"]), tuple(lines))


def _notes(summary: Summary) -> list[str]:
    """One sentence per way of computing, with the views and sets that it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in summary["rows"]:
        found.setdefault((row["title"], row["note"]), []).append(f"{row['region']}, {row['method']}")
    return [f"{title} ({'; '.join(dict.fromkeys(where))}): {note}." for (title, note), where in found.items()]


def _rows(summary: Summary) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The table for a terminal, the network beside every value."""
    rows: list[tuple[str, ...]] = []
    for row in summary["rows"]:
        value, samples = number(row["value"]), listed(row["samples"])
        rows.append((row["region"], row["title"], row["method"], value, samples, row["features"]))
    return ("view", "metric", "sets", "value", "samples", "features by"), rows
