"""The page of translations: the answer, the median and the worst case, one table, and everything else below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from voxlate._version import __version__
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.account import of_account
from voxlate.evaluation.brief import misuses, say_brief
from voxlate.evaluation.fidelity.result import FidelityResult
from voxlate.evaluation.fidelity.views import say_views, view_names
from voxlate.evaluation.scores import Score, extremes, ranked
from voxlate.evaluation.summary import Summary
from voxlate.evaluation.words import HEADLINES, after_value, metric_title, number
from voxlate.regions import FOREGROUND, UNIONS, in_words
from voxlate.reporting.drawing.boxes import draw_box_plots, has_boxes
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.panels import Panel, draw_cases, draw_translation
from voxlate.reporting.drawing.tiles import error_limit
from voxlate.reporting.fidelity.cases import stack_of_case
from voxlate.reporting.fidelity.pictures import Arrays, image_of, panel_of, profiles_of
from voxlate.reporting.fidelity.profiles import draw_slice_profile
from voxlate.reporting.fidelity.structures import structure_section
from voxlate.reporting.fidelity.views import draw_views
from voxlate.reporting.page.brief import brief_page
from voxlate.reporting.page.cases import case_section, shown_cases
from voxlate.reporting.page.caveats import caveats, seen_caveats
from voxlate.reporting.page.page import Illustration, Page, Section, open_with
from voxlate.reporting.page.tables import (
    answer_table,
    comparison_tables,
    ct_tables,
    means_in_words,
    score_tables,
    slice_tables,
)
from voxlate.reporting.page.terms import score_terms
from voxlate.roles import MODEL

_DIFFERENCES = (
    "Mean paired difference with its 95 % interval, ratio of the means, cases in which the method is better, and the p "
    "value of the paired test."
)
_BASELINES = (
    "Baselines stand in the first rows. Identity takes the source as the prediction; intensity lookup takes the mean "
    "target value that the training cases have at that source value. Errors without a unit are in normalised "
    "intensity, where 1 is the range of the target."
)
_CT = (
    "What radiotherapy asks of a synthetic CT: bone where bone is, scores that compare with the SynthRAD challenges, "
    "and the millimetres of water by which the paths of beams differ. The challenges' masked MAE is the MAE of the "
    "foreground above."
)
_SLICES = (
    "The table of Avula et al. (Table 1): the total of a volume is the sum over its slices of each slice's mean error; "
    "the average is that total divided by the number of slices. A total grows with the number of slices, so compare it "
    "only between equal volumes. The paper does not say over which pixels of a slice the mean runs, so both readings "
    "are given: over the foreground, and over whole slices with their background."
)


def fidelity_page(result: FidelityResult, *, training: Sequence[Illustration], linked: bool = False) -> Page:
    """The page.

    Args:
        result: What was found.
        training: Figures of the run that is evaluated, if it is one.
        linked: Whether every case has a page of its own.
    """
    subject, summary = result.subject, result.summary
    pictures, further = open_with([*_fidelity_figures(result), *training], "median", "extremes")
    title = f"{', '.join(get_contrast(name).title for name in subject.source)} to {get_contrast(subject.target).title}"
    return Page(
        title=f"{title[:1].upper()}{title[1:]}, {subject.name}",
        verdict=result.sentence,
        sections=[
            pictures,
            *score_sections(summary.overall),
            slice_section(summary.overall),
            _case_section(result, linked=linked),
            *([] if summary.views is None else [_views_section(summary.views)]),
            *(
                [structure_section(summary.structures, cases=subject.scored, anatomical=subject.anatomical)]
                if summary.structures
                else []
            ),
            further,
            *detail_sections(summary.overall),
        ],
        facts={
            **subject.facts,
            "cases": of_account(f"{summary.overall.n_cases} {subject.cases}", subject.account),
            "values": subject.values,
            "software": f"voxlate {__version__}",
        },
        warnings=[
            *([subject.warning] if subject.warning else []),
            *seen_caveats(subject.seen, subject.scored),
            *(f"{case} could not be scored: {reason}" for case, reason in subject.failed),
            *caveats(summary.overall),
        ],
        terms=score_terms(summary.overall),
    )


def fidelity_brief(result: FidelityResult, full: Page) -> Page:
    """The page on one sheet: the answer in one sentence, the median case, the foreground's scores.

    Args:
        result: What was found.
        full: Its page.
    """
    subject, summary = result.subject, result.summary.overall
    what = f"synthetic {get_contrast(subject.target).title}"
    picture = None
    if ranked(result.scores, metric="mae", region=FOREGROUND):  # some case has a foreground that can be scored
        chosen = extremes(result.scores)
        picture = Illustration(
            f"The {chosen.middle}, {chosen.median}",
            "Source, prediction and truth in one grey window, and the error.",
            to_png(draw_translation(_panel(result, chosen.median))),
        )
    kind = get_contrast(subject.target).kind
    answer = say_brief(summary, what=what, cases=subject.cases, metric="mae", region=FOREGROUND)
    return brief_page(
        full,
        answer=f"{subject.warning} {answer}".strip(),
        picture=picture,
        table=answer_table(summary, asked=[(FOREGROUND, metric) for metric in HEADLINES]),
        caption=means_in_words(summary.n_cases),
        misuses=misuses(summary, kind=kind, seen=subject.seen, metric="mae", region=FOREGROUND),
    )


def _case_section(result: FidelityResult, *, linked: bool) -> Section:
    """Every case with its MAE, and as many of them as fit to scroll through."""
    shown = shown_cases(result.scores, metric="mae", region=FOREGROUND)
    stacks = {case: stack_of_case(result, case, linked=linked) for case in shown}
    return case_section(result.scores, stacks, linked=linked, metric="mae", region=FOREGROUND)


def _panel(result: FidelityResult, case: str) -> Panel:
    subject, arrays = result.subject, result.evidence[case].arrays
    return panel_of(arrays, result.scores, case=case, source=subject.source[0], target=subject.target)


def score_sections(summary: Summary) -> list[Section]:
    """The one table that stands open."""
    table = answer_table(summary)
    if not table.columns:
        return [Section("Scores", lines=["There is no score."], folded=False)]
    return [Section("Scores", _BASELINES, means_in_words(summary.n_cases), [table], folded=False)]


def detail_sections(summary: Summary) -> list[Section]:
    """The tables that fold: every score, what only CT has, the paired comparisons."""
    means = means_in_words(summary.n_cases)
    return [
        Section("Every score", _BASELINES, means, score_tables(summary)),
        Section("As CT", _CT, means, ct_tables(summary)),
        Section("Compared with the baselines, case by case", "", _DIFFERENCES, comparison_tables(summary)),
    ]


def slice_section(summary: Summary) -> Section:
    """Table 1 of Avula et al., which folds."""
    return Section("Slice by slice", _SLICES, means_in_words(summary.n_cases), slice_tables(summary))


def _fidelity_figures(result: FidelityResult) -> list[Illustration]:
    """The cases and the box plots, of what has a value."""
    scores = result.scores
    regions = dict.fromkeys(score.region for score in scores if score.metric == "mae")
    shown = (FOREGROUND, *(name for name in regions if name in UNIONS))
    boxes = [
        Illustration(
            f"All cases: {in_words(region)}",
            "Every point is a case.",
            to_png(draw_box_plots(scores, region=region)),
            file=f"boxes_{region}",
        )
        for region in shown
        if has_boxes(scores, region=region)
    ]
    return [*_case_figures(result), *boxes]


def _case_figures(result: FidelityResult) -> Iterator[Illustration]:
    """The median case in three planes, worst to best, the views, errors slice by slice; none without any value."""
    scores = result.scores
    try:
        chosen = extremes(scores)
    except UsageError:  # no case has a foreground that can be scored
        return
    drawn = {label: _panel(result, case) for label, case in chosen.beside.items()}
    median, arrays = _panel(result, chosen.median), result.evidence[chosen.median].arrays
    limit = error_limit([panel.greys for panel in (median, *drawn.values())])
    yield Illustration(
        f"The {chosen.middle}",
        "Source, prediction and truth in one grey window, and the error. The slices were chosen by rule.",
        to_png(draw_translation(median, planes=("axial", "coronal", "sagittal"), limit=limit)),
        file="median",
    )
    if drawn:
        yield Illustration(
            chosen.title,
            "By the MAE in the foreground, on one error scale.",
            to_png(draw_cases(drawn, limit=limit)),
            file="extremes",
        )
    if view_names(scores):
        yield _views(median, arrays, scores)
    yield Illustration(
        "Error slice by slice",
        f"The mean absolute error of every axial slice of the {chosen.middle}, inside the foreground.",
        to_png(draw_slice_profile(profiles_of(arrays), unit=median.unit, case=chosen.median)),
        file="slices",
    )


def _views_section(views: Summary) -> Section:
    """The combination against each view."""
    return Section(
        title="Views",
        note=say_views(views),
        caption="Mean difference between the combination and the single view, with its 95 % interval.",
        tables=comparison_tables(views, other="view"),
    )


def _views(panel: Panel, arrays: Arrays, scores: Sequence[Score]) -> Illustration:
    """The median case by every view and by their combination."""
    predictions = {name: image_of(arrays, name) for name in (*view_names(scores), MODEL)}
    found = {(s.method, s.metric): s for s in scores if s.case == panel.case and s.region == FOREGROUND}
    numbers = {
        name: ", ".join(
            f"{metric_title(s.metric)} {number(s.value, metric=s.metric)}{after_value(s.unit)}"
            for s in (found[name, metric] for metric in ("mae", "stitching"))
        )
        for name in predictions
    }
    return Illustration(
        "Every view and their combination",
        "What is put together from slices shows its seams in the other two planes. The stitching score says how much "
        "more the error jumps along one axis than along the others.",
        to_png(draw_views(replace(panel, numbers=()), predictions, numbers=numbers)),
        file="views",
    )
