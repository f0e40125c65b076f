"""Usefulness: what the scores of a task say together, and the answer in words.

The arms are compared case by case: synthetic with real, without with real, synthetic with without. P values are those
of Wilcoxon's signed-rank test, corrected after Holm over all comparisons of the page, that is over metrics, classes and
pairs of arms together.

The answer is read from the mean paired difference of Dice in the region that holds all labels. ``As good`` has a margin
(non-inferiority): the interval of the difference must lie above ``-MARGIN``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from voxlate.evaluation.scores import Score, find_metric
from voxlate.evaluation.segmentation.scores import VOLUME
from voxlate.evaluation.statistics import FEWEST_TO_TEST, bootstrap_interval, compare_cases, holm, summarise
from voxlate.evaluation.verdict import find_row
from voxlate.roles import ARMS, REAL, SYNTHETIC, WITHOUT

MARGIN = 0.05
"""Dice by which the synthetic image may lose and still count as nearly as good as the real one; a convention."""
WEAK = 0.5
"""A segmenter with a mean Dice below this on the real images is a poor judge of synthetic ones."""
PAIRS = ((SYNTHETIC, REAL), (WITHOUT, REAL), (SYNTHETIC, WITHOUT))
COMPARED = ("dice", "hd95", "detection_f1", "volume_error")
Summary = Mapping[str, Any]


def summarise_task(scores: Sequence[Score], *, region: str, seed: int = 0) -> dict[str, Any]:
    """The contents of ``summary.json``: a row per arm, region and metric, volumes, and the comparisons of arms.

    Args:
        scores: Of ``score_task``.
        region: The region that holds all labels, by which the answer is given.
        seed: Seed of the bootstrap.

    Returns:
        As ``summarise`` without ``against``; and ``region``, ``margin``, ``volumes`` (rows with ``method``, ``region``,
        ``mean``, ``interval`` in ml, ``truth`` among the methods) and ``comparisons`` (rows as ``compare_cases`` with
        ``region``, ``metric``, ``title``, ``unit``, ``method`` and ``baseline``).
    """
    summary = summarise([score for score in scores if score.metric != VOLUME], seed=seed, baselines=())
    summary["correction"] = "Holm, over all metrics, classes and pairs of arms"
    summary["rule"] = f"As good as real: the interval of the difference in Dice lies above -{MARGIN:g}."
    comparisons = _comparisons(scores, seed=seed)
    return {
        **summary,
        "region": region,
        "margin": MARGIN,
        "volumes": _volumes(scores, seed=seed),
        "comparisons": comparisons,
    }


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


def judge_task(summary: Summary, subject: Subject) -> str:
    """The answer in plain words: as good as the real image or not, and better than none or not.

    Example:
        >>> judge_task(summary, Subject("FLAIR", "held-out", "lesion"))  # doctest: +SKIP
        'With the synthetic FLAIR the segmenter works nearly as well as with the real one: mean Dice 0.78 against ...'
    """
    pair = find_comparison(summary, SYNTHETIC, REAL, region=subject.region)
    if pair is None or pair["n"] == 0:
        unknown = (
            f"Whether the synthetic {subject.target} is useful cannot be told: no case has a Dice in {subject.region}, "
            "since there are neither true nor found labels."
        )
        return " ".join([unknown, *_silent(summary, subject)])
    other = find_comparison(summary, SYNTHETIC, WITHOUT, region=subject.region)
    few = pair["n"] < FEWEST_TO_TEST
    sentences = [_few(pair, other, subject) if few else _against_real(pair, subject)]
    if other is not None and other["n"] and not few:
        sentences.append(_against_none(other, subject))
    return " ".join([*sentences, *_silent(summary, subject)])


def find_comparison(
    summary: Summary, method: str, baseline: str, *, region: str, metric: str = "dice"
) -> Mapping[str, Any] | None:
    """The comparison of two arms, or ``None`` if there is none."""
    for row in summary["comparisons"]:
        if (row["method"], row["baseline"], row["region"], row["metric"]) == (method, baseline, region, metric):
            found: Mapping[str, Any] = row
            return found
    return None


def gave_up(summary: Summary, arm: str, *, region: str) -> bool:
    """Whether an arm found no voxel of what is truly there in any case."""
    recall = find_row(summary, method=arm, metric="recall", region=region)
    return recall is not None and recall["n"] > 0 and recall["mean"] == 0


def _comparisons(scores: Sequence[Score], *, seed: int) -> list[dict[str, Any]]:
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
            for method, baseline in PAIRS:
                if method in arms and baseline in arms:
                    head = {"region": region, "metric": metric, "title": find_metric(metric).title, "unit": unit}
                    compared = compare_cases(arms[method], arms[baseline], metric=metric, seed=seed)
                    rows.append({**head, "method": method, "baseline": baseline, **compared})
    tested = [row for row in rows if row["p"] is not None]
    for row, corrected in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = corrected
    return rows


def _volumes(scores: Sequence[Score], *, seed: int) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[float]] = {}
    for score in scores:
        if score.metric == VOLUME:
            found.setdefault((score.region, score.method), []).append(score.value)
    rows = []
    for (region, method), values in found.items():
        interval = bootstrap_interval(np.array(values), seed=seed)
        rows.append({
            "region": region, "method": method, "unit": "ml", "n": len(values), "mean": float(np.mean(values)),
            "interval": interval and list(interval),
        })  # fmt: skip
    return rows


def _few(pair: Mapping[str, Any], other: Mapping[str, Any] | None, subject: Subject) -> str:
    """Numbers of these cases alone, and no claim."""
    without = f" and {_dice(other['baseline_mean'])} {subject.without}" if other and other["n"] else ""
    text = (
        f"On {_count(pair['n'], subject.cases)} the segmenter reaches a mean Dice of {_dice(pair['mean'])} with the "
        f"synthetic {subject.target}, {_dice(pair['baseline_mean'])} with the real one{without}. Fewer than "
        f"{FEWEST_TO_TEST} cases are too few for a test: this describes these cases alone."
    )
    if other and other["n"] and other["difference"] <= 0:
        text += " In them the synthetic image adds nothing."
    return text


def _against_real(pair: Mapping[str, Any], subject: Subject) -> str:
    low, high = pair["interval"]
    tail = (
        f"mean Dice {_dice(pair['mean'])} against {_dice(pair['baseline_mean'])} ({_difference(pair)}), on "
        f"{_count(pair['n'], subject.cases)}."
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


def _against_none(pair: Mapping[str, Any], subject: Subject) -> str:
    low, high = pair["interval"]
    tail = f"mean Dice {_dice(pair['baseline_mean'])} there ({_difference(pair)})"
    if low > 0:
        return f"It works better than {subject.without}: {tail}."
    if high < 0:
        return f"It works worse than {subject.without}, so the synthetic image does harm: {tail}."
    return f"It is not shown to work better than {subject.without}: {tail}. So far the synthetic image adds nothing."


def _silent(summary: Summary, subject: Subject) -> list[str]:
    """A sentence for each arm in which nothing that is there was found."""
    images = {
        REAL: f"With the real {subject.target}",
        SYNTHETIC: f"With the synthetic {subject.target}",
        WITHOUT: f"{subject.without[:1].upper()}{subject.without[1:]}",
    }
    return [
        f"{images[arm]} nothing labelled was found." for arm in ARMS if gave_up(summary, arm, region=subject.region)
    ]


def _difference(pair: Mapping[str, Any]) -> str:
    low, high = pair["interval"]
    return f"difference {_signed(pair['difference'])}, 95 % interval {_signed(low)} to {_signed(high)}"


def _dice(value: float) -> str:
    return f"{value:.2f}"


def _signed(value: float) -> str:
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "\N{MINUS SIGN}")


def _count(n: int, cases: str) -> str:
    return f"one {cases} case" if n == 1 else f"{n} {cases} cases"
