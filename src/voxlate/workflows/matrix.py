"""The matrix of errors, from each set of sources to each target: of one model of several targets, or of a model each.

Scores of a pair are kept beside its run, so that a command that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from voxlate.cohort import Case, index_cohort
from voxlate.cohort.synthetic import scans_only
from voxlate.config.recipe import Recipe
from voxlate.errors import CohortError, VoxlateError, counted
from voxlate.evaluation.evidence import EVIDENCE, CaseEvidence, Evidence, question_of
from voxlate.evaluation.files import write_summary
from voxlate.evaluation.study.matrix import (
    METRICS_OF_ANSWERS,
    Answer,
    answer_beside_baselines,
    means_of,
    say_answers,
    score_answers,
)
from voxlate.evaluation.words import number
from voxlate.inference.model import Model, load_model, load_models
from voxlate.io.atomic import write_rows
from voxlate.plainyaml import Json
from voxlate.progress import ProgressReport
from voxlate.question import Query
from voxlate.reporting.page.caveats import few_caveats
from voxlate.reporting.page.page import Page
from voxlate.reporting.study.matrix import HEADS_OF_PAIRS, Means, matrix_page
from voxlate.training.loop.loop import Observer
from voxlate.training.run import RunFolder
from voxlate.training.studies.pairs import train_pairs
from voxlate.training.studies.variants import VariantRun
from voxlate.workflows.result import Result
from voxlate.workflows.runs import watch_run
from voxlate.workflows.workspace import check_split, publish, workspace

_FIELDS = ("question", "method", *METRICS_OF_ANSWERS)


def evaluate_matrix(
    model: Model, data: Path, out: Path, *, split: str, beside: Sequence[Path] = (), report: ProgressReport
) -> Result:
    """Scores the main questions of every case, and writes ``matrix.csv``, ``summary.json``, the figure and the page.

    Args:
        model: Of several targets.
        data: The data set.
        out: Where it is written.
        split: ``test`` for the cases that the model has not seen, ``all`` for every one.
        beside: Models of one question each, or folders of such, that are scored beside it.
        report: Called with the number of scored cases.

    Raises:
        UsageError: If the split is unknown.
        CohortError: If no case is left, or none could be scored.
        BundleError: If a model is refused.
    """
    cases = _cases(model, data, split=split)
    dedicated = [one for path in beside for one in load_models(path) if not one.bundle.recipe.targets]
    with workspace(out, what="evaluation"):
        answers, failed = score_answers(model, dedicated, cases, report=report)
        if not answers:
            case, reason = failed[0]
            raise CohortError("a case that can be scored", came=f"{case}: {reason}", where=data, remedy="Look at it.")
        facts = {
            "model": model.name,
            "model digest": model.digest,
            "trained on": counted(model.bundle.trained_on, "case"),
            "cases": f"{len(cases) - len(failed)} of {data.name}, {split}",
        }
        seen = [] if split == "test" else ["Cases that the model was trained on may be among those that are scored."]
        return _tell(answers, failed, out, draw=partial(matrix_page, facts=facts), seen=seen)


def _tell(
    answers: Sequence[Answer],
    failed: list[tuple[str, str]],
    out: Path,
    *,
    draw: Callable[..., Page],
    seen: Sequence[str] = (),
) -> Result:
    """Writes what was scored, the figure and the page."""
    _write(answers, out / "matrix.csv")
    by_metric = {metric: means_of(answers, metric) for metric in METRICS_OF_ANSWERS}
    sentence, scored = say_answers(by_metric["mae"]), len({one.case for one in answers})
    errors = {query.key: row for query, row in by_metric["mae"].items()}
    write_summary({"answer": sentence, "cases": scored, "questions": errors}, out / "summary.json")
    warnings = [*seen, *few_caveats(scored), *(f"{case} could not be used: {reason}" for case, reason in failed)]
    page = draw(by_metric, verdict=sentence, warnings=warnings)
    return Result(sentence, publish(page, out), _FIELDS, _rows(by_metric), failed)


def train_all_pairs(
    data: Path,
    recipes: Mapping[str, Recipe],
    out: Path,
    *,
    report: ProgressReport,
    observers: Sequence[Observer],
) -> Result:
    """Trains a model for each ordered pair, scores it on the cases that it has not seen, and draws the matrix.

    Args:
        data: The data set.
        recipes: By the name of each pair.
        out: Gets a run for each, ``matrix.csv``, ``summary.json``, the figure and the page.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.

    Raises:
        UsageError: If a run there was started with another recipe.
        CohortError: If the data set is refused, there is a case for no pair, or none is held out.
        LockedError: If another process works there.
    """

    def watch(run: VariantRun) -> tuple[Observer, ...]:
        return watch_run(RunFolder(run.folder), run.recipe, observers)

    with workspace(out, what="pairs"):
        runs, without = train_pairs(data, recipes, out, watch=watch, report=report)
        answers: list[Answer] = []
        failed = list(without)
        for number, run in enumerate(runs):
            report("scored", number, len(runs))
            found, refused = _score_pair(run, data)
            answers, failed = [*answers, *found], [*failed, *refused]
        report("scored", len(runs), len(runs))
        if not answers:
            remedy = "Give plan.split.fractions a test share, or add cases."
            raise CohortError("held-out cases", came="none that could be scored", where=data, remedy=remedy)
        first = runs[0].recipe
        scored = len({one.case for one in answers})
        facts = {"recipe": first.name, "pairs": len(runs), "cases": f"{scored} of {data.name}, held out"}
        draw = partial(matrix_page, facts=facts, title="Every contrast from every other", heads=HEADS_OF_PAIRS)
        return _tell(answers, failed, out, draw=draw)


def _score_pair(run: VariantRun, data: Path) -> tuple[list[Answer], list[tuple[str, str]]]:
    """The answers of a pair's model on the cases that it has not seen, taken from disk where it is still the same."""
    model = load_model(run.folder)
    question = Query(run.recipe.source, run.recipe.target)
    cohort = scans_only(index_cohort(data, patterns=run.recipe.plan.patterns))
    there = [case for case in cohort.cases if {*question.sources, question.target} <= case.paths.keys()]
    evidence = Evidence(run.folder / EVIDENCE, question_of("pair", model.digest, question.key))
    found: list[Answer] = []
    failed: list[tuple[str, str]] = []
    for case in model.unseen(there):
        kept = evidence.load(case)
        try:
            answers = _kept(kept.more, case, question) if kept else answer_beside_baselines(model, case, question)
        except VoxlateError as error:
            failed.append((f"{run.variant}, {case.id}", str(error)))
            continue
        if kept is None:
            told = [(one.method, one.metric, one.value) for one in answers]
            evidence.keep(case, CaseEvidence([], more={"answers": told}))
        found += answers
    return found, failed


def _kept(more: Json, case: Case, question: Query) -> list[Answer]:
    return [Answer(case.id, question, method, metric, value) for method, metric, value in more["answers"]]


def _cases(model: Model, data: Path, *, split: str) -> list[Case]:
    """The cases of which some contrast can be asked from another, all or those that the model has not seen."""
    check_split(split)
    fitting = [
        case
        for case in scans_only(index_cohort(data)).cases
        if any(model.can_make(name, case.paths) for name in model.targets if name in case.paths)
    ]
    cases = fitting if split == "all" else model.unseen(fitting)
    if not cases:
        raise CohortError(
            "cases with two contrasts of the model that it has not seen",
            came=f"{len(fitting)} that it was trained or chosen on",
            where=data,
            remedy="Add cases, or look at all of them with --split all (which says nothing about new cases).",
        )
    return cases


def _rows(by_metric: Mapping[str, Means]) -> list[tuple[str, ...]]:
    return [
        (
            question.words,
            method,
            *(number(by_metric[metric][question][method], metric=metric) for metric in METRICS_OF_ANSWERS),
        )
        for question, row in by_metric["mae"].items()
        for method in row
    ]


def _write(answers: Sequence[Answer], path: Path) -> None:
    lines = (
        (one.case, "+".join(one.question.sources), one.question.target, one.method, one.metric, repr(one.value))
        for one in answers
    )
    write_rows(path, [("case", "sources", "target", "method", "metric", "value"), *lines])
