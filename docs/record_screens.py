"""Records the screens of docs/learn/three-ways.md: runs its commands in a terminal of 80 columns, on simulated scans.

What is behind a block of commands in the page is replaced by what stood on the screen when they had ended. Run it after
what the commands print has changed, from the root of the repository; it takes about a quarter of an hour::

    python docs/record_screens.py
"""

from __future__ import annotations

import atexit
import fcntl
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "learn" / "three-ways.md"
PICTURE = ROOT / "docs" / "images" / "three-ways-t2.png"
COLUMNS, LINES = 80, 40
CONTRASTS = {"t1n": "T1", "t2w": "T2", "t2f": "FLAIR"}
"""From the end of a phantom's file name to what people call it."""

_WAY = re.compile(r"^<!-- lay: (\w+) -->$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^```(bash|python)\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps(way: str) -> list[tuple[str, str, str]]:
    """The steps of a way in the page: language, commands, and the screen behind them."""
    [text] = [text for name, text in _WAY.findall(PAGE.read_text(encoding="utf-8")) if name == way]
    return _STEP.findall(text)


def words(command: str) -> list[str]:
    """The words of a command that may go over several lines."""
    return shlex.split(command.replace("\\\n", " "))


def lay(way: str, folder: Path, *, cases: int = 12, size: int = 56) -> None:
    """Puts simulated heads into a folder as the way has them."""
    import voxlate

    names = ["t1", "t2"] if way != "flat" else ["t1", "t2", "flair"]
    if way == "notebook":  # of the size that docs/learn/notebook.ipynb takes, or nearly
        voxlate.phantom(folder / "cohort", cases=10, seed=1, size=48, contrasts=names)
        voxlate.phantom(folder / "new", cases=1, seed=2, size=48, contrasts=names)
        return
    for path in sorted(_heads(cases, size).glob("Phantom-*/*.nii.gz")):
        number, kind = path.parent.name.split("-")[1][-2:], path.name.removesuffix(".nii.gz").rsplit("-", 1)[1]
        if CONTRASTS.get(kind, "").lower() in names:
            place = folder / "scans" / PLACES[way](number, CONTRASTS[kind])
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


@cache
def _heads(cases: int, size: int) -> Path:
    """Simulated heads, drawn once for all ways that lay them."""
    import voxlate

    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return voxlate.phantom(folder / "heads", cases=cases, seed=1, size=size, contrasts=["t1", "t2", "flair"])


PLACES: dict[str, Callable[[str, str], str]] = {
    "bids": lambda number, name: f"sub-{number}/anat/sub-{number}_{name}w.nii.gz",
    "flat": lambda number, name: f"p{number}_{name}.nii.gz",
}
"""Where a way of files has the scan of a person in a contrast."""


def record(command: list[str], folder: Path) -> list[str]:
    """What stands on a terminal when a command has ended, line by line.

    Raises:
        SystemExit: If the command fails.
    """
    from tests.screen import Screen

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    own = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    started = subprocess.Popen(  # noqa: S603  the project's own program
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env={**own, "TERM": "xterm-256color"}
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # the program has closed its end
            break
        if not part:
            break
        said += part
    screen = Screen()
    screen.write(said.decode())
    if started.wait():
        sys.exit("\n".join(screen.lines))
    return [line for line in screen.lines if line]


def _python(block: str) -> list[str]:
    shown = f"import pathlib\nt1 = next(pathlib.Path('new').rglob('*-t1n.nii.gz'))\n{block.strip()}"
    lines, _, last = shown.rpartition("\n")
    return [sys.executable, "-c", f"{lines}\n{last}.savefig({str(PICTURE)!r})"]


def _command(language: str, text: str) -> list[str]:
    return _python(text) if language == "python" else [sys.executable, "-m", *words(text)]


def main() -> None:
    """Runs every way in a folder of its own, and writes the screens into the page."""
    page = PAGE.read_text(encoding="utf-8")
    for way, text in _WAY.findall(page):
        with tempfile.TemporaryDirectory() as name:
            lay(way, Path(name))
            for language, commands, before in _STEP.findall(text):
                screen = "".join(f"{line}\n" for line in record(_command(language, commands), Path(name)))
                old, new = (f"{commands}```\n\n```text\n{shown}```" for shown in (before, screen))
                at = page.index(old, page.index(f"<!-- lay: {way} -->"))
                page = page[:at] + new + page[at + len(old) :]
                PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
