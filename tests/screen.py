"""A terminal for tests: a screen that keeps what a person sees, and a clock that is set by hand."""

from __future__ import annotations

import io
import re

from rich.console import Console

WIDTH = 80


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Screen(io.StringIO):
    """A terminal: keeps what a person sees of what is written, lines that were rewritten as they are at the end."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        lines, row, column = [""], 0, 0
        for sign in re.findall(r"\x1b\[\??[\d;]*[A-Za-z]|[^\x1b]", self.getvalue()):
            if sign.endswith("A") and sign.startswith("\x1b"):
                row -= int(sign[2:-1] or 1)
            elif sign.endswith("K") and sign.startswith("\x1b"):
                lines[row] = ""
            elif sign == "\n":
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            elif sign == "\r":
                column = 0
            elif not sign.startswith("\x1b"):
                lines[row] = lines[row][:column].ljust(column) + sign + lines[row][column + 1 :]
                column += 1
        return [line.rstrip() for line in lines]


def of(width: int = WIDTH, file: io.StringIO | None = None) -> Console:
    return Console(file=file or Screen(), force_terminal=True, width=width, height=40, legacy_windows=False)
