"""Task-based validation on disk: scores, summary, figures and the page of three arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from voxlate._version import __version__
from voxlate.cohort import Case
from voxlate.cohort.labels.classes import members
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.candidates import load_candidate
from voxlate.evaluation.cases import Failed
from voxlate.evaluation.files import write_scores, write_summary
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.scores import values_of, whole
from voxlate.evaluation.segmentation.segmenters import FILLING, check_task, load_segmenter
from voxlate.evaluation.task.arms import Attempt, Experiment, score_task
from voxlate.evaluation.task.verdict import WEAK, Subject, judge_task, summarise_task
from voxlate.evaluation.verdict import find_row
from voxlate.evaluation.words import interval_words, meaning, metric_title, number, plural
from voxlate.io.atomic import check_writable, remove_stale, write_text
from voxlate.io.lock import hold
from voxlate.progress import ProgressReport
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.caveats import caveats
from voxlate.reporting.page.page import Illustration, Report, embed, render_page, write_figures
from voxlate.reporting.page.tables import score_tables
from voxlate.reporting.task.pictures import AttemptSlice, draw_attempts, take_slice
from voxlate.reporting.task.plots import draw_slopes
from voxlate.reporting.task.tables import arm_tables, arm_titles, pair_tables
from voxlate.roles import REAL, SYNTHETIC, WITHOUT
from voxlate.workflows.result import Evaluated

WORST = 3
NAMED = 8
_IN_TERMINAL = ("dice", "hd95", "recall", "precision", "detection_f1")


@dataclass(frozen=True)
class _Task:
    """What the page is about."""

    experiment: Experiment
    cases: Sequence[Case]
    seen: Mapping[str, list[str]]
    known: bool
    region: str
    target: str
    moved: Sequence[str] = ()

    @property
    def what(self) -> str:
        """What the cases are, in a word."""
        count = len({case for ids in self.seen.values() for case in ids})
        if not count:
            return "held-out" if self.known else "evaluated"
        return "training" if count == len(self.cases) else "training and held-out"


@dataclass
class _Keeper:
    """Keeps one slice of every attempt, which is small, so that the worst cases can be drawn at the end."""

    experiment: Experiment
    region: str
    slices: dict[str, AttemptSlice] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)

    def __call__(self, attempt: Attempt) -> None:
        segmenter, other = self.experiment.segmenter, self.experiment.other
        found = {}
        for arm, labels in attempt.found.items():
            who = other if arm == WITHOUT and other is not None else segmenter
            found[arm] = members(labels, values_of(self.region, who.classes))
        true = members(attempt.truth, values_of(self.region, segmenter.truth_classes))
        self.slices[attempt.case_id] = take_slice(attempt, true=true, found=found)
        self.moved += [attempt.case_id] * attempt.foreground_moved


def evaluate_task(
    path: Path,
    data: Path,
    out: Path,
    *,
    task: Path,
    without: Path | None,
    split: str,
    report: ProgressReport,
) -> Evaluated:
    """Applies a segmenter with the real, the synthetic and no target, and writes scores, summary, figures and page.

    Args:
        path: A run, a bundle, or a folder of translated images.
        data: The data set with sources, true target and true label maps.
        out: Where it is written; synthetic images go into its folder ``synthetic``.
        task: The segmenter: a run, a bundle, or the YAML file of a program.
        without: A segmenter that was trained without the target.
        split: ``test`` or ``all``.
        report: Called with the number of finished cases.

    Raises:
        UsageError: If the split is unknown, or a segmenter does not fit.
        CohortError: If no case is left.
    """
    if split not in {"test", "all"}:
        raise UsageError("the split test or all", came=repr(split), where="--split", remedy="Use one of them.")
    segmenter = load_segmenter(task)
    other = None if without is None else load_segmenter(without)
    candidate, cohort = load_candidate(path, data)
    check_task(segmenter, candidate.plan.target, without=other)
    experiment = Experiment(candidate, segmenter, other, out / "synthetic")
    cases = experiment.held_out(cohort, split=split)
    region = whole(segmenter.classes)
    check_writable(out)
    with hold(out, what="evaluation"):
        remove_stale(out)
        keep = _Keeper(experiment, region)
        scores, failed = score_task(experiment, cases, keep=keep, report=report)
        scored = [case for case in cases if case.id in keep.slices]
        about = _Task(
            experiment=experiment,
            cases=scored,
            seen={who: ids for who, ids in experiment.seen(scored).items() if ids},
            known=all(one.seen(scored) is not None for one in (segmenter, other) if one is not None),
            region=region,
            target=get_contrast(experiment.target).title,
            moved=keep.moved,
        )
        return _write(about, scores, keep.slices, failed=failed, out=out)


def _write(
    about: _Task, scores: list[Score], slices: Mapping[str, AttemptSlice], *, failed: list[Failed], out: Path
) -> Evaluated:
    summary = summarise_task(scores, region=about.region)
    summary["arms"] = {arm: text for arm, text in _arms(about).items() if arm in about.experiment.arms}
    summary["seen"] = dict(about.seen)
    summary["foreground_moved"] = list(about.moved)
    sentence = judge_task(
        summary, Subject(about.target, about.what, about.region, filled=about.experiment.other is None)
    )
    summary["answer"] = sentence
    illustrations = _illustrate(about, scores, slices)
    write_scores(scores, out / "scores.csv")
    write_summary(summary, out / "summary.json")
    write_figures(illustrations, out)
    page = out / "report.html"
    write_text(page, _page(about, summary, scores, sentence=sentence, figures=illustrations, failed=failed))
    return Evaluated(sentence, page, *_table(summary), failed=failed)


def _page(
    about: _Task,
    summary: Mapping[str, Any],
    scores: Sequence[Score],
    *,
    sentence: str,
    figures: Mapping[str, Illustration],
    failed: Sequence[Failed],
) -> str:
    segmenter, other = about.experiment.segmenter, about.experiment.other
    facts = {**about.experiment.candidate.facts, **segmenter.facts}
    facts |= {f"without: {name}": value for name, value in (other.facts if other else {}).items()}
    facts |= {
        "cases": f"{len(about.cases)} {about.what}",
        "mask": "the whole image",
        "software": f"voxlate {__version__}",
    }
    names = f"{about.experiment.candidate.name}, judged by {segmenter.name}"
    title = f"Is the synthetic {about.target} as useful as the real one? {names}"
    metrics = dict.fromkeys(row["metric"] for row in summary["rows"])
    return render_page(
        "task.html.j2",
        report=Report(title=title, verdict=sentence, summary=summary, facts=facts),
        warnings=[
            *_warnings(about, summary),
            *caveats(summary),
            *(f"{case} could not be scored: {reason}" for case, reason in failed),
        ],
        figures=[embed(illustration) for illustration in figures.values()],
        arms_in_words=" ".join(f"{arm}: {text}." for arm, text in summary["arms"].items()),
        arm_tables=arm_tables(summary, scores, target=about.target, filled=other is None),
        comparison_tables=pair_tables(summary, target=about.target),
        score_tables=score_tables(summary),
        glossary=[
            *((metric_title(metric), meaning(metric)) for metric in metrics if meaning(metric)),
            ("95 %", "bootstrap interval of the mean over cases"),
            ("p", f"Wilcoxon's signed-rank test, paired by case, corrected after {summary['correction']}"),
            ("as good as real", summary["rule"].partition(": ")[2]),
            ("n/a", "not available: what is asked for is empty in the case; never averaged in"),
        ],
    )


def _arms(about: _Task) -> dict[str, str]:
    """What was done in each arm."""
    segmenter, other = about.experiment.segmenter, about.experiment.other
    rest = [get_contrast(name).title for name in segmenter.sources if name != about.experiment.target]
    beside = f" beside the real {' and '.join(rest)}" if rest else ""
    filled = f"{segmenter.name} without {about.target}: {FILLING}"
    return {
        REAL: f"{segmenter.name} on the real {about.target}{beside}",
        SYNTHETIC: f"the same on the synthetic {about.target}{beside}",
        WITHOUT: filled if other is None else f"{other.name}, which was trained without {about.target}",
    }


def _warnings(about: _Task, summary: Mapping[str, Any]) -> list[str]:
    """What a reader must know before the numbers."""
    found = _seen_in_words(about.seen)
    if about.moved:
        found.append(
            f"In {len(about.moved)} of {len(about.cases)} cases the segmenter takes another part of the image for "
            f"foreground where {about.target} is synthetic, because a synthetic image has an empty background. It then "
            "sees what it was never trained on, and may lose for that reason alone. Train it with plan.mask: otsu, or "
            f"with a real contrast as plan.reference in place of {about.target}, and evaluate again."
        )
    if not about.known:
        found.append("A program does not tell which cases it was trained on; on those it flatters the real image.")
    if WITHOUT not in about.experiment.arms:
        found.append(
            f"There is no arm without {about.target}: the segmenter uses nothing else. A segmenter of other contrasts "
            "(--task-without) would tell whether the synthetic image adds anything to them."
        )
    elif about.experiment.other is None:
        found.append(
            f"Without {about.target} the segmenter sees an empty image in its place, for which it may not have been "
            "trained: that arm may be worse than it need be. A segmenter that was trained without it (--task-without) "
            "is the fair comparison."
        )
    real = find_row(summary, method=REAL, metric="dice", region=about.region)
    if real is not None and real["n"] and real["mean"] < WEAK:
        found.append(
            f"The segmenter is a poor judge: even with the real images its mean Dice is {number(real['mean'])}."
        )
    return found


def _seen_in_words(seen: Mapping[str, list[str]]) -> list[str]:
    """A sentence for each set of cases that model or segmenters were trained on; long lists are cut."""
    by_cases: dict[tuple[str, ...], list[str]] = {}
    for who, ids in seen.items():
        by_cases.setdefault(tuple(ids), []).append(f"the {who}")
    sentences = []
    for cases, known in by_cases.items():
        text = " and ".join(known)
        rest = f" and {len(cases) - NAMED} more (see summary.json)" if len(cases) > NAMED else ""
        sentences.append(
            f"{text[:1].upper()}{text[1:]} {plural(len(known), 'was', 'were')} trained or chosen on "
            f"{', '.join(cases[:NAMED])}{rest}: there the numbers do not say how well it works on new cases."
        )
    return sentences


def _illustrate(about: _Task, scores: Sequence[Score], slices: Mapping[str, AttemptSlice]) -> dict[str, Illustration]:
    dice = {(s.case, s.method): s.value for s in scores if (s.region, s.metric) == (about.region, "dice")}
    losses = {case: dice[case, REAL] - dice[case, SYNTHETIC] for case in slices}
    finite = sorted((case for case in losses if np.isfinite(losses[case])), key=lambda case: (-losses[case], case))
    worst = finite[:WORST] or sorted(slices)[:1]
    rows = {f"{case}: {_loss(losses[case])}": slices[case] for case in worst}
    numbers = {
        case: {arm: f"Dice {number(dice.get((case, arm)), metric='dice')}" for arm in about.experiment.arms}
        for case in worst
    }
    figures = {
        "worst": Illustration(
            f"The {len(worst)} cases in which the synthetic {about.target} loses most" if len(worst) > 1 else "A case",
            f"By Dice in {about.region}, against the real {about.target}. Hit, missed and invented have a colour and a "
            "pattern each.",
            to_png(draw_attempts(rows, numbers=numbers)),
        )
    }
    if finite:
        names = {arm: title for arm, title in arm_titles(about.target).items() if arm in about.experiment.arms}
        regions = list(dict.fromkeys((about.region, *(score.region for score in scores))))
        figures["dice"] = Illustration(
            "Every case, from arm to arm",
            "A line that falls from real to synthetic is a case for which the synthetic image is less useful.",
            to_png(draw_slopes(scores, arms=names, regions=regions)),
        )
    return figures


def _loss(loss: float) -> str:
    if not np.isfinite(loss):
        return "no Dice"
    if loss <= 0:
        return f"gains {number(-loss, metric='dice')} Dice with the synthetic image"
    return f"loses {number(loss, metric='dice')} Dice with the synthetic image"


def _table(summary: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The summary's rows for a terminal: of single classes Dice alone."""
    rows: list[tuple[str, ...]] = []
    for row in summary["rows"]:
        wanted = _IN_TERMINAL if row["region"] == summary["region"] else _IN_TERMINAL[:1]
        if row["metric"] in wanted:
            metric = row["metric"]
            interval = interval_words(row["interval"], metric=metric) if row["interval"] else ""
            mean = number(row["mean"], metric=metric)
            rows.append((row["region"], row["title"], row["method"], mean, interval, row["unit"], str(row["n"])))
    return ("region", "metric", "segmented with", "mean", "95 % interval", "unit", "n"), rows
