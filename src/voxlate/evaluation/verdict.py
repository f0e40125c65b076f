"""The verdict: how good a method is compared with what, in one sentence that the numbers carry.

Six or more cases: a method beats a baseline if the interval of the mean paired difference lies on the better side of
zero. Fewer: it must be better in every case, and the sentence says that this is no test. Where a baseline is better
inside the labelled structures, that comes second, whatever the foreground says: of an image that is made of labels, it
is what was asked for. A victory says by which metric, names the other metrics by which the mean is worse than a
baseline's, and, in the foreground, the other regions: a lesion is too small to show in the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from voxlate.errors import counted, plural
from voxlate.evaluation.scores import gain
from voxlate.evaluation.statistics import FEWEST_TO_TEST, RULE
from voxlate.evaluation.summary import Interval, Pair, Row, Summary
from voxlate.evaluation.words import HEADLINES, after_value, listed, number
from voxlate.metrics import metrics_of
from voxlate.regions import FOREGROUND, STRUCTURES, WHOLE_SLICES, in_words

_LOSSES_NAMED = 3


@dataclass(frozen=True)
class Verdict:
    """The answer that a page opens with.

    Attributes:
        sentence: One or a few sentences in plain words.
        beats: Whether the method beats every baseline that was scored, and at least one was.
        brief: The first two of them and what holds inside the structures, for a terminal; the page has the others.
    """

    sentence: str
    beats: bool
    brief: str = ""


def judge(
    summary: Summary,
    *,
    method: str = "model",
    metric: str = "mae",
    region: str = FOREGROUND,
    cases: str = "held-out",
    rule: str = RULE,
) -> Verdict:
    """Whether the method beats the baselines, by how much and on how many cases.

    Args:
        summary: As ``summarise`` returns it.
        method: The method to judge.
        metric: The metric to judge by.
        region: The region to judge in.
        cases: What the cases are: ``held-out``, ``training`` or ``training and held-out``.
        rule: What is said where a baseline is not beaten.

    Example:
        >>> judge(summarise(scores)).sentence  # doctest: +SKIP
        'The model beats identity and lookup in MAE on 12 held-out cases: its MAE in the foreground is 41.0 % lower ...'
    """
    row = summary.find(method=method, metric=metric, region=region)
    against = {} if row is None else {name: pair for name, pair in row.against.items() if pair.n > 0}
    if row is None or not against:
        what = "no score" if row is None or row.n == 0 else "no baseline to compare with"
        told = f"Nothing can be said about the {method}: there is {what} in {in_words(region)}."
        return Verdict(f"{told} {rule}", beats=False, brief=told)
    lost = [name for name, pair in against.items() if not pair.beaten]
    missing = [name for name in row.against if name not in against]
    name = _strongest(row, lost or list(against))
    pair = against[name]
    outcome = f"does not beat {listed(lost, 'or')}" if lost else f"beats {listed([*against])}"
    subject = f"The {method} {outcome} in {row.title}"
    others = ", the better of them" if not lost and len(against) > 1 else ""
    evidence = _evidence(row, pair, confidence=summary.confidence)
    other = "" if lost else say_other_metrics(summary, method=method, metric=metric, region=region)
    relation = f"its {row.title} in the {in_words(region)} is {_margin(row, pair)} {name}'s{others}"
    sentences = [f"{subject} on {counted(pair.n, f'{cases} case', spelled=True)}: {relation} ({evidence}){other}."]
    inside = say_inside(summary, method=method, metric=metric)
    sentences += [inside] if inside else []
    if pair.n < FEWEST_TO_TEST:
        sentences.append(f"Fewer than {FEWEST_TO_TEST} cases are too few for a test.")
    if missing:
        sentences.append(f"It could not be compared with {listed(missing)}.")
    if lost:
        sentences.append(rule)
    elif region == FOREGROUND:
        sentences += _losses(summary, method=method, metric=metric)
    return Verdict(" ".join(sentences), beats=not lost and not missing, brief=" ".join(sentences[: 3 if inside else 2]))


def say_inside(summary: Summary, *, method: str, metric: str) -> str:
    """That a baseline has the better mean inside the labelled structures; empty if none has, or there are none.

    Args:
        summary: Of all cases.
        method: Who is judged.
        metric: By which.
    """
    row = summary.find(method=method, metric=metric, region=STRUCTURES)
    known = {} if row is None else {name: pair for name, pair in row.against.items() if pair.n > 0}
    if row is None or not known:
        return ""
    name = _strongest(row, list(known))
    pair = known[name]
    if gain(row.better) * pair.difference >= 0:
        return ""
    values = f"{row.title} {pair.baseline_mean:.4g} against {pair.mean:.4g}{after_value(row.unit)}"
    return f"Inside the {in_words(STRUCTURES)} {name} is better: {values}."


def say_other_metrics(summary: Summary, *, method: str, metric: str, region: str) -> str:
    """The end of a sentence of victory: in which other metrics of images a baseline has the better mean there.

    Args:
        summary: Of all cases.
        method: Who is judged.
        metric: By which.
        region: Where.
    """
    lost = []
    for row in summary.of(method=method, region=region):
        known = {name: pair for name, pair in row.against.items() if pair.n > 0}
        if row.metric == metric or row.metric not in (*HEADLINES, *metrics_of("continuity")) or not known:
            continue
        name = _strongest(row, list(known))
        pair = known[name]
        if gain(row.better) * pair.difference < 0:
            values = f"{number(pair.mean, metric=row.metric)} against {number(pair.baseline_mean, metric=row.metric)}"
            lost.append(f"{row.title} ({values}{after_value(row.unit)} of {name})")
    return f", but it loses in {listed(lost)}" if lost else ""


def say_hidden(summary: Summary) -> str:
    """How much was not scored because the truth does not show it; empty where it shows all."""
    rows = [row for row in summary.rows if row.metric in metrics_of("coverage") and row.n]
    if not rows:
        return ""
    lacking = f"{number(rows[0].mean)} % of the foreground (mean) is not shown by the true image"
    return f"In {rows[0].n} of {counted(summary.n_cases, 'case')} {lacking}, so that nothing can be scored there."


def _losses(summary: Summary, *, method: str, metric: str) -> list[str]:
    """Where whoever wins in the foreground has a worse mean than a baseline, the worst region first; at most three."""
    worse: list[tuple[float, Row, str]] = []
    for row in summary.of(method=method, metric=metric):
        known = {name: pair for name, pair in row.against.items() if pair.n > 0}
        if row.region in {FOREGROUND, WHOLE_SLICES, STRUCTURES} or not known:
            continue
        name = _strongest(row, list(known))
        pair = known[name]
        if gain(row.better) * pair.difference < 0:
            worse.append((abs(pair.difference) / (abs(pair.baseline_mean) or 1.0), row, name))
    worse.sort(key=lambda one: -one[0])
    parts = [
        f"in {in_words(row.region)} its {row.title} is {_margin(row, row.against[name])} {name}'s "
        f"({row.against[name].mean:.4g} against {row.against[name].baseline_mean:.4g}{after_value(row.unit)}, "
        f"{counted(row.against[name].n, 'case')})"
        for _, row, name in worse[:_LOSSES_NAMED]
    ]
    more = len(worse) - len(parts)
    parts += [f"{counted(more, 'more region')} {plural(more, 'is', 'are')} lost too"] if more else []
    return [f"But it loses elsewhere: {'; '.join(parts)}."] if parts else []


def _strongest(row: Row, names: list[str]) -> str:
    """The baseline over which the gain is least."""
    return min(names, key=lambda name: gain(row.better) * row.against[name].difference)


def _scale(row: Row, pair: Pair) -> tuple[bool, str]:
    """Whether changes are said in per cent, which suits errors but neither similarities nor dB, and their unit."""
    percent = row.better == "lower" and pair.ratio is not None
    return percent, " %" if percent else after_value(row.unit)


def _margin(row: Row, pair: Pair) -> str:
    if pair.difference == 0:
        return "equal to"
    percent, unit = _scale(row, pair)
    change = 100 * (pair.ratio - 1) if percent and pair.ratio is not None else pair.difference
    return f"{_size(change, percent=percent)}{unit} {_side(change)} than"


def _interval(row: Row, pair: Pair, interval: Interval) -> str:
    """The interval of the difference, or of the ratio where changes are said in per cent."""
    percent, unit = _scale(row, pair)
    low, high = [100 * (end - 1) for end in pair.ratio_interval] if percent and pair.ratio_interval else interval
    if _side(low) != _side(high):
        sizes = [f"{_size(end, percent=percent)}{unit} {_side(end)}" for end in (low, high)]
        return " to ".join(sizes)
    near, far = sorted((low, high), key=abs)
    return f"{_size(near, percent=percent)} to {_size(far, percent=percent)}{unit} {_side(far)}"


def _side(change: float) -> str:
    return "lower" if change < 0 else "higher"


def _size(change: float, *, percent: bool) -> str:
    return f"{abs(change):.1f}" if percent else f"{abs(change):.3g}"


def _evidence(row: Row, pair: Pair, *, confidence: float) -> str:
    unit = after_value(row.unit)
    parts = [f"{pair.mean:.4g} against {pair.baseline_mean:.4g}{unit}"]
    if pair.n >= FEWEST_TO_TEST and pair.interval:
        parts.append(f"{100 * confidence:g} % interval {_interval(row, pair, pair.interval)}")
    parts.append(f"better in {pair.wins} of {pair.n}")
    if pair.p_holm is not None:
        parts.append(f"Wilcoxon p = {pair.p_holm:.2g} after Holm")
    return "; ".join(parts)
