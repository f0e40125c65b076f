"""Task-based validation: is the synthetic image as useful as the real one?

One segmenter is applied to every case three times: to the real contrasts (arm ``real``), with the synthetic image in
the place of the real target (``synthetic``), and without the target (``without``). Beside these stands a baseline, the
same segmenter with the image that intensity lookup makes (``lookup``). What it finds is compared with the true label
map, on that map's own voxels. So the measure of an image is what can be done with it, not what it looks like (Genc et
al. 2022, doi:10.58530/2022/3460, name it as their ongoing work).

The synthetic image goes through a file, as ``voxlate translate`` writes it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from voxlate.cohort import Case, Cohort
from voxlate.cohort.admission import read_contrast, refuse
from voxlate.cohort.labels.classes import check_numbers
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError, VoxlateError, counted
from voxlate.evaluation.candidates import Candidate
from voxlate.evaluation.cases import Scored, score_each
from voxlate.evaluation.evidence import CaseEvidence, Evidence
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.scores import class_regions, score_segmentation, volumes_ml
from voxlate.evaluation.segmentation.segmenters import Segmenter, on_grid
from voxlate.evaluation.words import listed
from voxlate.io import read_volume
from voxlate.preprocess.orientation import ras_grid
from voxlate.preprocess.resampling import resample
from voxlate.progress import ProgressReport
from voxlate.roles import ARMS, LOOKUP, REAL, SYNTHETIC, TRUTH, WITHOUT
from voxlate.volume import Array, Grid, Volume

logger = logging.getLogger(__name__)

_NOT_GIVEN = frozenset({"accuracy", "f1"})
"""Accuracy, since the mask is the whole image and background would decide it; F1, since it is Dice."""
_SAME_FOREGROUND = 0.2
"""Relative difference of volume up to which two foregrounds count as the same."""


@dataclass(frozen=True)
class Experiment:
    """Who makes the image, who segments, and how it does without the target.

    Attributes:
        candidate: A model, or images that one has made.
        segmenter: Applied in all arms, but for the last if there is ``other``.
        other: A segmenter that was trained without the target.
        folder: Where synthetic images are written.
        baseline: From a case to an image in the place of the target that needs no model; ``None`` for no baseline.
    """

    candidate: Candidate
    segmenter: Segmenter
    other: Segmenter | None
    folder: Path
    baseline: Callable[[Case], Path] | None = None

    @property
    def target(self) -> str:
        """The contrast that is synthetic."""
        return self.candidate.plan.target

    @property
    def arms(self) -> tuple[str, ...]:
        """Without the target nothing is left to fill for a segmenter of the target alone: that arm is then left out."""
        alone = self.other is None and set(self.segmenter.sources) == {self.target}
        return (REAL, SYNTHETIC) if alone else ARMS

    def held_out(self, cohort: Cohort, *, split: str) -> list[Case]:
        """The cases with everything that is needed that neither the model nor a segmenter has seen, or all.

        Raises:
            CohortError: If none is left.
        """
        wanted = dict.fromkeys((*self.segmenter.sources, *(self.other.sources if self.other else ())))
        truth = self.segmenter.truth
        complete = cohort.with_contrasts(*wanted, truth)
        if not complete.cases:
            raise CohortError(
                f"cases with {', '.join((*wanted, truth))}",
                came=f"none among {len(cohort)}",
                where=cohort.root,
                remedy="The task needs the segmenter's images and the true label maps; see `voxlate check`.",
            )
        cases = self.candidate.cases(complete, split=split)
        known = {} if split == "all" else self.seen(cases)
        left = [case for case in cases if not any(case.id in seen for seen in known.values())]
        if not left:
            seen = ", ".join(f"{len(ids)} that the {who} has seen" for who, ids in known.items() if ids)
            raise CohortError(
                "cases that neither model nor segmenter has seen",
                came=f"{counted(len(complete), 'case')}, {len(cases)} of them new to the model; {seen or 'none left'}",
                where=cohort.root,
                remedy="Train both with the same split, add cases, or look at all of them with --split all.",
            )
        return left

    def left_out(self, cohort: Cohort, cases: Sequence[Case]) -> dict[str, str]:
        """From a case that is not looked at to the reason, in words that follow a count.

        Args:
            cohort: The cases with sources and target.
            cases: Those of them that are looked at.
        """
        wanted = (*self.segmenter.sources, *(self.other.sources if self.other else ()), self.segmenter.truth)
        chosen = {case.id for case in cases}
        others = [case for case in cohort.cases if case.id not in chosen]
        known = {case for ids in self.seen(others).values() for case in ids}
        found = {}
        for case in others:
            missing = [get_contrast(name).title for name in dict.fromkeys(wanted) if name not in case.paths]
            passed = "seen by the model or a segmenter" if case.id in known else self.candidate.passed_over
            found[case.id] = f"lacks {listed(missing)}" if missing else passed
        return {**found, **self.candidate.incomplete}

    def seen(self, cases: Sequence[Case]) -> dict[str, list[str]]:
        """From who to the ids of the cases that it is known to have been trained or chosen on."""
        found = {
            "model": [case.id for case in cases if self.candidate.seen([case])],
            "segmenter": self.segmenter.seen(cases) or [],
        }
        if self.other is not None:
            found["segmenter of the arm without"] = self.other.seen(cases) or []
        return found


@dataclass(frozen=True)
class Attempt:
    """A case in all arms, on the voxels of its true label map in RAS order; every array is ``(i, j, k)``.

    Attributes:
        case_id: The case.
        truth: True label map.
        found: From an arm, or ``lookup``, to the label map that was found.
        images: From an arm to the image that it was found in: the real target, the synthetic one, and for ``without``
            the first image that was left.
        shown: From an arm to the contrast of that image.
        spacing_mm: Spacing along i, j, k.
        foreground_moved: Whether the segmenter takes another part of the synthetic image for foreground than of the
            real one, by more than ``_SAME_FOREGROUND``. It then sees the case prepared in another way, and may lose for
            that reason alone.
    """

    case_id: str
    truth: Array
    found: Mapping[str, Array]
    images: Mapping[str, Array]
    shown: Mapping[str, str]
    spacing_mm: tuple[float, float, float]
    foreground_moved: bool = False


def _attempt_case(experiment: Experiment, case: Case) -> Attempt:
    """Segments a case in every arm.

    Raises:
        VoxlateError: If a file is refused, or translation or segmentation fails.
    """
    target, segmenter, other = experiment.target, experiment.segmenter, experiment.other
    reading = experiment.candidate.plan.reading
    truth = read_contrast(case, segmenter.truth, reading=reading)
    numbers = check_numbers(truth.array, segmenter.truth_classes, case=case.id, where=case.paths[segmenter.truth])
    refuse(numbers, accept=reading.accept)
    grid = ras_grid(truth.grid)
    made = experiment.candidate.image(case, experiment.folder)
    replaced = replace(case, paths={**case.paths, target: made})
    volumes = {REAL: segmenter.segment(case), SYNTHETIC: segmenter.segment(replaced)}
    volumes |= _with_baseline(experiment, case)
    files, shown = {REAL: case.paths[target], SYNTHETIC: made}, {REAL: target, SYNTHETIC: target}
    if WITHOUT in experiment.arms:
        volumes[WITHOUT] = segmenter.segment(case, missing=target) if other is None else other.segment(case)
        shown[WITHOUT] = next(name for name in (other or segmenter).sources if name != target)
        files[WITHOUT] = case.paths[shown[WITHOUT]]
    return Attempt(
        case_id=case.id,
        truth=resample(truth.array, truth.grid, grid, nearest=True),
        found={arm: on_grid(volume, grid, where=f"{case.id}: {arm}").array for arm, volume in volumes.items()},
        images={arm: _image(path, shown[arm], grid, reading) for arm, path in files.items()},
        shown=shown,
        spacing_mm=grid.spacing_mm,
        foreground_moved=_moved(segmenter.foreground_ml(case), segmenter.foreground_ml(replaced)),
    )


def _with_baseline(experiment: Experiment, case: Case) -> dict[str, Volume]:
    """What the segmenter finds with the baseline's image; nothing where there is none, or it refuses that image."""
    if experiment.baseline is None:
        return {}
    try:
        paths = {**case.paths, experiment.target: experiment.baseline(case)}
        return {LOOKUP: experiment.segmenter.segment(replace(case, paths=paths))}
    except VoxlateError as error:
        logger.warning("case %s has no baseline: %s", case.id, error)
        return {}


def _score_attempt(attempt: Attempt, experiment: Experiment) -> list[Score]:
    """Scores of every arm and class over the whole image, and volumes of the arms and of the truth."""
    segmenter, other = experiment.segmenter, experiment.other
    everywhere = np.ones(attempt.truth.shape, dtype=np.bool_)
    score = partial(score_segmentation, mask=everywhere, spacing_mm=attempt.spacing_mm, case=attempt.case_id)
    volumes = partial(volumes_ml, mask=everywhere, spacing_mm=attempt.spacing_mm, case=attempt.case_id)
    scores: list[Score] = []
    for arm, found in attempt.found.items():
        classes = other.classes if arm == WITHOUT and other is not None else segmenter.classes
        measured = score(found, attempt.truth, truth_classes=segmenter.truth_classes, classes=classes, method=arm)
        scores += [one for one in measured if one.metric not in _NOT_GIVEN]
        scores += volumes(found, classes=classes, method=arm)
    regions = tuple(class_regions(segmenter.classes))
    return scores + volumes(attempt.truth, classes=segmenter.truth_classes, method=TRUTH, regions=regions)


def score_task(
    experiment: Experiment,
    cases: Sequence[Case],
    *,
    report: ProgressReport,
    show: Callable[[Attempt], Mapping[str, Array]] = lambda _: {},
    evidence: Evidence | None = None,
) -> Scored:
    """Attempts and scores every case; one that fails is named with its reason and the others go on.

    Args:
        experiment: What is done.
        cases: With sources, target and true label map.
        report: Called with the number of finished cases.
        show: From an attempt to the arrays that its picture needs.
        evidence: Where each case is kept, and taken from if it is there.

    Returns:
        The scores of every case; whether its foreground moved stands among the other measurements.

    Raises:
        CohortError: If every case failed.
    """

    def measure(case: Case) -> CaseEvidence:
        attempt = _attempt_case(experiment, case)
        moved = {"foreground_moved": attempt.foreground_moved}
        return CaseEvidence(_score_attempt(attempt, experiment), show(attempt), moved)

    return score_each(cases, measure=measure, report=report, evidence=evidence)


def _moved(real_ml: float | None, synthetic_ml: float | None) -> bool:
    if real_ml is None or synthetic_ml is None:
        return False
    return abs(synthetic_ml - real_ml) > _SAME_FOREGROUND * real_ml


def _image(path: Path, name: str, grid: Grid, reading: Reading) -> Array:
    volume = read_volume(path, contrast=get_contrast(name), reading=reading)
    return resample(volume.array, volume.grid, grid).astype(np.float32, copy=False)
