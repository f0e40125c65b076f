"""The result of a task: what was asked, what the scores of its arms say together, and all that its page shows.

The arms are compared case by case: synthetic with real, without with real, synthetic with without, and synthetic with
the baseline, an image made by intensity lookup. P values are those of Wilcoxon's signed-rank test, corrected after Holm
over all comparisons of the page, that is over metrics, classes and pairs of arms together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.scores import Score, find_metric
from voxlate.evaluation.segmentation.scores import VOLUME
from voxlate.evaluation.statistics import bootstrap_interval, compare_cases, correct, summarise
from voxlate.evaluation.summary import Interval, Pair, Summary, without_nan
from voxlate.plainyaml import Json
from voxlate.roles import ARMS, LOOKUP, REAL, SYNTHETIC, WITHOUT

MARGIN = 0.05
"""Dice by which the synthetic image may lose and still count as nearly as good as the real one; a convention."""
PAIRS = ((SYNTHETIC, REAL), (WITHOUT, REAL), (SYNTHETIC, WITHOUT), (SYNTHETIC, LOOKUP))
_COMPARED = ("dice", "hd95", "detection_f1", "volume_error")


@dataclass(frozen=True)
class TaskSubject:
    """What was asked, and on which cases.

    Attributes:
        target: Title of the contrast that is synthetic.
        region: The region that holds all labels, by which the answer is given.
        cases: What the cases are: ``held-out``, ``training``, ...
        scored: How many cases were scored.
        name: Of the model or of the translated images.
        segmenter: Name of the segmenter.
        beside: Titles of what it uses beside the target.
        other: Name of the segmenter that was trained without the target; ``None`` if an empty image replaces that.
        arms: The arms that there are.
        facts: Provenance from a name to its value.
        seen: From who was trained to the cases that it was trained or chosen on.
        known: Whether every segmenter tells these.
        moved: Cases in which the segmenter took another foreground where the target is synthetic.
        failed: Cases that could not be scored, each with its reason.
        account: How many cases were scored and why the others were not; empty if all were.
    """

    target: str
    region: str
    cases: str
    scored: int
    name: str
    segmenter: str
    beside: Sequence[str] = ()
    other: str | None = None
    arms: Sequence[str] = ARMS
    facts: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    known: bool = True
    moved: Sequence[str] = ()
    failed: Sequence[tuple[str, str]] = ()
    account: str = ""

    @property
    def filled(self) -> bool:
        """Whether an empty image stands in the place of the target in the arm without it."""
        return self.other is None

    @property
    def without(self) -> str:
        """The arm without the target in words."""
        return f"with an empty image in place of {self.target}" if self.filled else f"without {self.target}"


@dataclass(frozen=True)
class ArmDifference:
    """One arm against another, in one metric and region.

    Attributes:
        region: Where.
        metric: By what.
        title: The metric as readers know it.
        unit: Of the values.
        method: The arm that is judged.
        baseline: The arm that it is compared with.
        pair: The comparison.
    """

    region: str
    metric: str
    title: str
    unit: str
    method: str
    baseline: str
    pair: Pair


@dataclass(frozen=True)
class VolumeRow:
    """Mean volume of a region by an arm, or in truth, over the cases; in ml."""

    region: str
    method: str
    unit: str
    n: int
    mean: float
    interval: Interval | None


@dataclass(frozen=True)
class TaskSummary:
    """The contents of ``summary.json`` of a task.

    Attributes:
        overall: A row per arm, region and metric, without comparisons.
        region: The region that holds all labels, by which the answer is given.
        margin: Dice by which the synthetic image may lose and still count as nearly as good.
        volumes: What was found, and what is there.
        comparisons: Arm against arm.
        arms: From an arm to what was done in it.
        seen: From who was trained to the cases that it was trained or chosen on.
        foreground_moved: Cases in which the segmenter took another foreground where the target is synthetic.
        answer: In words.
    """

    overall: Summary
    region: str
    margin: float
    volumes: tuple[VolumeRow, ...]
    comparisons: tuple[ArmDifference, ...]
    arms: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    foreground_moved: tuple[str, ...] = ()
    answer: str = ""

    @property
    def regions(self) -> list[str]:
        """The region of all labels, then the classes."""
        return list(dict.fromkeys((self.region, *(row.region for row in self.overall.rows))))

    def find(self, method: str, baseline: str, *, region: str, metric: str = "dice") -> Pair | None:
        """The comparison of two arms, or ``None`` if there is none."""
        wanted = (method, baseline, region, metric)
        found = (row for row in self.comparisons if (row.method, row.baseline, row.region, row.metric) == wanted)
        return next((row.pair for row in found), None)

    def to_json(self) -> Json:
        """Plain values for JSON."""
        values: Json = without_nan(asdict(self))
        overall, pairs = values.pop("overall"), values["comparisons"]
        values["comparisons"] = [
            {**{name: part for name, part in row.items() if name != "pair"}, **row["pair"]} for row in pairs
        ]
        return {**overall, **values}


@dataclass(frozen=True)
class TaskResult:
    """Everything that the page of a task is made from.

    Attributes:
        subject: What was asked.
        scores: Of all cases and arms, with the volumes.
        summary: What they say together.
        evidence: From a case to what its picture needs.
    """

    subject: TaskSubject
    scores: Sequence[Score]
    summary: TaskSummary
    evidence: Mapping[str, CaseEvidence]


def summarise_task(scores: Sequence[Score], *, region: str, seed: int = 0) -> TaskSummary:
    """A row per arm, region and metric, volumes, and the comparisons of arms.

    Args:
        scores: Of ``score_task``.
        region: The region that holds all labels, by which the answer is given.
        seed: Seed of the bootstrap.
    """
    summary = summarise([score for score in scores if score.metric != VOLUME], seed=seed, baselines=())
    overall = replace(
        summary,
        correction="Holm, over all metrics, classes and pairs of arms",
        rule=f"As good as real: the interval of the difference in Dice lies above -{MARGIN:g}.",
    )
    comparisons = tuple(_comparisons(scores, seed=seed))
    return TaskSummary(overall, region, MARGIN, tuple(_volumes(scores, seed=seed)), comparisons)


def _comparisons(scores: Sequence[Score], *, seed: int) -> list[ArmDifference]:
    regions = dict.fromkeys(score.region for score in scores)
    rows = []
    for region in regions:
        for metric in _COMPARED:
            arms: dict[str, dict[str, float]] = {}
            unit = "1"
            for score in scores:
                if (score.region, score.metric) == (region, metric):
                    arms.setdefault(score.method, {})[score.case] = score.value
                    unit = score.unit
            title = find_metric(metric).title
            rows += [
                ArmDifference(
                    region, metric, title, unit, method, baseline,
                    compare_cases(arms[method], arms[baseline], metric=metric, seed=seed),
                )
                for method, baseline in PAIRS
                if method in arms and baseline in arms
            ]  # fmt: skip
    corrected = correct([row.pair for row in rows])
    return [replace(row, pair=pair) for row, pair in zip(rows, corrected, strict=True)]


def _volumes(scores: Sequence[Score], *, seed: int) -> list[VolumeRow]:
    found: dict[tuple[str, str], list[float]] = {}
    for score in scores:
        if score.metric == VOLUME:
            found.setdefault((score.region, score.method), []).append(score.value)
    return [
        VolumeRow(
            region, method, "ml", len(values), float(np.mean(values)), bootstrap_interval(np.array(values), seed=seed)
        )
        for (region, method), values in found.items()
    ]
