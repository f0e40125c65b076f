"""Segmentations side by side on disk: scores, one table, figures and the page, of recipes for the same classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from voxlate._version import __version__
from voxlate.cohort.labels.labelling import component_word
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.candidates import ModelCandidate
from voxlate.evaluation.files import write_scores, write_scores_by_seed, write_summary
from voxlate.evaluation.scores import Score, extremes
from voxlate.evaluation.segmentation.cases import classes_of, segment_case
from voxlate.evaluation.segmentation.scores import Classes, class_regions, whole
from voxlate.evaluation.segmentation.verdict import judge_against_intensity, nothing_found
from voxlate.evaluation.study.runs import by_seed, mean_over_seeds
from voxlate.evaluation.verdict import find_row
from voxlate.evaluation.words import meaning, metric_title, number
from voxlate.io.atomic import write_text
from voxlate.reporting.drawing.boxes import draw_box_plots
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.caveats import caveats
from voxlate.reporting.page.page import Illustration, Section, embed, render_page, write_figures
from voxlate.reporting.page.tables import comparison_tables, score_tables
from voxlate.reporting.segmentation.page import finding_numbers, summarise_segmentation
from voxlate.reporting.segmentation.pictures import Finding, draw_findings
from voxlate.reporting.segmentation.tables import LESIONS, SURFACES, VOXELS
from voxlate.reporting.study.comparison import MOST_BOXES, Compared, Contest, lines_of, seconds_per_volume
from voxlate.roles import BASELINES, MODEL
from voxlate.training.studies.substitution import BOTH, REAL, SYNTHETIC

Summary = Mapping[str, Any]
_OF_ALL = ("precision", "recall", "hd95", "surface_dice", "detection_f1")
_BOXES = ("dice", "recall", "precision")
_CAPTION = "Mean over the cases, its 95 % interval, standard deviation (sd) and number of cases (n)."


def write_segmentations(contest: Contest, out: Path) -> Compared:
    """Writes ``scores.csv`` (means over the seeds), ``runs.csv``, ``summary.json``, figures and page.

    Raises:
        WriteError: If a file could not be written.
    """
    variants = list(dict.fromkeys(run.variant for run in contest.runs))
    classes = classes_of(ModelCandidate.load(contest.runs[0].folder), contest.cases)
    scores = mean_over_seeds(contest.scored)
    summary = summarise_segmentation(scores)
    first = contest.runs[0].seed
    seconds = {run.variant: seconds_per_volume(run, contest.cases[0]) for run in contest.runs if run.seed == first}
    silent = _silent(scores, classes, variants)
    judge = judge_substitution if contest.substitutes else _verdict
    verdict = judge(summary, variants, region=whole(classes))
    answer = " ".join([verdict, *silent])
    write_scores(scores, out / "scores.csv")
    write_scores_by_seed(by_seed(contest.scored), out / "runs.csv")
    write_summary({"verdict": answer, "seconds_per_volume": seconds, **summary}, out / "summary.json")
    figures = dict(_illustrate(contest, scores, classes))
    write_figures(figures, out)
    page = out / "report.html"
    told = [*silent, *(f"{case} could not be scored: {reason}" for case, reason in contest.failed)]
    write_text(page, _page(contest, summary, verdict=verdict, warnings=told, figures=list(figures.values())))
    fields, rows = segmentation_leaderboard(summary, classes, seconds=seconds)
    return Compared(answer, page, fields, rows, list(contest.failed))


def segmentation_leaderboard(
    summary: Summary, classes: Classes, *, seconds: Mapping[str, float]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """One table: a line per method, intensity alone first; Dice of every class, then what all labels together have.

    Args:
        summary: As ``summarise_segmentation`` gives it.
        classes: From the name of a class to its label values.
        seconds: From a method to what it takes per volume.
    """
    main = whole(classes)
    regions = [main, *(region for region in class_regions(classes) if region != main)]
    columns = [*((region, "dice") for region in regions), *((main, metric) for metric in _OF_ALL)]
    return lines_of(summary, columns, main=main, seconds=seconds)


def _silent(scores: Sequence[Score], classes: Classes, variants: Sequence[str]) -> list[str]:
    """What a recipe found nothing of, recipe by recipe."""
    return [
        f"{variant}: {words}"
        for variant in variants
        for words in nothing_found(scores, classes, method=variant).values()
    ]


def _verdict(summary: Summary, variants: Sequence[str], *, region: str) -> str:
    """Which recipe has the highest Dice, and whether it beats intensity alone."""
    means = {name: find_row(summary, method=name, metric="dice", region=region) for name in variants}
    known = {name: row["mean"] for name, row in means.items() if row is not None and row["mean"] is not None}
    if not known:
        return "Nothing can be said: no held-out case has a label, true or found."
    best = max(known, key=lambda name: float(known[name]))
    verdicts = {name: judge_against_intensity(summary, region=region, method=name) for name in known}
    beating = sum(verdict.beats for verdict in verdicts.values())
    told = verdicts[best].sentence.removeprefix("The ")
    count = f"{beating} of {len(known)} recipes beat intensity lookup."
    return f"Of {len(known)} recipes {best} has the highest Dice of {region}. {told} {count}"


def judge_substitution(summary: Summary, variants: Sequence[str], *, region: str) -> str:
    """What a recipe learns from synthetic images, in the place of real ones and beside them.

    Args:
        summary: Of the scores on the real held-out cases.
        variants: ``real``, ``synthetic``, ``both``.
        region: By whose mean Dice is judged.
    """
    means: dict[str, float] = {}
    for name in variants:
        row = find_row(summary, method=name, metric="dice", region=region)
        if row is not None and row["mean"] is not None:
            means[name] = float(row["mean"])
    if set(means) != {REAL, SYNTHETIC, BOTH}:
        return "Nothing can be said: a variant has no Dice."
    real, synthetic, both = (number(means[name], metric="dice") for name in (REAL, SYNTHETIC, BOTH))
    share = f", {means[SYNTHETIC] / means[REAL]:.2f} of that of real ones" if means[REAL] > 0 else ""
    gain = number(means[BOTH] - means[REAL], metric="dice", signed=True)
    return (
        f"Tested on real cases, training on synthetic images gives a mean Dice of {region} of {synthetic}{share} "
        f"({real}); both together give {both} ({gain}). Each was trained for the same number of steps."
    )


def _illustrate(contest: Contest, scores: Sequence[Score], classes: Classes) -> Iterator[tuple[str, Illustration]]:
    variants = list(dict.fromkeys(run.variant for run in contest.runs))
    main = whole(classes)
    for region in [main, *(name for name in class_regions(classes) if name != main)]:
        here = [score for score in scores if score.region == region and score.method in {*BASELINES, *variants}]
        if len(variants) + 1 <= MOST_BOXES and any(s.metric in _BOXES and math.isfinite(s.value) for s in here):
            picture = to_png(draw_box_plots(here, region=region, metrics=_BOXES))
            yield f"boxes_{region}", Illustration(f"All cases: {region}", "Every point is a case.", picture)
    try:
        chosen = extremes(scores, metric="dice", region=main, method=variants[0]).median
    except UsageError:  # nothing is labelled, neither truly nor by the first recipe
        return
    yield (
        "case",
        Illustration(
            f"The same case by every recipe: {chosen}",
            f"The median case by the Dice of {variants[0]} in {main}.",
            to_png(draw_findings(dict(_findings(contest, chosen, classes)))),
        ),
    )


def _findings(contest: Contest, case_id: str, classes: Classes) -> Iterator[tuple[str, Finding]]:
    case = next(case for case in contest.cases if case.id == case_id)
    scored = {(run.variant, run.seed): run.scores for run in contest.scored}
    for run in contest.runs:
        if run.seed != contest.runs[0].seed:
            continue
        candidate = ModelCandidate.load(run.folder)
        segmented = segment_case(candidate, case, classes=classes)
        yield (
            run.variant,
            Finding(
                case=case_id,
                image=segmented.image,
                title=get_contrast(candidate.plan.reference).title,
                truth=segmented.truth,
                found=segmented.found[MODEL],
                classes=classes,
                spacing_mm=segmented.spacing_mm,
                numbers=finding_numbers(scored[run.variant, run.seed], case_id),
            ),
        )


def _page(
    contest: Contest, summary: Summary, *, verdict: str, warnings: Sequence[str], figures: Sequence[Illustration]
) -> str:
    recipes = {run.variant: run.recipe for run in contest.runs}
    of_dice = {**summary, "rows": [row for row in summary["rows"] if row["metric"] == "dice"]}
    word = component_word(row["region"] for row in summary["rows"])
    groups = {"Voxel by voxel": VOXELS, "Surfaces and volumes": SURFACES, f"{word.capitalize()} by {word}": LESIONS}
    sections = [
        Section(title, "Over the whole image.", _CAPTION, score_tables(_only(summary, metrics)))
        for title, metrics in groups.items()
    ]
    return render_page(
        "segmentation.html.j2",
        report={
            "title": "Real, synthetic, both: what a segmenter learns from synthetic images"
            if contest.substitutes
            else f"{len(recipes)} recipes for {get_contrast(contest.runs[0].recipe.target).title}",
            "verdict": verdict,
            "facts": {
                **{name: f"from {', '.join(recipe.source)}" for name, recipe in recipes.items()},
                "seeds": ", ".join(map(str, dict.fromkeys(run.seed for run in contest.runs))),
                "cases": f"{summary['n_cases']} held-out, one split for all",
                "software": f"voxlate {__version__}",
            },
        },
        warnings=[*warnings, *caveats(of_dice)],
        sections=sections,
        comparison_tables=comparison_tables(of_dice),
        figures=[embed(figure) for figure in figures],
        glossary=[(metric_title(name), meaning(name)) for group in groups.values() for name in group if meaning(name)],
    )


def _only(summary: Summary, metrics: Sequence[str]) -> Summary:
    return {**summary, "rows": [row for row in summary["rows"] if row["metric"] in metrics]}
