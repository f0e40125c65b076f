"""Several views of one model: whether their combination is better than each of them."""

from __future__ import annotations

from collections.abc import Sequence

from voxlate.config.window import VIEWS
from voxlate.errors import counted
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import summarise
from voxlate.evaluation.summary import Summary
from voxlate.evaluation.words import after_value, metric_title, number
from voxlate.regions import FOREGROUND
from voxlate.roles import MODEL

_COMPARED = ("mae", "psnr", "ssim", "stitching")


def view_names(scores: Sequence[Score]) -> list[str]:
    """The views among the scored methods, in their order; empty for a model of one view."""
    return [name for name in dict.fromkeys(score.method for score in scores) if name in VIEWS.values()]


def compare_views(scores: Sequence[Score]) -> Summary:
    """The combination against every single view, in the foreground: a summary whose baselines are the views."""
    names = view_names(scores)
    compared = [
        score
        for score in scores
        if score.method in {MODEL, *names} and score.region == FOREGROUND and score.metric in _COMPARED
    ]
    return summarise(compared, baselines=names)


def say_views(summary: Summary, *, metric: str = "mae") -> str:
    """Whether the combination beats each view, with the numbers.

    Args:
        summary: As ``compare_views`` gives it.
        metric: By which.
    """
    row = summary.find(method=MODEL, metric=metric, region=FOREGROUND)
    if row is None or not row.n:
        return "The views cannot be compared."
    unit = after_value(row.unit)
    against = row.against
    alone = ", ".join(f"{name} {number(pair.baseline_mean)}{unit}" for name, pair in against.items())
    lost = [name for name, pair in against.items() if not pair.beaten]
    verdict = f"does not beat {' or '.join(lost)}" if lost else "beats every single view"
    return (
        f"The combination of views {verdict}: {metric_title(metric)} {number(row.mean)}{unit} on "
        f"{counted(row.n, 'case')}; alone {alone}."
    )
