"""The page of a segmentation: the answer, the median and the worst case, one table, and everything else below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from voxlate._version import __version__
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.account import of_account
from voxlate.evaluation.brief import misuses, say_brief
from voxlate.evaluation.scores import extremes, ranked
from voxlate.evaluation.segmentation.result import SegmentationResult
from voxlate.evaluation.segmentation.scores import class_regions
from voxlate.evaluation.summary import Summary
from voxlate.metrics import metrics_of
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.brief import brief_page
from voxlate.reporting.page.cases import case_section, shown_cases
from voxlate.reporting.page.caveats import caveats, seen_caveats
from voxlate.reporting.page.page import Illustration, Page, Section, open_with
from voxlate.reporting.page.tables import comparison_tables, means_in_words
from voxlate.reporting.page.terms import metric_terms
from voxlate.reporting.segmentation.cases import BANNER, FOOTER, finding_of_case, stack_of_case
from voxlate.reporting.segmentation.pictures import (
    draw_finding,
    draw_findings,
)
from voxlate.reporting.segmentation.plots import draw_classes, draw_volumes
from voxlate.reporting.segmentation.tables import answer_section, class_sections

DIFFERENCES = (
    "Mean paired difference with its 95 % interval, ratio of the means, cases in which the model is better, and the p "
    "value of the paired test."
)
TERMS = {
    **metric_terms(list(metrics_of("segmentation", "surface", "detection"))),
    "intensity lookup": "labels what has the intensities that are labelled often in the training cases",
    "95 %": "bootstrap interval of the mean over cases",
    "beaten": "better in the mean with an interval that excludes no gain; of few cases, in every one",
    "n/a": "not available: the class is empty in the case; never averaged in",
}
_MOST_ROWS = 6
"""Of the one table on the one sheet: intensity alone, all labels together, the first classes."""
_COMPARED = frozenset({"dice", "precision", "recall", "hd95", "volume_error", "detection_f1"})


def segmentation_page(result: SegmentationResult, *, training: Sequence[Illustration], linked: bool = False) -> Page:
    """The page.

    Args:
        result: What was found.
        training: Figures of the run that is evaluated, if it is one.
        linked: Whether every case has a page of its own.
    """
    subject, summary = result.subject, result.summary
    overall, main = summary.overall, subject.main
    pictures, further = open_with([*_figures(result), *training], "median", "extremes")
    sources = ", ".join(get_contrast(name).title for name in subject.source)
    title = f"{get_contrast(subject.target).title} in {sources}"
    return Page(
        title=f"{title[:1].upper()}{title[1:]}, {subject.name}",
        verdict=summary.answer,
        sections=[
            pictures,
            answer_section(overall, result.scores, main=main),
            _case_section(result, linked=linked),
            *class_sections(overall, result.scores, main=main),
            _against_intensity(overall, main=main),
            further,
        ],
        facts={
            **subject.facts,
            "cases": of_account(f"{overall.n_cases} {subject.cases}", subject.account),
            "classes": "; ".join(f"{name}: {_values(values)}" for name, values in subject.classes.items()),
            "software": f"voxlate {__version__}",
        },
        warnings=[
            *([subject.warning] if subject.warning else []),
            *summary.nothing_found.values(),
            *([subject.gap] if subject.gap else []),
            *seen_caveats(subject.seen, subject.scored),
            *(f"{case} could not be scored: {reason}" for case, reason in subject.failed),
            *caveats(of_dice(overall)),
        ],
        terms=TERMS,
        banner=BANNER,
        footer=FOOTER,
    )


def segmentation_brief(result: SegmentationResult, full: Page) -> Page:
    """The page on one sheet: the answer in one sentence, the median case, the scores of all labels together.

    Args:
        result: What was found.
        full: Its page.
    """
    subject, overall, main = result.subject, result.summary.overall, result.subject.main
    what = f"labels that the model finds, {get_contrast(subject.target).title},"
    picture = None
    if ranked(result.scores, metric="dice", region=main):
        chosen = extremes(result.scores, metric="dice", region=main)
        drawn = to_png(draw_finding(finding_of_case(result, chosen.median), planes=("axial",)))
        title = f"The {chosen.middle}, {chosen.median}"
        picture = Illustration(title, "Hit, missed and invented have a colour each.", drawn)
    answer = say_brief(overall, what=what, cases=subject.cases, metric="dice", region=main)
    [table] = answer_section(overall, result.scores, main=main).tables
    return brief_page(
        full,
        answer=f"{subject.warning} {answer}".strip(),
        picture=picture,
        table=replace(table, rows=table.rows[:_MOST_ROWS]),
        caption=means_in_words(overall.n_cases),
        misuses=misuses(overall, kind="label", seen=subject.seen, metric="dice", region=main),
    )


def _case_section(result: SegmentationResult, *, linked: bool) -> Section:
    """Every case with its Dice, and as many of them as fit to scroll through."""
    main = result.subject.main
    shown = shown_cases(result.scores, metric="dice", region=main)
    stacks = {case: stack_of_case(result, case, linked=linked) for case in shown}
    return case_section(result.scores, stacks, metric="dice", region=main, linked=linked)


def of_dice(summary: Summary) -> Summary:
    """The rows of Dice alone: what has no Dice in a case has no other score worth a warning."""
    return summary.only(summary.of(metric="dice"))


def _against_intensity(summary: Summary, *, main: str) -> Section:
    """The model against intensity alone, in the region of all labels."""
    against = summary.only([row for row in summary.of(region=main) if row.metric in _COMPARED])
    title = "Compared with intensity alone, case by case"
    return Section(title, caption=DIFFERENCES, tables=comparison_tables(against))


def _figures(result: SegmentationResult) -> Iterator[Illustration]:
    """The median case in three planes, worst to best, class by class, and volumes; none where nothing is labelled."""
    subject, scores = result.subject, result.scores
    regions = list(class_regions(subject.classes))
    try:
        chosen = extremes(scores, metric="dice", region=subject.main)
    except UsageError:  # nothing is labelled in any case, neither truly nor by the model
        return
    findings = {label: finding_of_case(result, case) for label, case in chosen.beside.items()}
    median = finding_of_case(result, chosen.median)
    yield Illustration(
        f"The {chosen.middle}",
        f"By Dice in {subject.main}. Hit, missed and invented have a colour and a pattern each; slices by rule.",
        to_png(draw_finding(median, heading=f"{chosen.middle}: {chosen.median}")),
        file="median",
    )
    if findings:
        yield Illustration(
            chosen.title, f"By Dice in {subject.main}.", to_png(draw_findings(findings)), file="extremes"
        )
    yield Illustration(
        "All cases, class by class",
        "Every point is a case.",
        to_png(draw_classes(scores, regions=regions)),
        file="classes",
    )
    yield Illustration(
        "Volume found and true volume",
        "A point below the line is a case in which too little was found.",
        to_png(draw_volumes(scores, regions=regions)),
        file="volumes",
    )


def _values(values: Sequence[int]) -> str:
    return f"label {', '.join(map(str, values))}" if values else "every label"
