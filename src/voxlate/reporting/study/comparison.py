"""Recipes side by side on disk: scores, one table, figures and the page, of recipes that share split and target."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voxlate._version import __version__
from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.errors import VoxlateError
from voxlate.evaluation.candidates import ModelCandidate
from voxlate.evaluation.cases import Failed, compare_case
from voxlate.evaluation.fidelity.comparison import NORMALISED
from voxlate.evaluation.files import write_scores, write_scores_by_seed, write_summary
from voxlate.evaluation.scores import extremes
from voxlate.evaluation.statistics import summarise
from voxlate.evaluation.study.runs import ScoredRun, by_seed, mean_over_seeds
from voxlate.evaluation.verdict import find_row, judge
from voxlate.evaluation.words import in_order, metric_title, number, short_title
from voxlate.io.atomic import write_text
from voxlate.metrics import metrics_of
from voxlate.regions import FOREGROUND, UNIONS, in_words
from voxlate.reporting.drawing.boxes import draw_box_plots
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.panels import Panel, draw_cases, source_windows
from voxlate.reporting.page.page import Illustration, Report, write_figures, write_report
from voxlate.roles import BASELINES, MODEL
from voxlate.training.studies.variants import VariantRun

Summary = Mapping[str, Any]
MOST_BOXES = 8
REGIONS = (FOREGROUND, *UNIONS, "air", "soft tissue", "bone")
"""Those that the table shows; the page has the others, such as each label's, too."""


@dataclass(frozen=True)
class Compared:
    """What a comparison found.

    Attributes:
        sentence: Which recipe is best and whether it beats the baselines.
        page: The report.
        fields: Column names of ``rows``.
        rows: A line per method, the baselines first.
        failed: Cases that could not be scored, each with its reason.
    """

    sentence: str
    page: Path
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]
    failed: list[Failed]


@dataclass(frozen=True)
class Contest:
    """Everything that the report of a comparison is made from: finished runs, their scores, and the held-out cases.

    ``substitutes`` tells that the variants are one recipe on real, synthetic and both kinds of images.
    """

    runs: Sequence[VariantRun]
    scored: Sequence[ScoredRun]
    cases: Sequence[Case]
    failed: Sequence[Failed] = ()
    substitutes: bool = False


def write_comparison(contest: Contest, out: Path) -> Compared:
    """Writes ``scores.csv`` (means over the seeds), ``runs.csv``, ``summary.json``, figures and page.

    Raises:
        WriteError: If a file could not be written.
    """
    scores = mean_over_seeds(contest.scored, views=True)
    summary = summarise(scores)
    seconds = {
        run.variant: seconds_per_volume(run, contest.cases[0])
        for run in contest.runs
        if run.seed == contest.runs[0].seed
    }
    verdict = _verdict(summary, [run.variant for run in contest.runs])
    write_scores(scores, out / "scores.csv")
    write_scores_by_seed(by_seed(contest.scored), out / "runs.csv")
    write_summary({"verdict": verdict, "seconds_per_volume": seconds, **summary}, out / "summary.json")
    illustrations = dict(_illustrate(contest, scores))
    write_figures(illustrations, out)
    page = write_report(
        out / "report.html",
        _report(contest, summary, verdict=verdict, illustrations=list(illustrations.values()), seconds=seconds),
    )
    fields, rows = leaderboard(summary, seconds=seconds)
    return Compared(verdict, page, fields, rows, list(contest.failed))


def leaderboard(summary: Summary, *, seconds: Mapping[str, float]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """One table: a line per method, the baselines first; the MAE of every region, then the foreground's other metrics.

    Args:
        summary: As ``voxlate.evaluation.summarise`` gives it.
        seconds: From a method to what it takes per volume.
    """
    return lines_of(summary, _columns(summary), main=FOREGROUND, seconds=seconds)


def lines_of(
    summary: Summary, columns: Sequence[tuple[str, str]], *, main: str, seconds: Mapping[str, float]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and lines of a table, a line per method, the baselines first.

    Args:
        summary: As ``voxlate.evaluation.summarise`` gives it.
        columns: Regions with a metric each.
        main: The region that heads need not name.
        seconds: From a method to what it takes per volume.
    """
    units = {(row["region"], row["metric"]): row["unit"] for row in summary["rows"]}
    titles = tuple(
        metric_title(metric, unit=units.get((region, metric), "")) + ("" if region == main else f", {in_words(region)}")
        for region, metric in columns
    )
    lines = []
    for method in in_order(row["method"] for row in summary["rows"]):
        found = [find_row(summary, method=method, metric=metric, region=region) for region, metric in columns]
        cells = [
            number(None if row is None else row["mean"], metric=metric)
            for row, (_, metric) in zip(found, columns, strict=True)
        ]
        lines.append((short_title(method), *cells, f"{seconds[method]:.1f}" if method in seconds else ""))
    return ("method", *titles, "seconds per volume"), lines


def _columns(summary: Summary) -> list[tuple[str, str]]:
    scored = {row["region"] for row in summary["rows"] if row["metric"] == "mae" and row["n"]}
    regions = [region for region in REGIONS if region in scored]
    metrics = list(dict.fromkeys(row["metric"] for row in summary["rows"] if row["region"] == FOREGROUND))
    shown = [name for name in metrics if name not in {"mae", "mse", "rmse", "ncc", *metrics_of("appearance")}]
    return [*((region, "mae") for region in regions), *((FOREGROUND, name) for name in shown)]


def _verdict(summary: Summary, variants: Sequence[str]) -> str:
    """Which recipe has the lowest error, and whether it beats the baselines."""
    means = {name: find_row(summary, method=name, metric="mae", region=FOREGROUND) for name in variants}
    known = {name: row["mean"] for name, row in means.items() if row is not None and row["mean"] is not None}
    if not known:
        return "Nothing can be said: no held-out case could be scored."
    best = min(known, key=lambda name: float(known[name]))
    beating = [name for name in known if judge(summary, method=name).beats]
    count = f"{len(beating)} of {len(known)} recipes beat every baseline."
    told = judge(summary, method=best).sentence.removeprefix("The ")
    return f"Of {len(known)} recipes {best} has the lowest MAE. {told} {count}"


def seconds_per_volume(run: VariantRun, case: Case) -> float:
    """Wall time of one translation, from files to the volume, kept beside the run for its bundle."""
    candidate = ModelCandidate.load(run.folder)
    digest, path = candidate.model.bundle.digest, run.folder / "seconds.json"
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["model"] == digest:
            return float(kept["seconds"])
    began = time.monotonic()
    try:
        candidate.predict(case)
    except VoxlateError:
        return float("nan")
    took = time.monotonic() - began
    write_text(path, json.dumps({"model": digest, "seconds": took}) + "\n")
    return took


def _report(
    contest: Contest,
    summary: Summary,
    *,
    verdict: str,
    illustrations: Sequence[Illustration],
    seconds: Mapping[str, float],
) -> Report:
    recipes = {run.variant: run.recipe for run in contest.runs}
    first = contest.runs[0].recipe
    seeds = dict.fromkeys(run.seed for run in contest.runs)
    return Report(
        title=f"{len(recipes)} recipes for {get_contrast(first.target).title}",
        verdict=verdict,
        summary=summary,
        illustrations=illustrations,
        facts={
            **{
                name: f"{recipe.method.name}, from {', '.join(recipe.source)}; {seconds.get(name, float('nan')):.1f} s "
                "per volume"
                for name, recipe in recipes.items()
            },
            "seeds": ", ".join(map(str, seeds)),
            "cases": f"{summary['n_cases']} held-out, one split for all",
            "software": f"voxlate {__version__}",
        },
        warnings=[f"{case} could not be scored: {reason}" for case, reason in contest.failed],
    )


def _illustrate(contest: Contest, scores: Sequence[Any]) -> Iterator[tuple[str, Illustration]]:
    variants = list(dict.fromkeys(run.variant for run in contest.runs))
    whole = [score for score in scores if score.method in {*BASELINES, *variants}]  # without single views
    for region in (FOREGROUND, *UNIONS):
        if any(score.region == region for score in whole) and len(variants) + 2 <= MOST_BOXES:
            picture = to_png(draw_box_plots(whole, region=region))
            yield f"boxes_{region}", Illustration(f"All cases: {in_words(region)}", "Every point is a case.", picture)
    chosen = extremes(scores, method=variants[0]).median
    panels = dict(_panels(contest, chosen))
    yield (
        "case",
        Illustration(
            f"The same case by every recipe: {chosen}",
            f"The median case by the MAE of {variants[0]}; one grey window, one error scale.",
            to_png(draw_cases(panels)),
        ),
    )


def _panels(contest: Contest, case_id: str) -> Iterator[tuple[str, Panel]]:
    case = next(case for case in contest.cases if case.id == case_id)
    for run in contest.runs:
        if run.seed != contest.runs[0].seed:
            continue
        compared, title = compare_case(ModelCandidate.load(run.folder), case), get_contrast(run.recipe.source[0]).title
        yield (
            run.variant,
            Panel(
                case=case_id,
                sources={title: compared.source},
                source_windows=source_windows(title, compared.source, compared.mask, unit=compared.unit),
                prediction=compared.methods[MODEL],
                truth=compared.truth,
                target=get_contrast(run.recipe.target).title,
                unit="" if compared.unit == NORMALISED else compared.unit,
                spacing_mm=compared.spacing_mm,
                mask=compared.mask,
            ),
        )
