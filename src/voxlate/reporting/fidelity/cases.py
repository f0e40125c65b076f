"""The page of one case of a translation: its place among the others, its pictures, its regions and what to know."""

from __future__ import annotations

from voxlate._version import __version__
from voxlate.contrast import get_contrast
from voxlate.evaluation.brief import judge_case
from voxlate.evaluation.fidelity.result import FidelityResult
from voxlate.evaluation.fidelity.structures import structures_of, summarise_structures
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import summarise
from voxlate.regions import FOREGROUND
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.kept import KeptGrid
from voxlate.reporting.drawing.panels import draw_translation
from voxlate.reporting.fidelity.pictures import panel_of, stack_of
from voxlate.reporting.fidelity.structures import structure_section
from voxlate.reporting.page.cases import BACK, case_file, pictures
from voxlate.reporting.page.page import Page, Section, SliceStack
from voxlate.reporting.page.tables import answer_table, ct_tables, means_in_words, score_tables, slice_tables
from voxlate.reporting.page.terms import score_terms


def stack_of_case(result: FidelityResult, case: str, *, linked: bool) -> SliceStack | None:
    """The case to scroll through; ``None`` if no slices were kept of it.

    Args:
        result: What was found.
        case: Its id.
        linked: Whether it has a page of its own.
    """
    return stack_of(
        result.evidence[case].arrays,
        case=case,
        source=result.subject.source[0],
        target=result.subject.target,
        caption=judge_case(case, result.scores, metric="mae", region=FOREGROUND),
        link=case_file(case) if linked else "",
    )


def case_page(result: FidelityResult, case: str) -> Page:
    """The page of one case.

    Args:
        result: What was found.
        case: Its id.
    """
    subject, evidence = result.subject, result.evidence[case]
    scores: list[Score] = [score for score in result.scores if score.case == case]
    summary, stack = summarise(scores), stack_of_case(result, case, linked=False)
    panel = panel_of(evidence.arrays, scores, case=case, source=subject.source[0], target=subject.target)
    drawn = to_png(draw_translation(panel, planes=("axial", "coronal", "sagittal")))
    errors = summarise_structures(structures_of([evidence]))
    means = means_in_words(1)
    sources = ", ".join(get_contrast(name).title for name in subject.source)
    return Page(
        title=f"{case}: {sources} to {get_contrast(subject.target).title}, {subject.name}",
        verdict=judge_case(case, result.scores, metric="mae", region=FOREGROUND),
        sections=[
            pictures("One grey window, and the error; slices by rule.", drawn, stack),
            Section("Scores", caption=means, tables=[answer_table(summary)], folded=False),
            *([structure_section(errors, cases=1, anatomical=subject.anatomical)] if errors else []),
            Section("Every score, region by region", caption=means, tables=score_tables(summary)),
            Section("As CT", caption=means, tables=ct_tables(summary)),
            Section("Slice by slice", caption=means, tables=slice_tables(summary)),
        ],
        facts={
            **subject.facts,
            **KeptGrid.from_arrays(evidence.arrays).facts(),
            "values": subject.values,
            "software": f"voxlate {__version__}",
        },
        warnings=subject.notes.get(case, ()),
        terms=score_terms(summary),
        files=BACK,
    )
