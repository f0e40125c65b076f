"""The answer in words for outcomes that are known, and the correction over the whole page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import wilcoxon

from voxlate.evaluation.scores import Score
from voxlate.evaluation.task.verdict import COMPARED, PAIRS, Subject, find_comparison, judge_task, summarise_task

LESION = Subject("FLAIR", "held-out", "lesion")
NOISE, OTHER = (np.random.default_rng(seed).uniform(-0.02, 0.02, 12) for seed in (1, 2))


def scores(arms: dict[str, Sequence[float]], *, region: str = "lesion", recall: float = 0.5) -> list[Score]:
    """Dice as given, and of the other metrics the same or its opposite."""
    found = []
    for arm, values in arms.items():
        for number, value in enumerate(values):
            head = (f"case-{number}", region, arm)
            found += [Score(*head, "dice", value, "1"), Score(*head, "hd95", 10 - value, "mm")]
            found += [Score(*head, "detection_f1", value, "1"), Score(*head, "volume_error", 1 - value, "1")]
            found += [Score(*head, "recall", recall, "1"), Score(*head, "volume", 10 * value, "ml")]
    return found


def answer(real: float, synthetic: Any, without: float | None, **options: Any) -> str:
    arms = {"real": real + NOISE, "synthetic": synthetic + OTHER}
    if without is not None:
        arms["without"] = without + NOISE * OTHER
    return judge_task(summarise_task(scores(arms, **options), region="lesion"), LESION)


@pytest.mark.parametrize(
    ("real", "synthetic", "without", "phrases"),
    [
        (0.81, 0.81, 0.55, ("as well as with the real one", "better than without FLAIR")),
        (0.81, 0.78, 0.55, ("nearly as well as", "mean Dice 0.78 against 0.81", "12 held-out cases")),
        (0.81, 0.60, 0.55, ("worse than with the real one", "better than without")),
        (0.81, 0.55, 0.55, ("worse than with", "not shown to work better", "adds nothing")),
        (0.81, 0.40, 0.55, ("worse than with", "worse than without FLAIR", "does harm")),
        (0.70, 0.80, 0.55, ("better than with the real one",)),
        (0.81, 0.81 + np.tile([-0.3, 0.3], 6), 0.55, ("cannot be told",)),
    ],
)
def test_outcomes_in_words(real: float, synthetic: Any, without: float, phrases: tuple[str, ...]) -> None:
    sentence = answer(real, synthetic, without)
    for phrase in phrases:
        assert phrase in sentence, sentence


def test_an_empty_image_is_not_called_without() -> None:
    arms = {"real": 0.8 + NOISE, "synthetic": 0.8 + NOISE, "without": 0 * NOISE}
    summary = summarise_task(scores(arms), region="lesion")
    assert "an empty image in place of FLAIR" in judge_task(
        summary, Subject("FLAIR", "held-out", "lesion", filled=True)
    )


def test_without_the_third_arm_nothing_is_said_of_it() -> None:
    assert "without" not in answer(0.8, 0.8, None)


def test_few_cases_are_described_and_not_tested() -> None:
    arms = {"real": [0.8, 0.7], "synthetic": [0.7, 0.7], "without": [0.7, 0.8]}
    summary = summarise_task(scores(arms), region="lesion")
    sentence = judge_task(summary, LESION)
    assert "Fewer than 6 cases are too few" in sentence
    assert "adds nothing" in sentence
    assert "interval" not in sentence
    assert all(row["p"] is None for row in summary["comparisons"])


def test_nothing_found_is_said_in_words() -> None:
    assert answer(0.0, 0.0, 0.0, recall=0.0).count("nothing labelled was found") == 3
    assert "nothing labelled was found" not in answer(0.8, 0.8, 0.5)


def test_no_dice_at_all_is_no_answer() -> None:
    arms = {arm: [math.nan] * 6 for arm in ("real", "synthetic", "without")}
    sentence = judge_task(summarise_task(scores(arms), region="lesion"), LESION)
    assert "cannot be told" in sentence


def test_p_values_are_corrected_over_the_whole_page() -> None:
    rng = np.random.default_rng(1)
    table = [
        *scores({arm: rng.random(12) for arm in ("real", "synthetic", "without")}),
        *scores({arm: rng.random(12) for arm in ("real", "synthetic", "without")}, region="core"),
    ]
    rows = summarise_task(table, region="lesion")["comparisons"]
    assert len(rows) == 2 * len(COMPARED) * len(PAIRS)
    plain = sorted(row["p"] for row in rows)
    running, expected = 0.0, {}
    for rank, p in enumerate(plain):
        running = max(running, min(1.0, (len(plain) - rank) * p))
        expected[p] = running
    for row in rows:
        assert row["p_holm"] == pytest.approx(expected[row["p"]])
    values = {(s.method, s.case): s.value for s in table if (s.region, s.metric) == ("core", "dice")}
    difference = [values["synthetic", f"case-{n}"] - values["without", f"case-{n}"] for n in range(12)]
    core = next(
        row
        for row in rows
        if (row["region"], row["metric"], row["method"], row["baseline"]) == ("core", "dice", "synthetic", "without")
    )
    assert core["p"] == pytest.approx(wilcoxon(difference).pvalue)
    assert core["difference"] == pytest.approx(np.mean(difference))


def test_volumes_have_means_and_intervals() -> None:
    summary = summarise_task(scores({"real": [0.8, 0.6], "synthetic": [0.7, 0.7]}), region="lesion")
    volumes = {row["method"]: row for row in summary["volumes"]}
    assert volumes["real"]["mean"] == pytest.approx(7.0)
    low, high = volumes["real"]["interval"]
    assert low <= 7.0 <= high
    assert find_comparison(summary, "without", "real", region="lesion") is None
