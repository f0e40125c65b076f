"""The sheet: rows and columns of pictures in millimetres, with heads, numbers, a key, colour bars and notes.

Every figure of pictures is one. Pictures of all rows share one scale, so that a brain is as large in every plane and
every case. Every text is wrapped to the column or the page that it belongs to, and the page is as high as they need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.leaf import EDGE, MOST_LINES, MUTED, SPACE, Draw, Leaf, Span, title_size
from voxlate.reporting.drawing.views import Laid
from voxlate.volume import Array

_GAP, _BAR, _KEY = 1.2, 2.0, 3.6  # mm
_TALLEST = 75.0  # mm; of a row of pictures
_LEAST = 25.0  # mm; width of a picture that has room for its title
_LOWEST = 14.0  # mm; a stack of few slices leaves room for the bars beside it


@dataclass(frozen=True)
class SheetColumn:
    """A column.

    Attributes:
        title: What stands above it.
        below: What stands below the title, smaller.
        width_mm: Its width; ``None`` for a share of the page that its pictures need.
        span: The number of columns that its title may run over.
    """

    title: str = ""
    below: str = ""
    width_mm: float | None = None
    span: int = 1


GREYS = SheetColumn(width_mm=_BAR + 8.5)
ERRORS = SheetColumn(width_mm=_BAR + 10.5)
"""Columns of colour bars with their labels."""


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture, a colour bar or a key.

    Attributes:
        draw: Draws it into axes without a frame.
        size_mm: True width and height of a picture; ``None`` for what takes the room there is.
        above: Written above it.
        below: Written below it.
        bar: For a colour bar, the height in mm that it leaves free above itself.
    """

    draw: Draw
    size_mm: tuple[float, float] | None = None
    above: str = ""
    below: str = ""
    bar: float | None = None


@dataclass(frozen=True, eq=False)
class SheetRow:
    """A row.

    Attributes:
        cells: One per column, ``None`` where it is empty.
        heading: Written above.
        numbers: Lines written below.
        enlarged: Whether its pictures have a scale of their own, which fills the columns.
    """

    cells: Sequence[Tile | None]
    heading: str = ""
    numbers: Sequence[str] = ()
    enlarged: bool = False


def picture(
    laid: Laid,
    draw: Callable[..., None],
    *arrays: Array,
    outlined: Array | None = None,
    dark: bool = False,
    scaled: bool = False,
    over: Draw | None = None,
    above: str = "",
    below: str = "",
    **settings: object,
) -> Tile:
    """A slice with its sides marked.

    Args:
        laid: Its plane and size.
        draw: ``tiles.draw_grey``, ``tiles.draw_error``, ``overlays.draw_overlay``, or what is called like them.
        *arrays: What ``draw`` gets, ``(rows, columns)``.
        outlined: A region ``(rows, columns)`` that a line encloses.
        dark: Whether letters and lines are dark, as upon an error.
        scaled: Whether a scale bar and the plane's name are in it.
        over: Draws more upon it.
        above: Written above it.
        below: Written below it.
        **settings: What else ``draw`` gets: the grey window, or the limit of the error and its mask.
    """
    colour, halo = (canvas.INK, canvas.PAPER) if dark else (canvas.OUTLINE, "#000000")

    def drawn(axes: Axes) -> None:
        draw(axes, *arrays, size_mm=laid.size_mm, **settings)
        if outlined is not None:
            tiles.outline(axes, outlined, size_mm=laid.size_mm, colour=colour, halo=halo)
        if over is not None:
            over(axes)
        tiles.mark(axes, laid.plane, dark=dark, scaled=scaled)

    return Tile(drawn, laid.size_mm, above, below)


def grey_scale(window: tiles.Window, unit: str = "") -> Tile:
    """The grey scale of a row, for a column ``GREYS``; normalised values (``1``) have no unit."""
    unit = "" if unit == "1" else unit
    return Tile(lambda axes: tiles.grey_bar(axes, window=window, unit=unit), bar=5.0 if unit else 2.0)


def error_scale(limit: float, **words: tuple[str, str]) -> Tile:
    """The error scale of a row, for a column ``ERRORS``; ``words`` as for ``tiles.error_bar``."""
    return Tile(lambda axes: tiles.error_bar(axes, limit=limit, **words), bar=2.0)


def draw_sheet(
    columns: Sequence[SheetColumn],
    rows: Sequence[SheetRow],
    *,
    heading: str = "",
    below: str = "",
    notes: Sequence[str] = (),
    key: Draw | None = None,
    handles: Sequence[Artist] = (),
    tallest_mm: float = _TALLEST,
    widest_mm: float = canvas.PAGE_WIDTH_MM,
) -> Figure:
    """The figure.

    Args:
        columns: From left to right.
        rows: From top to bottom.
        heading: Printed above all.
        below: Printed below the heading, smaller.
        notes: Paragraphs at the foot.
        key: Draws what marks in the pictures mean, above the notes.
        handles: Of a legend below it, in as many columns as there is room for.
        tallest_mm: The height of a row of pictures at most.
        widest_mm: The width of a picture at most.
    """
    leaf, places = Leaf(), _places(columns, rows, tallest_mm=tallest_mm, widest_mm=widest_mm)
    leaf.line(heading, size=canvas.HEADING, bold=True, most=MOST_LINES)
    leaf.line(below, **MUTED)
    spans = [places[place].to(places[place + column.span - 1]) for place, column in enumerate(columns)]
    titles = [(column.title, span) for column, span in zip(columns, spans, strict=True)]
    leaf.write(titles, size=title_size(titles), bold=True, most=MOST_LINES)
    leaf.write(zip((c.below for c in columns), spans, strict=True), **MUTED, most=MOST_LINES)
    scale = _scale([row for row in rows if not row.enlarged], places, tallest_mm)
    for row in rows:
        _draw_row(leaf, row, places, _scale([row], places, tallest_mm) if row.enlarged else scale)
    if key is not None:
        leaf.skip(SPACE)
        leaf.place(leaf.inside, _KEY, key)
        leaf.skip(_KEY + SPACE)
    leaf.keys([(handles, leaf.inside)] if handles else [])
    leaf.skip(SPACE)
    for note in notes:
        leaf.line(note, **MUTED)
    return leaf.onto()


def _sizes(rows: Iterable[SheetRow], column: int) -> list[tuple[float, float]]:
    cells = [row.cells[column] for row in rows]
    return [cell.size_mm for cell in cells if cell is not None and cell.size_mm is not None]


def _places(
    columns: Sequence[SheetColumn], rows: Sequence[SheetRow], *, tallest_mm: float, widest_mm: float
) -> list[Span]:
    """Fixed columns have their width; the others share the rest as their pictures need it, with room for a title."""
    shared = [row for row in rows if not row.enlarged]
    shares = [
        0.0 if column.width_mm is not None else max(size[0] for size in _sizes(shared, place))
        for place, column in enumerate(columns)
    ]
    fixed = sum(column.width_mm or 0.0 for column in columns) + _GAP * (len(columns) - 1)
    unit = min((canvas.PAGE_WIDTH_MM - 2 * EDGE - fixed) / sum(shares), widest_mm / max(shares))
    heights = [size[1] for place in range(len(columns)) for size in _sizes(shared, place)]
    least, scale = min(_LEAST, unit * min(filter(None, shares))), min(unit, tallest_mm / max(heights))
    places, left = [], EDGE
    for column, share in zip(columns, shares, strict=True):
        places.append(Span(left, column.width_mm if column.width_mm is not None else max(least, share * scale)))
        left += places[-1].width + _GAP
    return places


def _scale(rows: Sequence[SheetRow], places: Sequence[Span], tallest_mm: float) -> float:
    """Millimetres of the page to a millimetre of the head."""
    fits = [span.width / size[0] for place, span in enumerate(places) for size in _sizes(rows, place)]
    heights = [size[1] for place in range(len(places)) for size in _sizes(rows, place)]
    return min(*fits, tallest_mm / max(heights))


def _draw_row(leaf: Leaf, row: SheetRow, places: Sequence[Span], scale: float) -> None:
    sizes = [size for place in range(len(places)) for size in _sizes([row], place)]
    bars = any(cell is not None and cell.bar is not None for cell in row.cells)
    height = max(_LOWEST if bars else 0.0, scale * max(size[1] for size in sizes))
    leaf.skip(SPACE / 2 if row.heading else 0.0)
    leaf.line(row.heading, bold=True, most=MOST_LINES)
    cells = [(cell, span) for cell, span in zip(row.cells, places, strict=True) if cell is not None]
    leaf.write(((cell.above, span) for cell, span in cells), most=MOST_LINES)
    for cell, span in cells:
        if cell.bar is None:
            leaf.place(span, height, cell.draw)
        else:
            leaf.place(Span(span.left + 0.3, _BAR), height - cell.bar - 2.0, cell.draw, lower=cell.bar)
    leaf.skip(height + (SPACE if row.numbers else SPACE / 2))
    leaf.write(((cell.below, span) for cell, span in cells), size=canvas.SMALL, most=MOST_LINES + 1)
    for line in row.numbers:
        leaf.line(line, most=MOST_LINES)
    leaf.skip(SPACE if row.numbers or any(cell.below for cell, _ in cells) else SPACE / 2)
