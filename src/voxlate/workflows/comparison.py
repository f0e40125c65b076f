"""A comparison of recipes for one target, in three steps: train and score the runs, summarise, draw.

The recipes make an image, or a label map; or they are one recipe of a segmentation that learns from real images, from
synthetic ones, and from both. Each step leaves its result on disk (the runs with their scores, ``scores.csv`` and
``runs.csv``; ``summary.json``; ``report.html``), so that a comparison that was killed goes on where it was, and a page
is drawn again without training or predicting anything.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from math import nan
from pathlib import Path

from voxlate.cohort import Case
from voxlate.config.recipe import Recipe
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError, VoxlateError
from voxlate.evaluation.candidates import ModelCandidate
from voxlate.evaluation.files import write_summary
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.cases import classes_of, segment_case
from voxlate.evaluation.segmentation.contest import SegmentationContest, summarise_segmentations
from voxlate.evaluation.segmentation.scores import Classes, whole
from voxlate.evaluation.study.contest import ContestResult, ContestSummary, summarise_contest
from voxlate.evaluation.study.runs import Arrays, ScoredStudy, mean_over_seeds, median_case, picture_case
from voxlate.io.atomic import write_text
from voxlate.progress import ProgressReport
from voxlate.regions import FOREGROUND
from voxlate.reporting.segmentation.contest import segmentations_page
from voxlate.reporting.segmentation.pictures import picture_of
from voxlate.reporting.study.comparison import comparison_page
from voxlate.reporting.study.tables import leaderboard, segmentation_leaderboard
from voxlate.training.loop.loop import Observer
from voxlate.training.studies.substitution import REAL, Sources, substitution
from voxlate.training.studies.variants import VariantRun, side_by_side
from voxlate.workflows.result import Result
from voxlate.workflows.study import show_translation, train_and_score, write_tables
from voxlate.workflows.workspace import publish, workspace


def compare_recipes(
    data: Path,
    recipes: Sequence[Recipe],
    out: Path,
    *,
    seeds: int,
    report: ProgressReport,
    observers: Sequence[Observer],
) -> Result:
    """Trains recipes for one target and writes scores, summary, figures and page.

    Args:
        data: The data set.
        recipes: Two or more, with names of their own.
        out: Where it is written.
        seeds: How many seeds: that of the first recipe and those that follow it.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.

    Raises:
        UsageError: If two recipes share a name, or they would be scored on other images.
        CohortError: If the data set is refused, or no case is held out.
        LockedError: If another process works there.
    """
    study = side_by_side(recipes, seeds=seeds)
    with workspace(out, what="comparison"):
        scored = train_and_score(data, study, out, report=report, observers=observers)
        if get_contrast(recipes[0].target).kind == "label":
            return _tell_segmentations(scored, out, substitutes=False)
        return _tell_translations(scored, out)


def compare_kinds(
    sources: Sources,
    recipes: Sequence[Recipe],
    *,
    seeds: int,
    report: ProgressReport,
    observers: Sequence[Observer],
) -> Result:
    """Trains one recipe of a segmentation on real images, on synthetic ones, and on both; see ``compare_recipes``.

    Args:
        sources: Where the images come from, and where it is written.
        recipes: The one recipe.
        seeds: How many seeds.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.

    Raises:
        UsageError: If there is another number of recipes, or it is none of a segmentation.
        CohortError: If a data set is refused, or no case is held out.
        LockedError: If another process works there.
    """
    if len(recipes) != 1 or get_contrast(recipes[0].target).kind != "label" or seeds < 1:
        raise UsageError(
            "one recipe of a segmentation, and at least one seed",
            came=f"{', '.join(f'{recipe.name} ({recipe.target})' for recipe in recipes)}; {seeds} seeds",
            where="--synthetic",
            remedy="Give --recipe segment-default once: it is trained on real images, on synthetic ones, and on both.",
        )
    with workspace(sources.folder, what="comparison") as out:
        study = substitution(sources, recipes[0], seeds=seeds, report=report)
        scored = train_and_score(study.data[REAL], study, out, report=report, observers=observers)
        return _tell_segmentations(scored, out, substitutes=True)


def _seconds_per_volume(run: VariantRun, case: Case) -> float:
    """Wall time of one translation, from files to the volume, kept beside the run for its bundle; NaN if it fails."""
    candidate = ModelCandidate.load(run.folder)
    digest, path = candidate.digest, run.folder / "seconds.json"
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["model"] == digest:
            return float(kept["seconds"])
    began = time.monotonic()
    try:
        candidate.predict(case)
    except VoxlateError:
        return nan
    took = time.monotonic() - began
    write_text(path, json.dumps({"model": digest, "seconds": took}) + "\n")
    return took


def _tell_translations(study: ScoredStudy, out: Path) -> Result:
    scores = mean_over_seeds(study.scored, views=True)
    write_tables(study, scores, out)
    summary = summarise_contest(scores, study.variants, seconds=_seconds(study))
    write_summary(summary.to_json(), out / "summary.json")
    case = median_case(scores, metric="mae", region=FOREGROUND, method=study.variants[0])
    result = _result(study, scores, summary, case=case, show=show_translation(scores))
    page = comparison_page(result)
    written = publish(page, out)
    fields, rows = leaderboard(summary.overall, seconds=summary.seconds)
    return Result(summary.answer, written, fields, rows, list(study.failed))


def _tell_segmentations(study: ScoredStudy, out: Path, *, substitutes: bool) -> Result:
    scores = mean_over_seeds(study.scored)
    write_tables(study, scores, out)
    model = ModelCandidate.load(study.runs[0].folder)
    classes = classes_of(model, study.cases)
    summary = summarise_segmentations(
        scores, study.variants, classes=classes, seconds=_seconds(study), substitutes=substitutes
    )
    write_summary(summary.to_json(), out / "summary.json")
    case = median_case(scores, metric="dice", region=whole(classes), method=study.variants[0])
    result = _result(study, scores, summary, case=case, show=partial(_show_labels, classes=classes))
    page = segmentations_page(SegmentationContest(result, classes, model.plan.reference, substitutes))
    written = publish(page, out)
    fields, rows = segmentation_leaderboard(summary.overall, classes, seconds=summary.seconds)
    return Result(summary.answer, written, fields, rows, list(study.failed))


def _show_labels(candidate: ModelCandidate, case: Case, *, classes: Classes) -> Arrays:
    return picture_of(segment_case(candidate, case, classes=classes), classes)


def _seconds(study: ScoredStudy) -> dict[str, float]:
    return {variant: _seconds_per_volume(run, study.cases[0]) for variant, run in study.shown.items()}


def _result(
    study: ScoredStudy,
    scores: Sequence[Score],
    summary: ContestSummary,
    *,
    case: str,
    show: Callable[[ModelCandidate, Case], Arrays],
) -> ContestResult:
    return ContestResult(
        recipes={variant: run.recipe for variant, run in study.shown.items()},
        seeds=study.seeds,
        scores=scores,
        summary=summary,
        case=case,
        pictures=picture_case(study, case, show=show),
        shown={variant: study.scores_of(variant) for variant in study.variants},
        failed=study.failed,
    )
