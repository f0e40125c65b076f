"""Output that any terminal can show: what its encoding lacks is spelt in ASCII, and never ends a command."""

from __future__ import annotations

import codecs
import io
from typing import TextIO

_SPELT = str.maketrans(
    {
        "\N{MINUS SIGN}": "-",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{MIDDLE DOT}": ".",
        "\N{DEGREE SIGN}": " deg",
        "\N{MICRO SIGN}": "u",
        "\N{PLUS-MINUS SIGN}": "+-",
        "\N{ALMOST EQUAL TO}": "~",
        "\N{LESS-THAN OR EQUAL TO}": "<=",
        "\N{GREATER-THAN OR EQUAL TO}": ">=",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{BULLET}": "*",
        "\N{SUPERSCRIPT TWO}": "^2",
        "\N{SUPERSCRIPT THREE}": "^3",
    }
)
_HANDLER = "voxlate.spelt"


def say_anything(*streams: TextIO) -> None:
    """Lets text streams write any sign: those that their encoding lacks are spelt, and else written as escapes.

    Bytes of file names that are not UTF-8 are written as escapes too.
    """
    codecs.register_error(_HANDLER, _spell)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_spelt, error.object[error.start : error.end])), error.end


def _spelt(sign: str) -> str:
    found = sign.translate(_SPELT)
    return found if found.isascii() else sign.encode("ascii", "backslashreplace").decode("ascii")
