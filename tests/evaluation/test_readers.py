from __future__ import annotations

import random

import pytest
from scipy.stats import beta, binom

from voxlate.evaluation.readers import (
    REAL_OR_SYNTHETIC,
    PairReading,
    _chosen,
    _cohen_kappa,
    _fleiss_kappa,
    judge_readers,
    say_readers,
)


def _reader(name: str, *, bias: float, pairs: int, seed: int) -> list[PairReading]:
    chance = random.Random(seed)  # noqa: S311
    return [PairReading(name, str(pair), chance.random() < bias, (4, 3)) for pair in range(pairs)]


@pytest.mark.parametrize(("count", "of"), [(0, 10), (7, 10), (10, 10), (83, 120)])
def test_the_interval_and_the_test_are_exact(count: int, of: int) -> None:
    found = _chosen(count, of)
    low = 0.0 if count == 0 else beta.ppf(0.025, count, of - count + 1)
    high = 1.0 if count == of else beta.ppf(0.975, count + 1, of - count)
    assert found.interval == pytest.approx((low, high), abs=1e-9)
    as_far = [k for k in range(of + 1) if binom.pmf(k, of, 0.5) <= binom.pmf(count, of, 0.5) * (1 + 1e-9)]
    assert found.p == pytest.approx(sum(binom.pmf(k, of, 0.5) for k in as_far), rel=1e-9)


@pytest.mark.parametrize("bias", [0.5, 0.7, 0.95])
def test_a_reader_of_known_bias_is_recovered_within_the_interval(bias: float) -> None:
    inside = 0
    for seed in range(200):
        low, high = judge_readers(_reader("r", bias=bias, pairs=20, seed=seed)).pooled.interval
        inside += low <= bias <= high
    assert inside >= 186  # at least 95 % of 200 but for a chance of 1 in 20


def test_kappa_of_two_is_that_of_the_paper() -> None:
    one = [True] * 25 + [False] * 25
    other = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    assert _cohen_kappa(one, other) == pytest.approx(0.4)
    assert _cohen_kappa(one, one) == 1
    assert _cohen_kappa(one, [not said for said in one]) == pytest.approx(-1)
    assert _cohen_kappa([True] * 4, [True] * 4) is None


def test_kappa_of_several_is_worked_by_hand() -> None:
    # Three readers and four pairs: agreement 1, 1/3, 1/3, 1, of which chance explains (7/12)^2 + (5/12)^2.
    expected = (7 / 12) ** 2 + (5 / 12) ** 2
    assert _fleiss_kappa([3, 2, 1, 0], 3) == pytest.approx((2 / 3 - 0.5) / 0.5)
    assert _fleiss_kappa([3, 2, 2, 0], 3) == pytest.approx((2 / 3 - expected) / (1 - expected))
    assert _fleiss_kappa([3, 3], 3) is None


def test_the_verdict_says_who_agrees_and_how_both_were_rated() -> None:
    alone = judge_readers(_reader("a", bias=1, pairs=12, seed=1))
    assert (alone.kappa, alone.agreement, alone.shared) == (None, "", 12)
    two = judge_readers([*_reader("a", bias=0.6, pairs=12, seed=1), *_reader("b", bias=0.6, pairs=10, seed=2)])
    assert (two.agreement, two.shared) == ("Cohen", 10)
    assert two.readers["b"].of == 10
    assert two.pooled.of == 22
    three = judge_readers(
        [one for seed, name in enumerate("abc") for one in _reader(name, bias=0.5, pairs=9, seed=seed)]
    )
    assert three.agreement == "Fleiss"
    assert (three.ratings.first, three.ratings.second, three.ratings.difference) == (4, 3, 1)
    assert three.ratings.interval == (1, 1)


@pytest.mark.parametrize(
    ("bias", "kinds", "words"),
    [
        (
            1.0,
            REAL_OR_SYNTHETIC,
            "They can be told apart: of 20 readings 20 chose real, 100 % (95 % interval 83 to 100 %",
        ),
        (0.0, REAL_OR_SYNTHETIC, "Synthetic images are taken for real ones"),
        (0.5, REAL_OR_SYNTHETIC, "No more than chance explains it"),
        (0.0, ("fcn", "unet"), "unet is preferred: of 20 readings 0 chose fcn"),
    ],
)
def test_the_answer_in_words(bias: float, kinds: tuple[str, str], words: str) -> None:
    assert say_readers(judge_readers(_reader("r", bias=bias, pairs=20, seed=3)), kinds=kinds).startswith(words)
