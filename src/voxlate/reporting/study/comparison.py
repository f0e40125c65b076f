"""The page of recipes side by side: which is best, one case by every recipe, one table, and everything else below."""

from __future__ import annotations

from collections.abc import Iterator
from math import nan

from voxlate._version import __version__
from voxlate.contrast import get_contrast
from voxlate.evaluation.study.contest import ContestResult
from voxlate.regions import FOREGROUND, UNIONS, in_words
from voxlate.reporting.drawing.boxes import draw_box_plots, has_boxes
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.panels import draw_cases
from voxlate.reporting.fidelity.page import detail_sections, score_sections, slice_section
from voxlate.reporting.page.caveats import caveats
from voxlate.reporting.page.page import Illustration, Page, open_with
from voxlate.reporting.page.terms import score_terms
from voxlate.reporting.study.panels import variant_panels
from voxlate.roles import BASELINES

MOST_BOXES = 8
"""More methods than these find no room side by side."""


def comparison_page(result: ContestResult) -> Page:
    """The page."""
    summary, overall = result.summary, result.summary.overall
    pictures, further = open_with(_figures(result), "case")
    target = next(iter(result.recipes.values())).target
    return Page(
        title=f"{len(result.recipes)} recipes for {get_contrast(target).title}",
        verdict=summary.verdict,
        sections=[
            pictures,
            *score_sections(overall),
            further,
            *detail_sections(overall),
            slice_section(overall),
        ],
        facts={
            **{
                name: f"{recipe.method.name}, from {', '.join(recipe.source)}; {summary.seconds.get(name, nan):.1f} s "
                "per volume"
                for name, recipe in result.recipes.items()
            },
            "seeds": ", ".join(map(str, result.seeds)),
            "cases": f"{overall.n_cases} held-out, one split for all",
            "software": f"voxlate {__version__}",
        },
        warnings=[
            *summary.remarks,
            *(f"{case} could not be scored: {reason}" for case, reason in result.failed),
            *caveats(overall),
        ],
        terms=score_terms(overall),
    )


def _figures(result: ContestResult) -> Iterator[Illustration]:
    """The same case by every recipe, and the scores of all cases in box plots."""
    if result.pictures:
        first = next(iter(result.recipes))
        panels = variant_panels(result.pictures, result.shown, case=result.case, recipes=result.recipes)
        yield Illustration(
            f"The same case by every recipe: {result.case}",
            f"The median case by the MAE of {first}; one grey window, one error scale.",
            to_png(draw_cases(panels)),
            file="case",
        )
    whole = [score for score in result.scores if score.method in {*BASELINES, *result.recipes}]  # no single views
    for region in (FOREGROUND, *UNIONS):
        if has_boxes(whole, region=region) and len(result.recipes) + len(BASELINES) <= MOST_BOXES:
            picture = to_png(draw_box_plots(whole, region=region))
            yield Illustration(
                f"All cases: {in_words(region)}", "Every point is a case.", picture, file=f"boxes_{region}"
            )
