"""The page of a task: the answer, the cases that lose most, one table of the arms, and everything else below."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from voxlate._version import __version__
from voxlate.evaluation.account import of_account
from voxlate.evaluation.task.result import TaskResult
from voxlate.evaluation.task.verdict import task_caveats
from voxlate.evaluation.words import number
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.caveats import caveats
from voxlate.reporting.page.page import Illustration, Page, Section
from voxlate.reporting.page.tables import means_in_words, score_tables
from voxlate.reporting.page.terms import metric_terms
from voxlate.reporting.task.pictures import draw_attempts, slice_of
from voxlate.reporting.task.plots import draw_slopes
from voxlate.reporting.task.tables import arm_tables, arm_titles, pair_tables
from voxlate.roles import REAL, SYNTHETIC

_WORST = 3
_FOOTER = "Synthetic images on this page are not for diagnostic use; nor is what a segmenter found in them."
_ARMS = "Means over the cases with their 95 % intervals; found, missed and invented are counts over all cases together."
_PAIRS = (
    "Mean paired difference with its 95 % interval, cases in which the first arm is better, and the p value of the "
    "paired test, corrected over this whole page."
)
_SCORES = (
    "Computed over the whole image on the voxels of the true label map. Accuracy is not given: over a whole image it "
    "is decided by the background."
)


def task_page(result: TaskResult) -> Page:
    """The page.

    Args:
        result: What was found.
    """
    subject, summary = result.subject, result.summary
    overall = summary.overall
    note = " ".join(f"{arm}: {text}." for arm, text in summary.arms.items())
    first, *classes = arm_tables(result)
    return Page(
        title=f"Is the synthetic {subject.target} as useful as the real one? {subject.name}, judged by "
        f"{subject.segmenter}",
        verdict=summary.answer,
        sections=[
            Section("Pictures", figures=list(_figures(result)), folded=False),
            Section("The arms side by side", note, _ARMS, [first], folded=False),
            Section("The arms side by side, class by class", "", _ARMS, classes),
            Section("Arm against arm, case by case", "", _PAIRS, pair_tables(summary, target=subject.target)),
            Section("All scores", _SCORES, means_in_words(overall.n_cases), score_tables(overall)),
        ],
        facts={
            **subject.facts,
            "cases": of_account(f"{subject.scored} {subject.cases}", subject.account),
            "mask": "the whole image",
            "software": f"voxlate {__version__}",
        },
        warnings=[
            *task_caveats(summary, subject),
            *caveats(overall),
            *(f"{case} could not be scored: {reason}" for case, reason in subject.failed),
        ],
        terms={
            **metric_terms(list(dict.fromkeys(row.metric for row in overall.rows))),
            "95 %": "bootstrap interval of the mean over cases",
            "p": f"Wilcoxon's signed-rank test, paired by case, corrected after {overall.correction}",
            "as good as real": overall.rule.partition(": ")[2],
            "n/a": "not available: what is asked for is empty in the case; never averaged in",
        },
        footer=_FOOTER,
    )


def _figures(result: TaskResult) -> Iterator[Illustration]:
    """The cases in which the synthetic image loses most, and every case from arm to arm."""
    subject, scores = result.subject, result.scores
    dice = {(s.case, s.method): s.value for s in scores if (s.region, s.metric) == (subject.region, "dice")}
    losses = {case: dice[case, REAL] - dice[case, SYNTHETIC] for case in result.evidence}
    finite = sorted((case for case in losses if np.isfinite(losses[case])), key=lambda case: (-losses[case], case))
    worst = finite[:_WORST] or sorted(result.evidence)[:1]
    rows = {f"{case}: {_loss(losses[case])}": slice_of(result.evidence[case].arrays, case=case) for case in worst}
    numbers = {
        case: {arm: f"Dice {number(dice.get((case, arm)), metric='dice')}" for arm in subject.arms} for case in worst
    }
    yield Illustration(
        f"The {len(worst)} cases in which the synthetic {subject.target} loses most" if len(worst) > 1 else "A case",
        f"By Dice in {subject.region}, against the real {subject.target}. Hit, missed and invented have a colour "
        "and a pattern each.",
        to_png(draw_attempts(rows, numbers=numbers)),
        file="worst",
    )
    if finite:
        names = {arm: title for arm, title in arm_titles(subject.target).items() if arm in subject.arms}
        regions = list(dict.fromkeys((subject.region, *(score.region for score in scores))))
        yield Illustration(
            "Every case, from arm to arm",
            "A line that falls from real to synthetic is a case for which the synthetic image is less useful.",
            to_png(draw_slopes(scores, arms=names, regions=regions)),
            file="dice",
        )


def _loss(loss: float) -> str:
    if not np.isfinite(loss):
        return "no Dice"
    if loss <= 0:
        return f"gains {number(-loss, metric='dice')} Dice with the synthetic image"
    return f"loses {number(loss, metric='dice')} Dice with the synthetic image"
