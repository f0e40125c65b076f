"""The page of one case of a segmentation: its place among the others, its pictures, its classes and what to know."""

from __future__ import annotations

from voxlate._version import __version__
from voxlate.contrast import get_contrast
from voxlate.evaluation.brief import judge_case
from voxlate.evaluation.segmentation.result import SegmentationResult
from voxlate.evaluation.segmentation.verdict import summarise_segmentation
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.kept import KeptGrid
from voxlate.reporting.page.cases import BACK, case_file, pictures
from voxlate.reporting.page.page import Page, SliceStack
from voxlate.reporting.page.terms import score_terms
from voxlate.reporting.segmentation.pictures import (
    SegmentedCase,
    draw_finding,
    finding_numbers,
    finding_of,
    stack_of,
)
from voxlate.reporting.segmentation.tables import answer_section, class_sections

BANNER = "LABELS FOUND BY A MODEL."
FOOTER = "What a model found on this page is not for diagnostic use."


def finding_of_case(result: SegmentationResult, case: str) -> SegmentedCase:
    """The case as it is drawn.

    Args:
        result: What was found.
        case: Its id.
    """
    return finding_of(
        result.evidence[case].arrays,
        case=case,
        title=get_contrast(result.subject.reference).title,
        classes=result.subject.classes,
        numbers=finding_numbers(result.scores, case),
    )


def stack_of_case(result: SegmentationResult, case: str, *, linked: bool) -> SliceStack | None:
    """The case to scroll through; ``None`` if no slices were kept of it.

    Args:
        result: What was found.
        case: Its id.
        linked: Whether it has a page of its own.
    """
    return stack_of(
        finding_of_case(result, case),
        result.evidence[case].arrays,
        caption=judge_case(case, result.scores, metric="dice", region=result.subject.main),
        link=case_file(case) if linked else "",
    )


def case_page(result: SegmentationResult, case: str) -> Page:
    """The page of one case.

    Args:
        result: What was found.
        case: Its id.
    """
    subject, arrays = result.subject, result.evidence[case].arrays
    scores = [score for score in result.scores if score.case == case]
    summary, stack = summarise_segmentation(scores), stack_of_case(result, case, linked=False)
    sources = ", ".join(get_contrast(name).title for name in subject.source)
    drawn = to_png(draw_finding(finding_of_case(result, case)))
    return Page(
        title=f"{case}: {get_contrast(subject.target).title} in {sources}, {subject.name}",
        verdict=judge_case(case, result.scores, metric="dice", region=subject.main),
        sections=[
            pictures("Hit, missed and invented have a colour and a pattern.", drawn, stack),
            answer_section(summary, scores, main=subject.main),
            *class_sections(summary, scores, main=subject.main),
        ],
        facts={
            **subject.facts,
            **KeptGrid.from_arrays(arrays).facts(),
            "software": f"voxlate {__version__}",
        },
        warnings=subject.notes.get(case, ()),
        terms=score_terms(summary),
        banner=BANNER,
        footer=FOOTER,
        files=BACK,
    )
