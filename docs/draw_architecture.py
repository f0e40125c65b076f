"""Draws the floors of the package and the way of a voxel through them, and writes the table of its folders.

The floors are those of the import check in pyproject.toml, what a room is for is the first line of its docstring, and
what is inside are its folders. Run it after one of them has changed: a test compares the picture and the table in
docs/understand/architecture.md with what this makes::

    python docs/draw_architecture.py
"""

from __future__ import annotations

import ast
import textwrap
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "voxlate"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
PAGE = ROOT / "docs" / "understand" / "architecture.md"
HEAD = "| folder | what it is for |\n|---|---|\n"

WIDTH, LEFT, RIGHT = 880, 40, 16
GAP, PAD, LINE, TITLE = 7, 8, 14, 17
LETTER = 5.6
"""Mean width of a letter of a caption; a line is broken before it could leave its room."""
INK, MUTED, PAPER, HAIRLINE = "#1a1a1a", "#5a5a5a", "#ffffff", "#b8b8b8"
FLOORS = ("#f4f4f4", "#eef3f7")
WAY = "#0072b2"
STOPS = {
    "io": "a volume on its grid",
    "cohort": "a case",
    "preprocess": "the prepared store",
    "windows": "a batch",
    "methods": "losses of a step",
    "training": "weights of a run",
    "bundle": "what is shared",
    "inference": "a predicted volume, written by io",
    "evaluation": "scores and a verdict",
    "reporting": "a page",
}
"""The rooms that a voxel passes, in this order, and what it is when it leaves each."""


def layers() -> list[list[str]]:
    """The floors from top to bottom, each with its rooms, as the import check has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    found = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[room.removeprefix("voxlate.") for room in layer.split(" : ")] for layer in found]


def purpose(folder: Path) -> str:
    """What a folder or module of the package is for: the first sentence of its docstring."""
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def inside(room: str) -> list[str]:
    """The folders of a room."""
    return sorted(path.parent.name for path in (PACKAGE / room).glob("*/__init__.py"))


def floors() -> tuple[list[list[str]], list[str]]:
    """The floors that are drawn one by one, and the modules below them, which are the ground."""
    every = layers()
    depth = next(number for number, rooms in enumerate(every) if rooms == ["config"]) + 1
    return every[:depth], [room for rooms in every[depth:] for room in rooms if not room.startswith("_")]


def draw() -> str:
    """The picture, as SVG."""
    parts: list[str] = []
    top = 36.0
    above, ground = floors()
    for number, rooms in enumerate(above):
        floor, height = _floor(rooms, top)
        parts.append(
            _box(LEFT - GAP, top, WIDTH - LEFT - RIGHT + 2 * GAP, height, fill=FLOORS[number % 2], edge="none")
        )
        parts += floor
        top += height
    parts.append(_text(LEFT + PAD, top + 18, "the ground", colour=INK, size=13, weight="bold"))
    parts.append(_text(LEFT + PAD, top + 35, " · ".join(ground), colour=MUTED, size=11))
    height = round(top + 46)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    return "\n".join(
        [
            f'{head} font-family="Helvetica, Arial, sans-serif" role="img">',
            "<title>The floors of the package and the way of a voxel through them</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
            _text(LEFT - GAP, 22, "Imports point down only.", colour=MUTED, size=12),
            _text(
                WIDTH - RIGHT, 22, "The way of a voxel, and what leaves each room", colour=WAY, size=12, anchor="end"
            ),
            _arrow(LEFT / 2 - 4, 40, top + 36),
            *parts,
            "</svg>",
            "",
        ]
    )


def _floor(rooms: list[str], top: float) -> tuple[list[str], float]:
    """The rooms of a floor side by side, and how high it is with the gap around them."""
    width = (WIDTH - LEFT - RIGHT - GAP * (len(rooms) - 1)) / len(rooms)
    letters = int((width - 2 * PAD) / LETTER)
    words = {room: _words(room, letters) for room in rooms}
    height = PAD + TITLE + LINE * max(map(len, words.values())) + PAD / 2
    parts = []
    for number, room in enumerate(rooms):
        left, first = LEFT + number * (width + GAP), top + GAP / 2 + PAD + 9
        parts.append(_box(left, top + GAP / 2, width, height, fill=PAPER, edge=HAIRLINE))
        parts.append(_text(left + PAD, first, room, colour=INK, size=13, weight="bold"))
        if room in STOPS:
            parts += _stop(room, left + width - 18, first - 3)
        for line, (said, colour) in enumerate(words[room]):
            parts.append(_text(left + PAD, first + TITLE + LINE * line, said, colour=colour, size=11))
    return parts, height + GAP


def _words(room: str, letters: int) -> list[tuple[str, str]]:
    """The lines under a room's name with their colours: what it is for, and its folders."""
    lines = [(line, INK) for line in textwrap.wrap(purpose(PACKAGE / room), letters)]
    return lines + [(line, MUTED) for line in textwrap.wrap(" · ".join(inside(room)), letters)]


def _stop(room: str, x: float, y: float) -> list[str]:
    """The number of a stop in a circle, and what leaves it."""
    number = list(STOPS).index(room) + 1
    return [
        f'<circle cx="{x:g}" cy="{y:g}" r="9" fill="{WAY}"/>',
        _text(x, y + 4, str(number), colour=PAPER, size=11, anchor="middle", weight="bold"),
        _text(x - 14, y + 4, STOPS[room], colour=WAY, size=11, anchor="end"),
    ]


def _arrow(x: float, top: float, bottom: float) -> str:
    head = f"M {x - 4:g} {bottom - 8:g} L {x:g} {bottom:g} L {x + 4:g} {bottom - 8:g}"
    return f'<path d="M {x:g} {top:g} L {x:g} {bottom:g} {head}" fill="none" stroke="{MUTED}" stroke-width="1.5"/>'


def _box(left: float, top: float, width: float, height: float, *, fill: str, edge: str) -> str:
    at = f'x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {at} rx="3" fill="{fill}" stroke="{edge}"/>'


def _text(
    x: float, y: float, words: str, *, colour: str, size: int, anchor: str = "start", weight: str = "normal"
) -> str:
    how = f'fill="{colour}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:g}" y="{y:g}" {how}>{escape(words)}</text>'


def page() -> str:
    """The page with its table of folders as they are: a line each, from the top floor to the bottom."""
    rooms = [room for floor in layers() for room in floor if (PACKAGE / room).is_dir()]
    folders = [path.parent for room in rooms for path in sorted((PACKAGE / room).rglob("__init__.py"))]
    rows = [f"| `{folder.relative_to(PACKAGE)}` | {purpose(folder).replace('``', '`')} |\n" for folder in folders]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(HEAD)
    after = rest.partition("\n\n")[2]
    return f"{before}{HEAD}{''.join(rows)}\n{after}"


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
