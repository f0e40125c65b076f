"""Terms: what the words of a page's tables mean; those of metrics come from their catalogue."""

from __future__ import annotations

from collections.abc import Iterable

from voxlate.evaluation.summary import Summary
from voxlate.evaluation.words import meaning, metric_title

_STATISTICS = {
    "95 %": "bootstrap interval of the mean over cases; it tells nothing about kinds of cases that are not here",
    "beaten": "better in the mean with an interval that excludes no gain; of fewer than six cases, in every one",
    "p": "Wilcoxon's signed-rank test, paired by case, corrected after Holm over the comparisons of a metric",
    "n/a": "not available: the region is empty in the case, or the metric is undefined; never averaged in",
}
"""Words of every table of scores."""


def metric_terms(metrics: Iterable[str]) -> dict[str, str]:
    """What metrics are, in words, each once; those without a meaning are left out."""
    return {metric_title(metric): meaning(metric) for metric in metrics if meaning(metric)}


def score_terms(summary: Summary) -> dict[str, str]:
    """The words of the tables of a summary; with one case there are neither intervals nor tests to explain."""
    words = _STATISTICS if summary.n_cases > 1 else {"n/a": _STATISTICS["n/a"]}
    return {**metric_terms(row.metric for row in summary.rows), **words}
