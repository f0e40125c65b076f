"""Findings: what a segmentation evaluation says in words, and the guard against a model that finds nothing.

Where little is labelled, a model that never labels anything is right in almost every voxel: its accuracy is high and
says nothing. So an accuracy above 0.9 without a single true voxel found, in any case that has one, is said in words
before anything else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from voxlate.cohort.labels.classes import ANY_LABEL
from voxlate.cohort.labels.labelling import component_word
from voxlate.errors import counted, plural
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.scores import VOLUME, Classes, class_regions, whole
from voxlate.evaluation.statistics import summarise
from voxlate.evaluation.summary import Row, Summary
from voxlate.evaluation.verdict import Verdict, judge
from voxlate.roles import MODEL

_FLATTERING = 0.9
"""An accuracy above it is no achievement where recall is zero."""
_RULE = "A model that does not beat intensity alone is not reported as working."
_LESIONS = ("detection_tp", "detection_fn", "detection_fp")
_NAMED = {"tumour": "tumour", "tumor": "tumour", "lesion": "lesion"}


def summarise_segmentation(scores: Sequence[Score]) -> Summary:
    """The summary of scores of segmentations, without volumes, which are better in no direction."""
    return replace(summarise([score for score in scores if score.metric != VOLUME]), rule=_RULE)


def nothing_found(scores: Sequence[Score], classes: Classes, *, method: str = MODEL) -> dict[str, str]:
    """Regions with high accuracy of which no true voxel was found in any case, each with that in words.

    Args:
        scores: Scores of all cases.
        classes: From the name of a class to its label values.
        method: Whose scores.

    Returns:
        From a region to its sentences; the region of all labels first. Where that is empty the classes are not named.
    """
    main = whole(classes)
    regions = dict.fromkeys((main, *class_regions(classes)))
    told = {region: _told(scores, region, classes, method=method) for region in regions}
    silent = {region: words for region, words in told.items() if words}
    return {main: silent[main]} if main in silent else silent


def judge_segmentation(summary: Summary, scores: Sequence[Score], classes: Classes, *, cases: str = "held-out") -> str:
    """The answer that a page opens with: what was not found at all, Dice of every class, HD95, lesions, the baseline.

    Args:
        summary: As ``summarise`` gives it.
        scores: What it was made from.
        classes: From the name of a class to its label values.
        cases: What the cases are: ``held-out``, ``training``, ...
    """
    main = whole(classes)
    rows = {name: summary.find(method=MODEL, metric="dice", region=name) for name in class_regions(classes)}
    known = {name: row for name, row in rows.items() if row is not None and row.n}
    if not known:
        return "Nothing can be said about the model: no case has a label, true or found."
    n = summary.n_cases
    each = ", ".join(f"{_mean(row)} for {name}" for name, row in known.items())
    sentences = [*nothing_found(scores, classes).values()]
    sentences.append(f"On {counted(n, f'{cases} case', spelled=True)} the mean Dice is {each}.")
    if main in known:
        sentences.append(_surfaces_and_lesions(summary, scores, main, word=component_word(classes)))
    return " ".join([*sentences, judge_against_intensity(summary, region=main, cases=cases).sentence])


def judge_briefly(summary: Summary, scores: Sequence[Score], classes: Classes, *, cases: str = "held-out") -> str:
    """The answer for a terminal: that nothing was found, or the model against intensity alone; the rest is a table.

    Args:
        summary: As ``summarise`` gives it.
        scores: What it was made from.
        classes: From the name of a class to its label values.
        cases: What the cases are.
    """
    main = whole(classes)
    silent = [f"{_nothing(region, classes)} was found." for region in nothing_found(scores, classes)]
    return " ".join([*silent[:1], judge_against_intensity(summary, region=main, cases=cases).brief])


def judge_against_intensity(summary: Summary, *, region: str, method: str = MODEL, cases: str = "held-out") -> Verdict:
    """Whether the Dice of a method is higher than that of intensity alone.

    Args:
        summary: As ``summarise`` gives it.
        region: The region that holds all labels.
        method: The method to judge.
        cases: What the cases are.
    """
    verdict = judge(summary, method=method, metric="dice", region=region, cases=cases, rule=_RULE)

    def named(told: str) -> str:
        return told.replace(" lookup", " intensity lookup").replace(f"in the {ANY_LABEL}", f"of {ANY_LABEL}")

    return replace(verdict, sentence=named(verdict.sentence), brief=named(verdict.brief))


def count_lesions(scores: Sequence[Score], *, region: str, method: str = MODEL) -> tuple[int, int, int]:
    """Lesions of a region over all cases together: found, missed and invented."""
    totals = dict.fromkeys(_LESIONS, 0.0)
    for score in scores:
        if (score.region, score.method) == (region, method) and score.metric in totals and math.isfinite(score.value):
            totals[score.metric] += score.value
    found, missed, invented = (round(total) for total in totals.values())
    return found, missed, invented


def _told(scores: Sequence[Score], region: str, classes: Classes, *, method: str) -> str:
    """That nothing of a region was found, and what its accuracy is worth; empty if something was."""
    values: dict[str, list[float]] = {"accuracy": [], "recall": []}
    for score in scores:
        if (score.region, score.method) == (region, method) and score.metric in values and math.isfinite(score.value):
            values[score.metric].append(score.value)
    accuracy, recall = values["accuracy"], values["recall"]
    if not accuracy or not recall or any(recall) or sum(accuracy) / len(accuracy) <= _FLATTERING:
        return ""
    n = len(recall)
    having = "in the one case that has it" if n == 1 else f"in any of the {n} cases that have it"
    mean = sum(accuracy) / len(accuracy)
    percent = 100 * math.floor(mean * 1000) / 1000 if mean < 1 else 100.0
    return (
        f"{_nothing(region, classes)} was found: not one true voxel of it {having}. That the accuracy is "
        f"{percent:.1f} % means nothing, since almost all voxels are background and it only counts that."
    )


def _nothing(region: str, classes: Classes) -> str:
    """The subject of "was found": ``No tumour``, ``Nothing labelled``, or no voxel of a class."""
    if region != whole(classes):
        return f"Nothing of {region}"
    said = " ".join([region, *classes]).casefold()
    noun = next((noun for word, noun in _NAMED.items() if word in said), None)
    generic = len(classes) > 1 or not classes[region]
    return f"No {noun}" if noun else "Nothing labelled" if generic else f"No {region}"


def _mean(row: Row) -> str:
    if not row.interval:
        return f"{row.mean:.3f}"
    low, high = row.interval
    return f"{row.mean:.3f} (95 % interval {low:.3f} to {high:.3f})"


def _surfaces_and_lesions(summary: Summary, scores: Sequence[Score], region: str, *, word: str) -> str:
    surface = summary.find(method=MODEL, metric="hd95", region=region)
    found, missed, invented = count_lesions(scores, region=region)
    parts = []
    if surface is not None and surface.n:
        parts.append(f"the mean HD95 is {surface.mean:.3g} mm")
    true = found + missed
    parts.append(
        f"of {counted(true, f'true {word}')} {found} {plural(found, 'was', 'were')} found and {missed} "
        f"missed, and {invented} {plural(invented, 'was', 'were')} invented"
    )
    return f"In {region} {'; '.join(parts)}."
