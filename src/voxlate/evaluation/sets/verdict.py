"""The verdict on two sets of images: what the distances say together, in ``summary.json`` and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from voxlate.contrast import get_contrast
from voxlate.evaluation.cases import Failed
from voxlate.evaluation.sets.distances import FLOOR, SYNTHETIC, Sample, SetComparison, rows_are
from voxlate.evaluation.sets.images import Sets
from voxlate.evaluation.summary import without_nan
from voxlate.evaluation.words import number, p_value
from voxlate.metrics import metrics_of
from voxlate.metrics.distribution import PLAIN_FROM
from voxlate.metrics.metric import Better
from voxlate.plainyaml import Json

_FEW_IMAGES = 20
_TELLS_APART = 0.05
"""The p value below which a test is said to tell the sets apart."""


@dataclass(frozen=True)
class SetRow:
    """One distance of one pair of sets in one view.

    Attributes:
        region: The view.
        method: ``synthetic`` or ``real vs real``.
        metric: Name in the catalogue of metrics.
        title: The metric as readers know it.
        better: Which direction is better.
        value: NaN when not available.
        sd: Standard deviation over subsets, where there is one.
        p: Of the hypothesis that both sets come from one distribution, where it was tested.
        note: How it was computed, or why it is not available.
        samples: Slices or volumes on either side.
        cases: Cases on either side.
        features: Name of the network.
    """

    region: str
    method: str
    metric: str
    title: str
    better: Better
    value: float
    sd: float | None
    p: float | None
    note: str
    samples: tuple[int, int]
    cases: tuple[int, int]
    features: str


@dataclass(frozen=True)
class SetSummary:
    """The contents of ``summary.json``, in their order.

    Attributes:
        answer: In words.
        contrast: What the images show.
        features: Name of the network.
        views: What the network sees: ``axial``, ``3-D``, ...
        rows: The floor first within each view.
        facts: Where the synthetic images come from.
    """

    answer: str
    contrast: str
    features: str
    views: tuple[str, ...]
    rows: tuple[SetRow, ...]
    facts: Mapping[str, str]

    def to_json(self) -> Json:
        """Plain values for JSON; what is not available is ``None``."""
        values: Json = without_nan(asdict(self))
        return values


@dataclass(frozen=True)
class SetResult:
    """Everything that the page of two sets is made from.

    Attributes:
        summary: What the distances say together.
        synthetic: Features of the synthetic images, by view.
        real: Features of the real ones, by view.
        images: How many synthetic and real images there are.
        seen: How many of the translated cases the model was trained or chosen on.
        caveats: What the numbers cannot say.
        failed: Cases that could not be used, each with its reason.
    """

    summary: SetSummary
    synthetic: Mapping[str, Sample]
    real: Mapping[str, Sample]
    images: tuple[int, int]
    seen: int
    caveats: Sequence[str]
    failed: Sequence[Failed]

    @property
    def target(self) -> str:
        """What the images show, as readers know it."""
        return get_contrast(self.summary.contrast).title


def summarise_sets(comparisons: Sequence[SetComparison], sets: Sets) -> SetSummary:
    """What all comparisons say together.

    Args:
        comparisons: Of every view, the floor first.
        sets: What was compared.
    """
    known, features = metrics_of("set"), sets.embedder.name
    rows = tuple(
        SetRow(
            region=one.view,
            method=one.method,
            metric=metric,
            title=known[metric].title,
            better=known[metric].better,
            value=estimate.value,
            sd=estimate.sd,
            p=estimate.p,
            note=estimate.note,
            samples=one.samples,
            cases=one.cases,
            features=features,
        )
        for one in comparisons
        for metric, estimate in one.estimates.items()
    )
    answer = _say_distance(rows, target=get_contrast(sets.contrast).title, features=features)
    views = tuple(dict.fromkeys(one.view for one in comparisons))
    return SetSummary(answer, sets.contrast, features, views, rows, dict(sets.facts))


def _say_distance(rows: Sequence[SetRow], *, target: str, features: str) -> str:
    """The answer: KID, p, precision and recall in the view in which the sets lie farthest apart.

    Args:
        rows: Of a summary.
        target: What the images show.
        features: Name of the network.
    """
    known = {(row.region, row.method, row.metric): row for row in rows}
    kids = {row.region: row.value for row in rows if (row.method, row.metric) == (SYNTHETIC, "kid")}
    farthest = {view: value for view, value in kids.items() if not math.isnan(value)}
    if not farthest:
        return f"There are too few synthetic {target} images for an unbiased distance from the real ones."
    view = max(farthest, key=lambda one: farthest[one])
    floor = known[view, FLOOR, "kid"].value
    beside = f"real vs real {number(floor)}"
    if math.isnan(floor):
        beside = "halves of the real set are too small to compare"
    where = f" in {view} features, the view in which they differ most" if len(kids) > 1 else f" ({view})"
    sentence = f"Synthetic {target} lies at a KID of {number(kids[view])} from real {target}{where}; {beside}."
    p = known[view, SYNTHETIC, "mmd"].p
    if p is not None:
        found = "tells the two sets apart" if p < _TELLS_APART else "does not tell the two sets apart"
        sentence += f" A test that deals whole cases {found} ({p_value(p)})."
    precision, recall = (known[view, SYNTHETIC, name].value for name in ("set_precision", "set_recall"))
    if not math.isnan(precision) and not math.isnan(recall):
        sentence += (
            f" {100 * precision:.0f} % of the synthetic {rows_are(view)} lie among real ones, and {100 * recall:.0f} % "
            "of the real ones among synthetic ones."
        )
    return f"{sentence} Features by {features}."


def set_caveats(summary: SetSummary, *, images: tuple[int, int]) -> list[str]:
    """What the numbers cannot say: few images, an extrapolated FID, metrics that are not available.

    Args:
        summary: Of ``summarise_sets``.
        images: How many synthetic and real images there are.
    """
    found = []
    if min(images) < _FEW_IMAGES:
        found.append(
            f"Only {min(images)} images on one side: slices of one case are alike, so the numbers say little about "
            "other cases."
        )
    corrected = sorted({row.region for row in summary.rows if row.note.startswith("corrected")})
    if corrected:
        found.append(
            f"FID of {', '.join(corrected)} is extrapolated, because there are fewer than {PLAIN_FROM} samples; "
            "it is not comparable with uncorrected values elsewhere. KID needs no correction."
        )
    lacking = sorted({row.title for row in summary.rows if math.isnan(row.value) and row.method == SYNTHETIC})
    if lacking:
        found.append(f"Not available in some view, for want of samples: {', '.join(lacking)}.")
    return found
