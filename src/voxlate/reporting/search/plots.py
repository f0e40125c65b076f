"""Figures of a search: slices, history, importance and parallel coordinates.

A slice is the metric against one hyper-parameter, and all of them together are Figure 2 of Genc et al. 2022. Complete
trials, pruned ones, the best and the recipe's own values look the same in every figure: they differ in shape and
filling as well as in colour.

Optuna's own plots would not do: they are drawn through ``pyplot`` in a style of their own, know neither pruned trials
nor the recipe's own values nor what chance reaches, and need the study where these need its trials alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from voxlate.config.search import Range
from voxlate.evaluation.words import field_title, metric_title, number, with_minus
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.lettering import fit
from voxlate.reporting.drawing.plots import Plots, better, scale_by_powers
from voxlate.training.tuning.results import Searched
from voxlate.training.tuning.space import Value
from voxlate.training.tuning.trials import Trial

_COLUMNS = 3
_LONGEST_VALUE = 24.0  # mm
_MARKS: dict[str, Style] = {
    "complete": {"marker": "o", "markersize": 4.0, "markerfacecolor": canvas.BLUE, "markeredgecolor": canvas.PAPER},
    "pruned": {"marker": "x", "markersize": 4.0, "markeredgecolor": canvas.GREY, "markeredgewidth": 0.9},
    "own": {"marker": "s", "markersize": 8.0, "markerfacecolor": "none", "markeredgecolor": canvas.INK},
    "best": {"marker": "o", "markersize": 9.0, "markerfacecolor": "none", "markeredgecolor": canvas.VERMILION},
}
_NAMES = {
    "complete": "complete",
    "pruned": "pruned, at its last value (arrow: off the axis)",
    "own": "recipe's own values",
    "best": "best",
}
_QUALITY = LinearSegmentedColormap.from_list("voxlate-quality", ["#d9dde1", "#7fb2d6", canvas.BLUE, "#08306b"])
"""From the worst to the best: ever darker."""


@canvas.styled
def draw_slices(searched: Searched) -> Figure:
    """The metric against each searched field, one small plot each; see the module."""
    space = searched.recipe.search.space
    columns = min(_COLUMNS, len(space)) if len(space) != 4 else 2
    plots = Plots(len(space), columns=columns, height_mm=38.0, share_y=True)
    for axes, (field, range_) in zip(plots.axes, space.items(), strict=True):
        for trial, look in _marked(searched):
            if field in trial.values:
                _mark(axes, _position(trial.values[field], range_), trial.value, look)
        _scale_across(plots, axes, range_)
        axes.set_xlabel(field_title(field))
    for axes in plots.axes[::columns]:
        axes.set_ylabel(metric_title(searched.recipe.search.metric))
    _fit_values(plots.axes, searched)
    return plots.finish(heading=_heading(searched), key=_key(searched))


def _marked(searched: Searched) -> list[tuple[Trial, str]]:
    """Every trial with a value and how it is marked; the best and the own trial once more, by a ring and a square."""
    plain = [(trial, trial.state) for trial in searched.trials if trial.value is not None and trial.state in _MARKS]
    own = searched.own_trial
    rings: list[tuple[Trial, str]] = [] if own is None else [(own, "own")]
    return [*sorted(plain, key=lambda pair: pair[1] != "pruned"), *rings, (searched.best, "best")]


def _mark(axes: Axes, x: float, value: float | None, look: str) -> None:
    axes.plot(
        [x], [value if value is not None else math.nan], linestyle="none", clip_on=False, zorder=3, **_MARKS[look]
    )


def _position(value: Value, range_: Range) -> float:
    """Where a value stands: itself in an interval, its place among listed ones."""
    return float(value) if range_.values is None else float(range_.values.index(value))


def _scale_across(plots: Plots, axes: Axes, range_: Range) -> None:
    if range_.values is not None:
        plots.name_places(axes, [_label(value) for value in range_.values])
        return
    low, high = range_.low or 0.0, range_.high or 0.0
    if range_.log:
        axes.set_xscale("log")
        pad = (high / low) ** 0.06
        axes.set_xlim(low / pad, high * pad)
        wide = high / low >= 100
        subs = LogLocator(base=2) if range_.integer and not wide else LogLocator(subs=(1,) if wide else (1, 2, 5))
        axes.xaxis.set_major_locator(subs)
        axes.xaxis.set_minor_locator(LogLocator(subs=range(2, 10)) if wide else NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _label(value)))
    else:
        pad = 0.06 * (high - low)
        axes.set_xlim(low - pad, high + pad)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=range_.integer))


def _label(value: object) -> str:
    """A value as a tick: short, ``1e−4`` rather than ``0.0001``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return fit(str(value), _LONGEST_VALUE, size=canvas.SMALL)
    if value and not 1e-2 <= abs(value) < 1e5:
        mantissa, _, exponent = f"{value:.0e}".partition("e")
        return with_minus(f"{mantissa}e{int(exponent)}")
    return f"{value:.3g}"


def _fit_values(all_axes: Sequence[Axes], searched: Searched) -> None:
    """An axis for the complete trials, logarithmic where an error spans over a decade; pruned ones may leave it."""
    values = np.array([trial.value for trial in searched.complete if trial.value is not None])
    low, high = float(values.min()), float(values.max())
    log = searched.lower_is_better and low > 0 and high / low > 10
    if log:
        scale_by_powers(all_axes[0])
        pad = (high / low) ** 0.09
        bottom, top, inner = low / pad, high * pad, (low / pad**0.6, high * pad**0.6)
    else:
        pad = 0.09 * (high - low) or 0.05 * abs(high) or 0.05
        bottom, top, inner = low - pad, high + pad, (low - 0.6 * pad, high + 0.6 * pad)
    all_axes[0].set_ylim(bottom, top)
    for axes in all_axes:
        _pull_in(axes, *inner)


def _pull_in(axes: Axes, low: float, high: float) -> None:
    """Draws at the edge, as an arrow, the points beyond it: early values of pruned trials can be far off."""
    for line in axes.lines:
        values = np.ravel(np.asarray(line.get_ydata(), dtype=np.float64))
        if values.size == 1 and not low <= values[0] <= high:
            line.set_ydata(np.clip(values, low, high))
            line.set(marker="^" if values[0] > high else "v", markerfacecolor=canvas.GREY)


def _heading(searched: Searched) -> str:
    metric = searched.recipe.search.metric
    return f"{metric_title(metric)}  {better(metric)}"


def _key(searched: Searched) -> list[Line2D]:
    there = {look for _, look in _marked(searched)}
    return [
        Line2D([], [], linestyle="none", label=_NAMES[state], **_MARKS[state]) for state in _NAMES if state in there
    ]


@canvas.styled
def draw_history(searched: Searched) -> Figure:
    """The metric of every trial in their order, and the best so far as a line."""
    plots = Plots(1, height_mm=50.0)
    [axes] = plots.axes
    for trial, look in _marked(searched):
        _mark(axes, trial.number, trial.value, look)
    best = _best_so_far(searched)
    last = max(trial.number for trial in searched.trials)
    axes.step(
        [*(n for n, _ in best), last],
        [*(v for _, v in best), best[-1][1]],
        where="post",
        color=canvas.VERMILION,
        linewidth=1.1,
    )
    _fit_values(plots.axes, searched)
    axes.set_xlim(-0.6, last + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel(metric_title(searched.recipe.search.metric))
    axes.grid(visible=False, axis="x")
    y = best[-1][1]
    down = searched.lower_is_better
    axes.annotate(
        f"best so far: {number(y, metric=searched.recipe.search.metric)}",
        (last + 0.5, y),
        xytext=(0, -4 if down else 4),
        textcoords="offset points",
        ha="right",
        va="top" if down else "bottom",
        color=canvas.VERMILION,
    )
    return plots.finish(heading=_heading(searched), key=_key(searched))


def _best_so_far(searched: Searched) -> list[tuple[int, float]]:
    """Number and value of every complete trial that was better than all before it."""
    found: list[tuple[int, float]] = []
    for trial in searched.complete:
        value = trial.value if trial.value is not None else math.nan
        if not found or (value < found[-1][1] if searched.lower_is_better else value > found[-1][1]):
            found.append((trial.number, value))
    return found


@canvas.styled
def draw_importance(searched: Searched) -> Figure:
    """A bar per searched field, the most important on top, and a tick for what chance alone reaches."""
    shares, chance = searched.importance.shares, searched.importance.chance
    names = list(shares)
    plots = Plots(1, height_mm=7.0 + 8.0 * len(names))
    [axes] = plots.axes
    places = range(len(names))
    axes.barh(places, [shares[name] for name in names], height=0.58, color=canvas.BLUE)
    for place, name in enumerate(names):
        axes.plot([chance[name]] * 2, [place - 0.38, place + 0.38], color=canvas.INK, linewidth=1.4)
        inside = max(shares[name], chance[name])
        axes.annotate(f"{shares[name]:.0%}", (inside, place), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, [fit(field_title(name), 45.0, size=canvas.SMALL) for name in names])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.08 * max(*shares.values(), *chance.values()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.set_xlabel("share of the importance (PED-ANOVA); black: what chance alone exceeds in 1 of 20 cases")
    axes.grid(visible=False, axis="y")
    return plots.finish()


@canvas.styled
def draw_parallel(searched: Searched) -> Figure:
    """Every complete trial as a line through its values, the darker the better, the best one marked."""
    space = searched.recipe.search.space
    plots = Plots(1, height_mm=64.0)
    [axes] = plots.axes
    values = [trial.value for trial in searched.complete if trial.value is not None]
    low, span = min(values), (max(values) - min(values)) or math.inf
    heights = {
        trial.number: 0.5 if span == math.inf else ((trial.value or 0.0) - low) / span for trial in searched.complete
    }
    quality = {number_: 1 - height if searched.lower_is_better else height for number_, height in heights.items()}
    for trial in sorted(searched.complete, key=lambda trial: quality[trial.number]):
        best = trial is searched.best
        look: Style = {
            "color": canvas.VERMILION,
            "linewidth": 2.2,
            "marker": "o",
            "markersize": 3.5,
            "zorder": 4,
        }
        levels = [_height(trial.values.get(name), range_) for name, range_ in space.items()]
        axes.plot([*levels, heights[trial.number]], **(look if best else {"color": _QUALITY(quality[trial.number])}))
    for place, range_ in enumerate(space.values()):
        _draw_axis(axes, place, _range_ticks(range_))
    metric = searched.recipe.search.metric
    _draw_axis(
        axes, len(space), {number(low + part * (max(values) - low), metric=metric): part for part in (0.0, 0.5, 1.0)}
    )
    plots.name_places(axes, [*map(field_title, space), metric_title(metric)])
    axes.set_ylim(-0.04, 1.04)
    axes.yaxis.set_visible(False)
    axes.spines[:].set_visible(False)
    note = "A line is a complete trial, the darker the better; the thick one with points is the best."
    return plots.finish(heading=_heading(searched), notes=[note])


def _height(value: Value | None, range_: Range) -> float:
    if value is None:
        return math.nan
    if range_.values is not None:
        return (range_.values.index(value) + 0.5) / len(range_.values)
    return range_.height(float(value))


def _range_ticks(range_: Range) -> dict[str, float]:
    """Labels along an axis and their heights: all listed values, or ends and middle of an interval."""
    if range_.values is not None:
        return {_label(value): _height(value, range_) for value in range_.values}
    low, high = range_.low or 0.0, range_.high or 0.0
    middle = math.sqrt(low * high) if range_.log else (low + high) / 2
    inner = [round(middle)] if range_.integer else [float(f"{middle:.1g}")]
    return {_label(value): _height(value, range_) for value in (low, *(m for m in inner if low < m < high), high)}


def _draw_axis(axes: Axes, place: int, ticks: Mapping[str, float]) -> None:
    axes.plot([place, place], [0, 1], color=canvas.MUTED, linewidth=0.8, zorder=3)
    ground: Style = {"facecolor": canvas.PAPER, "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    beside: Style = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
    for text, height in ticks.items():
        axes.plot([place - 0.015, place + 0.015], [height, height], color=canvas.MUTED, linewidth=0.8, zorder=3)
        axes.annotate(text, (place, height), **beside, fontsize=canvas.SMALL, bbox=ground, zorder=5)
