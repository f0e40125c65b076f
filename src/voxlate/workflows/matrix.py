"""An evaluation of a model of several targets: the matrix of its errors, from each set of sources to each target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from voxlate.cohort import Case, index_cohort
from voxlate.cohort.synthetic import scans_only
from voxlate.errors import CohortError, counted
from voxlate.evaluation.files import write_summary
from voxlate.evaluation.study.matrix import METRICS_OF_ANSWERS, Answer, means_of, say_answers, score_answers
from voxlate.evaluation.words import number
from voxlate.inference.model import Model, load_models
from voxlate.io.atomic import write_rows
from voxlate.progress import ProgressReport
from voxlate.reporting.study.matrix import Means, matrix_page
from voxlate.workflows.result import Result
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
        _write(answers, out / "matrix.csv")
        by_metric = {metric: means_of(answers, metric) for metric in METRICS_OF_ANSWERS}
        sentence, scored = say_answers(by_metric["mae"]), len(cases) - len(failed)
        errors = {query.key: row for query, row in by_metric["mae"].items()}
        write_summary({"answer": sentence, "cases": scored, "questions": errors}, out / "summary.json")
        facts = {
            "model": model.name,
            "model digest": model.digest,
            "trained on": counted(model.bundle.trained_on, "case"),
            "cases": f"{scored} of {data.name}, {split}",
        }
        seen = [] if split == "test" else ["Cases that the model was trained on may be among those that are scored."]
        warnings = [*seen, *(f"{case} could not be used: {reason}" for case, reason in failed)]
        page = matrix_page(by_metric, verdict=sentence, facts=facts, warnings=warnings)
        return Result(sentence, publish(page, out), _FIELDS, _rows(by_metric), failed)


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
