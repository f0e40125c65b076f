"""An ablation, in three steps: train and score the runs, summarise, draw.

Each step leaves its result on disk (the runs with their scores, ``scores.csv`` and ``runs.csv``; ``summary.json``;
``report.html``), so that an ablation that was killed goes on where it was, and a page is drawn again without training
or predicting anything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from voxlate.config.recipe import Overrides, Recipe
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.files import read_scores, write_summary
from voxlate.evaluation.scores import Score
from voxlate.evaluation.study.ablation import (
    AblationResult,
    AblationSummary,
    asked_differences,
    case_of,
    mean_scores,
    summarise_ablation,
    task_title,
)
from voxlate.evaluation.study.runs import ScoredStudy, picture_case
from voxlate.progress import ProgressReport
from voxlate.reporting.study.ablation import ablation_page
from voxlate.reporting.study.tables import FIELDS, difference_rows
from voxlate.training.loop.loop import Observer
from voxlate.training.studies.variants import WITH, Study, ablation
from voxlate.workflows.result import Result
from voxlate.workflows.study import show_translation, train_and_score, write_tables
from voxlate.workflows.workspace import publish, workspace


def ablate_recipe(
    data: Path,
    recipe: Recipe,
    out: Path,
    *,
    changes: Overrides,
    seeds: int,
    beside: Path | None,
    report: ProgressReport,
    observers: Sequence[Observer],
) -> Result:
    """Trains a recipe as it is and changed, and writes scores, summary, figures and page.

    Args:
        data: The data set.
        recipe: The recipe as it is.
        out: Where it is written.
        changes: What is taken away.
        seeds: How many seeds: that of the recipe and those that follow it.
        beside: Folder of another ablation, whose similarity is drawn beside this one's; ``None`` for none.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.

    Raises:
        ReadError: If the other ablation has no scores, or they are damaged.
        UsageError: If the target is a label map, nothing is changed, or the images that are scored would be others.
        CohortError: If the data set is refused, or no case is held out.
        LockedError: If another process works there.
    """
    if get_contrast(recipe.target).kind == "label":
        raise UsageError(
            "an image as the target: an ablation asks for its error",
            came=get_contrast(recipe.target).title,
            where=f"recipe {recipe.name}",
            remedy="Write the changed recipe into a file of its own and use `voxlate compare`.",
        )
    other = None if beside is None else _read_other(beside)
    study = ablation(recipe, changes, seeds=seeds)
    with workspace(out, what="ablation"):
        scored, scores = score(data, study, out, report=report, observers=observers)
        summary = summarise(scored, scores, out, changes=changes)
        return draw(scored, scores, summary, out, beside=other)


def _read_other(folder: Path) -> tuple[str, list[Score]]:
    """What another ablation translates, in words, and its scores."""
    scores = read_scores(folder / "scores.csv")
    told = (
        json.loads((folder / "summary.json").read_text(encoding="utf-8")) if (folder / "summary.json").is_file() else {}
    )
    return str(told.get("task", folder.name)), scores


def score(
    data: Path, study: Study, out: Path, *, report: ProgressReport, observers: Sequence[Observer]
) -> tuple[ScoredStudy, list[Score]]:
    """The first step: trains and scores what is not there yet, and writes ``scores.csv`` and ``runs.csv``.

    Returns:
        The study, and the means over its seeds.
    """
    scored = train_and_score(data, study, out, report=report, observers=observers)
    scores = mean_scores(scored)
    write_tables(scored, scores, out)
    return scored, scores


def summarise(study: ScoredStudy, scores: Sequence[Score], out: Path, *, changes: Overrides) -> AblationSummary:
    """The second step: what the scores say together; writes ``summary.json``.

    Raises:
        WriteError: If the file could not be written.
    """
    summary = summarise_ablation(study, scores, changes=changes)
    write_summary({"task": task_title(study.shown[WITH].recipe), **summary.to_json()}, out / "summary.json")
    return summary


def draw(
    study: ScoredStudy,
    scores: Sequence[Score],
    summary: AblationSummary,
    out: Path,
    *,
    beside: tuple[str, Sequence[Score]] | None = None,
) -> Result:
    """The third step: figures and page; the case that is shown is predicted once and then kept.

    Raises:
        WriteError: If a file could not be written.
    """
    case = case_of(summary, scores)
    result = AblationResult(
        recipe=study.shown[WITH].recipe,
        scores=scores,
        summary=summary,
        differences=asked_differences(study, summary),
        case=case,
        pictures=picture_case(study, case, show=show_translation(scores)),
        shown={variant: study.scores_of(variant) for variant in study.variants},
        failed=study.failed,
        beside=beside,
    )
    page = ablation_page(result)
    verdict = summary.verdict
    rows = difference_rows(summary.comparisons)
    written = publish(page, out)
    return Result(verdict.sentence, written, FIELDS, rows, list(study.failed), answer=verdict.answer)
