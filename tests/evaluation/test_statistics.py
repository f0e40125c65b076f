"""Statistics against SciPy, closed forms and constructed cases."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from voxlate.errors import UsageError
from voxlate.evaluation import RULE, Score, bootstrap_interval, extremes, summarise
from voxlate.evaluation.statistics import _holm
from voxlate.evaluation.summary import Row, Summary


def table(
    values: dict[str, list[float]], *, metric: str = "mae", region: str = "foreground", unit: str = "1"
) -> list[Score]:
    return [
        Score(f"case{index:02d}", region, method, metric, value, unit)
        for method, row in values.items()
        for index, value in enumerate(row)
    ]


def row_of(summary: Summary, method: str = "model") -> Row:
    return next(row for row in summary.rows if row.method == method)


@pytest.fixture
def twelve() -> dict[str, list[float]]:
    rng = np.random.default_rng(0)
    lookup = rng.normal(0.05, 0.008, 12)
    return {
        "model": list(0.7 * lookup + rng.normal(0, 0.002, 12)),
        "lookup": list(lookup),
        "identity": list(lookup + 0.02),
    }


def test_description_equals_scipy_and_numpy(twelve: dict[str, list[float]]) -> None:
    row = row_of(summarise(table(twelve)))
    values = np.array(twelve["model"])
    assert (row.n, row.n_not_available) == (12, 0)
    assert row.mean == pytest.approx(values.mean())
    assert row.sd == pytest.approx(stats.tstd(values))
    assert row.median == pytest.approx(np.median(values))
    peer = stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(5))
    width = peer.confidence_interval.high - peer.confidence_interval.low
    assert row.interval == pytest.approx(list(peer.confidence_interval), abs=0.05 * width)


def test_comparison_equals_scipy(twelve: dict[str, list[float]]) -> None:
    pair = row_of(summarise(table(twelve))).against["lookup"]
    ours, theirs = np.array(twelve["model"]), np.array(twelve["lookup"])
    assert pair.n == 12
    assert pair.difference == pytest.approx((ours - theirs).mean())
    assert pair.ratio == pytest.approx(ours.mean() / theirs.mean())
    assert pair.p == pytest.approx(stats.wilcoxon(ours, theirs).pvalue)
    assert pair.wins == (ours < theirs).sum()
    for key, statistic in (
        ("interval", lambda a, b, axis: (a - b).mean(axis)),
        ("ratio_interval", lambda a, b, axis: a.mean(axis) / b.mean(axis)),
    ):
        peer = stats.bootstrap(
            (ours, theirs), statistic, paired=True, method="percentile", rng=np.random.default_rng(5)
        ).confidence_interval
        assert getattr(pair, key) == pytest.approx(list(peer), abs=0.05 * (peer.high - peer.low))
    assert pair.beaten is True


def test_interval_of_many_normal_values_is_the_textbook_one() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = bootstrap_interval(values) or (math.nan, math.nan)
    half = 1.96 * values.std(ddof=1) / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)


def test_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(200):
        low, high = bootstrap_interval(rng.normal(0, 1, 40), seed=seed % 4) or (math.nan, math.nan)
        hits += low <= 0 <= high
    assert 0.88 <= hits / 200 <= 0.99


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_bounds(p_values: list[float]) -> None:
    corrected = _holm(p_values)
    bonferroni = [min(1, len(p_values) * p) for p in p_values]
    assert all(p <= c <= b + 1e-12 for p, c, b in zip(p_values, corrected, bonferroni, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()


def test_holm_by_hand() -> None:
    assert _holm([]) == []
    assert _holm([0.2]) == [0.2]
    assert _holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_is_over_the_comparisons_of_one_metric_in_one_region(twelve: dict[str, list[float]]) -> None:
    scores = table(twelve) + table(twelve, region="lesion") + table(twelve, metric="rmse")
    for row in summarise(scores).rows:
        pairs = list(row.against.values())
        assert [pair.p_holm for pair in pairs] == pytest.approx(_holm([pair.p for pair in pairs]))


def test_same_scores_and_seed_give_the_same_summary_in_any_order(twelve: dict[str, list[float]]) -> None:
    scores = table(twelve)
    shuffled = [scores[index] for index in np.random.default_rng(0).permutation(len(scores))]
    assert summarise(scores, seed=3) == summarise(shuffled, seed=3)
    assert summarise(scores, seed=3) != summarise(scores, seed=4)


def test_what_is_not_available_is_counted_and_never_averaged(twelve: dict[str, list[float]]) -> None:
    twelve["model"][0] = math.nan
    twelve["lookup"][1] = math.nan
    twelve["model"][2] = math.inf
    summary = summarise(table(twelve))
    row = row_of(summary)
    assert (row.n, row.n_not_available) == (10, 2)
    assert row.mean == pytest.approx(np.mean([twelve["model"][1], *twelve["model"][3:]]))
    assert row.against["lookup"].n == 9
    assert row.against["lookup"].mean == pytest.approx(np.mean(twelve["model"][3:]))
    assert row.against["lookup"].baseline_mean == pytest.approx(np.mean(twelve["lookup"][3:]))
    assert json.loads(json.dumps(summary.to_json(), allow_nan=False)) == summary.to_json()


def test_a_case_without_a_row_is_not_available() -> None:
    scores = [*table({"model": [1.0, 2.0, 3.0]}), Score("case00", "label 2", "model", "mae", 1.0, "1")]
    row = next(row for row in summarise(scores).rows if row.region == "label 2")
    assert (row.n, row.n_not_available, row.sd, row.interval) == (1, 2, None, None)


def test_nothing_available_is_null() -> None:
    summary = summarise(table({"model": [math.nan] * 3, "lookup": [1.0, 2.0, 3.0]}))
    row = row_of(summary)
    assert (row.n, row.interval) == (0, None)
    assert math.isnan(row.mean)
    assert math.isnan(row.median)
    pair = row.against["lookup"]
    assert (pair.n, pair.p, pair.beaten) == (0, None, False)
    assert math.isnan(pair.difference)
    told = json.loads(json.dumps(summary.to_json(), allow_nan=False))
    assert [told["rows"][1][name] for name in ("n", "mean", "median", "interval")] == [0, None, None, None]
    assert told["rows"][1]["against"]["lookup"]["difference"] is None
    assert summarise([]).rows == ()


@pytest.mark.parametrize(("n", "tested"), [(1, False), (2, False), (5, False), (6, True)])
def test_few_cases_are_not_tested(n: int, tested: bool) -> None:
    summary = summarise(table({"model": [0.1 + 0.01 * i for i in range(n)], "lookup": [0.2] * n}))
    pair = row_of(summary).against["lookup"]
    assert (pair.p is not None) == tested
    assert (pair.interval is None) == (n == 1)
    assert pair.beaten is True


def test_few_cases_must_all_be_better() -> None:
    summary = summarise(table({"model": [0.1, 0.1, 0.1, 0.21], "lookup": [0.2] * 4}))
    assert row_of(summary).against["lookup"].beaten is False


def test_equal_values_are_ties_and_no_win() -> None:
    pair = row_of(summarise(table({"model": [0.2] * 8, "identity": [0.2] * 8}))).against["identity"]
    assert (pair.wins, pair.ties, pair.p, pair.beaten) == (0, 8, None, False)
    assert pair.interval == (0, 0)


def test_direction_decides_who_wins() -> None:
    better, worse = [0.9 + 0.001 * i for i in range(8)], [0.8] * 8
    for metric, expected in (("ssim", True), ("mae", False)):
        pair = row_of(summarise(table({"model": better, "lookup": worse}, metric=metric))).against["lookup"]
        assert pair.beaten is expected
        assert pair.wins == (8 if expected else 0)


def test_ratio_only_where_it_means_something() -> None:
    for metric, values, known in (("psnr", 30.0, False), ("ncc", -0.5, False), ("mae", 0.5, True)):
        pair = row_of(summarise(table({"model": [values] * 3, "lookup": [abs(values)] * 3}, metric=metric)))
        assert (pair.against["lookup"].ratio is not None) == known


def test_a_difference_that_is_noise_does_not_beat() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.01, 20)
    pair = row_of(summarise(table({"model": list(0.2 + noise - noise.mean()), "lookup": [0.2] * 20})))
    assert pair.against["lookup"].beaten is False


def test_baselines_come_first_and_are_not_compared(twelve: dict[str, list[float]]) -> None:
    summary = summarise(table(twelve))
    assert [row.method for row in summary.rows] == ["identity", "lookup", "model"]
    assert [list(row.against) for row in summary.rows] == [[], [], ["identity", "lookup"]]
    assert summary.baselines == ("identity", "lookup")
    assert summary.rule == RULE
    assert summarise(table({"model": [1.0]})).baselines == ()


def test_scores_that_contradict_each_other_are_refused(twelve: dict[str, list[float]]) -> None:
    scores = table(twelve)
    with pytest.raises(UsageError, match=r"case00.*one score per case"):
        summarise([*scores, scores[0]])
    with pytest.raises(UsageError, match="HU"):
        summarise([*scores, Score("case99", "foreground", "model", "mae", 30.0, "HU")])
    with pytest.raises(UsageError, match="confidence"):
        summarise(scores, confidence=95)
    with pytest.raises(UsageError, match="metric"):
        summarise(table({"model": [1.0]}, metric="unheard"))


def test_extremes_follow_the_better_direction() -> None:
    values = {"model": [0.3, 0.1, math.nan, 0.5, 0.2]}
    found = extremes(table(values))
    assert (found.worst, found.median, found.best) == ("case03", "case00", "case01")
    found = extremes(table(values, metric="ssim"), metric="ssim")
    assert (found.worst, found.median, found.best) == ("case01", "case04", "case03")
    one = extremes(table({"model": [1.0]}))
    assert one.worst == one.median == one.best == "case00"
    assert (one.distinct, one.beside, one.middle) == ({"case": "case00"}, {}, "only case")
    two = extremes(table({"model": [1.0, 2.0]}))
    assert two.distinct == {"worst": "case01", "best": "case00"}
    assert (two.median, two.beside) == ("case01", {"better": "case00"}), "no case is drawn twice"
    assert (two.title, two.middle) == ("The better of the two cases", "worse of the two cases")
    assert (found.title, found.middle) == ("Worst, median and best case", "median case")
    with pytest.raises(UsageError, match="got none"):
        extremes(table({"model": [math.nan]}))
