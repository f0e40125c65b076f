"""Box plots of paired scores: every case is a point, and a line joins its scores from method to method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.evaluation.words import in_order, metric_title, number
from voxlate.regions import in_words
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.plots import Plots, better, draw_points

_METRICS = ("mae", "psnr", "ssim")
_FEWEST_FOR_A_BOX = 5
_PLACES = {"identity": 0, "lookup": 1, "model": 2, "with": 2, "without": 3}  # among the series of the canvas
Scores = dict[str, dict[str, float]]  # method -> case -> value


def gather(scores: Iterable[Score], *, region: str, metric: str) -> tuple[Scores, str]:
    """Finite values of one region and metric as method -> case -> value, baselines first, and their unit."""
    chosen = [score for score in scores if score.region == region and score.metric == metric]
    values: Scores = {method: {} for method in in_order(score.method for score in chosen)}
    for score in chosen:
        if np.isfinite(score.value):
            values[score.method][score.case] = float(score.value)
    return {method: cases for method, cases in values.items() if cases}, next((s.unit for s in chosen), "")


def has_boxes(scores: Sequence[Score], *, region: str = "foreground", metrics: Sequence[str] = _METRICS) -> bool:
    """Whether there is a value that ``draw_box_plots`` can draw."""
    return any(gather(scores, region=region, metric=metric)[0] for metric in metrics)


@canvas.styled
def draw_box_plots(scores: Sequence[Score], *, region: str = "foreground", metrics: Sequence[str] = _METRICS) -> Figure:
    """One plot per metric; in each a box per method, baselines first, with every case as a point.

    With fewer than five cases a box would pretend to a distribution, so only the points and their median are drawn.

    Args:
        scores: Scores of all methods; those of other regions and metrics are ignored, NaN is not drawn.
        region: The region that is shown.
        metrics: From left to right; a metric without any value is left out.

    Raises:
        UsageError: If no value is left to draw.
    """
    found = [(metric, *gather(scores, region=region, metric=metric)) for metric in metrics]
    found = [one for one in found if one[1]]
    if not found:
        raise UsageError("scores", came=f"none in the region {region!r}", remedy="Evaluate the cases first.")
    plots = Plots(len(found))
    for axes, (metric, values, unit) in zip(plots.axes, found, strict=True):
        draw_boxes(plots, axes, values, metric=metric, unit=unit)
    return plots.finish(heading=f"Region: {in_words(region)}", notes=[legend([values for _, values, _ in found])])


def legend(plots: Sequence[Scores]) -> str:
    """What the shapes of these plots mean, in words."""
    few = max(len(cases) for values in plots for cases in values.values()) < _FEWEST_FOR_A_BOX
    shapes = (
        "Line: median; too few cases for a box." if few else "Box: quartiles, median (number); whiskers: all cases."
    )
    return f"A point is a case; a thin line joins the same case. {shapes}"


def draw_boxes(
    plots: Plots,
    axes: Axes,
    values: Scores,
    *,
    metric: str,
    unit: str,
    title: str = "",
    told: str = "",
    names: Mapping[str, str] | None = None,
) -> None:
    """One metric: a box per method, in the order given, every case a point, thin lines between the same cases.

    Args:
        plots: What the axes belong to.
        axes: Where to draw.
        values: From a method to the values of its cases.
        metric: Decides how numbers are written, and which direction is better.
        unit: Unit of the values.
        title: Heading; by default the metric's.
        told: A line below it, after which direction is better.
        names: What to write under a box in place of the method's name.
    """
    _draw_pairs(axes, values)
    looks = looks_of(values)
    for place, (method, cases) in enumerate(values.items()):
        _draw_method(axes, list(cases.values()), place=place, look=looks[method], metric=metric)
    titles = [(names or {}).get(method) or method for method in values]
    plots.name_places(axes, titles, [f"n = {len(cases)}" for cases in values.values()])
    plots.title(axes, title or metric_title(metric, unit=unit), "\n".join(filter(None, (better(metric), told))))
    axes.margins(y=0.12)


def _draw_pairs(axes: Axes, values: Scores) -> None:
    names = dict.fromkeys(case for cases in values.values() for case in cases)
    for case in names:
        points = [(place, cases[case]) for place, cases in enumerate(values.values()) if case in cases]
        x, y = zip(*points, strict=True)
        axes.plot(x, y, color=canvas.GREY, linewidth=0.5, alpha=0.55, zorder=1)


def _draw_method(axes: Axes, values: list[float], *, place: int, look: canvas.Look, metric: str) -> None:
    colour, marker, _ = look
    middle = float(np.median(values))
    if len(values) >= _FEWEST_FOR_A_BOX:
        drawn = axes.boxplot(
            [values], positions=[place], widths=0.42, whis=(0, 100), showfliers=False, manage_ticks=False, zorder=2
        )
        for part in ("boxes", "whiskers", "caps", "medians"):
            for line in drawn[part]:
                line.set(color=colour, linewidth=1.6 if part == "medians" else 0.9)
    else:
        axes.plot([place - 0.21, place + 0.21], [middle, middle], color=colour, linewidth=1.6, zorder=2)
    draw_points(axes, [place] * len(values), values, colour=colour, marker=marker)
    axes.annotate(
        number(middle, metric=metric),
        (place, max(values)),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=canvas.SMALL,
        fontweight="bold",
        path_effects=[withStroke(linewidth=1.6, foreground=canvas.PAPER)],
    )


def looks_of(methods: Iterable[str]) -> dict[str, canvas.Look]:
    """Colour, marker and dash of each method, shared by no other: those with a place of their own always have it.

    The others have the first places from that of the model on that are free, where a baseline is missing too.
    """
    methods = list(methods)
    taken = {_PLACES[method] for method in methods if method in _PLACES}
    free = (place for place in count(_PLACES["model"]) if place not in taken)
    return {method: canvas.series(_PLACES[method] if method in _PLACES else next(free)) for method in methods}
