"""Small plots beside each other: axes in millimetres, titles that say what is better, legends outside, notes below.

What stands around the axes (numbers, names of boxes, labels) is measured, and the plots share the rest of the page:
nothing is cut off and no name runs into the next, however long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import BboxBase, ScaledTranslation
from numpy.typing import ArrayLike

from voxlate.evaluation.words import arrow, direction
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.leaf import (
    EDGE,
    MOST_LINES,
    MUTED,
    SPACE,
    Leaf,
    Span,
    title_size,
)
from voxlate.reporting.drawing.lettering import LEADING, MM_PER_POINT, fit, line_mm, width_mm, wrap

_GAP = 3.5  # mm
_RIGHT = 1.5  # mm; of the last tick label
_NARROW, _CLOSE = 9.0, 15.0  # mm; names with less room stand upright, those with less than the second if they are long
_UPRIGHT = 24.0  # mm; length of such a name
_INTERVALS = 6  # between the numbers of a vertical axis at most
_ROUNDED = 1e-9  # share of an axis by which a number at its end may lie outside
_POINTS_PER_INCH = 72.0
_Under = Callable[[Leaf, Sequence[Span]], None]
"""Writes below the plots, whose places it gets."""


def better(metric: str) -> str:
    """``↓ lower is better``, for the line below a title."""
    return f"{arrow(metric)} {direction(metric)}".strip()


@dataclass
class _Words:
    """What is written around one of the axes, before it is wrapped to their width."""

    title: str = ""
    below: Annotation | None = None
    told: str = ""
    names: Sequence[str] = ()
    counts: Sequence[str] = ()
    upright: bool = False
    key: bool = False

    @property
    def widest(self) -> float:
        """Width of the longest word among the names, in mm."""
        return max(width_mm(word, size=canvas.SMALL) for name in self.names for word in name.split() or [""])

    def shown(self, slot_mm: float) -> list[str]:
        """The names as they are written into that room, each with its count."""
        named = list(zip(self.names, self.counts, strict=True))
        if self.upright:
            return [", ".join(filter(None, [fit(name, _UPRIGHT, size=canvas.SMALL), count])) for name, count in named]
        return ["\n".join([*_lines(name, slot_mm, MOST_LINES + 1), *filter(None, [count])]) for name, count in named]


def count_along(axes: Axes, *, most: int = 9) -> None:
    """Ticks of the horizontal axis at whole numbers only, for what is counted: slices, steps.

    Args:
        axes: The axes.
        most: How many intervals between them at most.
    """
    axes.xaxis.set_major_locator(MaxNLocator(most, integer=True, min_n_ticks=1))


class Plots:
    """Axes to draw into, one after the other in rows; ``finish`` places them.

    Args:
        count: Number of axes.
        columns: Of them in a row at most; by default all.
        width_mm: Of the figure.
        height_mm: Of each of the axes; ``None`` for square ones.
        ratios: Widths of the columns to each other; by default they are equal.
        share_y: Whether all have one vertical axis, with numbers at the left only.
    """

    def __init__(
        self,
        count: int,
        *,
        columns: int | None = None,
        width_mm: float = canvas.PAGE_WIDTH_MM,
        height_mm: float | None = 48.0,
        ratios: Sequence[float] = (),
        share_y: bool = False,
    ) -> None:
        self.columns = min(count, columns or count)
        self.width_mm, self._height_mm = width_mm, height_mm
        self._ratios = list(ratios) or [1.0] * self.columns
        rows = -(-count // self.columns)
        guess = height_mm or width_mm / self.columns
        self.figure = canvas.new_figure(width_mm=width_mm, height_mm=rows * guess * 1.3)
        self.figure.subplots_adjust(left=0.05, right=0.99, wspace=0.2)  # near to where they come to stand
        self.axes: list[Axes] = []
        for place in range(count):
            first = self.axes[0] if share_y and self.axes else None
            axes = self.figure.add_subplot(rows, self.columns, place + 1, sharey=first)
            if share_y and place % self.columns:
                axes.tick_params(labelleft=False)
            axes.grid(visible=True)
            axes.locator_params(axis="y", nbins=_INTERVALS)
            self.axes.append(axes)
        self._words = {axes: _Words() for axes in self.axes}
        self._spans: list[Span] = []
        self._hanging: dict[Axes, float] = {}

    def title(self, axes: Axes, title: str, below: str = "") -> None:
        """A title, and below it in smaller letters which direction is better, or more; a line break is kept."""
        words = self._words[axes]
        words.title, words.told = title, below
        axes.set_title(title, loc="left")
        if below:
            style: Style = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}
            look: Style = {"color": canvas.MUTED, "fontsize": canvas.SMALL, "linespacing": LEADING}
            words.below = axes.annotate(below, (0, 1), xytext=(0, SPACE / MM_PER_POINT), **style, **look)

    def name_places(self, axes: Axes, names: Sequence[str], counts: Sequence[str] = ()) -> None:
        """Names at 0, 1, 2, ... of the horizontal axis, wrapped to the room between them; counts stand below."""
        words = self._words[axes]
        words.names, words.counts = list(names), list(counts) or [""] * len(names)
        axes.set_xlim(-0.55, len(names) - 0.45)
        axes.tick_params(axis="x", length=0)
        axes.grid(visible=False, axis="x")

    def key(self, axes: Axes) -> None:
        """A legend of what these axes hold, below them."""
        self._words[axes].key = True

    def finish(
        self,
        *,
        heading: str = "",
        below: str = "",
        key: Sequence[Artist] = (),
        notes: Sequence[str] = (),
        strong: str = "",
        under: _Under | None = None,
    ) -> Figure:
        """The figure, with everything at its place.

        Args:
            heading: Printed above all.
            below: Printed below the heading, smaller.
            key: Handles of the legend of all plots.
            notes: Paragraphs at the foot.
            strong: A paragraph above them that must not be overlooked.
            under: Writes more right below the plots.
        """
        leaf = Leaf(width_mm=self.width_mm)
        leaf.line(heading, size=canvas.HEADING, bold=True, most=MOST_LINES)
        leaf.line(below, **MUTED)
        leaf.skip(SPACE if heading or below else 0.0)
        for _ in range(2):  # as axes get narrower, their numbers may change
            self._wrap_labels()
            self._spread()
        for start in range(0, len(self.axes), self.columns):
            self._stack(leaf, self.axes[start : start + self.columns])
        if under is not None:
            under(leaf, self._spans)
        leaf.keys([(key, leaf.inside)] if key else [])
        leaf.line(strong, bold=True)
        for note in notes:
            leaf.line(note, **MUTED)
        return leaf.onto(self.figure)

    def _span(self, axes: Axes) -> Span:
        box = axes.get_position()
        return Span(box.x0 * self.width_mm, box.width * self.width_mm)

    def _wrap_labels(self) -> None:
        """Names and labels to the present width of their axes."""
        for axes, words in self._words.items():
            room = self._span(axes).width
            if label := axes.get_xlabel():
                axes.set_xlabel(
                    "\n".join(
                        wrap(label.replace("\n", " "), room + _RIGHT, size=float(axes.xaxis.label.get_fontsize()))
                    )
                )
            if words.names:
                slot = room / len(words.names) - 1.0
                words.upright = words.upright or slot < _NARROW or (slot < _CLOSE and words.widest > slot)
                if words.upright:
                    axes.tick_params(axis="x", labelrotation=90)
                axes.set_xticks(range(len(words.names)), words.shown(slot), linespacing=LEADING)

    def _overhang(self, axes: Axes) -> tuple[float, float, float]:
        """How far numbers and labels reach beyond the axes to the left, to the right and down, in mm."""
        box, unit = axes.get_window_extent(), canvas.MM_PER_INCH / self.figure.dpi
        around = [one for axis in (axes.xaxis, axes.yaxis) for one in _around(axis, box)]
        left = max([0.0, *((box.x0 - one.x0) * unit for one in around)])
        right = max([0.0, *((one.x1 - box.x1) * unit for one in around)])
        return left, right, max([0.0, *((box.y0 - one.y0) * unit for one in around)])

    def _spread(self) -> None:
        """The columns over the width that is left by what stands between them."""
        sides = [self._overhang(axes) for axes in self.axes]
        self._hanging = {axes: down for axes, (_, _, down) in zip(self.axes, sides, strict=True)}
        lefts = [max(side[0] for side in sides[column :: self.columns]) for column in range(self.columns)]
        rights = [max(_RIGHT, *(side[1] for side in sides[column :: self.columns])) for column in range(self.columns)]
        rest = self.width_mm - 2 * EDGE - sum(lefts) - sum(rights) - _GAP * (self.columns - 1)
        spans, at = [], EDGE
        for left, right, ratio in zip(lefts, rights, self._ratios, strict=True):
            spans.append(Span(at + left, rest * ratio / sum(self._ratios)))
            at += left + spans[-1].width + right + _GAP
        self._spans = spans
        height = self.figure.get_figheight() * canvas.MM_PER_INCH
        for place, axes in enumerate(self.axes):
            span = spans[place % self.columns]
            tall = (self._height_mm or span.width) / height
            axes.set_position((span.left / self.width_mm, 0.1, span.width / self.width_mm, tall))

    def _stack(self, leaf: Leaf, row: Sequence[Axes]) -> None:
        """One row of plots: titles, axes, what hangs below them."""
        titles = [(self._words[axes].title, self._spans[place]) for place, axes in enumerate(row)]
        size, above, hanging = title_size(titles), 0.0, 0.0
        told = [
            _lines(self._words[axes].told, span.width + _RIGHT) for axes, (_, span) in zip(row, titles, strict=True)
        ]
        lift = SPACE + max(map(len, told)) * line_mm(canvas.SMALL)
        for axes, (title, span), below in zip(row, titles, told, strict=True):
            words, room = self._words[axes], span.width + _RIGHT
            lines = wrap(title, room, size=size, bold=True, most=MOST_LINES)
            if words.below is not None:
                words.below.set_text("\n".join(below))
                words.below.set_position((0, lift / MM_PER_POINT))
            style: Style = {"fontsize": size, "linespacing": LEADING, "va": "bottom"}
            top = None if axes.yaxis.get_major_formatter().get_offset() else 1.0  # not above what is not there
            axes.set_title("\n".join(lines), loc="left", pad=lift / MM_PER_POINT, y=top, **style)
            above = max(above, lift + len(lines) * line_mm(size))
            hanging = max(hanging, self._hanging[axes])
        leaf.skip(above)
        height = self._height_mm or row[0].get_position().width * self.width_mm
        for place, axes in enumerate(row):
            leaf.move(axes, self._spans[place], height)
        leaf.skip(height + hanging + SPACE)
        leaf.keys(
            (handles_of(axes), span) for axes, (_, span) in zip(row, titles, strict=True) if self._words[axes].key
        )
        leaf.skip(SPACE)


def scale_by_powers(axes: Axes) -> None:
    """A logarithmic vertical axis with plain numbers at 1, 2 and 5 of each power of ten."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _around(axis: Axis, box: BboxBase) -> list[BboxBase]:
    """Where the numbers and the label of an axis stand, and puts the label there.

    Matplotlib would measure each number twice for that, and again whenever it draws.

    Args:
        axis: Of the two.
        box: Of its axes.
    """
    within = axis.get_transform().transform(axis.get_view_interval())
    places = axis.get_transform().transform(axis.get_majorticklocs())
    low, high = within.min(), within.max()
    room = (high - low) * _ROUNDED
    numbers: list[BboxBase] = [
        label.get_window_extent()
        for place, label in zip(places, axis.get_majorticklabels(), strict=False)  # none if they are hidden
        if low - room <= place <= high + room and label.get_visible() and label.get_text()
    ]
    if axis.get_major_formatter().get_offset():
        return list(filter(None, [axis.get_tightbbox()]))
    dpi, across = axis.axes.figure.dpi, axis is axis.axes.xaxis
    beyond = max([0.0, *(box.y0 - one.y0 if across else box.x0 - one.x0 for one in numbers)])
    inches = -beyond / dpi - axis.labelpad / _POINTS_PER_INCH
    right, up = (0.0, inches) if across else (inches, 0.0)
    x, y = (0.5, 0.0) if across else (0.0, 0.5)
    shift = ScaledTranslation(right, up, axis.axes.figure.dpi_scale_trans)
    axis.set_label_coords(x, y, transform=axis.axes.transAxes + shift)
    return [*numbers, axis.label.get_window_extent()] if axis.label.get_text() else numbers


def handles_of(axes: Axes) -> list[Artist]:
    """What a legend of these axes shows."""
    return list(axes.get_legend_handles_labels()[0])


def draw_points(
    axes: Axes, x: ArrayLike, y: ArrayLike, *, colour: str, marker: str = "o", size: float = 3.4, **style: object
) -> None:  # fmt: skip
    """Cases as points with a light rim, so that those upon each other can be told apart.

    Args:
        axes: Where to draw.
        x: Of each point.
        y: Of each point.
        colour: Of the points.
        marker: Their shape, in matplotlib's letters.
        size: Theirs in points.
        **style: As for matplotlib's ``plot``.
    """
    rim: Style = {"markeredgecolor": canvas.PAPER, "markeredgewidth": 0.4, "zorder": 3, **style}
    axes.plot(x, y, linestyle="none", marker=marker, markersize=size, markerfacecolor=colour, **rim)


def _lines(text: str, room_mm: float, most: int | None = None) -> list[str]:
    """Every line of a text wrapped by itself."""
    return [line for part in text.split("\n") for line in wrap(part, room_mm, size=canvas.SMALL, most=most)]
