"""A privacy audit, in steps: measure, decide, draw, and last release.

What is measured is kept in ``evidence/`` (ids, distances and geometry, no image of a patient), so that an audit that
was killed later, or is asked for another threshold, decides and draws again without laying an image over another.
Nothing lies in ``released`` before the pages are drawn, and ``summary.json`` says last that the audit is finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voxlate._version import __version__
from voxlate.cohort import Case, index_cohort
from voxlate.cohort.labels.labelling import names_told
from voxlate.cohort.synthetic import scans_only
from voxlate.contrast import Contrast, get_contrast
from voxlate.errors import UsageError, VoxlateError
from voxlate.evaluation.evidence import EVIDENCE, question_of
from voxlate.evaluation.files import write_summary
from voxlate.evaluation.privacy.audit import Audit, AuditOptions, audit_distances
from voxlate.evaluation.privacy.expert import Shown, apply_decisions, digests_of, read_decisions
from voxlate.evaluation.privacy.files import write_decisions, write_distances
from voxlate.evaluation.privacy.label_space import LABELS
from voxlate.evaluation.privacy.measurement import Measured, measure_privacy
from voxlate.evaluation.privacy.members import Members, common_contrast, find_members, find_origins
from voxlate.evaluation.privacy.pairs import beside, nearness, pairs_of
from voxlate.evaluation.privacy.release import (
    DISTANCES,
    RELEASED,
    REVIEW,
    SUMMARY,
    check_apart,
    clear,
    copy_cases,
)
from voxlate.evaluation.privacy.summary import PrivacyResult, summarise_privacy
from voxlate.evaluation.privacy.verdict import (
    Circumstances,
    ExpertDecision,
    ReleaseDecision,
    decisions,
    privacy_caveats,
    say_privacy,
)
from voxlate.evaluation.sets.embedding import Embedder, load_embedder
from voxlate.io import file_digest
from voxlate.io.atomic import write_text
from voxlate.progress import ProgressReport
from voxlate.reporting.privacy.page import MOST_PAIRS, privacy_page, review_page
from voxlate.reporting.privacy.tables import FIELDS, terminal_rows
from voxlate.workflows.result import Result
from voxlate.workflows.workspace import publish, workspace

_REVIEW_PAGE = "review.html"


@dataclass(frozen=True)
class AuditInputs:
    """What is compared.

    Attributes:
        synthetic: Synthetic cases with the contrast.
        lacking: Synthetic cases without it.
        real: Real cases with the contrast.
        everyone: All real cases.
        contrast: What the images show.
        members: Which real cases the model has seen.
        embedder: Makes the feature space; ``None`` for none.
        names: Of the folders of synthetic and of real images.
    """

    synthetic: tuple[Case, ...]
    lacking: tuple[Case, ...]
    real: tuple[Case, ...]
    everyone: tuple[Case, ...]
    contrast: Contrast
    members: Members
    embedder: Embedder | None
    names: tuple[str, str]

    def pick(self, ids: Sequence[str]) -> list[Case]:
        """The synthetic cases of these ids, in their own order."""
        return [case for case in self.synthetic if case.id in set(ids)]


def evaluate_privacy(
    synthetic: Path,
    real: Path,
    out: Path,
    *,
    features: Path | None = None,
    members: Path | None = None,
    contrast: str | None = None,
    distance: float | None = None,
    decided: Path | None = None,
    report: ProgressReport,
) -> Result:
    """Compares synthetic with real training images, and parts those that may be released from those that may not yet.

    Args:
        synthetic: A folder of synthetic images; its ``seen.json`` tells which real ones the model has seen.
        real: The data set that the model was trained on, best with cases that it has not seen.
        out: Gets ``scores.csv``, ``released.csv``, ``review.csv``, ``summary.json``, ``report.html``, ``review.html``,
            ``figures``, and copies of the synthetic images in ``released`` and ``review``. What an earlier audit left
            there is cleared.
        features: A run, a bundle or a file of weights, whose network makes the feature space; without it there is none.
        members: A run, a bundle, a ``seen.json`` or a ``split.csv`` that tells which real cases the model has seen.
        contrast: What is compared; by default the one contrast that both have in common.
        distance: Relative distance up to which an image is held back, 1 as near as training images are to each other;
            by default nine tenths of the 5th percentile among training images.
        decided: What experts decided, a CSV file that was saved in ``review.html``.
        report: Called with what is done and the number of finished images.

    Raises:
        UsageError: If the contrast is not clear, the distance not positive, or ``out`` not apart from the images; if an
            expert judged other images than those that are there.
        ReadError: If the file of decisions is damaged.
        CohortError: If fewer than four training subjects can be compared, or none is known.
        LockedError: If another process works there.
        WriteError: If something cannot be written.
    """
    if distance is not None and not 0 < distance < 10:
        remedy = "Give 0.5, say, for half of what lies between training images."
        raise UsageError("a relative distance above 0", came=repr(distance), where="--distance", remedy=remedy)
    inputs = read_inputs(synthetic, real, out, contrast=contrast, members=members, features=features)
    given = () if decided is None else read_decisions(decided)
    with workspace(out, what="privacy audit"):
        clear(out)
        measured = measure(inputs, out, report=report)
        options = AuditOptions(distance=distance)
        result = decide(measured, inputs, out, options=options, given=given)
        page = draw(result, inputs, out)
        release(result, inputs, out)
    return Result(result.summary.answer, page, FIELDS, terminal_rows(result.audit), list(result.failed))


def measure(inputs: AuditInputs, out: Path, *, report: ProgressReport) -> Measured:
    """The first step: how near images lie to each other, unless that is kept of the same images.

    Args:
        inputs: What is compared.
        out: The audit's folder.
        report: Called with what is done and the number of finished images.

    Raises:
        CohortError: If fewer than four training subjects can be compared.
        WriteError: If it cannot be kept.
    """
    path, question = out / EVIDENCE / DISTANCES, _question(inputs)
    kept = Measured.load(path, question=question)
    if kept is not None:
        return kept
    path.unlink(missing_ok=True)
    measured = measure_privacy(
        inputs.synthetic,
        inputs.real,
        contrast=inputs.contrast,
        members=inputs.members.ids,
        embedder=inputs.embedder,
        report=report,
    )
    path.parent.mkdir(exist_ok=True)
    measured.keep(path, question=question)
    return measured


def decide(
    measured: Measured,
    inputs: AuditInputs,
    out: Path,
    *,
    options: AuditOptions,
    given: Sequence[ExpertDecision] = (),
) -> PrivacyResult:
    """The second step: what may be released; writes ``scores.csv``, ``released.csv`` and ``review.csv``.

    Args:
        measured: Of the first step.
        inputs: What is compared.
        out: The audit's folder.
        options: How near is too near.
        given: What experts decided.

    Raises:
        ReadError: If a sidecar of a synthetic image is damaged.
        UsageError: If an expert judged other images than those that are there.
        WriteError: If a file could not be written.
    """
    origins = find_origins(inputs.synthetic, inputs.everyone, contrast=inputs.contrast.name)
    audit = audit_distances(measured, contrast=inputs.contrast, options=options, origins=origins)
    lacking = [(case.id, f"it has no image of {inputs.contrast.title}") for case in inputs.lacking]
    failed = [*measured.failed, *lacking]
    decided = decisions(audit)
    if given:
        decided = apply_decisions(decided, given, shown=_shown(audit, inputs))
    released = [one for one in decided if one.released]
    back = [one for one in decided if not one.released]
    back += [ReleaseDecision(case, released=False, reason=reason) for case, reason in failed]
    files = {case.id: case.paths[inputs.contrast.name].name for case in inputs.synthetic}
    write_distances(audit, out / "scores.csv")
    write_decisions(released, audit, out / "released.csv", files=files)
    write_decisions(back, audit, out / "review.csv", files=files)
    labelled = [case for case in inputs.pick([one.case for one in released]) if LABELS.name in case.paths]
    seen = Circumstances(
        known=bool(inputs.members.source),
        features=inputs.embedder is not None,
        unread=0 if measured.labels is not None else len(labelled),
        failed=failed,
    )
    facts = _facts(audit, inputs, chosen=options.distance)
    summary = summarise_privacy(audit, decided, answer=say_privacy(audit, decided, seen), failed=failed, facts=facts)
    return PrivacyResult(audit, decided, summary, inputs.names, privacy_caveats(audit, seen), failed)


def draw(result: PrivacyResult, inputs: AuditInputs, out: Path) -> Path:
    """The third step: figures, the report, and the page for an expert; returns the report's path.

    Args:
        result: Of the second step.
        inputs: What is compared.
        out: The audit's folder.

    Raises:
        VoxlateError: If an image of a pair cannot be read any more.
        WriteError: If a file could not be written.
    """
    page = privacy_page(result)
    path = publish(page, out)
    cases = [
        case
        for ids in (result.summary.review, result.summary.released)
        for case in sorted(inputs.pick(ids), key=lambda case: (nearness(result.audit, case.id), case.id))[:MOST_PAIRS]
    ]
    if cases:
        real = {case.id: case for case in inputs.real}
        pairs = pairs_of(result.audit, cases, real, names=names_told(inputs.real))
        page = review_page(result, pairs, shown=_shown(result.audit, inputs))
        write_text(out / _REVIEW_PAGE, page.html())
    return path


def _shown(audit: Audit, inputs: AuditInputs) -> dict[str, Shown]:
    """What an expert is asked about: every synthetic case that was compared."""
    return {
        case.id: Shown(digests_of(case, contrast=inputs.contrast.name), beside(audit, case.id))
        for case in inputs.pick(audit.compared)
    }


def release(result: PrivacyResult, inputs: AuditInputs, out: Path) -> None:
    """The last step: copies of what may be released and of what waits, and ``summary.json``.

    Args:
        result: Of the second step.
        inputs: What is compared.
        out: The audit's folder.

    Raises:
        WriteError: If a file could not be written.
    """
    for ids, name in ((result.summary.released, RELEASED), (result.summary.review, REVIEW)):
        copy_cases(inputs.pick(ids), out / name, contrast=inputs.contrast.name)
    write_summary(result.summary.to_json(), out / SUMMARY)


def read_inputs(
    synthetic: Path, real: Path, out: Path, *, contrast: str | None, members: Path | None, features: Path | None
) -> AuditInputs:
    """What is compared: the cases, of which contrast, and which are members.

    Args:
        synthetic: See ``evaluate_privacy``, as the others.
        real: The data set.
        out: The audit's folder.
        contrast: What is compared.
        members: What tells which real cases the model has seen.
        features: The network of the feature space.

    Raises:
        UsageError: If the contrast is not clear, or ``out`` not apart from the images.
        CohortError: If a list of what was seen names none of the real cases.
    """
    ours, theirs = index_cohort(synthetic), scans_only(index_cohort(real))
    name = common_contrast(ours.cases, theirs.cases, wanted=contrast and get_contrast(contrast).name)
    files = [path for case in (*ours.cases, *theirs.cases) for path in case.paths.values()]
    check_apart(out, [synthetic, real, *files])
    with_it = tuple(case for case in theirs.cases if name in case.paths)
    return AuditInputs(
        synthetic=tuple(case for case in ours.cases if name in case.paths),
        lacking=tuple(case for case in ours.cases if name not in case.paths),
        real=with_it,
        everyone=theirs.cases,
        contrast=get_contrast(name),
        members=find_members(with_it, synthetic=synthetic, given=members),
        embedder=None if features is None else load_embedder(features, name),
        names=(synthetic.name, real.name),
    )


def _question(inputs: AuditInputs) -> str:
    """A digest of all that the distances follow from."""
    compared = [
        (side, case.id, case.subject, *(_digest(case, name) for name in (inputs.contrast.name, LABELS.name)))
        for side, cases in (("synthetic", inputs.synthetic), ("real", inputs.real))
        for case in cases
    ]
    network = "" if inputs.embedder is None else inputs.embedder.name
    return question_of("privacy", inputs.contrast.name, network, sorted(inputs.members.ids), compared)


def _digest(case: Case, contrast: str) -> str:
    """Of a file of a case; of one that cannot be read, why."""
    try:
        return file_digest(case.paths[contrast]) if contrast in case.paths else ""
    except VoxlateError as error:
        return str(error)


def _facts(audit: Audit, inputs: AuditInputs, *, chosen: float | None) -> dict[str, str]:
    images, labels = audit.measured.images, audit.measured.labels
    shape = " \N{MULTIPLICATION SIGN} ".join(map(str, images.shape))
    return {
        "contrast": inputs.contrast.title,
        "synthetic images": f"{len(audit.compared)} compared",
        "training images": f"{len(audit.measured.members)} compared",
        "held-out real images": f"{len(audit.measured.held_out)} compared",
        "members told by": inputs.members.source or "nothing: every real image counts as a training image",
        "pixel space": f"{shape} voxels of {images.grid.spacing_mm[0]:.2f} mm, affine alignment, "
        f"{images.compared} voxels compared by rank",
        "label space": f"{len(labels.synthetic)} synthetic and {len(labels.real)} real label maps, "
        f"{labels.compared} structures, voxels of {labels.grid.spacing_mm[0]:.2f} mm"
        if labels
        else "none: too few label maps to compare",
        "labelled parts": f"{audit.measured.parts} of training images compared by shape, {audit.measured.sought} "
        "of them sought in images"
        if audit.measured.parts
        else "none",
        "feature space": inputs.embedder.name if inputs.embedder else "none: no network was given",
        "threshold": "nine tenths of the 5th percentile among training images, "
        "lowered until no more than 5 % of these would be held back in any space"
        if chosen is None
        else f"{chosen:g} of the typical distance",
        "software": f"voxlate {__version__}",
    }
