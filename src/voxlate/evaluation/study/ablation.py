"""An ablation: a recipe as it stands and with something taken away, as ``summary.json`` and the page tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voxlate.config.recipe import Overrides, Recipe
from voxlate.contrast import get_contrast
from voxlate.evaluation.cases import Failed
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import summarise
from voxlate.evaluation.study.paired import WORDS, VariantDifference, compare_variants, differences
from voxlate.evaluation.study.runs import ScoredStudy, mean_over_seeds, median_case
from voxlate.evaluation.study.verdict import METRIC, AblationVerdict, judge_ablation
from voxlate.evaluation.summary import Summary
from voxlate.training.studies.variants import WITH, WITHOUT


@dataclass(frozen=True)
class AblationSummary:
    """The contents of ``summary.json``.

    Attributes:
        verdict: The answer.
        changes: What was changed in ``without``.
        seeds: The training seeds.
        overall: Both variants (means over the seeds) and the baselines.
        comparisons: How ``with`` differs from ``without``, per region and metric.
    """

    verdict: AblationVerdict
    changes: Overrides
    seeds: Sequence[int]
    overall: Summary
    comparisons: Sequence[VariantDifference]

    def find(self, *, metric: str, region: str) -> VariantDifference | None:
        """The difference in a metric and region, or ``None`` if it was not asked for."""
        return next((row for row in self.comparisons if (row.metric, row.region) == (metric, region)), None)

    @property
    def asked(self) -> VariantDifference | None:
        """The difference that the verdict is about; ``None`` where nothing can be said."""
        row = self.find(metric=METRIC, region=self.verdict.region)
        return row if row is not None and row.pair.n else None

    def to_json(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "verdict": self.verdict.sentence,
            "answer": self.verdict.answer,
            "question": {"metric": METRIC, "region": self.verdict.region},
            "changes": dict(self.changes),
            "seeds": list(self.seeds),
            **self.overall.to_json(),
            "comparisons_in_words": WORDS,
            "comparisons": [row.to_json() for row in self.comparisons],
        }


@dataclass(frozen=True)
class AblationResult:
    """Everything that the page of an ablation is made from.

    Attributes:
        recipe: As it stands.
        scores: Of both variants, means over the seeds, and of the baselines.
        summary: What they say together.
        differences: Of each seed, from a case to with minus without, in what the verdict is about.
        case: The case that is shown; empty for none.
        pictures: What its picture needs, by variant.
        shown: The scores of the runs that the pictures are made of, by variant.
        failed: Cases that could not be scored, each with its reason.
        beside: Of another ablation what it translates, in words, and its scores; ``None`` for none.
    """

    recipe: Recipe
    scores: Sequence[Score]
    summary: AblationSummary
    differences: Mapping[int, Mapping[str, float]]
    case: str
    pictures: Mapping[str, CaseEvidence]
    shown: Mapping[str, Sequence[Score]]
    failed: Sequence[Failed] = ()
    beside: tuple[str, Sequence[Score]] | None = None

    @property
    def task(self) -> str:
        """What it translates, in words."""
        return task_title(self.recipe)


def task_title(recipe: Recipe) -> str:
    """What a recipe translates, in words: ``T2 to FLAIR``."""
    return f"{', '.join(get_contrast(name).title for name in recipe.source)} to {get_contrast(recipe.target).title}"


def mean_scores(study: ScoredStudy) -> list[Score]:
    """The means over the seeds; what was taken away reads before what stands."""
    return mean_over_seeds(study.scored[::-1])


def summarise_ablation(study: ScoredStudy, scores: Sequence[Score], *, changes: Overrides) -> AblationSummary:
    """What the runs of an ablation say together.

    Args:
        study: The scored runs of ``with`` and ``without``.
        scores: As ``mean_scores`` gives them.
        changes: What was changed in ``without``.
    """
    overall = summarise(scores)
    comparisons = compare_variants(study.scored, WITH, WITHOUT)
    verdict = judge_ablation(comparisons, overall, changes=changes)
    return AblationSummary(verdict, dict(changes), study.seeds, overall, comparisons)


def asked_differences(study: ScoredStudy, summary: AblationSummary) -> dict[int, dict[str, float]]:
    """Of each seed, from a case to with minus without, in the metric and region of the verdict."""
    return differences(study.scored, WITH, WITHOUT, region=summary.verdict.region, metric=METRIC)


def case_of(summary: AblationSummary, scores: Sequence[Score]) -> str:
    """The case that is shown: the median one with, where the question is asked; empty where nothing can be said."""
    if summary.asked is None:
        return ""
    return median_case(scores, metric=METRIC, region=summary.verdict.region, method=WITH)
