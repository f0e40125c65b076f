from __future__ import annotations

import math

import pytest

from voxlate.evaluation.brief import judge_case, misuses, say_brief, spread
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import summarise

JUDGED = {"metric": "mae", "region": "foreground"}


def scores(model: float, *, cases: int = 6) -> list[Score]:
    values = (("identity", 60.0), ("lookup", 30.0), ("model", model))
    return [
        Score(f"case_{n}", "foreground", method, "mae", value + n, "HU")
        for n in range(cases)
        for method, value in values
    ]


def test_a_case_is_told_beside_the_baselines_and_among_the_others() -> None:
    assert judge_case("case_1", scores(20.0), **JUDGED) == (
        "MAE 21.0 HU in the foreground, against 61.0 HU of identity and 31.0 HU of intensity lookup: it beats identity "
        "and intensity lookup. Place 2 of 6, counted from the best case."
    )
    assert "it does not beat intensity lookup. Place 6 of 6" in judge_case("case_5", scores(40.0), **JUDGED)
    nothing = [Score("a", "foreground", "model", "mae", math.nan, "HU")]
    assert judge_case("a", nothing, **JUDGED) == "There is no MAE in the foreground of this case."


def test_the_answer_in_brief_says_whether_a_model_was_needed() -> None:
    good, bad = (summarise(scores(value)) for value in (20.0, 40.0))
    told = {"what": "synthetic T2", "cases": "held-out", **JUDGED}
    assert say_brief(good, **told) == (
        "On 6 held-out cases the synthetic T2 reaches MAE 22.5 HU (mean absolute error), better than the 32.5 HU of "
        "intensity lookup, which needs no model."
    )
    assert "does not beat the 32.5 HU of intensity lookup, which needs no model: do not rely on it." in say_brief(
        bad, **told
    )
    assert "could not be scored" in say_brief(summarise([]), **told)


@pytest.mark.parametrize(
    ("kind", "word"), [("ct", "Dose"), ("label", "missed and invented"), ("mr", "synthetic image")]
)
def test_what_it_must_not_be_used_for(kind: str, word: str) -> None:
    lines = misuses(summarise(scores(40.0, cases=3)), kind=kind, seen=2, **JUDGED)
    assert lines[0].startswith("Diagnosis")
    for part in (
        word,
        "the 3 cases scored here",
        "better than intensity lookup",
        "it has seen 2 of these",
        "cannot carry one",
    ):
        assert any(part in line for line in lines), part
    assert len(misuses(summarise(scores(20.0)), kind=kind, seen=0, **JUDGED)) == 3


def test_cases_are_spread_from_the_worst_to_the_best() -> None:
    cases = [str(n) for n in range(1000)]
    assert spread(cases[:24]) == cases[:24]
    assert len(set(spread(cases))) == 24
    assert (spread(cases)[0], spread(cases)[-1]) == ("0", "999")
