"""Segmentations side by side: which recipe finds the labels best, and what one learns from synthetic images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.scores import Classes, whole
from voxlate.evaluation.segmentation.verdict import judge_against_intensity, nothing_found, summarise_segmentation
from voxlate.evaluation.study.contest import ContestResult, ContestSummary, known_means
from voxlate.evaluation.summary import Summary
from voxlate.evaluation.words import number
from voxlate.training.studies.substitution import BOTH, REAL, SYNTHETIC


@dataclass(frozen=True)
class SegmentationContest:
    """Everything that the page of segmentations side by side is made from.

    Attributes:
        result: Recipes, scores, summary and pictures.
        classes: From the name of a class to its label values.
        image: Contrast of the image that the pictures show.
        substitutes: Whether the variants are one recipe on real, synthetic and both kinds of images.
    """

    result: ContestResult
    classes: Classes
    image: str
    substitutes: bool = False


def summarise_segmentations(
    scores: Sequence[Score],
    recipes: Sequence[str],
    *,
    classes: Classes,
    seconds: Mapping[str, float],
    substitutes: bool = False,
) -> ContestSummary:
    """What the scores of recipes for a label map say together.

    Args:
        scores: Means over the seeds.
        recipes: The names of the recipes.
        classes: From the name of a class to its label values.
        seconds: From a recipe to what it takes per volume.
        substitutes: Whether the recipes are one on real, synthetic and both kinds of images.
    """
    overall = summarise_segmentation(scores)
    judged = _judge_substitution if substitutes else _judge_recipes
    verdict = judged(overall, recipes, region=whole(classes))
    silent = [f"{name}: {words}" for name in recipes for words in nothing_found(scores, classes, method=name).values()]
    return ContestSummary(verdict, seconds, overall, silent)


def _judge_recipes(summary: Summary, recipes: Sequence[str], *, region: str) -> str:
    """Which recipe has the highest Dice, and whether it beats intensity alone.

    Args:
        summary: Of the means over the seeds.
        recipes: The names of the recipes.
        region: By whose mean Dice is judged.
    """
    known = known_means(summary, recipes, metric="dice", region=region)
    if not known:
        return "Nothing can be said: no held-out case has a label, true or found."
    best = max(known, key=known.__getitem__)
    verdicts = {name: judge_against_intensity(summary, region=region, method=name) for name in known}
    beating = sum(verdict.beats for verdict in verdicts.values())
    told = verdicts[best].sentence.removeprefix("The ")
    count = f"{beating} of {len(known)} recipes beat intensity lookup."
    return f"Of {len(known)} recipes {best} has the highest Dice of {region}. {told} {count}"


def _judge_substitution(summary: Summary, variants: Sequence[str], *, region: str) -> str:
    """What a recipe learns from synthetic images, in the place of real ones and beside them.

    Args:
        summary: Of the scores on the real held-out cases.
        variants: ``real``, ``synthetic``, ``both``.
        region: By whose mean Dice is judged.
    """
    means = known_means(summary, variants, metric="dice", region=region)
    if set(means) != {REAL, SYNTHETIC, BOTH}:
        return "Nothing can be said: a variant has no Dice."
    real, synthetic, both = (number(means[name], metric="dice") for name in (REAL, SYNTHETIC, BOTH))
    share = f", {means[SYNTHETIC] / means[REAL]:.2f} of that of real ones" if means[REAL] > 0 else ""
    gain = number(means[BOTH] - means[REAL], metric="dice", signed=True)
    return (
        f"Tested on real cases, training on synthetic images gives a mean Dice of {region} of {synthetic}{share} "
        f"({real}); both together give {both} ({gain}). Each was trained for the same number of steps."
    )
