"""A task-based validation, in three steps: attempt and score every case, summarise, draw.

Each step leaves its result on disk (``synthetic/``, ``evidence/`` and ``scores.csv``, ``summary.json``,
``report.html``), so that an evaluation that was killed goes on where it was, and a page is drawn again without
translating or segmenting anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.evaluation.account import say_account
from voxlate.evaluation.candidates import NOTHING, Accepted, load_candidate
from voxlate.evaluation.cases import Scored
from voxlate.evaluation.evidence import EVIDENCE, Evidence, question_of
from voxlate.evaluation.files import write_scores, write_summary
from voxlate.evaluation.segmentation.scores import whole
from voxlate.evaluation.segmentation.segmenters import check_task, load_segmenter
from voxlate.evaluation.task.arms import Attempt, Experiment, score_task
from voxlate.evaluation.task.baseline import write_lookup
from voxlate.evaluation.task.result import TaskResult, TaskSubject, TaskSummary
from voxlate.evaluation.task.verdict import conclude_task
from voxlate.progress import ProgressReport
from voxlate.reporting.task.page import task_page
from voxlate.reporting.task.pictures import picture_of
from voxlate.reporting.task.tables import task_table
from voxlate.volume import Array
from voxlate.workflows.result import Result
from voxlate.workflows.workspace import check_split, publish, workspace


def evaluate_task(
    path: Path,
    data: Path,
    out: Path,
    *,
    task: Path,
    without: Path | None,
    split: str,
    use_imputed: bool = False,
    accept: Accepted = NOTHING,
    report: ProgressReport,
) -> Result:
    """Applies a segmenter with the real, the synthetic and no target, and writes scores, summary, figures and page.

    Args:
        path: A run, a bundle, or a folder of translated images.
        data: The data set with sources, true target and true label maps.
        out: Where it is written; synthetic images go into its folder ``synthetic``, and
            those of the baseline into ``lookup``.
        task: The segmenter: a run, a bundle, or the YAML file of a program.
        without: A segmenter that was trained without the target.
        split: ``test`` or ``all``.
        use_imputed: Whether sources may be images that a model made.
        accept: What readers, those of the segmenters too, may accept that they refuse by default.
        report: Called with the number of finished cases.

    Raises:
        UsageError: If the split is unknown, or a segmenter does not fit.
        CohortError: If no case is left.
    """
    check_split(split)
    segmenter = load_segmenter(task, accept=accept)
    other = None if without is None else load_segmenter(without, accept=accept)
    candidate, cohort = load_candidate(path, data, use_imputed=use_imputed, accept=accept)
    check_task(segmenter, candidate.plan.target, without=other)
    baseline = partial(write_lookup, candidate, out / "lookup")
    experiment = Experiment(candidate, segmenter, other, out / "synthetic", baseline)
    cases = experiment.held_out(cohort, split=split)
    with workspace(out, what="evaluation"):
        scored = score(experiment, cases, out, report=report)
        subject = _subject(experiment, cases, scored, left_out=experiment.left_out(cohort, cases))
        summary = summarise(subject, scored, out)
        return draw(subject, scored, summary, out)


def score(experiment: Experiment, cases: Sequence[Case], out: Path, *, report: ProgressReport) -> Scored:
    """The first step: attempts and scores every case that is not scored yet, and writes ``scores.csv``.

    Args:
        experiment: What is done.
        cases: With sources, target and true label map.
        out: The evaluation's folder.
        report: Called with the number of finished cases.

    Raises:
        CohortError: If every case failed.
        WriteError: If a file could not be written.
    """
    segmenter, other = experiment.segmenter, experiment.other
    region = whole(segmenter.classes)

    def show(attempt: Attempt) -> Mapping[str, Array]:
        return picture_of(attempt, segmenter=segmenter, other=other, region=region)

    asked = question_of("task", experiment.candidate.digest, segmenter.digest, other.digest if other else "")
    evidence = Evidence(out / EVIDENCE, asked)
    evidence.drop_others(cases)
    scored = score_task(experiment, cases, report=report, show=show, evidence=evidence)
    write_scores(scored.scores, out / "scores.csv")
    return scored


def summarise(subject: TaskSubject, scored: Scored, out: Path) -> TaskSummary:
    """The second step: what the scores say together; writes ``summary.json``.

    Raises:
        WriteError: If the file could not be written.
    """
    summary = conclude_task(scored.scores, subject)
    write_summary(summary.to_json(), out / "summary.json")
    return summary


def draw(subject: TaskSubject, scored: Scored, summary: TaskSummary, out: Path) -> Result:
    """The third step: figures and page.

    Args:
        subject: What was asked.
        scored: Of the first step.
        summary: Of the second step.
        out: The evaluation's folder.

    Raises:
        WriteError: If a file could not be written.
    """
    page = task_page(TaskResult(subject, scored.scores, summary, scored.found))
    written = publish(page, out)
    return Result(summary.answer, written, *task_table(summary), list(subject.failed), account=subject.account)


def _subject(
    experiment: Experiment, cases: Sequence[Case], scored: Scored, *, left_out: Mapping[str, str]
) -> TaskSubject:
    candidate, segmenter, other = experiment.candidate, experiment.segmenter, experiment.other
    kept = [case for case in cases if case.id in scored.found]
    seen = {who: ids for who, ids in experiment.seen(kept).items() if ids}
    known = all(one.seen(kept) is not None for one in (segmenter, other) if one is not None)
    facts = {**candidate.facts, **segmenter.facts}
    facts |= {f"without: {name}": value for name, value in (other.facts if other else {}).items()}
    return TaskSubject(
        target=get_contrast(experiment.target).title,
        region=whole(segmenter.classes),
        cases=_what_cases(seen, known=known, of=len(kept)),
        scored=len(kept),
        name=candidate.name,
        segmenter=segmenter.name,
        beside=[get_contrast(name).title for name in segmenter.sources if name != experiment.target],
        other=None if other is None else other.name,
        arms=experiment.arms,
        facts=facts,
        seen=seen,
        known=known,
        moved=[case for case, found in scored.found.items() if found.more["foreground_moved"]],
        failed=tuple(scored.failed),
        account=say_account(scored, left_out),
    )


def _what_cases(seen: Mapping[str, Sequence[str]], *, known: bool, of: int) -> str:
    """What the cases are, in a word."""
    count = len({case for ids in seen.values() for case in ids})
    if not count:
        return "held-out" if known else "evaluated"
    return "training" if count == of else "training and held-out"
