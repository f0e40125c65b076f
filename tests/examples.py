"""The examples of README and documentation: found by their mark, made small, run in order.

A fenced block of ``bash`` or ``python`` behind the comment ``<!-- run -->`` is an example; ``<!-- run: exit 2 -->``
says that its last command is refused. The examples of a page run one after the other in one folder. A page with the
comment ``<!-- after: learn/first-light.md -->`` goes on in a copy of the folder that the other page has left.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.program import run_here

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)]

SMALLER = {
    "--cases 12": "--cases 3 --size 32",
    "cases=12": "cases=3, size=32",
    "training.minutes=5": "training.steps=2",
    ", minutes=5": ', overrides={"training.steps": 2, "method.network.channels": [4, 8]}',
    "gan-lesions --dry-run": "gan-lesions --dry-run --set method.network.width=4 --set method.network.blocks=1",
    "method.network.width=32": "method.network.width=4",
    "method.network.blocks=6": "method.network.blocks=1",
    "method.steps=10": "method.steps=1 --set method.features.steps=3 --set method.features.width=4",
    "mr-to-ct-image-analogy": "mr-to-ct-image-analogy --set method.exemplars=4 --set method.levels=2",
    '"hearts", cases=6': '"hearts", cases=4',
    "cohort --recipe t1-to-t2-fcn": "cohort --recipe t1-to-t2-fcn --set method.network.widths=[4,8]",
    "moved --recipe t1-to-t2-fcn": "moved --recipe t1-to-t2-fcn --set method.network.widths=[4,8]",
    "{name: unet, channels: [8, 16]}": "{name: unet, channels: [2, 4]}",
    "{name: unet, channels: [8, 16, 32]}": "{name: unet, channels: [4, 8]}",
    "--recipe any-to-any": "--recipe any-to-any --set method.network.channels=[4,8]",
    "--grid loss=focal,dice": "--grid loss=focal",
    '"training.steps": 8': '"training.steps": 2, "shapes": {"name": "statistical", "points": 16}',
    "--trials 5": "--trials 2",
    "--seeds 3": "--seeds 1",
    "seeds=3": "seeds=1",
    "training.steps=1500": "training.steps=2",
    '"[8, 16, 32]"': '"[2, 4, 8]" --set plan.resize=null',
    '"[16, 32, 64]"': '"[4, 8]" --set window.kind=patches --set window.size="[24, 24, 24]"',
}
"""What is changed in an example before it runs, so that it takes seconds."""

_EXAMPLE = re.compile(
    r"^<!-- run(?:: exit (?P<code>\d+))? -->\n+```(?:\{code-block\} )?(?P<language>bash|python)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_AFTER = re.compile(r"^<!-- after: (\S+) -->$", re.MULTILINE)
_QUOTED = re.compile(r"'[^']*'|\"[^\"$`]*\"")
_SHELL_ONLY = re.compile(r"[$;|&<>*(){}]")
_TOLD = "voxlate() { printf '%q ' voxlate \"$@\"; echo; }\n"
"""Makes a script tell its calls of ``voxlate``, which then run here; nothing else in it needs what they do."""


@dataclass(frozen=True)
class Example:
    """A block of code from a page: where it stands, and the exit code that its last command must have."""

    where: str
    language: str
    text: str
    exit_code: int


def examples(page: Path) -> list[Example]:
    """The examples of a page, in order."""
    content = page.read_text(encoding="utf-8")
    return [
        Example(
            f"{page.relative_to(ROOT)}:{content.count(chr(10), 0, match.start()) + 1}",
            match["language"],
            match["text"],
            int(match["code"] or 0),
        )
        for match in _EXAMPLE.finditer(content)
    ]


def marks(page: Path) -> int:
    """How many marks a page has; each must belong to an example."""
    return len(re.findall(r"^<!-- run\b.*-->$", page.read_text(encoding="utf-8"), re.MULTILINE))


def page_before(page: Path) -> Path | None:
    """The page whose folder this one goes on in."""
    found = _AFTER.search(page.read_text(encoding="utf-8"))
    return DOCS / found[1] if found else None


def smaller(text: str) -> str:
    """An example with the sizes of a test."""
    for large, small in SMALLER.items():
        text = text.replace(large, small)
    return text


def run_page(page: Path, folder: Path) -> Path:
    """Runs a page's examples, those of the page before it first, and returns the folder that they leave.

    What another test or worker has run in ``folder`` is not run again.
    """
    before = page_before(page)
    place = folder / "_".join(page.relative_to(ROOT).with_suffix("").parts)
    with alone(place.with_suffix(".lock")):
        if place.is_dir():
            return place
        with tempfile.TemporaryDirectory(dir=folder) as name:
            made = Path(name) / place.name
            if before is None:
                made.mkdir()
            else:
                shutil.copytree(run_page(before, folder), made)
            for example in examples(page):
                run_example(example, made)
            made.rename(place)
    return place


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Waits until no other worker is inside with the same file."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_example(example: Example, folder: Path) -> None:
    """Runs an example in a folder.

    Raises:
        AssertionError: If it ends otherwise than it should.
    """
    text = smaller(example.text)
    if example.language == "python":
        script = folder / "example.py"
        script.write_text(text, encoding="utf-8")
        with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(str(script), run_name="__main__")
        script.unlink()
        return
    if _SHELL_ONLY.search(_QUOTED.sub("", text)):
        script = ["bash", "-ec", _TOLD + text]
        code, told = _run(script, folder)
        commands = list(_commands(told)) if code == 0 else []
        _check(example, script, (code, told), 0 if commands else example.exit_code)
    else:
        commands = list(_commands(text))
    for place, command in enumerate(commands, 1):
        _check(example, command, _run(command, folder), example.exit_code if place == len(commands) else 0)


def _commands(text: str) -> Iterator[list[str]]:
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield words


def _run(command: list[str], folder: Path) -> tuple[int, str]:
    """The exit code and the output of a command."""
    if command[0] == "voxlate":
        here = run_here(*command[1:], cwd=folder)
        return here.returncode, here.stdout + here.stderr
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def _check(example: Example, command: list[str], result: tuple[int, str], wanted: int) -> None:
    code, output = result
    assert code == wanted, f"{example.where}: {shlex.join(command)} ended with {code}, not {wanted}\n{output}"
