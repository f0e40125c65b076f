"""The run's log: one JSON object per line, appended as things happen.

A line may be cut short by a kill; it is dropped when the log is read. A resumed run first drops the lines that lie
after the checkpoint it goes on from, so that the log tells one story.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from voxlate.io.atomic import write_text

Entry = dict[str, Any]


def read_log(path: Path) -> list[Entry]:
    """All whole lines of a log, in order; none if there is no log."""
    if not path.is_file():
        return []
    entries = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return entries


def rewind_log(path: Path, *, step: int) -> None:
    """Drops every line that a step after ``step`` has written."""
    kept = [entry for entry in read_log(path) if entry.get("step", 0) <= step]
    write_text(path, "".join(json.dumps(entry) + "\n" for entry in kept))


def append_log(path: Path, entry: Entry) -> None:
    """Adds one line; a number that is not finite is written as null."""
    clean = {key: None if isinstance(value, float) and not _finite(value) else value for key, value in entry.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(clean) + "\n")


def _finite(value: float) -> bool:
    return value - value == 0
