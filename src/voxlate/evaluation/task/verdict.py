"""The verdict of a task: is the synthetic image as useful as the real one, and what a reader must know before that.

The answer is read from the mean paired difference of Dice in the region that holds all labels. ``As good`` has a margin
(non-inferiority): the interval of the difference must lie above ``-MARGIN``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from voxlate.errors import counted, plural
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.segmenters import FILLING
from voxlate.evaluation.statistics import FEWEST_TO_TEST
from voxlate.evaluation.summary import Pair
from voxlate.evaluation.task.result import MARGIN, TaskSubject, TaskSummary, summarise_task
from voxlate.evaluation.words import number, signed
from voxlate.roles import ARMS, LOOKUP, REAL, SYNTHETIC, WITHOUT

_WEAK = 0.5
"""A segmenter with a mean Dice below this on the real images is a poor judge of synthetic ones."""
_NAMED = 8
"""Cases that a sentence names; the others stand in summary.json."""


def conclude_task(scores: Sequence[Score], subject: TaskSubject) -> TaskSummary:
    """What the scores say together, in numbers and in words: the whole contents of ``summary.json``.

    Args:
        scores: Of ``score_task``.
        subject: What was asked.
    """
    summary = summarise_task(scores, region=subject.region)
    return replace(
        summary,
        arms={arm: text for arm, text in _say_arms(subject).items() if arm in subject.arms},
        seen=subject.seen,
        foreground_moved=tuple(subject.moved),
        answer=_judge(summary, subject),
    )


def _judge(summary: TaskSummary, subject: TaskSubject) -> str:
    """The answer in plain words: as good as the real image or not, and better than none or not.

    Example:
        >>> _judge(summary, subject)  # doctest: +SKIP
        'With the synthetic FLAIR the segmenter works nearly as well as with the real one: mean Dice 0.78 against ...'
    """
    pair = summary.find(SYNTHETIC, REAL, region=subject.region)
    if pair is None or pair.n == 0:
        unknown = (
            f"Whether the synthetic {subject.target} is useful cannot be told: no case has a Dice in {subject.region}, "
            "since there are neither true nor found labels."
        )
        return " ".join([unknown, *_silent(summary, subject)])
    other = summary.find(SYNTHETIC, WITHOUT, region=subject.region)
    few = pair.n < FEWEST_TO_TEST
    sentences = [_few(pair, other, subject) if few else _against_real(pair, subject)]
    if other is not None and other.n and not few:
        sentences.append(_against_none(other, subject))
    return " ".join([*sentences, *_silent(summary, subject)])


def _gave_up(summary: TaskSummary, arm: str, *, region: str) -> bool:
    """Whether an arm found no voxel of what is truly there in any case."""
    recall = summary.overall.find(method=arm, metric="recall", region=region)
    return recall is not None and recall.n > 0 and recall.mean == 0


def _say_arms(subject: TaskSubject) -> dict[str, str]:
    """From an arm to what was done in it."""
    beside = f" beside the real {' and '.join(subject.beside)}" if subject.beside else ""
    trained = f"{subject.other}, which was trained without {subject.target}"
    return {
        REAL: f"{subject.segmenter} on the real {subject.target}{beside}",
        SYNTHETIC: f"the same on the synthetic {subject.target}{beside}",
        WITHOUT: f"{subject.segmenter} without {subject.target}: {FILLING}" if subject.filled else trained,
    }


def task_caveats(summary: TaskSummary, subject: TaskSubject) -> list[str]:
    """What a reader must know before the numbers."""
    found = _seen_in_words(subject.seen)
    if subject.moved:
        found.append(
            f"In {len(subject.moved)} of {subject.scored} cases the segmenter takes another part of the image for "
            f"foreground where {subject.target} is synthetic, because a synthetic image has an empty background. It "
            "then sees what it was never trained on, and may lose for that reason alone. Train it with plan.mask: "
            f"otsu, or with a real contrast as plan.reference in place of {subject.target}, and evaluate again."
        )
    if not subject.known:
        found.append("A program does not tell which cases it was trained on; on those it flatters the real image.")
    if WITHOUT not in subject.arms:
        found.append(
            f"There is no arm without {subject.target}: the segmenter uses nothing else. A segmenter of other "
            "contrasts (--task-without) would tell whether the synthetic image adds anything to them."
        )
    elif subject.filled:
        found.append(
            f"Without {subject.target} the segmenter sees an empty image in its place, for which it may not have been "
            "trained: that arm may be worse than it need be. A segmenter that was trained without it (--task-without) "
            "is the fair comparison."
        )
    simple = summary.find(SYNTHETIC, LOOKUP, region=subject.region)
    if simple is not None and simple.n and not simple.beaten:
        found.append(
            f"The synthetic {subject.target} is not shown to be more useful than an image by intensity lookup, which "
            f"needs no model: mean Dice {simple.mean:.2f} against {simple.baseline_mean:.2f}."
        )
    real = summary.overall.find(method=REAL, metric="dice", region=subject.region)
    if real is not None and real.n and real.mean < _WEAK:
        found.append(f"The segmenter is a poor judge: even with the real images its mean Dice is {number(real.mean)}.")
    return found


def _seen_in_words(seen: Mapping[str, Sequence[str]]) -> list[str]:
    """A sentence for each set of cases that model or segmenters were trained on; long lists are cut."""
    by_cases: dict[tuple[str, ...], list[str]] = {}
    for who, ids in seen.items():
        by_cases.setdefault(tuple(ids), []).append(f"the {who}")
    sentences = []
    for cases, known in by_cases.items():
        text = " and ".join(known)
        rest = f" and {len(cases) - _NAMED} more (see summary.json)" if len(cases) > _NAMED else ""
        sentences.append(
            f"{text[:1].upper()}{text[1:]} {plural(len(known), 'was', 'were')} trained or chosen on "
            f"{', '.join(cases[:_NAMED])}{rest}: there the numbers do not say how well it works on new cases."
        )
    return sentences


def _few(pair: Pair, other: Pair | None, subject: TaskSubject) -> str:
    """Numbers of these cases alone, and no claim."""
    without = f" and {other.baseline_mean:.2f} {subject.without}" if other and other.n else ""
    text = (
        f"On {_cases(pair, subject)} the segmenter reaches a mean Dice of {pair.mean:.2f} with the "
        f"synthetic {subject.target}, {pair.baseline_mean:.2f} with the real one{without}. Fewer than "
        f"{FEWEST_TO_TEST} cases are too few for a test: this describes these cases alone."
    )
    if other and other.n and other.difference <= 0:
        text += " In them the synthetic image adds nothing."
    return text


def _against_real(pair: Pair, subject: TaskSubject) -> str:
    low, high = pair.interval or (math.nan, math.nan)
    tail = (
        f"mean Dice {pair.mean:.2f} against {pair.baseline_mean:.2f} ({_difference(pair)}), on {_cases(pair, subject)}."
    )
    synthetic = f"the synthetic {subject.target}"
    if low > 0:
        return f"With {synthetic} the segmenter works better than with the real one: {tail}"
    if low >= -MARGIN:
        word = "as well as" if high >= 0 else "nearly as well as"
        return f"With {synthetic} the segmenter works {word} with the real one: {tail}"
    if high < 0:
        return f"With {synthetic} the segmenter works worse than with the real one: {tail}"
    return f"Whether the segmenter works as well with {synthetic} as with the real one cannot be told: {tail}"


def _against_none(pair: Pair, subject: TaskSubject) -> str:
    low, high = pair.interval or (math.nan, math.nan)
    tail = f"mean Dice {pair.baseline_mean:.2f} there ({_difference(pair)})"
    if low > 0:
        return f"It works better than {subject.without}: {tail}."
    if high < 0:
        return f"It works worse than {subject.without}, so the synthetic image does harm: {tail}."
    return f"It is not shown to work better than {subject.without}: {tail}. So far the synthetic image adds nothing."


def _silent(summary: TaskSummary, subject: TaskSubject) -> list[str]:
    """A sentence for each arm in which nothing that is there was found."""
    images = {
        REAL: f"With the real {subject.target}",
        SYNTHETIC: f"With the synthetic {subject.target}",
        WITHOUT: f"{subject.without[:1].upper()}{subject.without[1:]}",
    }
    return [
        f"{images[arm]} nothing labelled was found." for arm in ARMS if _gave_up(summary, arm, region=subject.region)
    ]


def _cases(pair: Pair, subject: TaskSubject) -> str:
    return counted(pair.n, f"{subject.cases} case", spelled=True)


def _difference(pair: Pair) -> str:
    low, high = pair.interval or (math.nan, math.nan)
    return f"difference {signed(pair.difference)}, 95 % interval {signed(low)} to {signed(high)}"
