"""Membership inference against counted pairs and scipy's rank test."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from voxlate.evaluation.privacy.attack import FEWEST, _roc_auc, infer_membership, roc_curve


def test_auc_is_the_share_of_pairs_and_the_rank_statistic() -> None:
    generator = np.random.default_rng(0)
    members, others = generator.integers(0, 9, 40).astype(float), generator.integers(0, 7, 30).astype(float)
    pairs = np.mean([(one > other) + 0.5 * (one == other) for one in members for other in others])
    assert _roc_auc(members, others) == pytest.approx(pairs)
    assert _roc_auc(members, others) == pytest.approx(mannwhitneyu(members, others).statistic / (40 * 30))


def test_the_area_under_the_curve_is_the_auc() -> None:
    generator = np.random.default_rng(1)
    members, others = generator.integers(2, 9, 40).astype(float), generator.integers(0, 7, 30).astype(float)
    false, true = roc_curve(members, others)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(_roc_auc(members, others))


def test_members_that_lie_nearer_are_told_and_chance_is_not() -> None:
    generator = np.random.default_rng(2)
    is_member = np.arange(80) < 40
    subjects = [f"s{number}" for number in range(80)]
    chance = infer_membership(generator.standard_normal(80), is_member, subjects)
    told = infer_membership(generator.standard_normal(80) + 2 * is_member, is_member, subjects)
    assert chance is not None
    assert chance.interval[0] < 0.5 < chance.interval[1]
    assert "cannot" in chance.in_words
    assert told is not None
    assert told.interval[0] > 0.5
    assert told.interval[0] < told.auc < told.interval[1]
    assert "can be told" in told.in_words


def test_the_same_seed_gives_the_same_interval() -> None:
    scores, is_member = np.random.default_rng(3).standard_normal(40), np.arange(40) % 2 == 0
    subjects = [str(number) for number in range(40)]
    assert infer_membership(scores, is_member, subjects, seed=4) == infer_membership(
        scores, is_member, subjects, seed=4
    )


def test_sessions_of_a_subject_are_drawn_together() -> None:
    scores = np.repeat(np.random.default_rng(5).standard_normal(24), 4)
    is_member = np.repeat(np.arange(24) < 12, 4)
    together = infer_membership(scores, is_member, [str(row // 4) for row in range(96)])
    apart = infer_membership(scores, is_member, [str(row) for row in range(96)])
    assert together is not None
    assert apart is not None
    assert np.ptp(together.interval) > 1.4 * np.ptp(apart.interval)


def test_few_subjects_are_not_tested() -> None:
    is_member = np.arange(30) < FEWEST - 1
    assert infer_membership(np.zeros(30), is_member, [str(row) for row in range(30)]) is None
