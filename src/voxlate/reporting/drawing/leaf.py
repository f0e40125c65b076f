"""The leaf: a figure that grows downwards. Words and axes are placed in millimetres, and it is as high as they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypedDict, Unpack

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.lettering import ASCENT, MM_PER_POINT, fit, line_mm, width_mm, wrap

EDGE, SPACE = 1.5, 1.0  # mm
MOST_LINES = 2
"""Of a title or a name; what is longer loses its middle."""


class Letters(TypedDict, total=False):
    """How a text is written: size in points, weight and colour."""

    size: float
    bold: bool
    colour: str


MUTED: Letters = {"size": canvas.SMALL, "colour": canvas.MUTED}
Draw = Callable[[Axes], object]
_Texts = Sequence[tuple[str, "Span"]]


@dataclass(frozen=True)
class Span:
    """A part of the leaf's width, in mm."""

    left: float
    width: float

    def to(self, other: Span) -> Span:
        """From here to the end of another part."""
        return Span(self.left, other.left + other.width - self.left)


def title_size(titles: _Texts) -> float:
    """The size of titles beside each other: that of headings if each fits on its line, else that of text."""
    fits = all(width_mm(text, size=canvas.HEADING, bold=True) <= span.width for text, span in titles)
    return canvas.HEADING if fits else canvas.TEXT


class Leaf:
    """What is placed, from top to bottom."""

    def __init__(self, *, width_mm: float = canvas.PAGE_WIDTH_MM) -> None:
        self.width_mm = width_mm
        self.inside = Span(EDGE, width_mm - 2 * EDGE)
        self._top = EDGE
        self._parts: list[Callable[[Figure], object]] = []

    def skip(self, height: float) -> None:
        """Goes down by so many mm."""
        self._top += height

    def line(self, text: str, *, most: int | None = None, **style: Unpack[Letters]) -> None:
        """A text over the whole width, in the style of ``write``."""
        self.write([(text, self.inside)], most=most, **style)

    def write(
        self,
        texts: Iterable[tuple[str, Span]],
        *,
        size: float = canvas.TEXT,
        bold: bool = False,
        colour: str = canvas.INK,
        most: int | None = None,
    ) -> None:
        """Texts beside each other, each wrapped to its width; then goes down by the longest.

        Args:
            texts: With their places.
            size: In points.
            bold: Whether letters are bold.
            colour: Of the letters.
            most: So many lines of each at most.
        """
        longest = 0
        for text, span in texts:
            lines = wrap(text, span.width, size=size, bold=bold, most=most)
            longest = max(longest, len(lines))
            style: Style = {"size": size, "weight": "bold" if bold else "normal", "color": colour}
            for number, line in enumerate(lines):
                self._write(line, (span.left, self._top + number * line_mm(size)), style)
        self.skip(longest * line_mm(size) + (SPACE / 2 if longest else 0.0))

    def _write(self, line: str, at: tuple[float, float], style: Style) -> None:
        """A line placed by its baseline, since how high letters rise depends on which they are."""
        base = at[1] + ASCENT * style["size"] * MM_PER_POINT

        def part(figure: Figure) -> None:
            across, down = figure.get_size_inches() * canvas.MM_PER_INCH
            figure.text(at[0] / across, 1 - base / down, line, va="baseline", **style)

        self._parts.append(part)

    def place(self, span: Span, height: float, draw: Draw, *, lower: float = 0.0) -> None:
        """Axes without a frame that ``draw`` fills, ``lower`` mm below the present height; goes nowhere."""
        top = self._top + lower
        self._parts.append(lambda figure: draw(tiles.place(figure, span.left, top, width=span.width, height=height)))

    def move(self, axes: Axes, span: Span, height: float) -> None:
        """Axes of the figure to the present height; goes nowhere."""
        top = self._top

        def part(figure: Figure) -> None:
            down = figure.get_figheight() * canvas.MM_PER_INCH
            box = (span.left / self.width_mm, 1 - (top + height) / down, span.width / self.width_mm, height / down)
            axes.set_position(box)

        self._parts.append(part)

    def keys(self, legends: Iterable[tuple[Sequence[Artist], Span]]) -> None:
        """Legends beside each other, each in as many columns as its width has room for; then goes down by the tallest.

        Args:
            legends: The handles of each, with their labels, and its place.
        """
        top, tallest = self._top, 0.0
        for handles, span in legends:
            for handle in handles:
                handle.set_label(fit(str(handle.get_label()), span.width - _HANDLE_MM, size=canvas.SMALL))
            columns = _key_columns(handles, span.width)
            tallest = max(tallest, -(-len(handles) // columns) * line_mm(canvas.SMALL) * 1.1 + SPACE)
            self._parts.append(partial(self._draw_key, handles=handles, columns=columns, at=(span.left, top)))
        self.skip(tallest)

    def _draw_key(self, figure: Figure, *, handles: Sequence[Artist], columns: int, at: tuple[float, float]) -> None:
        anchor = at[0] / self.width_mm, 1 - at[1] / (figure.get_figheight() * canvas.MM_PER_INCH)
        figure.legend(handles=handles, loc="upper left", bbox_to_anchor=anchor, ncols=columns, **_KEY_STYLE)

    def onto(self, figure: Figure | None = None) -> Figure:
        """All that was placed, on a figure that is made as high as it needs to be; by default a new one."""
        height = self._top + EDGE - SPACE / 2
        figure = figure or canvas.new_figure(width_mm=self.width_mm, height_mm=height)
        figure.set_size_inches(self.width_mm / canvas.MM_PER_INCH, height / canvas.MM_PER_INCH)
        for part in self._parts:
            part(figure)
        return figure


_HANDLE_MM = 12.0  # a line or mark of a legend, and the space around it
_KEY_STYLE: Style = {
    "fontsize": canvas.SMALL,
    "borderpad": 0,
    "borderaxespad": 0,
    "labelspacing": 0.35,
    "handlelength": 3.0,
    "handletextpad": 0.6,
    "columnspacing": 1.4,
}


def _key_columns(handles: Sequence[Artist], room_mm: float) -> int:
    """In how many columns a legend fits into that width; matplotlib fills one column after the other."""
    widths = np.array([width_mm(str(handle.get_label()), size=canvas.SMALL) + _HANDLE_MM for handle in handles])
    tried = range(len(handles), 0, -1)
    fitting = (one for one in tried if sum(part.max() for part in np.array_split(widths, one)) <= room_mm)
    return next(fitting, 1)
