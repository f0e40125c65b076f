"""The run's log: one JSON object per line, appended as things happen.

A line may be cut short by a kill; it is dropped when the log is read. A resumed run first drops the lines that lie
after the checkpoint it goes on from, so that the log tells one story.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voxlate.io.atomic import write_error, write_text

Entry = dict[str, Any]


def read_log(path: Path) -> list[Entry]:
    """All whole lines of a log, in order, a metric that is null as NaN; none if there is no log."""
    if not path.is_file():
        return []
    entries = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if not isinstance(entry, dict):
            continue
        found = entry.get("validation")
        if isinstance(found, dict):
            entry["validation"] = {name: math.nan if value is None else value for name, value in found.items()}
        entries.append(entry)
    return entries


def rewind_log(path: Path, *, step: int) -> None:
    """Drops every line that a step after ``step`` has written."""
    kept = [entry for entry in read_log(path) if entry.get("step", 0) <= step]
    write_text(path, "".join(map(_line, kept)))


def append_log(path: Path, entry: Entry) -> None:
    """Adds one line; a number that is not finite is written as null.

    Raises:
        WriteError: If it cannot be written.
    """
    line = _line(entry)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
    except OSError as error:
        raise write_error(path, error) from error


def _line(entry: Entry) -> str:
    return json.dumps(_clean(entry), allow_nan=False) + "\n"


def _clean(value: Any) -> Any:  # noqa: ANN401
    """The same with null for every number that is not finite, however deep."""
    if isinstance(value, Mapping):
        return {key: _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
