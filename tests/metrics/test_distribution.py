"""Distances between sets against closed forms and other implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial import cKDTree

from voxlate.errors import UsageError
from voxlate.metrics import metrics_of
from voxlate.metrics.distribution import (
    _FEWEST,
    _SUBSETS,
    PLAIN_FROM,
    compare_sets,
    fid,
    frechet_distance,
    kid,
    mmd,
    precision_recall,
)

Pair = tuple[np.ndarray, np.ndarray]


def _pair(n: int = 60, c: int = 5, *, seed: int = 0, shift: float = 0.5, m: int | None = None) -> Pair:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(c, c))
    return rng.normal(size=(n, c)) @ mixing + shift, rng.normal(size=(m or n, c))


def test_the_frechet_distance_is_that_of_the_matrix_root() -> None:
    one, two = _pair()
    s, t = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    expected = np.sum((one.mean(0) - two.mean(0)) ** 2) + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert frechet_distance(one, two) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(two, one) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)


def test_covariances_without_full_rank_give_a_finite_distance() -> None:
    one, two = _pair(n=4, c=10)
    assert math.isfinite(frechet_distance(one, two))
    assert frechet_distance(np.ones((9, 3)), np.ones((9, 3)) + 2) == pytest.approx(12)


def test_fid_of_gaussians_is_the_closed_form_with_and_without_correction() -> None:
    c = 12
    truth = c * (0.5**2 + (1.5 - 1) ** 2)
    corrected, plain = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        one, two = rng.normal(size=(150, c)), 0.5 + 1.5 * rng.normal(size=(150, c))
        corrected.append(fid(two, one, seed=seed).value)
        plain.append(frechet_distance(two, one))
    assert abs(np.mean(corrected) - truth) < 0.4 * abs(np.mean(plain) - truth) + 0.15
    rng = np.random.default_rng(0)
    many = rng.normal(size=(20_000, c)), 0.5 + 1.5 * rng.normal(size=(20_000, c))
    found = fid(many[1], many[0])
    assert found.value == pytest.approx(truth, rel=0.03)
    assert found.value == frechet_distance(many[1], many[0])
    assert "not corrected" in found.note


def test_correction_takes_the_bias_away_where_sets_are_alike() -> None:
    pairs = [_alike(seed) for seed in range(12)]
    corrected, plain = [fid(*pair).value for pair in pairs], [frechet_distance(*pair) for pair in pairs]
    assert np.mean(plain) > 1
    assert abs(np.mean(corrected)) < 0.15 * np.mean(plain)


def _alike(seed: int) -> Pair:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(120, 16)), rng.normal(size=(120, 16))


@pytest.mark.parametrize(
    ("n", "c", "word"), [(49, 5, "not available"), (99, 50, "100 are needed"), (50, 5, "corrected")]
)
def test_fid_says_what_the_number_of_samples_allows(n: int, c: int, word: str) -> None:
    found = fid(*_pair(n, c, m=PLAIN_FROM))
    assert word in found.note
    assert math.isnan(found.value) == ("corrected for" not in found.note)
    assert _FEWEST == 50


def test_kid_is_the_mean_of_unbiased_estimates_with_the_cubic_kernel() -> None:
    one, two = _pair(40, 6, shift=0.2)

    def direct(a: np.ndarray, b: np.ndarray) -> float:
        n = len(a)
        k = lambda x, y: (x @ y / len(x) + 1) ** 3  # noqa: E731
        same = sum(k(x[i], x[j]) for x in (a, b) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
        return float(same - 2 * np.mean([k(x, y) for x in a for y in b]))

    rng = np.random.default_rng(3)
    parts = []
    for _ in range(_SUBSETS):
        taken = [rows[rng.choice(40, 20, replace=False)] for rows in (one, two)]
        parts.append(direct(taken[0], taken[1]))
    found = kid(one, two, seed=3)
    assert found.value == pytest.approx(np.mean(parts), rel=1e-9)
    assert found.sd == pytest.approx(np.std(parts, ddof=1), rel=1e-9)
    alike = [kid(*_alike(seed)).value for seed in range(20)]
    assert abs(np.mean(alike)) < 2 * np.std(alike) / math.sqrt(20), "no bias"


def test_mmd_is_the_double_sum_and_its_test_sees_a_shift() -> None:
    one, two = _pair(15, 3, m=11)
    rows = np.concatenate([one, two])
    width = np.median([np.linalg.norm(a - b) for i, a in enumerate(rows) for b in rows[:i]])

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.exp(-np.sum((a - b) ** 2) / (2 * width**2)))

    def within(x: np.ndarray) -> float:
        return sum(k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j) / (len(x) * (len(x) - 1))

    expected = within(one) + within(two) - 2 * np.mean([k(a, b) for a in one for b in two])
    # The median of squares and the square of the median differ where the count of pairs is even.
    assert mmd(one, two).value == pytest.approx(expected, rel=2e-3)
    shifted = _alike(1)
    assert (mmd(shifted[0] + 1, shifted[1]).p or 1) < 0.01
    assert (mmd(*shifted).p or 0) > 0.05


def test_slices_of_one_case_do_not_count_as_cases_of_their_own() -> None:
    """Sets of few cases that differ from one another look different by their slices alone."""
    rng = np.random.default_rng(0)
    sides = [np.repeat(rng.normal(size=(4, 5)), 20, axis=0) + 0.05 * rng.normal(size=(80, 5)) for _ in range(2)]
    cases = [str(k) for k in range(4) for _ in range(20)]
    assert (mmd(*sides).p or 1) < 0.01
    assert (mmd(*sides, cases=(cases, cases)).p or 0) > 0.05
    assert mmd(*sides, cases=(["a"] * 80, cases)).p is None


def test_precision_and_recall_are_those_of_a_search_tree() -> None:
    real, synthetic = _pair(80, 4, shift=0.3, m=50)
    found = precision_recall(synthetic, real)

    def covered(of: np.ndarray, by: np.ndarray) -> float:
        radii = cKDTree(by).query(by, 4)[0][:, 3]
        return float(np.mean([(np.linalg.norm(by - row, axis=1) <= radii).any() for row in of]))

    assert [one.value for one in found] == [covered(synthetic, real), covered(real, synthetic)]
    spread = np.random.default_rng(0).normal(size=(200, 4))
    narrow, wide = precision_recall(0.05 * spread[:100], spread[100:])
    assert narrow.value > 0.9
    assert wide.value < 0.3, "a set that shows one thing only has precision, no recall"


def test_all_of_them_are_given_with_one_seed_or_say_why_not() -> None:
    one, two = _alike(0)
    cases = [str(k // 10) for k in range(120)]
    found = [compare_sets(one, two, cases=(cases, cases), equal=100) for _ in range(2)]
    assert list(found[0]) == list(metrics_of("set"))
    assert found[0] == found[1]
    few = compare_sets(one[:4], two[:4], cases=(cases[:4], cases[:4]), equal=4)
    assert all(math.isnan(e.value) and "not available: 4 samples" in e.note for e in few.values())


def test_refusals() -> None:
    with pytest.raises(UsageError, match="one width"):
        fid(np.zeros((60, 3)), np.zeros((60, 4)))
    with pytest.raises(UsageError, match="finite"):
        kid(np.full((60, 3), np.nan), np.zeros((60, 3)))
