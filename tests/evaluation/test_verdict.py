"""The sentence says what the numbers say, and no more."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.test_statistics import table
from voxlate.evaluation import RULE, judge, summarise
from voxlate.evaluation.brief import say_brief


def _values(n: int, *, ratio: float) -> dict[str, list[float]]:
    rng = np.random.default_rng(0)
    lookup = rng.normal(0.05, 0.004, n)
    return {
        "identity": list(lookup + 0.05),
        "lookup": list(lookup),
        "model": list(ratio * lookup + rng.normal(0, 0.001, n)),
    }


def test_a_clear_win_names_the_margin_the_interval_and_the_number_of_cases() -> None:
    values = _values(12, ratio=0.6)
    result = judge(summarise(table(values)))
    assert result.beats
    percent = 100 * (1 - np.mean(values["model"]) / np.mean(values["lookup"]))
    assert f"{percent:.1f} % lower than lookup's, the better of them" in result.sentence
    for part in (
        "The model beats identity and lookup in MAE on",
        "12 held-out cases",
        "95 % interval",
        "12 of 12",
        "p = 0.00098",
    ):
        assert part in result.sentence
    assert RULE not in result.sentence


@pytest.mark.parametrize("ratio", [1.0, 1.3])
def test_no_win_is_said_and_the_rule_with_it(ratio: float) -> None:
    result = judge(summarise(table(_values(12, ratio=ratio))))
    assert not result.beats
    assert result.sentence.startswith("The model does not beat lookup in MAE on 12")
    assert result.sentence.endswith(RULE)


def test_a_draw_gives_an_interval_on_both_sides() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.01, 12)
    values = {"lookup": [0.05] * 12, "model": list(0.05 + noise - noise.mean() * 0.9)}
    sentence = judge(summarise(table(values))).sentence
    assert " % lower to " in sentence
    assert " % higher;" in sentence


@pytest.mark.parametrize(("n", "count"), [(1, "one held-out case:"), (4, "4 held-out cases:")])
def test_few_cases_are_no_test(n: int, count: str) -> None:
    result = judge(summarise(table(_values(n, ratio=0.6))))
    assert result.beats
    assert count in result.sentence
    assert f"better in {n} of {n}" in result.sentence
    assert "too few for a test" in result.sentence
    assert "interval" not in result.sentence
    assert "p =" not in result.sentence


def test_the_baseline_that_is_not_beaten_is_named() -> None:
    values = _values(8, ratio=0.8)
    values["identity"] = [0.7 * value for value in values["lookup"]]
    result = judge(summarise(table(values)))
    assert not result.beats
    assert "does not beat identity in MAE on" in result.sentence
    assert "identity's" in result.sentence


def test_a_baseline_that_is_beaten_by_little_does_not_hide_one_that_is_not_beaten() -> None:
    model = [0.10, 0.11, 0.10, 0.12, 0.11, 0.10, 0.12, 0.11]
    identity = [value + (0.5 if index == 3 else -0.01) for index, value in enumerate(model)]
    values = {"identity": identity, "lookup": [value + 0.001 for value in model], "model": model}
    sentence = judge(summarise(table(values))).sentence
    assert "does not beat identity in MAE on" in sentence
    assert "than identity's" in sentence


def test_an_interval_on_one_side_is_written_from_small_to_large() -> None:
    sentence = judge(summarise(table(_values(12, ratio=0.6)))).sentence
    found = re.search(r"interval ([\d.]+) to ([\d.]+) % lower", sentence)
    assert found is not None
    assert float(found[1]) < float(found[2])


def test_similarity_and_decibel_are_said_as_differences() -> None:
    high = {"lookup": [0.80 + 0.001 * i for i in range(8)], "model": [0.90 + 0.001 * i for i in range(8)]}
    sentence = judge(summarise(table(high, metric="ssim")), metric="ssim").sentence
    assert "SSIM in the foreground is 0.1 higher than lookup's" in sentence
    decibel = {name: [40 * value for value in values] for name, values in high.items()}
    sentence = judge(summarise(table(decibel, metric="psnr", unit="dB")), metric="psnr").sentence
    assert "PSNR in the foreground is 4 dB higher than lookup's" in sentence


def test_unit_of_ct_is_said() -> None:
    values = {name: [1000 * value for value in row] for name, row in _values(8, ratio=0.6).items()}
    assert " HU;" in judge(summarise(table(values, unit="HU"))).sentence


def test_equal_is_said_as_equal() -> None:
    result = judge(summarise(table({"identity": [0.2] * 3, "model": [0.2] * 3})))
    assert not result.beats
    assert "is equal to identity's" in result.sentence


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"model": [0.1, 0.2]}, "no baseline"),
        ({"lookup": [0.1, 0.2]}, "no score"),
        ({"model": [math.nan], "lookup": [0.1]}, "no score"),
        ({"model": [0.1], "lookup": [math.nan]}, "no baseline"),
    ],
)
def test_nothing_to_say_is_said(values: dict[str, list[float]], reason: str) -> None:
    result = judge(summarise(table(values)))
    assert not result.beats
    assert result.sentence.startswith("Nothing can be said")
    assert reason in result.sentence


def test_a_baseline_that_is_not_available_is_no_victim() -> None:
    values = {"identity": [0.3] * 3, "lookup": [math.nan] * 3, "model": [0.1] * 3}
    result = judge(summarise(table(values)), cases="training and held-out")
    assert not result.beats
    assert "could not be compared with lookup" in result.sentence
    assert "3 training and held-out cases" in result.sentence


def _of_regions(**ratios: float) -> str:
    scores = []
    for region, ratio in ratios.items():
        scores += [replace(score, region=region) for score in table(_values(12, ratio=ratio))]
    return judge(summarise(scores)).sentence


def test_a_victory_names_the_regions_that_lose() -> None:
    sentence = _of_regions(foreground=0.6, lesion=1.3, bone=1.1, brain=0.7)
    assert "beats identity and lookup" in sentence
    assert re.search(r"But it loses elsewhere: in lesion its MAE is \d\d\.\d % higher than lookup's", sentence)
    assert "; in bone its MAE" in sentence
    assert "brain" not in sentence


@pytest.mark.parametrize("ratio", [0.6, 1.2])
def test_what_holds_inside_the_structures_comes_second(ratio: float) -> None:
    scores = [
        replace(score, region=region)
        for region, of in (("foreground", ratio), ("labels", 1.3), ("aorta", 1.4))
        for score in table(_values(12, ratio=of))
    ]
    summary = summarise(scores)
    result = judge(summary)
    second = re.search(
        r"\. Inside the labelled structures lookup is better: MAE (\S+) against (\S+)\.", result.sentence
    )
    assert second is not None
    assert float(second[1]) < float(second[2])
    assert second[0][2:] in result.brief
    assert "in labelled structures its MAE" not in result.sentence, "once is enough"
    assert ("in aorta its MAE" in result.sentence) == (ratio < 1)
    brief = say_brief(summary, what="synthetic CT", cases="held-out", metric="mae", region="foreground")
    assert ("Inside the labelled structures lookup is better" in brief) == (ratio < 1)
    assert "Inside" not in _of_regions(foreground=ratio, labels=0.9)


@pytest.mark.parametrize(("similarity", "error"), [(0.5, 0.6), (0.5, 1.3), (0.9, 0.6)])
def test_a_victory_names_the_metrics_in_which_a_baseline_is_better(similarity: float, error: float) -> None:
    found = {"identity": [0.2] * 12, "lookup": [0.6] * 12, "model": [similarity] * 12}
    summary = summarise([*table(_values(12, ratio=error)), *table(found, metric="ssim")])
    result, brief = judge(summary), say_brief(summary, what="T2", cases="held-out", metric="mae", region="foreground")
    told = ", but it loses in SSIM (0.500 against 0.600 of lookup)."
    assert [told in text for text in (result.sentence, result.brief, brief)] == [similarity < 0.6 and error < 1] * 3


def test_no_more_than_three_are_named() -> None:
    lost = {f"label {number}": 1.1 + number / 10 for number in range(5)}
    sentence = _of_regions(foreground=0.6, **lost)
    assert sentence.endswith("2 more regions are lost too.")
    assert sentence.index("label 4") < sentence.index("label 3") < sentence.index("label 2")


def test_a_defeat_and_a_victory_everywhere_need_no_more_words() -> None:
    assert "loses" not in _of_regions(foreground=1.3, lesion=1.3)
    assert "loses" not in _of_regions(foreground=0.6, lesion=0.6)
