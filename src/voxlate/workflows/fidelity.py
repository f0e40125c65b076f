"""An evaluation of translations, in three steps: score every case, summarise, draw.

Each step leaves its result on disk (``evidence/`` and ``scores.csv``, ``summary.json``, ``report.html``), so that an
evaluation that was killed goes on where it was, and a page is drawn again without predicting anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path

from voxlate.cohort import Case
from voxlate.cohort.labels.labelling import Labelling, labelling_of
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError, UsageError
from voxlate.evaluation.account import left_out_of, say_account
from voxlate.evaluation.brief import notes_of_cases
from voxlate.evaluation.candidates import Accepted, Candidate, load_candidate
from voxlate.evaluation.cases import Scored, score_cases, score_coverage, score_every_slice, score_volumes
from voxlate.evaluation.copied import COPIED, copied_in, is_copied_image, say_copied
from voxlate.evaluation.ct.density import ELECTRON_DENSITY, Calibration
from voxlate.evaluation.ct.gamma import find_gamma
from voxlate.evaluation.ct.scores import score_ct, score_dose
from voxlate.evaluation.evidence import EVIDENCE, CaseEvidence, Evidence, question_of
from voxlate.evaluation.fidelity.comparison import Comparison
from voxlate.evaluation.fidelity.result import (
    FidelityResult,
    FidelitySummary,
    TranslationSubject,
    judge_fidelity,
    summarise_fidelity,
)
from voxlate.evaluation.fidelity.structures import structure_errors, structures_of, write_structures
from voxlate.evaluation.files import write_scores, write_summary
from voxlate.evaluation.segmentation.cases import is_segmentation
from voxlate.evaluation.verdict import judge
from voxlate.preprocess.plan import Plan
from voxlate.progress import ProgressReport
from voxlate.reporting.fidelity.cases import case_page
from voxlate.reporting.fidelity.page import fidelity_brief, fidelity_page
from voxlate.reporting.fidelity.pictures import picture_of
from voxlate.reporting.page.brief import SHEET
from voxlate.reporting.page.cases import case_file
from voxlate.reporting.page.tables import terminal_table
from voxlate.reporting.run.training import figures_of_training
from voxlate.workflows.result import Result
from voxlate.workflows.segmentation import evaluate_segmentation
from voxlate.workflows.workspace import check_split, publish, workspace

ASPECTS = ("fidelity", "dose")
"""What an evaluation can look at; fidelity is always scored."""
_DOSE_IN_WORDS = "primary photons of eight parallel beams, without scatter: a stand-in, no dose engine"


@dataclass(frozen=True)
class FidelityOptions:
    """What is asked of a CT beside what is asked of every image, and what may stand for a scan.

    Attributes:
        calibration: Electron density relative to water, for the path lengths; by default ``ELECTRON_DENSITY``.
        dose: Whether the gamma pass rates are computed too.
        use_imputed: Whether sources may be images that a model made.
        accept: What readers may accept that they refuse by default: fields of ``plan.reading`` and their values.
        each_case: Whether every case gets a page of its own.
    """

    calibration: Calibration | None = None
    dose: bool = False
    use_imputed: bool = False
    accept: Accepted = field(default_factory=dict)
    each_case: bool = False

    @property
    def densities(self) -> Calibration:
        """The calibration that is used."""
        return self.calibration or ELECTRON_DENSITY


def evaluate_fidelity(
    path: Path, data: Path, out: Path, *, split: str, options: FidelityOptions | None = None, report: ProgressReport
) -> Result:
    """Scores every case, beside both baselines, and writes ``scores.csv``, ``summary.json``, figures and page.

    Where the target is a label map, it is judged as a segmentation, see ``voxlate.workflows.segmentation``.

    Args:
        path: A run, a bundle, or a folder of translated images.
        data: The data set with the true target.
        out: Where it is written.
        split: ``test`` or ``all``.
        options: What is asked of a CT.
        report: Called with the number of scored cases.

    Raises:
        UsageError: If the split is unknown, a calibration is given or the dose asked for where the target is no CT, or
            the dose is asked for without pymedphys.
        CohortError: If no case is left to score.
    """
    check_split(split)
    options = options or FidelityOptions()
    candidate, cohort = load_candidate(path, data, use_imputed=options.use_imputed, accept=options.accept)
    _refuse_what_needs_ct(candidate.plan, options)
    cases = candidate.cases(cohort, split=split)
    if not cases:
        raise CohortError(
            "cases that the model has not seen",
            came=f"{len(cohort)} that it was trained or chosen on",
            where=data,
            remedy="Add cases, or look at all of them with --split all (which says nothing about new cases).",
        )
    left_out = left_out_of(candidate, cohort, cases)
    if is_segmentation(candidate.plan):
        return evaluate_segmentation(
            candidate, cases, out, path=path, left_out=left_out, each_case=options.each_case, report=report
        )
    with workspace(out, what="evaluation"):
        labelling = labelling_of(cases, reading=candidate.plan.reading)
        scored = score(candidate, cases, out, labelling=labelling, options=options, report=report)
        summary = summarise(scored, out)
        subject = _subject(candidate, cases, scored, labelling=labelling, options=options, left_out=left_out)
        return draw(subject, scored, summary, out, run=path, each_case=options.each_case)


def score(
    candidate: Candidate,
    cases: Sequence[Case],
    out: Path,
    *,
    labelling: Labelling,
    options: FidelityOptions,
    report: ProgressReport,
) -> Scored:
    """The first step: scores every case that is not scored yet, and writes ``scores.csv`` and ``structures.csv``.

    Args:
        candidate: Who predicts.
        cases: With sources and true target.
        out: The evaluation's folder.
        labelling: What the label maps of the whole data set mark.
        options: What is asked of a CT.
        report: Called with the number of scored cases.

    Raises:
        CohortError: If no case could be scored.
        WriteError: If a file could not be written.
    """
    densities = options.densities

    def measure(comparison: Comparison) -> CaseEvidence:
        of_ct = score_ct(comparison, densities, union=labelling.union)
        of_dose = score_dose(comparison, densities) if options.dose else []
        return CaseEvidence(
            [
                *score_volumes(comparison, labelling),
                *of_ct,
                *of_dose,
                *score_every_slice(comparison),
                *score_coverage(comparison),
            ],
            picture_of(comparison, labelled=labelling.union),
            {
                "structures": [asdict(error) for error in structure_errors(comparison, labelling)],
                COPIED: is_copied_image(comparison),
            },
        )

    asked = question_of("fidelity", candidate.digest, labelling, densities, options.dose)
    evidence = Evidence(out / EVIDENCE, asked)
    evidence.drop_others(cases)
    scored = score_cases(candidate, cases, score=measure, report=report, evidence=evidence)
    structures = structures_of(scored.found.values())
    if structures:
        write_structures(structures, out / "structures.csv")
    else:
        (out / "structures.csv").unlink(missing_ok=True)
    write_scores(scored.scores, out / "scores.csv")
    return scored


def summarise(scored: Scored, out: Path) -> FidelitySummary:
    """The second step: what the scores say together; writes ``summary.json``.

    Raises:
        WriteError: If the file could not be written.
    """
    summary = summarise_fidelity(scored)
    write_summary(summary.to_json(), out / "summary.json")
    return summary


def draw(
    subject: TranslationSubject, scored: Scored, summary: FidelitySummary, out: Path, *, run: Path, each_case: bool
) -> Result:
    """The third step: figures, the page, the same on one sheet, and the pages of cases.

    Args:
        subject: What was evaluated.
        scored: Of the first step.
        summary: Of the second step.
        out: The evaluation's folder.
        run: Where the predictions came from; the figures of a run's training are shown too.
        each_case: Whether every case gets a page of its own.

    Raises:
        WriteError: If a file could not be written.
    """
    sentence = " ".join(filter(None, (subject.warning, judge_fidelity(summary, cases=subject.cases))))
    result = FidelityResult(subject, scored.scores, summary, sentence, scored.found)
    page = fidelity_page(result, training=figures_of_training(run), linked=each_case)
    others = chain(
        [(SHEET, fidelity_brief(result, page))],
        ((case_file(case), case_page(result, case)) for case in (scored.found if each_case else ())),
    )
    written = publish(page, out, others=others)
    fields, rows = terminal_table(summary.overall, brief={row.structure for row in summary.structures})
    brief = " ".join(filter(None, (subject.warning, judge(summary.overall, cases=subject.cases).brief)))
    return Result(sentence, written, fields, rows, list(subject.failed), account=subject.account, brief=brief)


def _subject(
    candidate: Candidate,
    cases: Sequence[Case],
    scored: Scored,
    *,
    labelling: Labelling,
    options: FidelityOptions,
    left_out: Mapping[str, str],
) -> TranslationSubject:
    kept = [case for case in cases if case.id in scored.found]
    seen = candidate.seen(kept)
    facts: Mapping[str, str] = {"water paths": options.densities.name} if _is_ct(candidate.plan) else {}
    return TranslationSubject(
        name=candidate.name,
        source=candidate.plan.source,
        target=candidate.plan.target,
        facts={**candidate.facts, **facts, **({"dose": _DOSE_IN_WORDS} if options.dose else {})},
        values=_values_in_words(candidate.plan),
        cases=candidate.what_cases(seen=seen, of=len(kept)),
        seen=seen,
        scored=len(kept),
        anatomical=labelling.of_structures,
        warning=say_copied(copied_in(scored), of=len(kept)),
        failed=tuple(scored.failed),
        account=say_account(scored, left_out),
        notes=notes_of_cases(candidate, kept, scored) if options.each_case else {},
    )


def _refuse_what_needs_ct(plan: Plan, options: FidelityOptions) -> None:
    if options.calibration is not None and not _is_ct(plan):
        raise UsageError(
            "no calibration",
            came=options.calibration.name,
            where="calibration",
            remedy="Give one where the target is CT.",
        )
    if not options.dose:
        return
    if not _is_ct(plan):
        raise UsageError(
            "CT as the target", came=get_contrast(plan.target).title, where="aspect dose", remedy="Leave it out."
        )
    find_gamma()


def _is_ct(plan: Plan) -> bool:
    return get_contrast(plan.target).kind == "ct"


def _values_in_words(plan: Plan) -> str:
    if _is_ct(plan):
        return "HU"
    kind = plan.normalisers[plan.target].kind
    if kind == "suv":
        return "SUV"
    return f"normalised by {kind} inside the foreground: such values have no scale of their own"
