"""Distribution: how alike a set of synthetic and a set of real images are, unpaired, by the features of a network.

Synthetic and real images need share no case. Beside the synthetic set stands ``real vs real``: two halves of the real
cases, parted by subject, compared in the same way. That is the floor: what another sample of the same patients would
score. Precision and recall depend on the number of samples, so both rows compare equally many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort import Case, Cohort, index_cohort
from voxlate.cohort.synthetic import scans_only
from voxlate.contrast import find_contrast, get_contrast
from voxlate.errors import CohortError, UsageError, VoxlateError
from voxlate.evaluation.candidates import Candidate, load_candidate
from voxlate.evaluation.cases import Failed
from voxlate.evaluation.scores import Score
from voxlate.evaluation.sets.embedding import Embedder, load_embedder
from voxlate.inference.model import is_model
from voxlate.metrics import metrics_of
from voxlate.metrics.distribution import FEWEST_FOR_KERNELS, Estimate, compare_sets
from voxlate.progress import ProgressReport

SYNTHETIC = "synthetic"
FLOOR = "real vs real"
EVERY_CASE = "all"
"""What stands for a case in ``scores.csv``: a distance between sets belongs to none."""


@dataclass(frozen=True)
class Picture:
    """An image file and whose it is."""

    case: str
    subject: str
    path: Path


@dataclass(frozen=True)
class Sample:
    """Features of a set of images in one view.

    Attributes:
        rows: ``(n, c)``, slices or volumes.
        cases: From which case each row is.
        subjects: From which subject each row is.
    """

    rows: NDArray[np.float64]
    cases: tuple[str, ...]
    subjects: tuple[str, ...]

    def of(self, kept: NDArray[np.bool_]) -> Sample:
        """The rows where ``kept``, ``(n,)``, is true."""
        where = np.flatnonzero(kept)
        return Sample(self.rows[where], tuple(self.cases[k] for k in where), tuple(self.subjects[k] for k in where))


@dataclass(frozen=True)
class Sets:
    """The images that are compared.

    Attributes:
        contrast: What they show.
        synthetic: Of the model.
        real: To compare with.
        embedder: The network whose features they are compared by.
        facts: Where the synthetic ones come from, for the page.
        failed: Cases that could not be translated, each with its reason.
        seen: How many of the translated cases the model was trained or chosen on.
    """

    contrast: str
    synthetic: tuple[Picture, ...]
    real: tuple[Picture, ...]
    embedder: Embedder
    facts: Mapping[str, str]
    failed: tuple[Failed, ...] = ()
    seen: int = 0


@dataclass(frozen=True)
class Comparison:
    """One row of the table of a view.

    Attributes:
        view: ``axial``, ``3-D``, ...
        method: ``synthetic`` or ``real vs real``.
        estimates: From a metric to its estimate.
        samples: Rows on either side.
        cases: Cases on either side.
    """

    view: str
    method: str
    estimates: Mapping[str, Estimate]
    samples: tuple[int, int]
    cases: tuple[int, int]


@dataclass(frozen=True)
class Request:
    """What is to be compared.

    Attributes:
        synthetic: A run or bundle, which translates cases of the real data set; or a folder of images that a model
            made, whose cases need not be those of the real data set.
        real: The data set.
        features: A run, a bundle or a file of weights, see ``voxlate.evaluation.sets.embedding``.
        split: Of a model: ``test`` for the cases that it has not seen, ``all`` for every one.
        contrast: Which images of a folder are meant; ``None``: those of the only contrast that both have.
    """

    synthetic: Path
    real: Path
    features: Path
    split: str
    contrast: str | None = None


def find_sets(request: Request, folder: Path, *, report: ProgressReport) -> Sets:
    """The synthetic images, made now if a model is given, the real ones of the same contrast, and the network.

    Args:
        request: What is to be compared.
        folder: Where a model's images are written.
        report: Called with the number of translated cases.

    Raises:
        UsageError: If there are images of no contrast, or of several, that the real data set has too, or the network
            cannot take them.
        BundleError: If a model or the network is refused.
        CohortError: If there is no image on either side, or every translation failed.
    """
    if is_model(request.synthetic):
        return _translated(request, folder, report=report)
    if not request.synthetic.is_dir():
        raise UsageError("a model or a folder of images", came=str(request.synthetic), remedy="Give one that exists.")
    made, scans = index_cohort(request.synthetic), scans_only(index_cohort(request.real))
    there = [{name for case in cohort.cases for name in case.paths} for cohort in (made, scans)]
    wanted = None if request.contrast is None else get_contrast(request.contrast).name
    shared = sorted(name for name in there[0] & there[1] if _is_image(name) and wanted in (None, name))
    if len(shared) != 1:
        raise UsageError(
            f"synthetic images of {'one contrast' if wanted is None else wanted} that the real data set has too",
            came=f"{', '.join(sorted(there[0])) or 'none'} beside real {', '.join(sorted(there[1])) or 'none'}",
            where=request.synthetic,
            remedy="Give a folder that `voxlate translate` or `voxlate synthesize` wrote, with one target.",
        )
    [contrast] = shared
    synthetic, real = (_pictures(cohort.cases, contrast) for cohort in (made, scans))
    embedder = load_embedder(request.features, contrast)
    return Sets(contrast, synthetic, real, embedder, {"synthetic images": request.synthetic.name})


def embed_set(
    pictures: Sequence[Picture], embedder: Embedder, *, report: Callable[[int], None]
) -> tuple[dict[str, Sample], list[Failed]]:
    """From a view to the features of all images; one that is refused does not stop the others.

    Args:
        pictures: At least one.
        embedder: The network.
        report: Called with the number of finished images.

    Raises:
        CohortError: If every image was refused.
    """
    found: dict[str, list[tuple[Picture, NDArray[np.float64]]]] = {}
    failed: list[Failed] = []
    for number, picture in enumerate(pictures, start=1):
        try:
            for view, rows in embedder.embed(picture.path).items():
                found.setdefault(view, []).append((picture, rows))
        except VoxlateError as error:
            failed.append((picture.case, str(error)))
        report(number)
    if not found:
        raise CohortError(
            "at least one image with features",
            came=failed[0][1] if failed else "no image",
            where=failed[0][0] if failed else "",
            remedy="Look at the images, or use another network.",
        )
    return {view: _sample(parts) for view, parts in found.items()}, failed


def compare_samples(synthetic: Mapping[str, Sample], real: Mapping[str, Sample], *, seed: int = 0) -> list[Comparison]:
    """Both rows of every view, the floor first.

    Raises:
        CohortError: If no view has enough samples for any of the metrics.
    """
    found: list[Comparison] = []
    for view in (view for view in synthetic if view in real):
        halves = halve(real[view], seed=seed)
        pairs = {FLOOR: halves, SYNTHETIC: (synthetic[view], real[view])}
        equal = min(len(sample.rows) for pair in pairs.values() for sample in pair if len(sample.rows))
        for method, (first, second) in pairs.items():
            found.append(_compare(view, method, (first, second), equal=equal, seed=seed))
    if all(math.isnan(estimate.value) for one in found for estimate in one.estimates.values()):
        counts = ", ".join(f"{one.view}: {one.samples[0]} and {one.samples[1]}" for one in found)
        raise CohortError(
            f"at least {FEWEST_FOR_KERNELS} slices or volumes on either side",
            came=counts or "no common view",
            remedy="Compare more cases, or use a 2-D network, which sees every slice.",
        )
    return found


def halve(sample: Sample, *, seed: int) -> tuple[Sample, Sample]:
    """Two halves of a set; a subject is in one of them, drawn at random. With one subject the second is empty."""
    subjects = sorted(set(sample.subjects))
    order = np.random.default_rng(seed).permutation(len(subjects))
    first = {subjects[k] for k in order[: (len(subjects) + 1) // 2]}
    inside = np.array([subject in first for subject in sample.subjects], dtype=np.bool_)
    return sample.of(inside), sample.of(~inside)


def set_scores(comparisons: Sequence[Comparison]) -> list[Score]:
    """The lines of ``scores.csv``: case ``all``, the view as region."""
    return [
        Score(EVERY_CASE, one.view, one.method, metric, estimate.value, "1")
        for one in comparisons
        for metric, estimate in one.estimates.items()
    ]


def summarise_sets(comparisons: Sequence[Comparison], *, features: str) -> dict[str, Any]:
    """The contents of ``summary.json``; ``None`` for what is not available, with the reason in ``note``.

    Args:
        comparisons: All rows.
        features: Name of the network, which stands in every row.
    """
    rows = [
        {
            "region": one.view,
            "method": one.method,
            "metric": metric,
            "title": metrics_of("set")[metric].title,
            "better": metrics_of("set")[metric].better,
            "value": None if math.isnan(estimate.value) else estimate.value,
            "sd": estimate.sd,
            "p": estimate.p,
            "note": estimate.note,
            "samples": list(one.samples),
            "cases": list(one.cases),
            "features": features,
        }
        for one in comparisons
        for metric, estimate in one.estimates.items()
    ]
    return {"features": features, "views": list(dict.fromkeys(one.view for one in comparisons)), "rows": rows}


def _compare(view: str, method: str, pair: tuple[Sample, Sample], *, equal: int, seed: int) -> Comparison:
    first, second = pair
    samples = len(first.rows), len(second.rows)
    estimates: Mapping[str, Estimate]
    if not min(samples):
        reason = Estimate(math.nan, "not available: the real images are of one subject")
        estimates = dict.fromkeys(metrics_of("set"), reason)
    else:
        estimates = compare_sets(first.rows, second.rows, cases=(first.cases, second.cases), equal=equal, seed=seed)
    return Comparison(view, method, estimates, samples, (len(set(first.cases)), len(set(second.cases))))


def _sample(parts: Sequence[tuple[Picture, NDArray[np.float64]]]) -> Sample:
    return Sample(
        np.concatenate([rows for _, rows in parts]),
        tuple(picture.case for picture, rows in parts for _ in rows),
        tuple(picture.subject for picture, rows in parts for _ in rows),
    )


def _is_image(name: str) -> bool:
    contrast = find_contrast(name)
    return contrast is None or contrast.kind != "label"


def _pictures(cases: Sequence[Case], contrast: str) -> tuple[Picture, ...]:
    return tuple(Picture(case.id, case.subject, case.paths[contrast]) for case in cases if contrast in case.paths)


def _translated(request: Request, folder: Path, *, report: ProgressReport) -> Sets:
    candidate, cohort = load_candidate(request.synthetic, request.real)
    target = candidate.plan.target
    if get_contrast(target).kind == "label":
        raise UsageError(
            "a model that makes images",
            came=f"one that makes {get_contrast(target).title}",
            where=request.synthetic,
            remedy="Evaluate a segmentation without this aspect.",
        )
    embedder = load_embedder(request.features, target)
    cases = _chosen(candidate, cohort, split=request.split)
    made, failed = [], []
    for number, case in enumerate(cases, start=1):
        try:
            made.append(Picture(case.id, case.subject, candidate.image(case, folder)))
        except VoxlateError as error:
            failed.append((case.id, str(error)))
        report("translate", number, len(cases))
    if not made:
        raise CohortError(
            "at least one case that can be translated",
            came=failed[0][1],
            where=failed[0][0],
            remedy="Repair the data set.",
        )
    seen = candidate.seen([case for case in cases if case.id not in dict(failed)])
    facts = {**candidate.facts, "translated": f"{len(made)} {candidate.what_cases(seen=seen, of=len(made))} cases"}
    return Sets(target, tuple(made), _pictures(cohort.cases, target), embedder, facts, tuple(failed), seen)


def _chosen(candidate: Candidate, cohort: Cohort, *, split: str) -> list[Case]:
    cases = candidate.cases(cohort, split=split)
    if not cases:
        raise CohortError(
            "cases that the model has not seen",
            came=f"{len(cohort)} that it was trained or chosen on",
            where=cohort.root,
            remedy="Add cases, or look at all of them with --split all (which says nothing about new cases).",
        )
    return cases
