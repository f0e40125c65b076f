"""The folder that a verb works in: writable, held by one process, free of what a killed run left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from voxlate.errors import UsageError
from voxlate.io.atomic import check_writable, remove_stale, write_bytes, write_text
from voxlate.io.lock import hold
from voxlate.machines.shard import own_shard
from voxlate.reporting.page.brief import SHEET
from voxlate.reporting.page.cases import FOLDER as CASES
from voxlate.reporting.page.page import Page

_OF_PAGES = (
    *("boxes_*", "median", "extremes", "worst", "case", "views", "slices", "classes", "volumes", "dice"),
    *("similarity", "tasks", "differences", "features", "distances", "membership", "matrix"),
)
"""Pictures that pages write into ``figures``; a run's own are never among them."""


_BESIDE = {
    SHEET: "the same on one sheet, to print",
    "scores.csv": "every score, with all digits",
    "matrix.csv": "every score of every question, with all digits",
    "structures.csv": "errors inside every structure, case by case",
    "runs.csv": "every score, seed by seed",
    "trials.csv": "every trial, with all digits",
    "grid_training.csv": "every setting of the grid on the training cases",
    "grid_validation.csv": "every setting of the grid on the validation cases",
    "best.yaml": "the best recipe, which voxlate train takes",
    "released.csv": "images that are released",
    "review.csv": "images that are held back",
    "review.html": "these images side by side; as confidential as the training data",
    "summary.json": "means, intervals and tests, for programs",
}
"""What may lie beside a page, in the order in which it links them."""


@contextmanager
def workspace(out: Path, *, what: str) -> Iterator[Path]:
    """A folder for one process, or for one of each shard, until the block ends.

    Args:
        out: The folder; it is made if need be.
        what: What is done in it, for a second process that is refused: ``evaluation``.

    Raises:
        LockedError: If another process holds it.
        WriteError: If it cannot be written to.
    """
    check_writable(out)
    with hold(out, what=what, part=own_shard().name):
        remove_stale(out)
        yield out


def check_split(split: str) -> None:
    """Refuses what is neither ``test`` nor ``all``.

    Raises:
        UsageError: If it is something else.
    """
    if split not in {"test", "all"}:
        raise UsageError("the split test or all", came=repr(split), where="--split", remedy="Use one of them.")


def publish(page: Page, out: Path, *, others: Iterable[tuple[str, Page]] = ()) -> Path:
    """Writes ``report.html`` and its pictures, each also as ``figures/<name>.png``, and returns the page's path.

    The page links the files that lie beside it. Pictures and pages of cases that only an earlier page had, such as
    those of regions that are no more, are removed.

    Args:
        page: What ``report.html`` says.
        out: The folder.
        others: Further pages, each with its path in the folder; each is written before the next is made.

    Raises:
        UsageError: If an illustration is not a PNG file.
        WriteError: If a file could not be written.
    """
    folder = out / "figures"
    folder.mkdir(exist_ok=True)
    for stale in (path for name in _OF_PAGES for path in folder.glob(f"{name}.png")):
        if stale.stem not in page.figures:
            stale.unlink()
    for name, illustration in page.figures.items():
        write_bytes(folder / f"{name}.png", illustration.png)
    written = set()
    for name, other in others:
        (out / name).parent.mkdir(exist_ok=True)
        write_text(out / name, other.html())
        written.add(name)
    for old in (*out.glob(SHEET), *(out / CASES).glob("*.html")):
        if old.relative_to(out).as_posix() not in written:
            old.unlink()
    beside = {name: words for name, words in _BESIDE.items() if (out / name).exists()}
    path = out / "report.html"
    write_text(path, replace(page, files={**beside, **page.files}).html())
    return path
