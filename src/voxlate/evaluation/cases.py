"""Scoring: every case of a candidate compared with its truth, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypedDict

import numpy as np

from voxlate.cohort import Case
from voxlate.cohort.labels.labelling import Labelling
from voxlate.errors import CohortError, PartDoneError, StoppedError, VoxlateError, WriteError, counted
from voxlate.evaluation.candidates import Candidate
from voxlate.evaluation.evidence import CaseEvidence, Evidence
from voxlate.evaluation.fidelity.comparison import Comparison, compare
from voxlate.evaluation.fidelity.regions import label_regions, score_case, score_slices, score_whole
from voxlate.evaluation.scores import Score
from voxlate.machines.shard import Shard, own_shard
from voxlate.metrics import metrics_of, tissue_regions
from voxlate.metrics.metric import Mask
from voxlate.progress import ProgressReport
from voxlate.progress.spreading import each_done
from voxlate.regions import FOREGROUND, LESION
from voxlate.roles import TRUTH

logger = logging.getLogger(__name__)
Failed = tuple[str, str]


@dataclass(frozen=True)
class Scored:
    """What came of the cases.

    Attributes:
        found: From a case to what was measured, in the order of the cases.
        failed: Cases that could not be scored, each with its reason.
    """

    found: Mapping[str, CaseEvidence]
    failed: Sequence[Failed] = ()

    @property
    def scores(self) -> list[Score]:
        """The scores of all cases."""
        return [score for one in self.found.values() for score in one.scores]


def score_cases(
    candidate: Candidate,
    cases: Sequence[Case],
    *,
    score: Callable[[Comparison], CaseEvidence],
    report: ProgressReport,
    evidence: Evidence | None = None,
) -> Scored:
    """Predicts, compares and scores; a case that is refused does not stop the others.

    Args:
        candidate: Who predicts.
        cases: With sources and true target.
        score: From a comparison to its scores.
        report: Called with the number of finished cases.
        evidence: Where each case is kept, and taken from if it is there.

    Raises:
        CohortError: If no case could be scored.
    """

    def measure(case: Case) -> CaseEvidence:
        return score(compare_case(candidate, case))

    return score_each(cases, measure=measure, report=report, evidence=evidence)


def score_each(
    cases: Sequence[Case],
    *,
    measure: Callable[[Case], CaseEvidence],
    report: ProgressReport,
    evidence: Evidence | None = None,
) -> Scored:
    """Measures every case, or takes what is kept of it; a case that cannot be measured does not stop the others.

    Args:
        cases: What is looked at.
        measure: From a case to its scores; may refuse it, or fail.
        report: Called with the number of finished cases.
        evidence: Where each case is kept, and taken from if it is there.

    Raises:
        PartDoneError: When the cases of a shard, if this is for one, are scored and kept.
        CohortError: If no case can be measured.
        WriteError: If a case cannot be kept; those before it are.
        StoppedError: If Ctrl-C ends it and the cases that are scored are kept.
    """
    part = own_shard()
    cases = cases if evidence is None else part.of_all(cases)
    look = partial(_look_at, measure=measure, evidence=evidence)
    seen: dict[int, _Look] = {}
    report("evaluate", 0, len(cases))
    try:
        for number, made in each_done(look, cases):
            error = made.exception()
            if isinstance(error, WriteError):
                raise error
            seen[number] = made.result() if error is None else _Look(reason=f"{type(error).__name__}: {error}")
            report("evaluate", len(seen), len(cases))
    except KeyboardInterrupt as error:
        if evidence is None:
            raise
        raise StoppedError(
            "an unbroken evaluation",
            came=str(error) or "Ctrl-C",
            where=evidence.folder,
            remedy=f"{len(seen)} of {len(cases)} cases are scored and kept; the same command goes on with the others.",
        ) from error
    found = {case.id: one for number, case in enumerate(cases) if (one := seen[number].found) is not None}
    failed = [(case.id, seen[number].reason) for number, case in enumerate(cases) if seen[number].reason]
    taken = sum(one.kept for one in seen.values())
    if taken and evidence is not None:
        words = "%d of %d cases were scored before and are taken from %s; remove that folder to score them anew"
        logger.info(words, taken, len(cases), evidence.folder)
    if part.name and evidence is not None:
        raise _done(part, cases, failed, where=evidence.folder)
    if not any(one.scores for one in found.values()):
        raise CohortError(
            "at least one case that can be scored", came=failed[0][1], where=failed[0][0], remedy="Repair the data set."
        )
    return Scored(found, failed)


def _done(part: Shard, cases: Sequence[Case], failed: Sequence[Failed], *, where: Path) -> PartDoneError:
    came = f"part {part.number}/{part.of}: {len(cases) - len(failed)} of {counted(len(cases), 'case')} scored"
    remedy = "When all parts are, the same command without --shard writes the report."
    return PartDoneError("all cases", came=came, where=where, remedy=remedy, failed=failed)


@dataclass(frozen=True)
class _Look:
    """What was measured of a case, now or before, or why it could not be."""

    found: CaseEvidence | None = None
    kept: bool = False
    reason: str = ""


def _look_at(case: Case, *, measure: Callable[[Case], CaseEvidence], evidence: Evidence | None) -> _Look:
    kept = None if evidence is None else evidence.load(case)
    if kept is not None:
        return _Look(kept, kept=True)
    try:
        found = measure(case)
    except VoxlateError as error:
        return _Look(reason=str(error))
    except Exception as error:  # whatever a file or a segmenter makes a library do
        logger.warning("case %s failed unexpectedly", case.id, exc_info=True)
        return _Look(reason=f"{type(error).__name__}: {error}")
    if evidence is not None:
        evidence.keep(case, found)
    return _Look(found)


def compare_case(candidate: Candidate, case: Case) -> Comparison:
    """The candidate's prediction of a case and the baselines beside the truth.

    Raises:
        VoxlateError: If a file is refused.
    """
    predicted, scaling = candidate.predict(case)
    return compare(case, candidate.plan, predicted, scaling=scaling, lookup=candidate.lookup)


def score_volumes(comparison: Comparison, labelling: Labelling) -> list[Score]:
    """The voxelwise metrics of every method, in the foreground, all labels, each label and, in CT, each tissue.

    Beside them, in the foreground, those of the kinds ``continuity`` and ``appearance``.

    Args:
        comparison: The case.
        labelling: What the label maps of the whole data set mark.
    """
    regions = {}
    if comparison.labels is not None:
        regions = label_regions(comparison.labels, names=labelling.names, union=labelling.union)
    if comparison.in_hounsfield:
        regions |= tissue_regions(comparison.truth, mask=comparison.mask)
    scores: list[Score] = []
    for method, prediction in comparison.methods.items():
        common, hidden = _common(comparison, method), comparison.hidden
        scores += score_case(prediction, comparison.truth, regions=regions, hidden=hidden, **common)
        scores += score_whole(prediction, comparison.truth, **common)
    return scores


def score_coverage(comparison: Comparison) -> list[Score]:
    """How much of the foreground the truth does not show; nothing where it shows all."""
    if comparison.hidden is None:
        return []
    foreground, all_of_it = comparison.mask | comparison.hidden, np.ones(comparison.mask.shape, np.bool_)
    return [
        Score(
            comparison.case_id,
            FOREGROUND,
            TRUTH,
            name,
            metric(comparison.hidden, all_of_it, mask=foreground, data_range=1.0),
            metric.unit(),
        )
        for name, metric in metrics_of("coverage").items()
    ]


def score_every_slice(comparison: Comparison) -> list[Score]:
    """The slice-wise errors of Avula et al. for every method."""
    scores: list[Score] = []
    for method, prediction in comparison.methods.items():
        scores += score_slices(prediction, comparison.truth, **_common(comparison, method))
    return scores


def score_masked_images(comparison: Comparison) -> list[Score]:
    """SSIM of images that are 0 outside the lesion, averaged over the whole foreground, for every method.

    Given only to compare with the 0.990 that Genc et al. 2022 (doi:10.58530/2022/3460) report inside the lesion. They
    do not say how they compute it, but define their loss on masked images, and of these such numbers come out: outside
    the lesion both images are 0 and so agree perfectly, which flatters every method, and a small lesion more than a
    large one. The mean of the SSIM map inside the lesion (metric ``ssim``) is the honest number. Over whole
    pictures, with their background, this one would flatter even more.
    """
    if comparison.labels is None:
        return []
    lesion = comparison.labels != 0
    truth = np.where(lesion, comparison.truth, 0)
    scores = []
    for method, prediction in comparison.methods.items():
        for name, metric in metrics_of("masked").items():
            masked = np.where(lesion, prediction, 0)
            value = metric(masked, truth, mask=comparison.mask, data_range=comparison.data_range)
            found = value if lesion.any() else float("nan")
            scores.append(Score(comparison.case_id, LESION, method, name, found, metric.unit(comparison.unit)))
    return scores


class _Common(TypedDict):
    """What every score of a method in a case is told."""

    mask: Mask
    data_range: float
    unit: str
    case: str
    method: str


def _common(comparison: Comparison, method: str) -> _Common:
    return _Common(
        mask=comparison.mask,
        data_range=comparison.data_range,
        unit=comparison.unit,
        case=comparison.case_id,
        method=method,
    )
