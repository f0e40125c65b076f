"""Paired statistics of a study against SciPy, closed forms and simulated studies with a known truth."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from voxlate.evaluation import Score, bootstrap_interval
from voxlate.evaluation.statistics import _holm
from voxlate.evaluation.study.paired import _crossed_interval, compare_variants, differences
from voxlate.evaluation.study.runs import ScoredRun, by_seed, mean_over_seeds

Values = NDArray[np.float64]


def study(
    ours: Values, theirs: Values, *, metric: str = "mae", region: str = "lesion", seeds: tuple[int, ...] = ()
) -> list[ScoredRun]:
    """Runs of ``with`` and ``without`` from two arrays ``(seeds, cases)``; identity is 1 everywhere."""
    runs = []
    for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        for variant, row in (("with", one), ("without", other)):
            scores = []
            for case, value in enumerate(row):
                scores.append(Score(f"case{case:02d}", region, "identity", metric, 1.0, "1"))
                scores.append(Score(f"case{case:02d}", region, "model", metric, float(value), "1"))
            runs.append(ScoredRun(variant, seeds[place] if seeds else place, tuple(scores)))
    return runs


@pytest.fixture
def values() -> tuple[Values, Values]:
    rng = np.random.default_rng(3)
    theirs = rng.normal(0.07, 0.01, (3, 8))
    return theirs - 0.01 + rng.normal(0, 0.003, (3, 8)), theirs


def test_the_comparison_is_of_the_means_over_the_seeds(values: tuple[Values, Values]) -> None:
    ours, theirs = values
    [row] = compare_variants(study(ours, theirs), "with", "without")
    difference = (ours - theirs).mean(axis=0)
    assert (row.region, row.metric, row.pair.n) == ("lesion", "mae", 8)
    assert row.pair.mean == pytest.approx(ours.mean())
    assert row.pair.baseline_mean == pytest.approx(theirs.mean())
    assert row.pair.difference == pytest.approx(difference.mean())
    assert row.pair.interval == pytest.approx(bootstrap_interval(difference))
    assert row.pair.p == pytest.approx(stats.wilcoxon(ours.mean(axis=0), theirs.mean(axis=0)).pvalue)
    assert row.pair.wins == (difference < 0).sum()
    for place, one in enumerate(row.seeds):
        assert one.seed == place
        assert one.difference == pytest.approx((ours - theirs)[place].mean())
        assert one.interval == pytest.approx(bootstrap_interval((ours - theirs)[place]))
        assert one.wins == ((ours - theirs)[place] < 0).sum()
    json.dumps(row.to_json(), allow_nan=False)


def test_holm_is_over_every_question(values: tuple[Values, Values]) -> None:
    ours, theirs = values
    runs = []
    for region in ("label 2", "lesion", "foreground"):
        for metric in ("psnr", "mae"):
            for place, run in enumerate(study(ours, theirs, metric=metric, region=region)):
                if len(runs) <= place:
                    runs.append(run)
                else:
                    runs[place] = ScoredRun(run.variant, run.seed, (*runs[place].scores, *run.scores))
    rows = compare_variants(runs, "with", "without")
    assert [(row.region, row.metric) for row in rows[:4]] == [
        ("foreground", "mae"), ("foreground", "psnr"), ("lesion", "mae"), ("lesion", "psnr")
    ]  # fmt: skip
    assert [row.pair.p_holm for row in rows] == pytest.approx(_holm([row.pair.p for row in rows]))
    assert rows[0].pair.p_holm > rows[0].pair.p
    assert rows[0].pair.wins == 8 - rows[1].pair.wins, "higher is better for PSNR"


def test_a_case_that_one_seed_lacks_is_in_no_mean(values: tuple[Values, Values]) -> None:
    ours, theirs = values
    ours[1, 2] = math.nan
    [row] = compare_variants(study(ours, theirs), "with", "without")
    kept = np.delete(ours - theirs, 2, axis=1)
    assert row.pair.n == 7
    assert row.pair.difference == pytest.approx(kept.mean())
    assert row.crossed_interval == pytest.approx(_crossed_interval(kept))
    assert [one.n for one in row.seeds] == [8, 7, 8]
    means = [s for s in mean_over_seeds(study(ours, theirs)) if s.method == "with"]
    assert [math.isnan(score.value) for score in means] == [case == 2 for case in range(8)]


def test_seeds_of_one_variant_alone_do_not_count(values: tuple[Values, Values]) -> None:
    runs = [run for run in study(*values, seeds=(7, 8, 9)) if (run.variant, run.seed) != ("without", 9)]
    [row] = compare_variants(runs, "with", "without")
    assert [one.seed for one in row.seeds] == [7, 8]
    assert row.pair.difference == pytest.approx((values[0] - values[1])[:2].mean())


def test_means_over_seeds_come_after_the_baselines(values: tuple[Values, Values]) -> None:
    ours, theirs = values
    scores = mean_over_seeds(study(ours, theirs))
    assert list(dict.fromkeys(score.method for score in scores)) == ["identity", "with", "without"]
    found = [score.value for score in scores if score.method == "with"]
    assert found == pytest.approx(ours.mean(axis=0))
    assert len(scores) == 3 * 8


def test_runs_by_seed_name_the_variant_and_hold_baselines_once(values: tuple[Values, Values]) -> None:
    table = by_seed(study(*values, seeds=(5, 6, 7)))
    assert list(table) == [5, 6, 7]
    for scores in table.values():
        assert sorted(score.method for score in scores) == ["identity"] * 8 + ["with"] * 8 + ["without"] * 8


def test_differences_are_by_seed_and_case(values: tuple[Values, Values]) -> None:
    ours, theirs = values
    theirs[0, 0] = math.nan
    found = differences(study(ours, theirs), "with", "without", region="lesion", metric="mae")
    assert "case00" not in found[0]
    assert found[2]["case05"] == pytest.approx((ours - theirs)[2, 5])


def test_seeds_that_change_nothing_leave_the_textbook_interval_of_the_cases() -> None:
    cases = np.random.default_rng(0).normal(3, 2, 9)
    expected = stats.t.interval(0.95, 8, cases.mean(), stats.sem(cases))
    assert _crossed_interval(np.tile(cases, (4, 1))) == pytest.approx(expected)
    assert _crossed_interval(np.tile(cases, (4, 1)).T) == pytest.approx(expected)


def test_one_seed_or_one_case_has_no_spread() -> None:
    assert _crossed_interval(np.ones((1, 5))) is None
    assert _crossed_interval(np.ones((5, 1))) is None
    assert _crossed_interval(np.ones((3, 3))) == (1.0, 1.0)


def _coverage(interval: Callable[[Values], tuple[float, float] | None], sds: tuple[float, float, float]) -> float:
    """How often the interval of 3 seeds and 12 cases holds the truth; ``sds`` of seeds, cases and the rest."""
    rng = np.random.default_rng(8)
    hits, studies = 0, 400
    for _ in range(studies):
        seed, case, rest = (rng.normal(0, sd, size) for sd, size in zip(sds, ((3, 1), (1, 12), (3, 12)), strict=True))
        low, high = interval(seed + case + rest) or (math.nan, math.nan)
        hits += low <= 0 <= high
    return hits / studies


@pytest.mark.parametrize("sds", [(0, 1, 1), (0, 0.3, 1), (0.3, 1, 0.5), (1, 1, 1), (1, 0.3, 0.3)])
def test_the_interval_over_seeds_and_cases_holds_the_truth_as_often_as_it_says(sds: tuple[float, float, float]) -> None:
    assert 0.91 <= _coverage(_crossed_interval, sds) <= 0.995


def test_an_interval_over_cases_alone_is_blind_to_seeds() -> None:
    assert _coverage(lambda table: bootstrap_interval(table.mean(axis=0)), (1, 0.3, 0.3)) < 0.5
