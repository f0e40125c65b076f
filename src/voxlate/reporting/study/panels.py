"""Panels of a study: one case as every variant predicts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from voxlate.config.recipe import Recipe
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.scores import Score
from voxlate.evaluation.words import HEADLINES, after_value, metric_title, number
from voxlate.regions import FOREGROUND, UNIONS, in_words
from voxlate.reporting.drawing.panels import Panel
from voxlate.reporting.fidelity.pictures import panel_of
from voxlate.roles import MODEL


def variant_panels(
    pictures: Mapping[str, CaseEvidence],
    shown: Mapping[str, Sequence[Score]],
    *,
    case: str,
    recipes: Mapping[str, Recipe],
) -> dict[str, Panel]:
    """The panels of a case, by variant, each with the model's scores below.

    Args:
        pictures: What the pictures need, by variant.
        shown: The scores of the runs that predicted them, by variant.
        case: Id of the case.
        recipes: By variant, in the order of the panels.
    """
    panels = {}
    for variant, recipe in recipes.items():
        arrays, scores = pictures[variant].arrays, shown[variant]
        panel = panel_of(arrays, scores, case=case, source=recipe.source[0], target=recipe.target)
        panels[variant] = replace(panel, numbers=(_numbers(case, scores),))
    return panels


def _numbers(case: str, scores: Sequence[Score]) -> str:
    """The metrics of the model in the foreground and in what is labelled."""
    parts = []
    for region in (FOREGROUND, *UNIONS):
        values = [
            f"{metric_title(score.metric)} {number(score.value, metric=score.metric)}{after_value(score.unit)}"
            for score in scores
            if (score.case, score.region, score.method) == (case, region, MODEL) and score.metric in HEADLINES
        ]
        if values:
            parts.append(f"{in_words(region)}: {', '.join(values)}")
    return "; ".join(parts)
