"""Scoring: every case of a candidate compared with its truth, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from voxlate.cohort import Case
from voxlate.cohort.labels.labelling import Labelling
from voxlate.errors import CohortError, VoxlateError
from voxlate.evaluation.candidates import Candidate
from voxlate.evaluation.fidelity.comparison import Comparison, compare
from voxlate.evaluation.fidelity.regions import label_regions, score_case, score_slices, score_whole
from voxlate.evaluation.scores import Score
from voxlate.metrics import MASKED_METRICS, tissue_regions
from voxlate.progress import ProgressReport
from voxlate.regions import LESION

logger = logging.getLogger(__name__)
Failed = tuple[str, str]
T = TypeVar("T")


def score_cases(
    candidate: Candidate,
    cases: Sequence[Case],
    *,
    score: Callable[[Comparison], list[Score]],
    report: ProgressReport,
) -> tuple[list[Score], list[Failed]]:
    """Predicts, compares and scores; a case that is refused does not stop the others.

    Args:
        candidate: Who predicts.
        cases: With sources and true target.
        score: From a comparison to its scores.
        report: Called with the number of finished cases.

    Returns:
        The scores, and the cases that could not be scored, each with its reason.

    Raises:
        CohortError: If no case could be scored.
    """
    return score_each(cases, find=partial(compare_case, candidate), score=score, report=report)


def score_each(
    cases: Sequence[Case],
    *,
    find: Callable[[Case], T],
    score: Callable[[T], list[Score]],
    report: ProgressReport,
) -> tuple[list[Score], list[Failed]]:
    """Scores what is found in each case; a case in which it cannot be found does not stop the others.

    Args:
        cases: What is looked at.
        find: From a case to what is scored; may refuse it, or fail.
        score: From that to its scores.
        report: Called with the number of finished cases.

    Returns:
        The scores, and the cases in which nothing was found, each with its reason.

    Raises:
        CohortError: If that is every case.
    """
    scores: list[Score] = []
    failed: list[Failed] = []
    for number, case in enumerate(cases, start=1):
        try:
            found = find(case)
        except VoxlateError as error:
            failed.append((case.id, str(error)))
        except Exception as error:  # whatever a file or a segmenter makes a library do
            logger.warning("case %s failed unexpectedly", case.id, exc_info=True)
            failed.append((case.id, f"{type(error).__name__}: {error}"))
        else:
            scores += score(found)
        report("evaluate", number, len(cases))
    if not scores:
        raise CohortError(
            "at least one case that can be scored", came=failed[0][1], where=failed[0][0], remedy="Repair the data set."
        )
    return scores, failed


def compare_case(candidate: Candidate, case: Case) -> Comparison:
    """The candidate's prediction of a case and the baselines beside the truth.

    Raises:
        VoxlateError: If a file is refused.
    """
    predicted, scaling = candidate.predict(case)
    return compare(case, candidate.plan, predicted, scaling=scaling, lookup=candidate.lookup)


def score_volumes(comparison: Comparison, labelling: Labelling) -> list[Score]:
    """Every metric of ``METRICS`` for every method, in the foreground, all labels, each label and, in CT, each tissue.

    Beside them, in the foreground, those of ``CONTINUITY_METRICS`` and ``APPEARANCE_METRICS``.

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
        scores += score_case(prediction, comparison.truth, regions=regions, **_common(comparison, method))
        scores += score_whole(prediction, comparison.truth, **_common(comparison, method))
    return scores


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
        for name, metric in MASKED_METRICS.items():
            masked = np.where(lesion, prediction, 0)
            value = metric(masked, truth, mask=comparison.mask, data_range=comparison.data_range)
            found = value if lesion.any() else float("nan")
            scores.append(Score(comparison.case_id, LESION, method, name, found, metric.unit(comparison.unit)))
    return scores


def _common(comparison: Comparison, method: str) -> dict[str, Any]:
    return {
        "mask": comparison.mask,
        "data_range": comparison.data_range,
        "unit": comparison.unit,
        "case": comparison.case_id,
        "method": method,
    }
