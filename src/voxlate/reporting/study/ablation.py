"""The page of an ablation: the answer, the median case without and with, one table, and everything else below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from voxlate._version import __version__
from voxlate.evaluation.scores import Score
from voxlate.evaluation.study.ablation import AblationResult
from voxlate.evaluation.study.paired import WORDS, VariantDifference
from voxlate.evaluation.study.verdict import is_removal, words_of
from voxlate.evaluation.words import MINUS
from voxlate.regions import FOREGROUND, UNIONS, in_words
from voxlate.reporting.drawing.boxes import has_boxes
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.fidelity.page import detail_sections, slice_section
from voxlate.reporting.page.caveats import caveats
from voxlate.reporting.page.page import Illustration, Page, Section
from voxlate.reporting.page.terms import score_terms
from voxlate.reporting.study.panels import variant_panels
from voxlate.reporting.study.pictures import draw_contrasted
from voxlate.reporting.study.plots import PairedTest, draw_differences, draw_similarity, draw_tasks
from voxlate.reporting.study.tables import answer_section, difference_sections
from voxlate.roles import IDENTITY
from voxlate.training.studies.variants import WITH, WITHOUT

_NAMES = {"identity": "source", WITHOUT: "prediction,\nwithout", WITH: "prediction,\nwith"}
"""What stands under the boxes of similarities."""
_TERMS = {
    "seeds and cases": "the interval holds for other seeds and other cases of the same kind: "
    + WORDS["crossed_interval"],
    "cases alone": "the interval holds for these networks on other cases, and is blind to the luck of training",
    "with, without": "in the tables of scores each case has the mean over the seeds",
}


def ablation_page(result: AblationResult) -> Page:
    """The page."""
    recipe, summary, overall = result.recipe, result.summary, result.summary.overall
    return Page(
        title=f"{result.task}, {recipe.name}: {_topic(summary.changes)}",
        verdict=summary.verdict.sentence,
        sections=[
            Section("Pictures", figures=list(_figures(result)), folded=False),
            answer_section(summary),
            *difference_sections(summary),
            *detail_sections(overall),
            slice_section(overall),
        ],
        facts={
            "recipe": recipe.name,
            "paper": recipe.paper or "none",
            "with": "the recipe as it stands",
            "without": words_of(summary.changes),
            "seeds": ", ".join(map(str, summary.seeds)),
            "split": f"one for all runs, seed {recipe.plan.split.seed}",
            "cases": f"{overall.n_cases} held-out",
            "software": f"voxlate {__version__}",
        },
        warnings=[
            *(f"{case} could not be scored: {reason}" for case, reason in result.failed),
            *_of_the_budget(result),
            *caveats(overall),
        ],
        terms={**score_terms(overall), **_TERMS},
    )


def _figures(result: AblationResult) -> Iterator[Illustration]:
    """The median case without and with, the similarity before and after, and the difference that each seed gives."""
    summary = result.summary
    region, seeds = summary.verdict.region, summary.seeds
    heading = (
        f"With: the recipe as it stands. Without: {words_of(summary.changes)}. Seeds: {', '.join(map(str, seeds))}."
    )
    if result.pictures:
        yield _case(result)
    if any(has_boxes(result.scores, region=place, metrics=["ssim"]) for place in (FOREGROUND, *UNIONS)):
        yield _similarity(result, heading=heading)
    if result.beside is not None:
        yield _both_tasks(result, *result.beside)
    if summary.asked is not None:
        yield Illustration(
            f"The error in the {in_words(region)}, and the difference that each seed gives",
            "Every point is a case.",
            _differences(result, summary.asked, heading=heading),
            file="differences",
        )


def _of_the_budget(result: AblationResult) -> list[str]:
    if result.recipe.training.minutes is None:
        return []
    return ["The budget is a time: the variants may have been trained for different numbers of steps."]


def _topic(changes: Mapping[str, object]) -> str:
    """What is asked, for a title."""
    if is_removal(changes):
        return f"with and without {' and '.join(changes)}"
    return f"as it stands and with {words_of(changes)}"


def _case(result: AblationResult) -> Illustration:
    """One case as both variants of the first seed predict it."""
    recipe, summary = result.recipe, result.summary
    recipes = dict.fromkeys((WITHOUT, WITH), recipe)
    panels = variant_panels(result.pictures, result.shown, case=result.case, recipes=recipes)
    return Illustration(
        f"The median case: {result.case}",
        f"By the MAE in the {in_words(summary.verdict.region)} with, of the runs of seed {summary.seeds[0]}; without "
        "and with on one error scale.",
        to_png(draw_contrasted(panels)),
        file="case",
    )


def _similarity(result: AblationResult, *, heading: str) -> Illustration:
    source = "source, and " if any(score.method == "identity" for score in result.scores) else ""  # of label maps none
    drawn = draw_similarity(
        result.scores,
        {place: list(_tests(result, place)) for place in (FOREGROUND, *UNIONS)},
        names=_NAMES,
        heading=heading,
    )
    return Illustration(
        f"Similarity with the target: {source}prediction without and with",
        "Figure 5 of Genc et al. 2022, paired by case; predictions are means over the seeds. SSIM in a region is the "
        "mean of the SSIM map there.",
        to_png(drawn),
        file="similarity",
    )


def _both_tasks(result: AblationResult, title: str, scores: Sequence[Score]) -> Illustration:
    """The similarity of this ablation and of another, beside each other."""
    return Illustration(
        f"Similarity with the target: {result.task}, and {title}",
        "Figure 5 of Genc et al. 2022: both tasks, the whole foreground and the labels. Predictions are means over the "
        "seeds.",
        to_png(draw_tasks({result.task: result.scores, title: scores}, names=_NAMES)),
        file="tasks",
    )


def _tests(result: AblationResult, region: str) -> Iterator[PairedTest]:
    """The lines under a plot of SSIM: with and without against the source, and with against without."""
    for variant in (WITHOUT, WITH):
        row = result.summary.overall.find(method=variant, metric="ssim", region=region)
        if row is not None and IDENTITY in row.against:
            yield PairedTest(f"{variant} {MINUS} source", row.against[IDENTITY])
    compared = result.summary.find(metric="ssim", region=region)
    if compared is not None:
        yield PairedTest(f"with {MINUS} without", compared.pair, compared.crossed_interval)


def _differences(result: AblationResult, asked: VariantDifference, *, heading: str) -> bytes:
    by_case = result.differences
    everywhere = sorted(set.intersection(*(set(cases) for cases in by_case.values())))
    means = {case: float(np.mean([cases[case] for cases in by_case.values()])) for case in everywhere}
    values = {**{f"seed {seed}": by_case[seed] for seed in result.summary.seeds}, "all seeds": means}
    return to_png(draw_differences(result.scores, asked, values, heading=heading))
