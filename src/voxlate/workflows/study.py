"""The first step of every study: its runs are trained and scored on the held-out cases, or taken as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from voxlate.cohort import Case
from voxlate.evaluation.candidates import ModelCandidate
from voxlate.evaluation.cases import compare_case
from voxlate.evaluation.files import write_scores, write_scores_by_seed
from voxlate.evaluation.scores import Score
from voxlate.evaluation.study.runs import Arrays, ScoredStudy, by_seed, held_out, score_variants
from voxlate.progress import ProgressReport
from voxlate.regions import LESION, union_in
from voxlate.reporting.fidelity.pictures import picture_of
from voxlate.reporting.run.observer import FigureDrawer
from voxlate.training.loop.loop import Observer
from voxlate.training.run import RunFolder
from voxlate.training.studies.variants import Study, VariantRun, train_variants
from voxlate.workflows.runs import watch_run


def train_and_score(
    data: Path, study: Study, out: Path, *, report: ProgressReport, observers: Sequence[Observer]
) -> ScoredStudy:
    """Trains what is not trained yet, draws its curves, and scores what is not scored yet.

    Args:
        data: The data set whose split and held-out cases all variants share.
        study: What to train.
        out: The study's folder.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.

    Raises:
        UsageError: If a run there was started with another recipe, or the runs were scored on other images.
        CohortError: If the data set is refused, no case is held out, or none can be scored.
        StoppedError: If a signal asked for an end.
    """

    def watch(run: VariantRun) -> tuple[Observer, ...]:
        return watch_run(RunFolder(run.folder), run.recipe, observers)

    runs = train_variants(data, study, out, watch=watch, report=report)
    for run in runs:
        if not (run.folder / "figures" / "curves.png").is_file():
            FigureDrawer(run.folder / "figures", run.recipe).finish(run.folder / "log.jsonl")
    cases, left_out = held_out(data, runs)
    return score_variants(runs, cases, left_out=left_out, report=report)


def write_tables(study: ScoredStudy, scores: Sequence[Score], out: Path) -> None:
    """Writes ``scores.csv``, the means over the seeds, and ``runs.csv``, every run.

    Raises:
        WriteError: If a file could not be written.
    """
    write_scores(scores, out / "scores.csv")
    write_scores_by_seed(by_seed(study.scored), out / "runs.csv")


def show_translation(scores: Sequence[Score]) -> Callable[[ModelCandidate, Case], Arrays]:
    """From a model and a case to what a picture of the translation needs.

    Args:
        scores: Of the study; their regions tell what its labels mark.
    """
    labelled = union_in(score.region for score in scores) or LESION

    def show(candidate: ModelCandidate, case: Case) -> Arrays:
        return picture_of(compare_case(candidate, case), labelled=labelled)

    return show
