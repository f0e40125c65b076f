"""The canvas: one look for every figure, and PNG bytes that are the same for the same input.

Figures are made through matplotlib's objects on the Agg canvas. Nothing is drawn through ``pyplot``, and a user's own
``matplotlibrc`` changes nothing. Colours are those of Okabe and Ito (Color Universal Design, 2008,
https://jfly.uni-koeln.de/color/), which colour-blind readers tell apart; shape or text says the same a second time.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

P = ParamSpec("P")

PAGE_WIDTH_MM = 180.0  # two columns of a journal page
MM_PER_INCH = 25.4
DPI = 200
_SCREEN_DPI = 100

INK = "#1a1a1a"
MUTED = "#5f6368"
HAIRLINE = "#d0d3d6"
PAPER = "#ffffff"
VERMILION = "#d55e00"
BLUE = "#0072b2"
GREEN = "#009e73"
_PURPLE = "#aa4c8a"
_ORANGE = "#e69f00"
_SKY = "#56b4e9"
GREY = "#7a7f85"
OUTLINE = "#f0e442"  # on black: the lesion

Look = tuple[str, str, str | tuple[int, tuple[float, ...]]]
"""Colour, marker and dash of a series."""
SERIES: tuple[Look, ...] = (
    (GREY, "s", (0, (1, 1.2))),
    (BLUE, "D", (0, (4, 1.6))),
    (VERMILION, "o", "solid"),
    (GREEN, "^", (0, (6, 1.5, 1, 1.5))),
    (_PURPLE, "v", (0, (2, 1))),
    (_ORANGE, "P", (0, (8, 2))),
    (_SKY, "X", (0, (3, 1, 1, 1, 1, 1))),
)
"""Colour, marker and dash of the first, second, ... series: each differs from the others in all three."""
_MARKERS = (*(marker for _, marker, _ in SERIES), "<", ">")


def series(place: int) -> Look:
    """Colour, marker and dash of a series: of more than there are colours, no two share colour and marker.

    Args:
        place: From 0; beyond 62 they begin again.
    """
    colour, _, dash = SERIES[place % len(SERIES)]
    return colour, _MARKERS[place % len(_MARKERS)], dash


FONT = "DejaVu Sans"
SMALL, TEXT, HEADING = 6.5, 7.5, 8.5

ERROR_COLOURS = LinearSegmentedColormap.from_list(
    "voxlate-error",
    [
        (0.0, "#08306b"),
        (0.18, "#2171b5"),
        (0.36, "#9ecae1"),
        (0.5, "#fafafa"),
        (0.64, "#fdbb76"),
        (0.82, "#d8550a"),
        (1.0, "#6b1d00"),
    ],
)
"""Blue for too dark, white for right, orange for too bright: two hues that no common colour blindness confuses."""

Style = dict[str, Any]
"""Keyword arguments of a drawing call."""
_STYLE: Style = {
    "font.family": [FONT],
    "font.size": TEXT,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": TEXT,
    "axes.linewidth": 0.6,
    "axes.titlesize": HEADING,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,  # a number to add, in a corner, is overlooked
    "grid.color": "#e6e8ea",
    "grid.linewidth": 0.5,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "image.interpolation": "bilinear",
    "text.hinting": "none",  # so that words are as wide at every resolution
    "text.usetex": False,
    "text.parse_math": False,  # names of cases are data, not formulas
}
_KEPT = frozenset({"backend", "backend_fallback", "interactive", "toolbar", "timezone", "date.epoch"})


@contextmanager
def _look() -> Iterator[None]:
    settings: dict[Any, Any] = {key: value for key, value in mpl.rcParamsDefault.items() if key not in _KEPT}
    settings.update(_STYLE)
    with mpl.rc_context(settings):
        yield


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Wraps a drawing function so that it draws in the one look, whatever the user's settings are."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _look():
            return draw(*args, **kwargs)

    return wrapper


class _Shown(Figure):
    """A figure that a notebook shows, whether or not ``pyplot`` is loaded there."""

    def _repr_png_(self) -> bytes:
        return to_png(self, dpi=_SCREEN_DPI)


def new_figure(*, width_mm: float = PAGE_WIDTH_MM, height_mm: float) -> Figure:
    """An empty figure of that size on an Agg canvas."""
    figure = _Shown(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure, *, dpi: int | None = None) -> bytes:
    """The figure as PNG; no date, no software version, so the same figure gives the same bytes.

    Args:
        figure: What was drawn.
        dpi: Dots per inch; ``None`` for those of the figure.
    """
    buffer = io.BytesIO()
    with _look():
        figure.savefig(buffer, format="png", dpi=dpi or "figure", metadata={"Software": None})
    return buffer.getvalue()


@cache
def _glyphs() -> frozenset[int]:
    path = font_manager.findfont(FONT, fallback_to_default=True)
    return frozenset(font_manager.get_font(path).get_charmap())


def _shows(letter: str) -> bool:
    return letter.isprintable() or letter == "\N{THIN SPACE}"


def legible(text: str, *, longest: int = 80) -> str:
    """The text on one line, with what the font cannot show as ``?`` and the middle of long texts left out.

    Example:
        >>> legible("a" + chr(10) + "b")
        'a?b'
    """
    shown = "".join(letter if ord(letter) in _glyphs() and _shows(letter) else "?" for letter in text)
    if len(shown) <= longest:
        return shown
    half = (longest - 1) // 2
    return f"{shown[:half]}…{shown[-half:]}"
