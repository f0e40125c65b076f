"""The folder that a verb works in: writable, held by one process, free of what a killed run left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from voxlate.errors import UsageError
from voxlate.io.atomic import check_writable, remove_stale, write_bytes, write_text
from voxlate.io.lock import hold
from voxlate.reporting.page.page import Illustration, Page

_OF_PAGES = (
    *("boxes_*", "median", "extremes", "worst", "case", "views", "slices", "classes", "volumes", "dice"),
    *("similarity", "differences", "features", "distances", "membership"),
)
"""Pictures that pages write into ``figures``; a run's own are never among them."""


@contextmanager
def workspace(out: Path, *, what: str) -> Iterator[Path]:
    """A folder for one process, until the block ends.

    Args:
        out: The folder; it is made if need be.
        what: What is done in it, for a second process that is refused: ``evaluation``.

    Raises:
        LockedError: If another process holds it.
        WriteError: If it cannot be written to.
    """
    check_writable(out)
    with hold(out, what=what):
        remove_stale(out)
        yield out


def check_split(split: str) -> None:
    """Refuses what is neither ``test`` nor ``all``.

    Raises:
        UsageError: If it is something else.
    """
    if split not in {"test", "all"}:
        raise UsageError("the split test or all", came=repr(split), where="--split", remedy="Use one of them.")


def publish(page: Page, out: Path, *, figures: Mapping[str, Illustration]) -> Path:
    """Writes ``report.html`` and its pictures, each also as ``figures/<name>.png``, and returns the page's path.

    Pictures that only an earlier page had, such as those of regions that are no more, are removed.

    Raises:
        UsageError: If an illustration is not a PNG file.
        WriteError: If a file could not be written.
    """
    folder = out / "figures"
    folder.mkdir(exist_ok=True)
    for stale in (path for name in _OF_PAGES for path in folder.glob(f"{name}.png")):
        if stale.stem not in figures:
            stale.unlink()
    for name, illustration in figures.items():
        write_bytes(folder / f"{name}.png", illustration.png)
    path = out / "report.html"
    write_text(path, page.html())
    return path
