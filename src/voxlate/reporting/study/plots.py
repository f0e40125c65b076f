"""Figures of an ablation: similarity before and after, and the differences that each seed gives.

The first is Figure 5 of Genc et al. 2022 (doi:10.58530/2022/3460). The paper draws eight plots: the SSIM of source and
target beside that of prediction and target, over the whole brain and inside the lesion, without and with the
lesion-mask loss, for two tasks. Here one task is one figure of two plots, and ``draw_tasks`` puts two beside each
other: the source, which is the same without and with, is drawn once, and every case is joined by a thin line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import summarise
from voxlate.evaluation.study.paired import VariantDifference
from voxlate.evaluation.summary import Interval, Pair
from voxlate.evaluation.words import MINUS, changes, direction, metric_title, p_value
from voxlate.regions import in_words
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.boxes import draw_boxes, gather, legend
from voxlate.reporting.drawing.leaf import SPACE, Leaf, Span
from voxlate.reporting.drawing.plots import Plots, draw_points
from voxlate.training.studies.variants import WITH, WITHOUT

_REGIONS = {"foreground": "Foreground", "lesion": "Lesion", "labels": "Labelled structures"}
_COLUMNS = (0.0, 0.25, 0.76, 0.88, 1.0)  # where those of the table under a plot begin, as shares of its width


@dataclass(frozen=True)
class PairedTest:
    """A line under a plot: a paired difference, its interval and its test.

    Attributes:
        what: What is subtracted from what.
        compared: As ``compare_variants`` or ``summarise`` gives it.
        crossed: The interval over seeds and cases, which is shown where there is one.
    """

    what: str
    compared: Pair
    crossed: Interval | None = None

    def cells(self) -> tuple[str, ...]:
        """The difference with its interval, the cases that are better, and the p value."""
        pair, interval = self.compared, self.crossed or self.compared.interval
        difference, *ends = changes(pair.difference, *(interval or ()), most=4)
        around = f" ({' to '.join(ends)})" if ends else ""
        tested = p_value(pair.p_holm) if pair.p_holm is not None else "no test"
        return self.what, f"{difference}{around}", f"{pair.wins} of {pair.n}", tested


@canvas.styled
def draw_similarity(
    scores: Sequence[Score],
    tests: Mapping[str, Sequence[PairedTest]],
    *,
    names: Mapping[str, str],
    metric: str = "ssim",
    heading: str = "",
) -> Figure:
    """Source against target beside prediction against target, a plot per region, paired by case.

    Args:
        scores: Of the means over the seeds.
        tests: From a region (``foreground``, ``lesion`` or ``labels``) to the lines under its plot.
        names: From a method to what stands under its box, in the order of the boxes; other methods are not drawn.
        metric: What is drawn.
        heading: Printed above.

    Raises:
        UsageError: If no value is left to draw.
    """
    drawn = {}
    for region, title in _REGIONS.items():
        found, unit = gather(scores, region=region, metric=metric)
        values = {method: found[method] for method in names if method in found}
        if values:
            drawn[region] = (title, values, unit)
    if not drawn:
        raise UsageError("scores", came=f"none of {metric}", remedy="Evaluate the runs first.")
    plots = Plots(len(drawn))
    for axes, (title, values, unit) in zip(plots.axes, drawn.values(), strict=True):
        whole = f"{title}: {metric_title(metric, unit=unit)} with the target"
        draw_boxes(plots, axes, values, metric=metric, unit=unit, title=whole, names=names)
    shown = [list(tests.get(region, ())) for region in drawn]
    crossed = any(test.crossed for lines in shown for test in lines)
    over = f"Intervals over the cases; that of with {MINUS} without over seeds and cases."
    return plots.finish(
        heading=heading,
        under=lambda leaf, spans: _write_tests(leaf, list(zip(spans, shown, strict=True))),
        notes=[legend([values for _, values, _ in drawn.values()]), *[over] * crossed],
    )


@canvas.styled
def draw_tasks(
    tasks: Mapping[str, Sequence[Score]], *, names: Mapping[str, str], metric: str = "ssim", heading: str = ""
) -> Figure:
    """Source against target beside prediction against target: a column per task, a row per region.

    Args:
        tasks: From a title, ``T2 to FLAIR``, to the scores of an ablation, means over its seeds.
        names: From a method to what stands under its box, in the order of the boxes; other methods are not drawn.
        metric: What is drawn.
        heading: Printed above.

    Raises:
        UsageError: If no value is left to draw.
    """
    gathered = {
        (region, task): gather(scores, region=region, metric=metric)
        for region in _REGIONS
        for task, scores in tasks.items()
    }
    rows = [region for region in _REGIONS if any(set(names) & set(gathered[region, task][0]) for task in tasks)]
    if not rows:
        raise UsageError("scores", came=f"none of {metric}", remedy="Evaluate the runs first.")
    plots, drawn = Plots(len(rows) * len(tasks), columns=len(tasks), height_mm=40.0), []
    places = [(region, task) for region in rows for task in tasks]
    for axes, (region, task) in zip(plots.axes, places, strict=True):
        found, unit = gathered[region, task]
        values = {method: found[method] for method in names if method in found}
        title = f"{task}, {in_words(region)}: {metric_title(metric, unit=unit)}"
        told = _with_without(tasks[task], region, metric=metric)
        draw_boxes(plots, axes, values, metric=metric, unit=unit, title=title, told=told, names=names)
        drawn.append(values)
    note = "Intervals over the cases, each with the mean over the seeds; p of the signed-rank test, not corrected."
    return plots.finish(heading=heading, notes=[f"{legend(drawn)} {note}"])


def _with_without(scores: Sequence[Score], region: str, *, metric: str) -> str:
    """What the change was good for in a region, in a line."""
    asked = [score for score in scores if (score.region, score.metric) == (region, metric)]
    row = summarise(asked, baselines=(WITHOUT,)).find(method=WITH, metric=metric, region=region) if asked else None
    pair = None if row is None else row.against.get(WITHOUT)
    if pair is None:
        return ""
    difference, *ends = changes(pair.difference, *(pair.interval or ()), most=4)
    around = f" ({' to '.join(ends)})" if ends else ""
    tested = "" if pair.p is None else f", {p_value(pair.p)}"
    return f"with {MINUS} without {difference}{around}{tested}"


def _write_tests(leaf: Leaf, tables: Sequence[tuple[Span, Sequence[PairedTest]]]) -> None:
    """A small table under each plot."""
    head = ("", "difference (95 % interval)", "better", "p, Holm")
    for row in range(max(len(tests) for _, tests in tables) + 1):
        if not any(tests for _, tests in tables):
            return
        texts = []
        for span, tests in tables:
            cells = head if row == 0 else tests[row - 1].cells() if row <= len(tests) else ()
            for text, start, end in zip(cells, _COLUMNS, _COLUMNS[1:], strict=False):
                place = Span(span.left + start * span.width, (end - start) * span.width)
                texts.append((text.removeprefix("p = ").removeprefix("p "), place))
        leaf.write(texts, size=canvas.SMALL, colour=canvas.INK if row else canvas.MUTED)
    leaf.skip(SPACE)


@canvas.styled
def draw_differences(
    scores: Sequence[Score],
    comparison: VariantDifference,
    values: Mapping[str, Mapping[str, float]],
    *,
    heading: str = "",
) -> Figure:
    """One metric in one region: boxes of every method, and beside them the paired difference that each seed gives.

    Args:
        scores: Of the means over the seeds.
        comparison: The row of ``voxlate.evaluation.study.paired.compare_variants``.
        values: From a label (``seed 0``, ..., last the mean over the seeds) to the difference of each case.
        heading: Printed above.

    Raises:
        UsageError: If no value is left to draw.
    """
    metric, region = comparison.metric, comparison.region
    found, unit = gather(scores, region=region, metric=metric)
    if not found:
        raise UsageError("scores", came=f"none in the region {region!r}", remedy="Evaluate the runs first.")
    plots = Plots(2, ratios=(1.25, 1.0))
    left, right = plots.axes
    place = _REGIONS.get(region, region)
    draw_boxes(plots, left, found, metric=metric, unit=unit, title=f"{place}: {metric_title(metric, unit=unit)}")
    _draw_each_seed(right, comparison, values)
    told = changes(*(difference for difference, _ in _each(comparison)))
    plots.name_places(right, list(values), told)
    good = "below" if direction(metric).startswith("lower") else "above"
    words = f"with {MINUS} without; {good} 0: better with"
    plots.title(right, f"Difference of {metric_title(metric, unit=unit)}", words)
    spread = "over seeds and cases" if comparison.crossed_interval else "over the cases"
    note = (
        f"{legend([found])} Left: means over the seeds. Right: the bar is the mean of the cases with its 95 % interval"
    )
    return plots.finish(heading=heading, notes=[f"{note} over the cases; of all seeds, {spread}."])


def _each(comparison: VariantDifference) -> list[tuple[float, Interval | None]]:
    """The difference that each seed gives with its interval, and that of all."""
    whole = (comparison.pair.difference, comparison.crossed_interval or comparison.pair.interval)
    return [*((one.difference, one.interval) for one in comparison.seeds), whole]


def _draw_each_seed(axes: Axes, comparison: VariantDifference, values: Mapping[str, Mapping[str, float]]) -> None:
    rows = _each(comparison)
    axes.axhline(0, color=canvas.INK, linewidth=0.8, zorder=1)
    for place, ((difference, interval), cases) in enumerate(zip(rows, values.values(), strict=True)):
        colour = canvas.INK if place == len(rows) - 1 else canvas.VERMILION
        ordered = [cases[case] for case in sorted(cases)]
        spread = np.linspace(-0.16, 0.16, len(ordered)) if len(ordered) > 1 else np.zeros(len(ordered))
        draw_points(axes, place + spread - 0.08, ordered, colour=colour, size=3.2, alpha=0.75, zorder=2)
        _draw_mean(axes, place + 0.24, difference, interval=interval, colour=colour)
    axes.margins(y=0.1)


def _draw_mean(axes: Axes, x: float, difference: float, *, interval: Interval | None, colour: str) -> None:
    if isnan(difference):
        return
    axes.plot([x - 0.07, x + 0.07], [difference] * 2, color=colour, linewidth=2.2, zorder=4)
    if interval is not None:
        axes.plot([x, x], interval, color=colour, linewidth=1.0, zorder=3)
        for end in interval:
            axes.plot([x - 0.04, x + 0.04], [end, end], color=colour, linewidth=1.0, zorder=3)
