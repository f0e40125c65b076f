"""Recipes side by side in words, and what a study writes: byte for byte as it always was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from voxlate.evaluation.files import write_summary
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.contest import summarise_segmentations
from voxlate.evaluation.study.ablation import case_of, mean_scores, summarise_ablation
from voxlate.evaluation.study.contest import ContestSummary, summarise_contest
from voxlate.evaluation.study.runs import ScoredRun, ScoredStudy, mean_over_seeds, median_case
from voxlate.training.studies.variants import VariantRun
from voxlate.verbs import resolve_recipe

GOLDEN = Path(__file__).parent / "golden"
KINDS = ("real", "synthetic", "both")


def scored(variants: Sequence[str], *, metric: str, unit: str, regions: Sequence[str]) -> list[ScoredRun]:
    """Two seeds and three cases, each variant a little higher than the one before; the last region lacks a case."""
    runs = []
    for seed in (0, 1):
        for place, variant in enumerate(variants):
            scores = []
            for region in regions:
                for case in range(3):
                    base = 0.5 if metric == "dice" else 40.0
                    step = base * (0.1 * place + 0.01 * seed + 0.03 * case)
                    for method, value in (("lookup", base * 0.9), ("model", base + step)):
                        last = math.nan if (region, case) == (regions[-1], 2) else value
                        scores.append(Score(f"case{case}", region, method, metric, last, unit))
            runs.append(ScoredRun(variant, seed, tuple(scores)))
    return runs


def study(variants: Sequence[str], *, metric: str = "mae") -> ScoredStudy:
    recipe = resolve_recipe("avula2020-t1-to-t2")
    found = scored(variants, metric=metric, unit="HU", regions=("foreground", "lesion"))
    return ScoredStudy([VariantRun(run.variant, run.seed, Path(), recipe) for run in found], found, [])


def assert_golden(summary: ContestSummary, name: str, folder: Path) -> None:
    write_summary(summary.to_json(), folder / "summary.json")
    assert (folder / "summary.json").read_bytes() == (GOLDEN / name).read_bytes()


def test_the_summary_of_an_ablation_is_what_it_always_was(tmp_path: Path) -> None:
    made = study(("with", "without"))
    summary = summarise_ablation(made, mean_scores(made), changes={"loss.lesion_mask": 0})
    write_summary(summary.to_json(), tmp_path / "summary.json")
    assert (tmp_path / "summary.json").read_bytes() == (GOLDEN / "ablation.json").read_bytes()
    assert case_of(summary, mean_scores(made)) == "case1"


def test_the_summary_of_recipes_is_what_it_always_was(tmp_path: Path) -> None:
    scores = mean_over_seeds(study(("fcn", "unet")).scored, views=True)
    summary = summarise_contest(scores, ["fcn", "unet"], seconds={"fcn": 1.5, "unet": 2.25})
    assert_golden(summary, "contest.json", tmp_path)


def test_the_summary_of_segmentations_is_what_it_always_was(tmp_path: Path) -> None:
    scores = mean_over_seeds(scored(KINDS, metric="dice", unit="1", regions=("tumour",)))
    summary = summarise_segmentations(scores, KINDS, classes={"tumour": (1,)}, seconds={}, substitutes=True)
    assert_golden(summary, "segmentations.json", tmp_path)


def test_a_recipe_that_could_not_be_timed_has_no_seconds(tmp_path: Path) -> None:
    scores = mean_over_seeds(study(("fcn", "unet")).scored)
    summary = summarise_contest(scores, ["fcn", "unet"], seconds={"fcn": math.nan})
    assert summary.to_json()["seconds_per_volume"] == {"fcn": None}
    write_summary(summary.to_json(), tmp_path / "summary.json")


def test_a_study_knows_its_variants_seeds_and_what_is_shown() -> None:
    made = study(("fcn", "unet"))
    assert (made.variants, made.seeds) == (["fcn", "unet"], [0, 1])
    assert {name: run.seed for name, run in made.shown.items()} == {"fcn": 0, "unet": 0}
    assert made.scores_of("unet") == made.scored[1].scores


def test_the_case_that_is_shown_is_the_median_one_or_none() -> None:
    scores = mean_over_seeds(study(("fcn", "unet")).scored)
    assert median_case(scores, metric="mae", region="foreground", method="fcn") == "case1"
    assert median_case(scores, metric="mae", region="foreground", method="other") == ""


def test_the_best_recipe_is_named_with_how_many_beat_the_baselines() -> None:
    scores = mean_over_seeds(study(("fcn", "unet")).scored)
    said = summarise_contest(scores, ["fcn", "unet"], seconds={}).verdict
    assert said.startswith("Of 2 recipes fcn has the lowest MAE. fcn does not beat lookup in MAE on 3 held-out cases:")
    assert said.endswith("0 of 2 recipes beat every baseline.")
    nothing = summarise_contest(scores, ["other"], seconds={}).verdict
    assert nothing == "Nothing can be said: no held-out case could be scored."


def segmentations(scores: Sequence[Score], names: Sequence[str], *, substitutes: bool = False) -> str:
    """What is said of recipes that find a tumour."""
    return summarise_segmentations(scores, names, classes={"tumour": (1,)}, seconds={}, substitutes=substitutes).verdict


def test_the_best_segmentation_is_named_with_how_many_beat_intensity() -> None:
    runs = scored(("small", "large"), metric="dice", unit="1", regions=("tumour",))
    scores = mean_over_seeds(runs)
    said = segmentations(scores, ["small", "large"])
    assert said.startswith(
        "Of 2 recipes large has the highest Dice of tumour. large beats intensity lookup in Dice on 2"
    )
    assert said.endswith("2 of 2 recipes beat intensity lookup.")
    assert segmentations(scores, ["other"]).startswith("Nothing can be said: no held-out case")


@pytest.mark.parametrize("kinds", [KINDS, ("real", "synthetic")])
def test_synthetic_images_are_judged_by_what_is_learned_from_them(kinds: Sequence[str]) -> None:
    scores = mean_over_seeds(scored(kinds, metric="dice", unit="1", regions=("tumour",)))
    said = segmentations(scores, KINDS, substitutes=True)
    if len(kinds) < 3:
        assert said == "Nothing can be said: a variant has no Dice."
    else:
        assert said.startswith("Tested on real cases, training on synthetic images gives a mean Dice of tumour of 0.5")
        assert "1.10 of that of real ones" in said


def test_what_the_truth_does_not_show_is_said_once_and_is_no_view() -> None:
    runs = scored(("a", "b"), metric="mae", unit="HU", regions=("foreground",))
    hidden = Score("case1", "foreground", "truth", "not_shown", 30.0, "%")
    scores = mean_over_seeds([replace(run, scores=(*run.scores, hidden)) for run in runs], views=True)
    assert [score for score in scores if score.method == "truth"] == [hidden]
    assert {score.method for score in scores} == {"lookup", "truth", "a", "b"}
    said = "In 1 of 3 cases 30.0 % of the foreground (mean) is not shown by the true image"
    contest = summarise_contest(scores, ["a", "b"], seconds={})
    assert said in contest.answer
    assert said not in contest.verdict
    assert not summarise_contest(mean_over_seeds(runs), ["a", "b"], seconds={}).remarks
