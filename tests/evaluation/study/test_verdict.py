"""The sentence of an ablation: what it says of clear, opposite, doubtful and small studies."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.evaluation.study.test_paired import study
from voxlate.evaluation import summarise
from voxlate.evaluation.scores import Score
from voxlate.evaluation.study.paired import compare_variants
from voxlate.evaluation.study.runs import mean_over_seeds
from voxlate.evaluation.study.verdict import AblationVerdict, judge_ablation, words_of

Values = NDArray[np.float64]
TERM = {"loss.lesion_mask": 0}


def judged(ours: Values, theirs: Values, *, region: str = "lesion", **changes: object) -> AblationVerdict:
    runs = study(ours, theirs, region=region)
    comparisons = compare_variants(runs, "with", "without")
    return judge_ablation(comparisons, summarise(mean_over_seeds(runs)), changes=changes or TERM)


@pytest.fixture
def theirs() -> Values:
    rng = np.random.default_rng(0)
    return 0.07 + rng.normal(0, 0.01, (1, 6)) + rng.normal(0, 0.0005, (3, 6))


def test_anatomy_is_asked_about_only_where_the_mask_was_meant_to_help(theirs: Values) -> None:
    masked = judged(theirs - 0.01, theirs, region="labels")
    assert masked.region == "labels"
    assert "the MAE in the labelled structures is lower than without" in masked.sentence
    other = judged(theirs - 0.01, theirs, region="labels", **{"loss.l1": 0})
    assert other.region == "foreground"


def test_a_clear_gain_is_said_with_its_interval(theirs: Values) -> None:
    noise = np.random.default_rng(1).normal(0, 0.001, theirs.shape)
    verdict = judged(theirs - 0.01 + noise, theirs)
    assert verdict.answer == "lower"
    assert verdict.sentence.startswith("With loss.lesion_mask the MAE in the lesion is lower than without: 0.0")
    assert "95 % interval over seeds and cases \N{MINUS SIGN}0.0" in verdict.sentence
    assert "lower with 3 of 3 seeds and in 6 of 6 held-out cases" in verdict.sentence
    assert verdict.sentence.endswith("Both beat identity there.")


def test_a_loss_is_called_worse(theirs: Values) -> None:
    verdict = judged(theirs + 0.01, theirs)
    assert verdict.answer == "higher"
    assert "is higher, which is worse, than without" in verdict.sentence
    assert "lower with 0 of 3 seeds and in 0 of 6" in verdict.sentence


def test_a_difference_that_seeds_do_not_agree_on_is_none(theirs: Values) -> None:
    """Every case is better on the mean of the seeds, and an interval over the cases would call it proven."""
    verdict = judged(theirs - np.array([[0.03], [0.02], [-0.01]]), theirs)
    assert verdict.answer == "none"
    assert "no difference of the MAE in the lesion could be shown against without" in verdict.sentence
    assert "lower with 2 of 3 seeds and in 6 of 6" in verdict.sentence


def test_a_difference_whose_interval_holds_zero_is_none(theirs: Values) -> None:
    noise = np.random.default_rng(1).normal(0, 0.02, theirs.shape)
    assert judged(theirs - 0.002 + noise, theirs).answer == "none"
    assert judged(theirs, theirs).answer == "none"


def test_few_cases_must_all_agree_and_are_no_test(theirs: Values) -> None:
    few = theirs[:, :3]
    verdict = judged(few - 0.01, few)
    assert verdict.answer == "lower"
    assert "Fewer than 6 cases are too few for a test." in verdict.sentence
    mixed = few - np.array([[0.01, 0.01, -0.001]])
    assert judged(mixed, few).answer == "none"


def test_one_seed_says_so(theirs: Values) -> None:
    verdict = judged(theirs[:1] - 0.01, theirs[:1])
    assert verdict.answer == "lower"
    assert "interval over cases" in verdict.sentence
    assert "One seed does not tell the change from the luck of training." in verdict.sentence


def test_one_case_and_one_seed_have_no_interval(theirs: Values) -> None:
    sentence = judged(theirs[:1, :1] - 0.01, theirs[:1, :1]).sentence
    assert "interval" not in sentence
    assert "lower with 1 of 1 seed and in 1 of 1 held-out case)" in sentence


def test_without_lesions_the_question_is_the_foreground(theirs: Values) -> None:
    verdict = judged(theirs - 0.01, theirs, region="foreground")
    assert verdict.region == "foreground"
    assert "MAE in the foreground is lower" in verdict.sentence


def test_nothing_scored_is_said() -> None:
    nothing = np.full((2, 3), np.nan)
    assert judged(nothing, nothing).sentence.startswith("Nothing can be said")


def test_a_model_that_beats_no_baseline_is_not_reported_as_working(theirs: Values) -> None:
    assert judged(theirs, theirs).sentence.endswith("Both beat identity there.")
    assert (
        "Neither beats every baseline there (identity), so neither is reported as working"
        in judged(theirs + 1.0, theirs + 1.5).sentence
    )
    assert "Only the model with beats identity there." in judged(theirs, theirs + 1.5).sentence


def test_other_changes_are_named() -> None:
    ours = np.tile(np.linspace(0.05, 0.06, 6), (3, 1))
    sentence = judged(ours, ours + 0.02, **{"training.learning_rate": 1e-4}).sentence
    assert sentence.startswith(
        "With the recipe as it stands the MAE in the lesion is lower than with training.learning"
    )
    assert words_of({"loss.ssim": 0, "training.learning_rate": 1e-4}) == "loss.ssim=0, training.learning_rate=0.0001"


def test_what_the_truth_does_not_show_is_said(theirs: Values) -> None:
    runs = study(theirs - 0.01, theirs, region="lesion")
    hidden = Score("case0", "foreground", "truth", "not_shown", 30.0, "%")
    comparisons, shown = compare_variants(runs, "with", "without"), mean_over_seeds(runs)
    partial = judge_ablation(comparisons, summarise([*shown, hidden]), changes=TERM).sentence
    assert "30.0 % of the foreground (mean) is not shown by the true image" in partial
    assert "not shown" not in judge_ablation(comparisons, summarise(shown), changes=TERM).sentence
