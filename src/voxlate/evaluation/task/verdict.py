"""Usefulness: what the scores of a task say together, and the answer in words.

The arms are compared case by case: synthetic with real, without with real, synthetic with without. P values are those
of Wilcoxon's signed-rank test, corrected after Holm over all comparisons of the page, that is over metrics, classes and
pairs of arms together.

The answer is read from the mean paired difference of Dice in the region that holds all labels. ``As good`` has a margin
(non-inferiority): the interval of the difference must lie above ``-MARGIN``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from voxlate.evaluation.scores import Score, find_metric
from voxlate.evaluation.segmentation.scores import VOLUME
from voxlate.evaluation.statistics import FEWEST_TO_TEST, bootstrap_interval, compare_cases, correct, summarise
from voxlate.evaluation.summary import Interval, Pair, Summary, without_nan
from voxlate.evaluation.words import counted, signed
from voxlate.roles import ARMS, REAL, SYNTHETIC, WITHOUT

MARGIN = 0.05
"""Dice by which the synthetic image may lose and still count as nearly as good as the real one; a convention."""
WEAK = 0.5
"""A segmenter with a mean Dice below this on the real images is a poor judge of synthetic ones."""
PAIRS = ((SYNTHETIC, REAL), (WITHOUT, REAL), (SYNTHETIC, WITHOUT))
COMPARED = ("dice", "hd95", "detection_f1", "volume_error")


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

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values: dict[str, Any] = without_nan(asdict(self))
        overall, pairs = values.pop("overall"), values["comparisons"]
        values["comparisons"] = [
            {**{name: part for name, part in row.items() if name != "pair"}, **row["pair"]} for row in pairs
        ]
        return {**overall, **values}


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


@dataclass(frozen=True)
class Subject:
    """What the sentence is about.

    Attributes:
        target: Title of the contrast that is synthetic.
        cases: What the cases are: ``held-out``, ``training``, ...
        region: The region that holds all labels.
        filled: Whether an empty image stood in the place of the target in the arm without it.
    """

    target: str
    cases: str
    region: str
    filled: bool = False

    @property
    def without(self) -> str:
        """The arm without the target in words."""
        return f"with an empty image in place of {self.target}" if self.filled else f"without {self.target}"


def judge_task(summary: TaskSummary, subject: Subject) -> str:
    """The answer in plain words: as good as the real image or not, and better than none or not.

    Example:
        >>> judge_task(summary, Subject("FLAIR", "held-out", "lesion"))  # doctest: +SKIP
        'With the synthetic FLAIR the segmenter works nearly as well as with the real one: mean Dice 0.78 against ...'
    """
    pair = summary.find(SYNTHETIC, REAL, region=subject.region)
    if pair is None or pair.n == 0:
        unknown = (
            f"Whether the synthetic {subject.target} is useful cannot be told: no case has a Dice in {subject.region}, "
            "since there are neither true nor found labels."
        )
        return " ".join([unknown, *_silent(summary, subject)])
    other = summary.find(SYNTHETIC, WITHOUT, region=subject.region)
    few = pair.n < FEWEST_TO_TEST
    sentences = [_few(pair, other, subject) if few else _against_real(pair, subject)]
    if other is not None and other.n and not few:
        sentences.append(_against_none(other, subject))
    return " ".join([*sentences, *_silent(summary, subject)])


def gave_up(summary: TaskSummary, arm: str, *, region: str) -> bool:
    """Whether an arm found no voxel of what is truly there in any case."""
    recall = summary.overall.find(method=arm, metric="recall", region=region)
    return recall is not None and recall.n > 0 and recall.mean == 0


def _comparisons(scores: Sequence[Score], *, seed: int) -> list[ArmDifference]:
    regions = dict.fromkeys(score.region for score in scores)
    rows = []
    for region in regions:
        for metric in COMPARED:
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


def _few(pair: Pair, other: Pair | None, subject: Subject) -> str:
    """Numbers of these cases alone, and no claim."""
    without = f" and {other.baseline_mean:.2f} {subject.without}" if other and other.n else ""
    cases = counted(pair.n, f"{subject.cases} case", spelled=True)
    text = (
        f"On {cases} the segmenter reaches a mean Dice of {pair.mean:.2f} with the "
        f"synthetic {subject.target}, {pair.baseline_mean:.2f} with the real one{without}. Fewer than "
        f"{FEWEST_TO_TEST} cases are too few for a test: this describes these cases alone."
    )
    if other and other.n and other.difference <= 0:
        text += " In them the synthetic image adds nothing."
    return text


def _against_real(pair: Pair, subject: Subject) -> str:
    low, high = pair.interval or (math.nan, math.nan)
    tail = (
        f"mean Dice {pair.mean:.2f} against {pair.baseline_mean:.2f} ({_difference(pair)}), on "
        f"{counted(pair.n, f'{subject.cases} case', spelled=True)}."
    )
    synthetic = f"the synthetic {subject.target}"
    if low > 0:
        return f"With {synthetic} the segmenter works better than with the real one: {tail}"
    if low >= -MARGIN:
        word = "as well as" if high >= 0 else "nearly as well as"
        return f"With {synthetic} the segmenter works {word} with the real one: {tail}"
    if high < 0:
        return f"With {synthetic} the segmenter works worse than with the real one: {tail}"
    return f"Whether the segmenter works as well with {synthetic} as with the real one cannot be told: {tail}"


def _against_none(pair: Pair, subject: Subject) -> str:
    low, high = pair.interval or (math.nan, math.nan)
    tail = f"mean Dice {pair.baseline_mean:.2f} there ({_difference(pair)})"
    if low > 0:
        return f"It works better than {subject.without}: {tail}."
    if high < 0:
        return f"It works worse than {subject.without}, so the synthetic image does harm: {tail}."
    return f"It is not shown to work better than {subject.without}: {tail}. So far the synthetic image adds nothing."


def _silent(summary: TaskSummary, subject: Subject) -> list[str]:
    """A sentence for each arm in which nothing that is there was found."""
    images = {
        REAL: f"With the real {subject.target}",
        SYNTHETIC: f"With the synthetic {subject.target}",
        WITHOUT: f"{subject.without[:1].upper()}{subject.without[1:]}",
    }
    return [
        f"{images[arm]} nothing labelled was found." for arm in ARMS if gave_up(summary, arm, region=subject.region)
    ]


def _difference(pair: Pair) -> str:
    low, high = pair.interval or (math.nan, math.nan)
    return f"difference {signed(pair.difference)}, 95 % interval {signed(low)} to {signed(high)}"
