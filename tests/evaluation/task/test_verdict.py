"""The answer in words for outcomes that are known, and the correction over the whole page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import wilcoxon

from tests.evaluation.task.samples import subject
from voxlate.evaluation.scores import Score
from voxlate.evaluation.task.result import PAIRS, summarise_task
from voxlate.evaluation.task.verdict import conclude_task, task_caveats

LESION = subject(other="another judge")
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
    return conclude_task(scores(arms, **options), LESION).answer


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
    assert "an empty image in place of FLAIR" in conclude_task(scores(arms), subject(other=None)).answer


def test_without_the_third_arm_nothing_is_said_of_it() -> None:
    assert "without" not in answer(0.8, 0.8, None)


def test_few_cases_are_described_and_not_tested() -> None:
    arms = {"real": [0.8, 0.7], "synthetic": [0.7, 0.7], "without": [0.7, 0.8]}
    summary = conclude_task(scores(arms), LESION)
    sentence = summary.answer
    assert "Fewer than 6 cases are too few" in sentence
    assert "adds nothing" in sentence
    assert "interval" not in sentence
    assert all(row.pair.p is None for row in summary.comparisons)


def test_nothing_found_is_said_in_words() -> None:
    assert answer(0.0, 0.0, 0.0, recall=0.0).count("nothing labelled was found") == 3
    assert "nothing labelled was found" not in answer(0.8, 0.8, 0.5)


def test_no_dice_at_all_is_no_answer() -> None:
    arms = {arm: [math.nan] * 6 for arm in ("real", "synthetic", "without")}
    sentence = conclude_task(scores(arms), LESION).answer
    assert "cannot be told" in sentence


def test_p_values_are_corrected_over_the_whole_page() -> None:
    rng = np.random.default_rng(1)
    table = [
        *scores({arm: rng.random(12) for arm in ("real", "synthetic", "without")}),
        *scores({arm: rng.random(12) for arm in ("real", "synthetic", "without")}, region="core"),
    ]
    summary = summarise_task(table, region="lesion")
    pairs = [row.pair for row in summary.comparisons]
    assert len(pairs) == 2 * 4 * sum("lookup" not in pair for pair in PAIRS)
    plain = sorted(pair.p for pair in pairs if pair.p is not None)
    assert len(plain) == len(pairs)
    running, expected = 0.0, {}
    for rank, p in enumerate(plain):
        running = max(running, min(1.0, (len(plain) - rank) * p))
        expected[p] = running
    for pair in pairs:
        assert pair.p is not None
        assert pair.p_holm == pytest.approx(expected[pair.p])
    values = {(s.method, s.case): s.value for s in table if (s.region, s.metric) == ("core", "dice")}
    difference = [values["synthetic", f"case-{n}"] - values["without", f"case-{n}"] for n in range(12)]
    core = summary.find("synthetic", "without", region="core")
    assert core is not None
    assert core.p == pytest.approx(wilcoxon(difference).pvalue)
    assert core.difference == pytest.approx(np.mean(difference))


def test_volumes_have_means_and_intervals() -> None:
    summary = summarise_task(scores({"real": [0.8, 0.6], "synthetic": [0.7, 0.7]}), region="lesion")
    volumes = {row.method: row for row in summary.volumes}
    assert volumes["real"].mean == pytest.approx(7.0)
    low, high = volumes["real"].interval or (math.nan, math.nan)
    assert low <= 7.0 <= high
    assert summary.find("without", "real", region="lesion") is None


def test_every_arm_is_told_in_words() -> None:
    some = scores({"real": [0.5], "synthetic": [0.5], "without": [0.5]})
    filled, trained = (conclude_task(some, about).arms for about in (subject(), LESION))
    assert filled["real"] == "judge on the real FLAIR beside the real T1"
    assert filled["without"].startswith("judge without FLAIR: the missing contrast is filled")
    assert trained["without"] == "another judge, which was trained without FLAIR"


def test_what_must_be_read_first_is_said() -> None:
    weak = summarise_task(scores({"real": [0.3] * 6, "synthetic": [0.2] * 6}), region="lesion")
    many = [f"case-{number}" for number in range(9)]
    about = subject(arms=("real", "synthetic"), seen={"model": many, "segmenter": many}, moved=["case-1"], known=False)
    seen, moved, program, alone, poor = task_caveats(weak, about)
    assert seen.startswith("The model and the segmenter were trained or chosen on case-0, case-1, ")
    assert "case-7 and 1 more (see summary.json)" in seen
    assert moved.startswith("In 1 of 7 cases the segmenter takes another part of the image for foreground")
    assert program.startswith("A program does not tell which cases it was trained on")
    assert alone.startswith("There is no arm without FLAIR")
    assert poor == "The segmenter is a poor judge: even with the real images its mean Dice is 0.300."
    [fair] = task_caveats(summarise_task(scores({"real": [0.8] * 6}), region="lesion"), subject(seen={}, moved=[]))
    assert fair.startswith("Without FLAIR the segmenter sees an empty image in its place")
    good = summarise_task(scores({"real": [0.8] * 6}), region="lesion")
    assert not task_caveats(good, subject(seen={}, moved=[], other="another judge"))
