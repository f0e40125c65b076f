"""An evaluation of a segmentation, in three steps: score every case, summarise, draw.

Each step leaves its result on disk (``evidence/`` and ``scores.csv``, ``summary.json``, ``report.html``), so that an
evaluation that was killed goes on where it was, and a page is drawn again without predicting anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.evaluation.account import say_account
from voxlate.evaluation.brief import notes_of_cases
from voxlate.evaluation.candidates import Candidate
from voxlate.evaluation.cases import Scored
from voxlate.evaluation.copied import COPIED, copied_in, is_copied_map, say_copied
from voxlate.evaluation.evidence import EVIDENCE, Evidence, question_of
from voxlate.evaluation.files import write_scores, write_summary
from voxlate.evaluation.segmentation.cases import Segmented, classes_of, segment_cases
from voxlate.evaluation.segmentation.gap import gap_of_run
from voxlate.evaluation.segmentation.result import (
    SegmentationResult,
    SegmentationSubject,
    SegmentationSummary,
    summarise_classes,
)
from voxlate.evaluation.segmentation.scores import Classes
from voxlate.evaluation.segmentation.verdict import judge_briefly
from voxlate.progress import ProgressReport
from voxlate.reporting.page.brief import SHEET
from voxlate.reporting.page.cases import case_file
from voxlate.reporting.run.training import figures_of_training
from voxlate.reporting.segmentation.cases import case_page
from voxlate.reporting.segmentation.page import segmentation_brief, segmentation_page
from voxlate.reporting.segmentation.pictures import picture_of
from voxlate.reporting.segmentation.tables import class_table
from voxlate.volume import Array
from voxlate.workflows.result import Result
from voxlate.workflows.workspace import publish, workspace


def evaluate_segmentation(
    candidate: Candidate,
    cases: Sequence[Case],
    out: Path,
    *,
    path: Path,
    left_out: Mapping[str, str],
    each_case: bool = False,
    report: ProgressReport,
) -> Result:
    """Segments and scores every case, beside intensity alone, and writes scores, summary, figures and page.

    Args:
        candidate: Whose label maps are judged.
        cases: With sources and true label maps.
        out: Where it is written.
        path: The run, bundle or folder that the candidate was loaded from.
        left_out: From each case that is not looked at to the reason, in words that follow a count.
        each_case: Whether every case gets a page of its own.
        report: Called with the number of scored cases.

    Raises:
        CohortError: If no case can be scored, or classes are unknown and the true maps have no label.
    """
    classes = classes_of(candidate, cases)
    with workspace(out, what="evaluation"):
        scored = score(candidate, cases, out, classes=classes, report=report)
        subject = _subject(candidate, cases, scored, classes=classes, gap=gap_of_run(path), left_out=left_out)
        if each_case:
            subject = replace(subject, notes=notes_of_cases(candidate, cases, scored))
        summary = summarise(subject, scored, out)
        return draw(subject, scored, summary, out, run=path, each_case=each_case)


def score(
    candidate: Candidate, cases: Sequence[Case], out: Path, *, classes: Classes, report: ProgressReport
) -> Scored:
    """The first step: segments and scores every case that is not scored yet, and writes ``scores.csv``.

    Args:
        candidate: Who predicts.
        cases: With sources and true label maps.
        out: The evaluation's folder.
        classes: From the name of a class to its label values.
        report: Called with the number of scored cases.

    Raises:
        CohortError: If no case could be scored.
        WriteError: If a file could not be written.
    """

    def show(segmented: Segmented) -> Mapping[str, Array]:
        return picture_of(segmented, classes)

    evidence = Evidence(out / EVIDENCE, question_of("segmentation", candidate.digest, classes))
    evidence.drop_others(cases)
    scored = segment_cases(candidate, cases, classes=classes, report=report, show=show, tell=_tell, evidence=evidence)
    write_scores(scored.scores, out / "scores.csv")
    return scored


def _tell(segmented: Segmented) -> Mapping[str, object]:
    return {COPIED: is_copied_map(segmented)}


def summarise(subject: SegmentationSubject, scored: Scored, out: Path) -> SegmentationSummary:
    """The second step: what the scores say together; writes ``summary.json``.

    Raises:
        WriteError: If the file could not be written.
    """
    summary = summarise_classes(scored.scores, subject)
    write_summary(summary.to_json(), out / "summary.json")
    return summary


def draw(
    subject: SegmentationSubject, scored: Scored, summary: SegmentationSummary, out: Path, *, run: Path, each_case: bool
) -> Result:
    """The third step: figures, the page, the same on one sheet, and the pages of cases.

    Args:
        subject: What was evaluated.
        scored: Of the first step.
        summary: Of the second step.
        out: The evaluation's folder.
        run: Where the label maps came from; the figures of a run's training are shown too.
        each_case: Whether every case gets a page of its own.

    Raises:
        WriteError: If a file could not be written.
    """
    result = SegmentationResult(subject, scored.scores, summary, scored.found)
    page = segmentation_page(result, training=figures_of_training(run, labels=True), linked=each_case)
    others = chain(
        [(SHEET, segmentation_brief(result, page))],
        ((case_file(case), case_page(result, case)) for case in (scored.found if each_case else ())),
    )
    written = publish(page, out, others=others)
    fields, rows = class_table(summary.overall, main=subject.main)
    told = judge_briefly(summary.overall, scored.scores, subject.classes, cases=subject.cases)
    brief = " ".join(filter(None, (subject.warning, told)))
    return Result(summary.answer, written, fields, rows, list(subject.failed), account=subject.account, brief=brief)


def _subject(
    candidate: Candidate,
    cases: Sequence[Case],
    scored: Scored,
    *,
    classes: Classes,
    gap: str,
    left_out: Mapping[str, str],
) -> SegmentationSubject:
    plan = candidate.plan
    kept = [case for case in cases if case.id in scored.found]
    seen = candidate.seen(kept)
    share = f"{100 * candidate.lookup.best_share():.3g} %"
    first = get_contrast(plan.source[0]).title
    return SegmentationSubject(
        name=candidate.name,
        source=plan.source,
        target=plan.target,
        reference=plan.reference,
        classes=classes,
        facts={
            **candidate.facts,
            "intensity lookup": f"{first}: labels an intensity of which more than {share} are labelled in training",
        },
        cases=candidate.what_cases(seen=seen, of=len(kept)),
        seen=seen,
        scored=len(kept),
        gap=gap,
        failed=tuple(scored.failed),
        account=say_account(scored, left_out),
        warning=say_copied(copied_in(scored), of=len(kept)),
    )
