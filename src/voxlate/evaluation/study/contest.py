"""A contest: recipes that share split and target side by side, as ``summary.json`` and the page tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from voxlate.config.recipe import Recipe
from voxlate.evaluation.cases import Failed
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import summarise
from voxlate.evaluation.summary import Summary, without_nan
from voxlate.evaluation.verdict import judge, say_hidden
from voxlate.plainyaml import Json
from voxlate.regions import FOREGROUND


@dataclass(frozen=True)
class ContestSummary:
    """The contents of ``summary.json``.

    Attributes:
        verdict: The answer.
        seconds: From a recipe to what it takes per volume; NaN where it could not be timed.
        overall: Every recipe (means over the seeds) and the baselines.
        remarks: What a recipe found nothing of, or the truth does not show, in sentences.
    """

    verdict: str
    seconds: Mapping[str, float]
    overall: Summary
    remarks: Sequence[str] = ()

    @property
    def answer(self) -> str:
        """The verdict with the remarks."""
        return " ".join([self.verdict, *self.remarks])

    def to_json(self) -> Json:
        """Plain values for JSON."""
        seconds = without_nan(dict(self.seconds))
        return {"verdict": self.answer, "seconds_per_volume": seconds, **self.overall.to_json()}


@dataclass(frozen=True)
class ContestResult:
    """Everything that the page of a contest is made from.

    Attributes:
        recipes: By name.
        seeds: The training seeds.
        scores: Means over the seeds.
        summary: What they say together.
        case: The case that is shown; empty for none.
        pictures: What its picture needs, by recipe.
        shown: The scores of the runs that the pictures are made of, by recipe.
        failed: Cases that could not be scored, each with its reason.
    """

    recipes: Mapping[str, Recipe]
    seeds: Sequence[int]
    scores: Sequence[Score]
    summary: ContestSummary
    case: str
    pictures: Mapping[str, CaseEvidence]
    shown: Mapping[str, Sequence[Score]]
    failed: Sequence[Failed] = ()


def summarise_contest(
    scores: Sequence[Score], recipes: Sequence[str], *, seconds: Mapping[str, float]
) -> ContestSummary:
    """What the scores of recipes for an image say together.

    Args:
        scores: Means over the seeds.
        recipes: The names of the recipes.
        seconds: From a recipe to what it takes per volume.
    """
    overall = summarise(scores)
    hidden = say_hidden(overall)
    return ContestSummary(_judge_recipes(overall, recipes), seconds, overall, (hidden,) if hidden else ())


def _judge_recipes(summary: Summary, recipes: Sequence[str]) -> str:
    """Which recipe has the lowest error, and whether it beats the baselines."""
    known = known_means(summary, recipes, metric="mae", region=FOREGROUND)
    if not known:
        return "Nothing can be said: no held-out case could be scored."
    best = min(known, key=known.__getitem__)
    beating = [name for name in known if judge(summary, method=name).beats]
    count = f"{len(beating)} of {len(known)} recipes beat every baseline."
    told = judge(summary, method=best).sentence.removeprefix("The ")
    return f"Of {len(known)} recipes {best} has the lowest MAE. {told} {count}"


def known_means(summary: Summary, methods: Sequence[str], *, metric: str, region: str) -> dict[str, float]:
    """From each method to its mean, those without one left out."""
    rows = {name: summary.find(method=name, metric=metric, region=region) for name in methods}
    return {name: row.mean for name, row in rows.items() if row is not None and not isnan(row.mean)}
