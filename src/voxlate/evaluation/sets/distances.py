"""Distribution: how alike a set of synthetic and a set of real images are, unpaired, by the features of a network.

Synthetic and real images need share no case. Beside the synthetic set stands ``real vs real``: two halves of the real
cases, parted by subject, compared in the same way. That is the floor: what another sample of the same patients would
score. Precision and recall depend on the number of samples, so both rows compare equally many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort import Case
from voxlate.errors import CohortError, VoxlateError, WriteError
from voxlate.evaluation.cases import Failed
from voxlate.evaluation.evidence import CaseEvidence, Evidence
from voxlate.evaluation.scores import Score
from voxlate.evaluation.sets.embedding import VOLUME_VIEW, Embedder
from voxlate.metrics import metrics_of
from voxlate.metrics.distribution import FEWEST_FOR_KERNELS, Estimate, compare_sets

Rows = NDArray[np.float64]
"""Features ``(n, c)`` of the n slices of an image in a view, or of its volume."""
SYNTHETIC = "synthetic"
FLOOR = "real vs real"
_EVERY_CASE = "all"
"""What stands for a case in ``scores.csv``: a distance between sets belongs to none."""


@dataclass(frozen=True)
class Sample:
    """Features of a set of images in one view.

    Attributes:
        rows: ``(n, c)``, slices or volumes.
        cases: From which case each row is.
        subjects: From which subject each row is.
    """

    rows: Rows
    cases: tuple[str, ...]
    subjects: tuple[str, ...]

    def of(self, kept: NDArray[np.bool_]) -> Sample:
        """The rows where ``kept``, ``(n,)``, is true."""
        where = np.flatnonzero(kept)
        return Sample(self.rows[where], tuple(self.cases[k] for k in where), tuple(self.subjects[k] for k in where))


@dataclass(frozen=True)
class SetComparison:
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


def embed_set(
    images: Sequence[Case],
    embedder: Embedder,
    *,
    report: Callable[[int], None],
    evidence: Evidence | None = None,
) -> tuple[dict[str, Sample], list[Failed]]:
    """From a view to the features of all images; one that is refused does not stop the others.

    Args:
        images: At least one case, with one image each.
        embedder: The network.
        report: Called with the number of finished images.
        evidence: Where the features of each image are kept, and taken from if they are there.

    Raises:
        CohortError: If every image was refused.
        WriteError: If features cannot be kept.
    """
    found: dict[str, list[tuple[Case, Rows]]] = {}
    failed: list[Failed] = []
    for number, image in enumerate(images, start=1):
        try:
            for view, rows in _features(image, embedder, evidence).items():
                found.setdefault(view, []).append((image, rows))
        except WriteError:
            raise
        except VoxlateError as error:
            failed.append((image.id, str(error)))
        report(number)
    if not found:
        raise CohortError(
            "at least one image with features",
            came=failed[0][1] if failed else "no image",
            where=failed[0][0] if failed else "",
            remedy="Look at the images, or use another network.",
        )
    return {view: _sample(parts) for view, parts in found.items()}, failed


def _features(image: Case, embedder: Embedder, evidence: Evidence | None) -> Mapping[str, Rows]:
    """The features of an image by view: those that are kept, or computed now and kept."""
    kept = None if evidence is None else evidence.load(image)
    if kept is not None:
        return kept.arrays
    [path] = image.paths.values()
    features = embedder.embed(path)
    if evidence is not None:
        evidence.keep(image, CaseEvidence((), features))
    return features


def compare_samples(
    synthetic: Mapping[str, Sample], real: Mapping[str, Sample], *, seed: int = 0
) -> list[SetComparison]:
    """Both rows of every view, the floor first.

    Raises:
        CohortError: If no view has enough samples for any of the metrics.
    """
    found: list[SetComparison] = []
    for view in (view for view in synthetic if view in real):
        halves = _halve(real[view], seed=seed)
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


def _halve(sample: Sample, *, seed: int) -> tuple[Sample, Sample]:
    """Two halves of a set; a subject is in one of them, drawn at random. With one subject the second is empty."""
    subjects = sorted(set(sample.subjects))
    order = np.random.default_rng(seed).permutation(len(subjects))
    first = {subjects[k] for k in order[: (len(subjects) + 1) // 2]}
    inside = np.array([subject in first for subject in sample.subjects], dtype=np.bool_)
    return sample.of(inside), sample.of(~inside)


def rows_are(view: str) -> str:
    """What the rows of a view are, in the plural."""
    return "volumes" if view == VOLUME_VIEW else "slices"


def set_scores(comparisons: Sequence[SetComparison]) -> list[Score]:
    """The lines of ``scores.csv``: case ``all``, the view as region."""
    return [
        Score(_EVERY_CASE, one.view, one.method, metric, estimate.value, "1")
        for one in comparisons
        for metric, estimate in one.estimates.items()
    ]


def _compare(view: str, method: str, pair: tuple[Sample, Sample], *, equal: int, seed: int) -> SetComparison:
    first, second = pair
    samples = len(first.rows), len(second.rows)
    estimates: Mapping[str, Estimate]
    if not min(samples):
        reason = Estimate(math.nan, "not available: the real images are of one subject")
        estimates = dict.fromkeys(metrics_of("set"), reason)
    else:
        estimates = compare_sets(first.rows, second.rows, cases=(first.cases, second.cases), equal=equal, seed=seed)
    return SetComparison(view, method, estimates, samples, (len(set(first.cases)), len(set(second.cases))))


def _sample(parts: Sequence[tuple[Case, Rows]]) -> Sample:
    return Sample(
        np.concatenate([rows for _, rows in parts]),
        tuple(image.id for image, rows in parts for _ in rows),
        tuple(image.subject for image, rows in parts for _ in rows),
    )
