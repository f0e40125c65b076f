"""Lettering: how wide words are on the page, so that each text is wrapped, and shortened, to the room that it has."""

from __future__ import annotations

from functools import cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from voxlate.reporting.drawing import canvas

MM_PER_POINT = canvas.MM_PER_INCH / 72
LEADING = 1.3
"""Height of a line as a multiple of the size of its letters, in matplotlib's measure too."""
ASCENT = 0.76
"""How far the tallest letters rise above their line, as a multiple of their size."""


def line_mm(size: float) -> float:
    """Height of a line of letters of that size in points."""
    return LEADING * size * MM_PER_POINT


@cache
def _font(size: float, bold: bool) -> FontProperties:
    return FontProperties(family=canvas.FONT, size=size, weight="bold" if bold else "normal")


@cache
def width_mm(text: str, *, size: float = canvas.TEXT, bold: bool = False) -> float:
    """Width of a line of text, its size in points."""
    if not text:
        return 0.0
    width, _, _ = text_to_path.get_text_width_height_descent(text, _font(size, bold), False)
    return float(width) * MM_PER_POINT


def fit(text: str, room_mm: float, *, size: float = canvas.TEXT, bold: bool = False) -> str:
    """The text on one line of at most that width: of a text too long, the middle is left out.

    Args:
        text: What is written; what the font cannot show becomes ``?``.
        room_mm: The width that it has.
        size: Of the letters, in points.
        bold: Whether they are.
    """
    shown = canvas.legible(text, longest=400)
    kept = len(shown)
    short = shown
    while kept > 2 and (wide := width_mm(short, size=size, bold=bold)) > room_mm:
        kept = max(2, min(kept - 1, int(kept * room_mm / wide)))
        head = (kept + 1) // 2
        short = f"{shown[:head]}…{shown[len(shown) - (kept - head) :]}"
    return short


def wrap(
    text: str, room_mm: float, *, most: int | None = None, size: float = canvas.TEXT, bold: bool = False
) -> list[str]:
    """The text in lines of at most that width, parted between words; a word too long loses its middle.

    Args:
        text: What is written; what the font cannot show becomes ``?``.
        room_mm: The width of a line.
        most: So many lines at most: the last one is shortened.
        size: Of the letters, in points.
        bold: Whether they are.
    """
    words = [canvas.legible(word, longest=400) for word in text.split(" ") if word]
    lines: list[str] = []
    for place, word in enumerate(words):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_mm(longer, size=size, bold=bold) <= room_mm:
            lines[-1] = longer
        elif most is not None and len(lines) == most:
            return [*lines[:-1], fit(" ".join([lines[-1], *words[place:]]), room_mm, size=size, bold=bold)]
        else:
            lines.append(fit(word, room_mm, size=size, bold=bold))
    return lines
