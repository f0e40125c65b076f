"""The page of segmentations side by side: which is best, one case by every recipe, one table, and the rest below."""

from __future__ import annotations

from collections.abc import Iterator

from voxlate._version import __version__
from voxlate.cohort.labels.labelling import component_word
from voxlate.contrast import get_contrast
from voxlate.evaluation.segmentation.contest import SegmentationContest
from voxlate.evaluation.segmentation.scores import class_regions, whole
from voxlate.evaluation.summary import Summary
from voxlate.reporting.drawing.boxes import draw_box_plots, has_boxes
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.caveats import caveats
from voxlate.reporting.page.page import Illustration, Page, Section, open_with
from voxlate.reporting.page.tables import answer_table, comparison_tables, means_in_words, score_tables
from voxlate.reporting.segmentation.cases import BANNER, FOOTER
from voxlate.reporting.segmentation.page import DIFFERENCES, TERMS, of_dice
from voxlate.reporting.segmentation.pictures import draw_findings, finding_numbers, finding_of
from voxlate.reporting.segmentation.tables import LESIONS, SURFACES, VOXELS
from voxlate.reporting.study.comparison import MOST_BOXES
from voxlate.roles import BASELINES

_BOXES = ("dice", "recall", "precision")


def segmentations_page(contest: SegmentationContest) -> Page:
    """The page."""
    result, summary = contest.result, contest.result.summary
    recipes, overall = result.recipes, summary.overall
    pictures, further = open_with(_figures(contest), "case")
    target = get_contrast(next(iter(recipes.values())).target).title
    against = "Compared with intensity alone, case by case"
    return Page(
        title="Real, synthetic, both: what a segmenter learns from synthetic images"
        if contest.substitutes
        else f"{len(recipes)} recipes for {target}",
        verdict=summary.verdict,
        sections=[
            pictures,
            _answer(contest),
            further,
            *_score_sections(overall),
            Section(against, caption=DIFFERENCES, tables=comparison_tables(of_dice(overall))),
        ],
        facts={
            **{name: f"from {', '.join(recipe.source)}" for name, recipe in recipes.items()},
            "seeds": ", ".join(map(str, result.seeds)),
            "cases": f"{overall.n_cases} held-out, one split for all",
            "software": f"voxlate {__version__}",
        },
        warnings=[
            *summary.remarks,
            *(f"{case} could not be scored: {reason}" for case, reason in result.failed),
            *caveats(of_dice(overall)),
        ],
        terms=TERMS,
        banner=BANNER,
        footer=FOOTER,
    )


def _figures(contest: SegmentationContest) -> Iterator[Illustration]:
    """The same case by every recipe, and the scores of all cases in box plots."""
    result, main = contest.result, whole(contest.classes)
    if result.pictures:
        first = next(iter(result.recipes))
        findings = {
            name: finding_of(
                result.pictures[name].arrays,
                case=result.case,
                title=get_contrast(contest.image).title,
                classes=contest.classes,
                numbers=finding_numbers(result.shown[name], result.case),
            )
            for name in result.recipes
        }
        yield Illustration(
            f"The same case by every recipe: {result.case}",
            f"The median case by the Dice of {first} in {main}.",
            to_png(draw_findings(findings)),
            file="case",
        )
    for region in _regions(contest):
        here = [s for s in result.scores if s.region == region and s.method in {*BASELINES, *result.recipes}]
        if has_boxes(here, region=region, metrics=_BOXES) and len(result.recipes) < MOST_BOXES:
            picture = to_png(draw_box_plots(here, region=region, metrics=_BOXES))
            yield Illustration(f"All cases: {region}", "Every point is a case.", picture, file=f"boxes_{region}")


def _regions(contest: SegmentationContest) -> list[str]:
    """The region of all labels, then the classes."""
    main = whole(contest.classes)
    return [main, *(name for name in class_regions(contest.classes) if name != main)]


def _answer(contest: SegmentationContest) -> Section:
    """The one table that stands open."""
    main = whole(contest.classes)
    asked = [*((region, "dice") for region in _regions(contest)), *((main, name) for name in (*_BOXES[1:], "hd95"))]
    note = "Intensity lookup, the baseline, labels what is as bright as what was labelled in training."
    table = answer_table(contest.result.summary.overall, asked=asked)
    return Section("Scores", note, means_in_words(contest.result.summary.overall.n_cases), [table], folded=False)


def _score_sections(summary: Summary) -> list[Section]:
    word = component_word(row.region for row in summary.rows)
    groups = {"Voxel by voxel": VOXELS, "Surfaces and volumes": SURFACES, f"{word.capitalize()} by {word}": LESIONS}
    return [
        Section(
            title,
            "Over the whole image.",
            means_in_words(summary.n_cases),
            score_tables(summary.only([row for row in summary.rows if row.metric in metrics])),
        )
        for title, metrics in groups.items()
    ]
