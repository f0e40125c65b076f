"""Statistics: what the scores of several cases say together, and whether a method beats the baselines.

Cases are the sampling unit. Intervals are percentile bootstrap intervals of the mean over cases (Efron and Tibshirani
1993, doi:10.1201/9780429246593); methods are compared case by case, by the mean difference, its interval, the ratio of
means and Wilcoxon's signed-rank test, whose p values are corrected after Holm (1979, Scand. J. Stat. 6:65) over the
comparisons of one metric in one region. Fewer than six cases cannot reach p < 0.05 and are not tested.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score, find_metric, gain
from voxlate.evaluation.summary import Pair, Row, Summary
from voxlate.roles import BASELINES

FEWEST_TO_TEST = 6
_RESAMPLES = 10_000
RULE = "A model that does not beat identity and lookup is not reported as working."
Values = NDArray[np.float64]
_Cases = dict[str, float]
_Groups = dict[tuple[str, str], dict[str, _Cases]]


def summarise(
    scores: Iterable[Score], *, seed: int = 0, baselines: Sequence[str] = BASELINES, confidence: float = 0.95
) -> Summary:
    """A row per method, region and metric, with comparisons against the baselines.

    Args:
        scores: Scores of all cases and methods.
        seed: Seed of the bootstrap; the same scores and seed give the same summary.
        baselines: Methods to compare the others against, as far as they were scored.
        confidence: Confidence of the intervals, between 0 and 1.

    Raises:
        UsageError: If a score occurs twice, the units of a metric differ, or the confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise UsageError("a confidence between 0 and 1", came=repr(confidence), remedy="Give 0.95, say.")
    table = list(scores)
    units = _units(table)
    cases = sorted({score.case for score in table})
    rows: list[Row] = []
    for (region, metric), by_method in _group(table).items():
        known = find_metric(metric)
        block = [
            Row(
                method=method,
                region=region,
                metric=metric,
                title=known.title,
                unit=units[region, metric],
                better=known.better,
                **_describe(by_method[method], n_cases=len(cases), seed=seed, confidence=confidence),
                against={
                    name: compare_cases(
                        by_method[method], by_method[name], metric=metric, seed=seed, confidence=confidence
                    )
                    for name in _opponents(method, by_method, baselines=baselines)
                    if known.better != "one"  # nothing is gained by more of it, nor by less
                },
            )
            for method in _baselines_first(by_method, baselines=baselines)
        ]
        rows += _correct(block)
    return Summary(
        cases=tuple(cases),
        n_cases=len(cases),
        confidence=confidence,
        seed=seed,
        resamples=_RESAMPLES,
        interval="percentile bootstrap of the mean over cases",
        test=f"Wilcoxon signed-rank, two-sided, paired by case, from {FEWEST_TO_TEST} unequal pairs",
        correction="Holm, over the comparisons of one metric in one region",
        rule=RULE,
        baselines=tuple(_opponents("", {score.method for score in table}, baselines=baselines)),
        rows=tuple(rows),
    )


def bootstrap_interval(
    *samples: Values, seed: int = 0, confidence: float = 0.95, ratio: bool = False
) -> tuple[float, float] | None:
    """Percentile bootstrap interval of a mean, or of the ratio of two means over the same cases.

    Args:
        *samples: One value per case; two paired samples with ``ratio``.
        seed: Seed of the resampling. Samples of one size share their resamples.
        confidence: Confidence of the interval.
        ratio: Whether the statistic is mean of the first by mean of the second sample.

    Returns:
        Lower and upper end, or ``None`` for fewer than two cases, which say nothing about their spread.
    """
    if len(samples[0]) < 2:
        return None
    drawn = _resamples(len(samples[0]), seed)
    means = [sample[drawn].mean(axis=1) for sample in samples]
    statistic = means[0] / means[1] if ratio else means[0]
    low, high = np.quantile(statistic, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _holm(p_values: Sequence[float]) -> list[float]:
    """Significance values corrected for their number by Holm's step-down procedure, in the order given.

    Example:
        >>> _holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


@lru_cache(maxsize=8)
def _resamples(size: int, seed: int) -> NDArray[np.int32]:
    drawn = np.random.default_rng(seed).integers(0, size, (_RESAMPLES, size), dtype=np.int32)
    drawn.flags.writeable = False
    return drawn


def _group(scores: Sequence[Score]) -> _Groups:
    """Finite or not, case by case: (region, metric) -> method -> case -> value."""
    groups: _Groups = {}
    for score in scores:
        by_case = groups.setdefault((score.region, score.metric), {}).setdefault(score.method, {})
        if score.case in by_case:
            raise UsageError(
                "one score per case, region, method and metric",
                came=f"two of {score.method} for {score.metric} in {score.region}",
                where=score.case,
                remedy="Score each case once.",
            )
        by_case[score.case] = score.value
    return groups


def _units(scores: Sequence[Score]) -> dict[tuple[str, str], str]:
    units: dict[tuple[str, str], str] = {}
    for score in scores:
        unit = units.setdefault((score.region, score.metric), score.unit)
        if unit != score.unit:
            raise UsageError(
                f"{score.metric} in {unit}",
                came=score.unit,
                where=score.case,
                remedy="Score all cases and methods in one unit.",
            )
    return units


def _baselines_first(methods: Iterable[str], *, baselines: Sequence[str]) -> list[str]:
    return sorted(methods, key=lambda name: baselines.index(name) if name in baselines else len(baselines))


def _opponents(method: str, scored: Iterable[str], *, baselines: Sequence[str]) -> list[str]:
    """The baselines to compare a method with; a baseline has none."""
    return [] if method in baselines else [name for name in baselines if name in set(scored)]


class _Description(TypedDict):
    n: int
    n_not_available: int
    mean: float
    sd: float | None
    median: float
    interval: tuple[float, float] | None


def _describe(by_case: _Cases, *, n_cases: int, seed: int, confidence: float) -> _Description:
    values = np.array([by_case[case] for case in sorted(by_case) if math.isfinite(by_case[case])])
    n = len(values)
    return {
        "n": n,
        "n_not_available": n_cases - n,
        "mean": float(values.mean()) if n else math.nan,
        "sd": float(values.std(ddof=1)) if n > 1 else None,
        "median": float(np.median(values)) if n else math.nan,
        "interval": bootstrap_interval(values, seed=seed, confidence=confidence),
    }


def compare_cases(
    method: Mapping[str, float], baseline: Mapping[str, float], *, metric: str, seed: int = 0, confidence: float = 0.95
) -> Pair:
    """A method against a baseline, case by case; ``p_holm`` is ``None`` until ``_holm`` has seen all that is tested.

    Args:
        method: From a case to its value; values that are not finite are left out.
        baseline: The same of what it is compared with.
        metric: Name of the metric.
        seed: Seed of the bootstrap.
        confidence: Confidence of the intervals.
    """
    pairs = [
        case for case in sorted(method) if math.isfinite(method[case]) and math.isfinite(baseline.get(case, math.nan))
    ]
    ours, theirs = (np.array([values[case] for case in pairs], dtype=np.float64) for values in (method, baseline))
    known = find_metric(metric)
    difference = ours - theirs
    gains = gain(known.better) * difference
    interval = bootstrap_interval(difference, seed=seed, confidence=confidence)
    ratio = len(pairs) > 0 and known.unit_rule != "dB" and min(ours.min(), theirs.min()) >= 0 and theirs.min() > 0
    ratio_interval = bootstrap_interval(ours, theirs, seed=seed, confidence=confidence, ratio=True) if ratio else None
    return Pair(
        n=len(pairs),
        mean=float(ours.mean()) if pairs else math.nan,
        baseline_mean=float(theirs.mean()) if pairs else math.nan,
        difference=float(difference.mean()) if pairs else math.nan,
        interval=interval,
        ratio=float(ours.mean() / theirs.mean()) if ratio else None,
        ratio_interval=ratio_interval,
        wins=int((gains > 0).sum()),
        ties=int((gains == 0).sum()),
        p=_signed_rank(difference),
        p_holm=None,
        beaten=_beaten(gains, seed=seed, confidence=confidence),
    )


def _beaten(gains: Values, *, seed: int, confidence: float) -> bool:
    """Better in the mean with an interval that excludes no gain; of few cases, better in every one."""
    if len(gains) < FEWEST_TO_TEST:
        return len(gains) > 0 and bool((gains > 0).all())
    interval = bootstrap_interval(gains, seed=seed, confidence=confidence)
    return interval is not None and interval[0] > 0


def _signed_rank(difference: Values) -> float | None:
    unequal = difference[difference != 0]
    if len(unequal) < FEWEST_TO_TEST:
        return None
    from scipy.stats import wilcoxon  # half a second, for which few cases need not wait

    return float(wilcoxon(unequal).pvalue)


def correct(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs with ``p_holm``, each p value corrected for the number of those that were tested."""
    corrected = iter(_holm([pair.p for pair in pairs if pair.p is not None]))
    return [pair if pair.p is None else replace(pair, p_holm=next(corrected)) for pair in pairs]


def _correct(rows: Sequence[Row]) -> list[Row]:
    pairs = iter(correct([pair for row in rows for pair in row.against.values()]))
    return [replace(row, against={name: next(pairs) for name in row.against}) for row in rows]
