"""In brief: one case in a sentence and what to know of it, all cases in one, and what none of it must be used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan

from voxlate.cohort import Case
from voxlate.errors import counted
from voxlate.evaluation.candidates import Candidate
from voxlate.evaluation.cases import Scored
from voxlate.evaluation.copied import COPIED
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.scores import Score, gain, ranked
from voxlate.evaluation.statistics import FEWEST_TO_TEST
from voxlate.evaluation.summary import Summary
from voxlate.evaluation.verdict import say_inside, say_other_metrics
from voxlate.evaluation.words import after_value, better, listed, meaning, metric_title, number, short_title
from voxlate.metrics import metrics_of
from voxlate.regions import FOREGROUND, UNIONS, in_words
from voxlate.roles import BASELINES, MODEL

_MOST_SHOWN = 24


def spread(cases: Sequence[str], most: int = _MOST_SHOWN) -> list[str]:
    """All cases if they are few, else so many, equally far apart from the first to the last.

    Example:
        >>> spread(["a", "b", "c", "d", "e"], 3)
        ['a', 'c', 'e']
    """
    if len(cases) <= most:
        return list(cases)
    return [cases[round(place * (len(cases) - 1) / (most - 1))] for place in range(most)]


def placed(region: str) -> str:
    """Where something is scored, as it follows the metric.

    Example:
        >>> placed("foreground"), placed("tumour core")
        ('in the foreground', 'of tumour core')
    """
    return f"in the {in_words(region)}" if region in {FOREGROUND, *UNIONS} else f"of {region}"


def judge_case(case: str, scores: Sequence[Score], *, metric: str, region: str) -> str:
    """How good the model is in one case, beside the baselines and among the other cases.

    Args:
        case: Its id.
        scores: Of all cases.
        metric: By which.
        region: Where.

    Example:
        >>> judge_case("a", [Score("a", "foreground", "model", "mae", 0.25, "1")], metric="mae", region="foreground")
        'MAE 0.25 in the foreground. Place 1 of 1, counted from the best case.'
    """
    found = {s.method: s for s in scores if (s.case, s.metric, s.region) == (case, metric, region)}
    mine, title, where = found.get(MODEL), metric_title(metric), placed(region)
    if mine is None or isnan(mine.value):
        return f"There is no {title} {where} of this case."
    unit, sign = after_value(mine.unit), gain(better(metric))
    others = {name: found[name].value for name in BASELINES if name in found and not isnan(found[name].value)}
    told = [f"{number(value, metric=metric)}{unit} of {short_title(name)}" for name, value in others.items()]
    lost = [short_title(name) for name, value in others.items() if sign * (mine.value - value) <= 0]
    outcome = f"it does not beat {listed(lost, 'or')}" if lost else f"it beats {listed([*map(short_title, others)])}"
    against = f", against {listed(told)}: {outcome}" if others else ""
    order = ranked(scores, metric=metric, region=region)
    return (
        f"{title} {number(mine.value, metric=metric)}{unit} {where}{against}. "
        f"Place {len(order) - order.index(case)} of {len(order)}, counted from the best case."
    )


def notes_of_cases(candidate: Candidate, cases: Sequence[Case], scored: Scored) -> dict[str, list[str]]:
    """From a case to what a reader of its scores must know first.

    Args:
        candidate: Who predicts.
        cases: What was looked at.
        scored: What came of it; cases without a score are left out.
    """
    found = scored.found
    return {case.id: _notes(found[case.id], seen=candidate.seen([case]) > 0) for case in cases if case.id in found}


def _notes(one: CaseEvidence, *, seen: bool) -> list[str]:
    found = []
    if one.more.get(COPIED):
        found.append("The truth of this case is the prediction itself, up to scale: its score says nothing.")
    if seen:
        found.append("The model was trained or chosen on this case: its scores do not say how it does on new ones.")
    hidden = [score.value for score in one.scores if score.metric in metrics_of("coverage")]
    found += [
        f"{number(share)} % of the foreground is not shown by the true image, and not scored." for share in hidden
    ]
    return found


def say_brief(summary: Summary, *, what: str, cases: str, metric: str, region: str) -> str:
    """The answer for those who read one sentence.

    Args:
        summary: Of all cases.
        what: What the model makes: ``synthetic T2``.
        cases: What the cases are: ``held-out``, ``training``, ...
        metric: By which it is judged.
        region: Where.
    """
    row = summary.find(method=MODEL, metric=metric, region=region)
    if row is None or not row.n:
        return f"Nothing can be said about the {what}: it could not be scored."
    unit = after_value(row.unit)
    reached = f"{row.title} {number(row.mean, metric=metric)}{unit} ({meaning(metric)})"
    told = f"On {counted(row.n, f'{cases} case')} the {what} reaches {reached}"
    others = {name: pair for name, pair in row.against.items() if pair.n}
    if not others:
        return f"{told}; there is nothing to compare it with."
    simple, pair = min(others.items(), key=lambda one: gain(row.better) * one[1].difference)
    value = f"{number(pair.baseline_mean, metric=metric)}{unit}"
    if pair.beaten:
        inside = say_inside(summary, method=MODEL, metric=metric)
        other = say_other_metrics(summary, method=MODEL, metric=metric, region=region)
        found = f"{told}, better than the {value} of {short_title(simple)}, which needs no model{other}."
        return f"{found} {inside}".strip()
    return f"{told}, and does not beat the {value} of {short_title(simple)}, which needs no model: do not rely on it."


def misuses(summary: Summary, *, kind: str, metric: str, region: str, seen: int) -> list[str]:
    """What a model must not be used for, as far as its evaluation tells; the first lines hold for every model.

    Args:
        summary: Of all cases.
        kind: Of contrast that it makes: ``mr``, ``ct``, ``pet``, ``label``.
        metric: By which it is judged.
        region: Where.
        seen: How many of the cases the model was trained or chosen on.
    """
    lines = ["Diagnosis, treatment, or any other decision about a patient.", _OF_KIND.get(kind, _OF_IMAGES)]
    lines.append(
        "Scanners, protocols, ages and diseases that are not among the "
        f"{counted(summary.n_cases, 'case')} scored here: nothing is known about them."
    )
    row = summary.find(method=MODEL, metric=metric, region=region)
    lost = [] if row is None else [short_title(name) for name, pair in row.against.items() if not pair.beaten]
    if lost:
        lines.append(f"Anything that rests on its being better than {listed(lost, 'or')}: that is not shown.")
    if seen:
        lines.append(f"Saying how it does on new cases: it has seen {seen} of these.")
    if summary.n_cases < FEWEST_TO_TEST:
        lines.append(f"Claims about other patients: {counted(summary.n_cases, 'case')} cannot carry one.")
    return lines


_OF_IMAGES = "Looking for findings in the synthetic image: what the source does not show is made up or left out."
_OF_KIND: Mapping[str, str] = {
    "label": "Measuring or following a disease without looking at the image: parts are missed and invented.",
    "ct": "Dose calculation, attenuation correction, or any other use of its numbers as densities of a patient.",
    "pet": "Uptake values of a patient: a synthetic image does not know what was not imaged.",
}
