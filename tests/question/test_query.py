"""Questions: which there are, how they are known, and the numbers that a network is told."""

from __future__ import annotations

import numpy as np

from voxlate.question import Query, answer_with, arrays_for, main_questions, numbers_of, questions

FOUR = ("t1", "t1c", "t2", "flair")


def test_every_question_once_and_none_asks_for_a_source() -> None:
    found = questions(FOUR, FOUR)
    assert len(found) == len(set(found)) == 4 * (2**3 - 1)
    assert all(question.target not in question.sources for question in found)


def test_main_questions_are_the_pairs_and_all_others_together() -> None:
    found = main_questions(FOUR, FOUR)
    assert sum(len(question.sources) == 1 for question in found) == 12
    assert [question.key for question in found if len(question.sources) == 3][-1] == "t1+t1c+t2>flair"
    assert len(found) == 16
    assert [one.key for one in main_questions(["t1", "t2"], ["t2", "ct"])] == ["t1>t2", "t1>ct", "t2>ct", "t1+t2>ct"]


def test_key_and_words_say_what_is_asked() -> None:
    question = Query(("t1", "t2"), "flair")
    assert Query.of_key(question.key) == question
    assert question.words == "T1 + T2 to FLAIR"
    assert question.pair == Query(("t1",), "flair")


def test_question_is_of_all_that_a_case_has_besides_the_target() -> None:
    assert answer_with({"t2", "t1", "flair", "labels"}, FOUR, "flair") == Query(("t1", "t2"), "flair")
    assert answer_with({"flair"}, FOUR, "flair") is None


def test_numbers_say_what_is_there_channel_by_channel_and_what_is_wanted() -> None:
    found = numbers_of(Query(("t2",), "ct"), ["t1", "t2"], ["t1", "ct"], each=3)
    assert found.tolist() == [0, 0, 0, 1, 1, 1, 0, 1]
    assert found.dtype == np.float32


def test_arrays_are_kept_by_question() -> None:
    kept = {"t1>t2/a": np.ones(1), "t1>t2c/a": np.zeros(1), "t2>t1/a": np.zeros(1)}
    assert arrays_for(Query(("t1",), "t2"), kept) == {"a": np.ones(1)}
