"""Segmenting: every case of a candidate whose target is a label map, found beside true, on the source's own voxels.

What is scored is the label map as ``translate`` writes it, wherever the true one reaches, so that a label that lies
outside the foreground, where no model can reach it, counts as missed. The baseline is intensity alone: ``lookup``
labels every voxel of the foreground whose intensity in the first source is labelled often enough in the training
cases, see ``Lookup.best_share``. It knows no classes, so it is scored in the region that holds all labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort import Case
from voxlate.cohort.admission import refuse
from voxlate.cohort.labels.classes import check_numbers, group_labels
from voxlate.contrast import get_contrast
from voxlate.errors import ReadError
from voxlate.evaluation.candidates import Candidate
from voxlate.evaluation.cases import Scored, score_each
from voxlate.evaluation.evidence import CaseEvidence, Evidence
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.scores import Classes, score_segmentation, values_of, volumes_ml, whole
from voxlate.evaluation.segmentation.segmenters import on_grid
from voxlate.preprocess.images import read_contrast
from voxlate.preprocess.orientation import ras_grid
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.prepare import prepare_case, restore
from voxlate.preprocess.resampling import resample
from voxlate.progress import ProgressReport
from voxlate.roles import LOOKUP, MODEL, TRUTH
from voxlate.volume import Array, Grid, Volume


@dataclass(frozen=True, eq=False)
class Segmented:
    """One case; every array is ``(i, j, k)``, RAS, on the voxels of the reference image.

    Attributes:
        case_id: The case.
        image: The reference image, in the units of its file.
        truth: True label map.
        found: From a method (``lookup``, ``model``) to the label map that it found.
        spacing_mm: Spacing along i, j, k.
        reach: Where the true label map reaches, so that something can be scored; ``None``: everywhere.
    """

    case_id: str
    image: Array
    truth: Array
    found: Mapping[str, Array]
    spacing_mm: tuple[float, float, float]
    reach: NDArray[np.bool_] | None = None


def is_segmentation(plan: Plan) -> bool:
    """Whether what is predicted is a label map."""
    return get_contrast(plan.target).kind == "label"


def classes_of(candidate: Candidate, cases: Sequence[Case]) -> Classes:
    """The classes that a candidate tells; where none are known, one per label value of the true maps.

    Raises:
        CohortError: If the true maps have no label, or too many.
    """
    plan = candidate.plan
    if candidate.classes:
        return candidate.classes
    try:
        return group_labels("each", cases, plan.target, reading=plan.reading)
    except ReadError:  # such a case cannot be scored either, which is told of it then
        return group_labels(
            "each", [case for case in cases if _has_truth(case, plan)], plan.target, reading=plan.reading
        )


def _has_truth(case: Case, plan: Plan) -> bool:
    try:
        read_contrast(case, plan.target, reading=plan.reading)
    except ReadError:
        return False
    return True


def segment_case(candidate: Candidate, case: Case, *, classes: Classes) -> Segmented:
    """What the candidate and intensity alone find in a case, beside the truth.

    Raises:
        VoxlateError: If a file is refused, or nothing can be predicted.
    """
    plan = candidate.plan
    image = read_contrast(case, plan.reference, reading=plan.reading)
    truth = read_contrast(case, plan.target, reading=plan.reading)
    numbers = check_numbers(truth.array, classes, case=case.id, where=case.paths[plan.target])
    refuse(numbers, accept=plan.reading.accept)
    grid = ras_grid(image.grid)
    predicted, _ = candidate.predict(case)
    volumes = {LOOKUP: _by_intensity(candidate, case, value=_any_value(classes)), MODEL: predicted[MODEL]}
    return Segmented(
        case_id=case.id,
        image=resample(image.array, image.grid, grid).astype(np.float32, copy=False),
        truth=on_grid(truth, grid, where=case.paths[plan.target]).array,
        found={name: on_grid(volume, grid, where=f"{case.id}: {name}").array for name, volume in volumes.items()},
        spacing_mm=grid.spacing_mm,
        reach=_reach(truth, grid),
    )


def _reach(labels: Volume, grid: Grid) -> NDArray[np.bool_]:
    """Where a label map says what there is: in its field of view, and not where its file has no number."""
    known = np.ones(labels.shape, np.bool_) if labels.missing is None else ~labels.missing
    return np.asarray(resample(known, labels.grid, grid, nearest=True, fill=False))


def _score_segmented(segmented: Segmented, classes: Classes) -> list[Score]:
    """Every metric of every class, of intensity alone in the region of all labels, and the volumes in ml."""
    region = whole(classes)
    mask = np.ones(segmented.truth.shape, np.bool_) if segmented.reach is None else segmented.reach
    score = partial(score_segmentation, mask=mask, spacing_mm=segmented.spacing_mm, case=segmented.case_id)
    volumes = partial(volumes_ml, mask=mask, spacing_mm=segmented.spacing_mm, case=segmented.case_id)
    scores: list[Score] = []
    for method, found in segmented.found.items():
        scored = {region: values_of(region, classes)} if method == LOOKUP else classes
        scores += score(found, segmented.truth, classes=scored, method=method)
        scores += volumes(found, classes=scored, method=method)
    return scores + volumes(segmented.truth, classes=classes, method=TRUTH)


def segment_cases(
    candidate: Candidate,
    cases: Sequence[Case],
    *,
    classes: Classes,
    report: ProgressReport,
    show: Callable[[Segmented], Mapping[str, Array]] = lambda _: {},
    tell: Callable[[Segmented], Mapping[str, object]] = lambda _: {},
    evidence: Evidence | None = None,
) -> Scored:
    """Segments and scores every case; one that is refused does not stop the others.

    Args:
        candidate: Who predicts.
        cases: With sources and true label map.
        classes: From the name of a class to its label values.
        report: Called with the number of finished cases.
        show: From a case to the arrays that its picture needs.
        tell: From a case to what else is kept of it.
        evidence: Where each case is kept, and taken from if it is there.

    Raises:
        CohortError: If no case could be scored.
    """

    def measure(case: Case) -> CaseEvidence:
        segmented = segment_case(candidate, case, classes=classes)
        return CaseEvidence(_score_segmented(segmented, classes), show(segmented), dict(tell(segmented)))

    return score_each(cases, measure=measure, report=report, evidence=evidence)


def _any_value(classes: Classes) -> int:
    values = values_of(whole(classes), classes)
    return values[0] if values else 1


def _by_intensity(candidate: Candidate, case: Case, *, value: int) -> Volume:
    """What intensity alone labels, with one value for all labels, on the grid of the reference's file."""
    native = candidate.plan.model_copy(update={"spacing_mm": None})
    source = native.source[0]
    prepared = prepare_case(case, native, contrasts=(source,))
    share = candidate.lookup.apply(np.asarray(prepared.arrays[source]))
    labels = np.where(share > candidate.lookup.best_share(), np.float32(value), np.float32(0))
    return restore(labels, prepared, normaliser=None, contrast=get_contrast(native.target))
