"""Tables on a terminal: as wide as it is, with no word broken and no column lost; methods are columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_BESIDE = 3
"""What a column takes beside its content: a blank at both sides and a line."""
Rows = Sequence[Sequence[object]]


def print_table(console: Console, title: str, fields: Sequence[str], rows: Rows, *, keys: int = 1) -> None:
    """Prints a table; one that is too wide even with a word per line is parted into blocks of columns.

    Args:
        console: Where.
        title: Above it, and above each block.
        fields: Names of the columns.
        rows: Their cells.
        keys: How many columns from the first on tell what a row is; they stand in every block.
    """
    columns = [[name, *(str(row[place]) for row in rows)] for place, name in enumerate(fields)]
    full, words, parts = (_widest(columns, ends) for ends in ("\n", " \n", "- \n"))
    if table_width(full[:keys]) <= console.width // 2:  # what tells the rows apart is best in one line
        words[:keys] = parts[:keys] = full[:keys]
    for block in _blocks(words, room=console.width, keys=keys):
        wide, *floors = [[found[at] for at in block] for found in (full, words, parts)]
        wide = _widths(wide, floors, room=console.width)
        table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
        for at, width in zip(block, wide, strict=True):
            table.add_column(_wrapped(fields[at], width), width=width, overflow="fold")
        for row in rows:
            cells = [_wrapped(str(row[at]), width) for at, width in zip(block, wide, strict=True)]
            table.add_row(*map(Text, cells))
        console.print(table)


def table_width(wide: Sequence[int]) -> int:
    """The cells that a table with columns of these widths takes."""
    return 1 + sum(wide) + _BESIDE * len(wide)


def _blocks(wide: Sequence[int], *, room: int, keys: int = 1) -> list[list[int]]:
    """Columns of these widths that fit side by side into the room, block after block, each with the first ones."""
    always = list(range(min(keys, len(wide))))
    found = [[*always]]
    for at in range(len(always), len(wide)):
        if table_width([wide[one] for one in (*found[-1], at)]) > room and len(found[-1]) > len(always):
            found.append([*always])
        found[-1].append(at)
    return found


def _widest(columns: Sequence[Sequence[str]], ends: str) -> list[int]:
    """The cells that the longest part of each column takes, at least 1; parts end with one of some signs."""
    cut = re.compile(f"(?<=[{ends}])")
    return [max(1, *(cell_len(part.rstrip()) for cell in column for part in cut.split(cell))) for column in columns]


def _widths(full: Sequence[int], floors: Sequence[Sequence[int]], *, room: int) -> list[int]:
    """Widths of columns that fill no more than the room; the widest give way first.

    None falls below its longest word, unless words alone take more than the room: then names are parted at their
    hyphens, and only what is longer still is broken.
    """
    wide, free = list(full), room - table_width([0] * len(full))
    for floor in (*floors, [1] * len(full)):
        while sum(wide) > free:
            able = [at for at in range(len(wide)) if wide[at] > floor[at]]
            if not able:
                break
            wide[max(able, key=lambda at: wide[at])] -= 1
    return wide


def _wrapped(text: str, width: int) -> str:
    at_hyphens = max(map(cell_len, text.split()), default=0) > width
    lines = [textwrap.wrap(line, width, break_on_hyphens=at_hyphens) or [""] for line in text.split("\n")]
    return "\n".join(part for line in lines for part in line)


_OF_MEANS = ("mean", "95 % interval", "unit", "n")


def methods_as_columns(fields: Sequence[str], rows: Rows) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The table of an evaluation or a study with a column per method; any other table as it is.

    Of means per region, metric and method, the interval stands under the mean and the unit behind the metric; a table
    with a line per method is turned. The first column names the metric.

    Args:
        fields: Column names.
        rows: Their cells.

    Example:
        >>> methods_as_columns(("method", "MAE", "SSIM"), [("lookup", 1, 2), ("model", 3, 4)])
        (('metric', 'lookup', 'model'), [('MAE', '1', '3'), ('SSIM', '2', '4')])
    """
    if fields[0] == "method":
        return ("metric", *(str(row[0]) for row in rows)), [
            (name, *(str(row[at]) for row in rows)) for at, name in enumerate(fields) if at
        ]
    if tuple(fields[3:]) != _OF_MEANS:
        return tuple(fields), [tuple(map(str, row)) for row in rows]
    lines: dict[tuple[str, str, str], dict[str, str]] = {}
    for region, metric, method, mean, interval, unit, n in (map(str, row) for row in rows):
        measured = metric if unit in {"", "1"} else f"{metric}, {unit}"
        cell = f"{mean}\n{interval}" if interval else mean
        lines.setdefault((measured, region, n), {})[method] = cell
    methods = tuple(dict.fromkeys(str(row[2]) for row in rows))
    found = [(metric, region, *(by.get(one, "") for one in methods), n) for (metric, region, n), by in lines.items()]
    return ("metric", "region", *methods, "n"), found
