"""Which questions samples ask: of every size alike, and of what few cases have as often as of the rest."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from voxlate.training.loop.asking import asking

FOUR = ("t1", "t1c", "t2", "flair")


def test_target_is_no_source_and_everything_is_there() -> None:
    rng = np.random.default_rng(0)
    drawn = asking(FOUR, FOUR, [FOUR])
    for _ in range(200):
        question = drawn.draw(("t1", "t2", "flair", "labels"), rng)
        assert question.target not in question.sources
        assert {*question.sources, question.target} <= {"t1", "t2", "flair"}
        assert list(question.sources) == [name for name in FOUR if name in question.sources]


def test_single_sources_are_as_frequent_as_all_together() -> None:
    rng = np.random.default_rng(0)
    drawn = asking(FOUR, FOUR, [FOUR])
    sizes = Counter(len(drawn.draw(FOUR, rng).sources) for _ in range(3000))
    assert set(sizes) == {1, 2, 3}
    assert all(count == pytest.approx(1000, abs=120) for count in sizes.values())


def test_what_few_cases_have_is_asked_for_the_more_often() -> None:
    rng = np.random.default_rng(0)
    drawn = asking(FOUR, FOUR, [FOUR] + 9 * [("t1", "t2", "flair")])
    targets = Counter(drawn.draw(FOUR, rng).target for _ in range(1000))
    assert targets["t1c"] > 700, "the one case with it"


def test_contrast_that_is_only_a_target_never_goes_in() -> None:
    rng = np.random.default_rng(0)
    drawn = asking(("t1", "t2"), ("t2", "ct"), [("t1", "t2", "ct")])
    asked = {drawn.draw(("t1", "t2", "ct"), rng) for _ in range(200)}
    assert {question.key for question in asked} == {"t1>t2", "t1>ct", "t2>ct", "t1+t2>ct"}
