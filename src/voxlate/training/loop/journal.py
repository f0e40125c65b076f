"""The run's log: one JSON object per line, appended as things happen.

A line may be cut short by a kill; it is dropped when the log is read. A resumed run first drops the lines that lie
after the checkpoint it goes on from, so that the log tells one story.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voxlate.io.atomic import write_error, write_text
from voxlate.plainyaml import Json


@dataclass(frozen=True)
class Entry:
    """A line of the log, where a number that is null is NaN.

    Attributes:
        step: Optimiser steps done.
        numbers: Of a step of training: its losses, the learning rate, seconds, by name.
        validation: The metrics of a validation; ``None`` for a step of training.
    """

    step: int
    numbers: Mapping[str, float] = field(default_factory=dict)
    validation: Mapping[str, float] | None = None

    @classmethod
    def from_json(cls, line: Json) -> Entry:
        """The entry of a line as it was read."""
        metrics = line.get("validation")
        validation = _numbers(metrics) if isinstance(metrics, Mapping) else None
        return cls(int(line.get("step", 0)), _numbers(line), validation)


def _numbers(values: Mapping[str, object]) -> dict[str, float]:
    named = {name: math.nan if value is None else value for name, value in values.items() if name != "step"}
    return {name: value for name, value in named.items() if isinstance(value, int | float)}


def read_log(path: Path) -> list[Entry]:
    """All whole lines of a log, in order; none if there is no log."""
    return [Entry.from_json(line) for line in _lines(path)]


def _lines(path: Path) -> Iterator[Json]:
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict):
            yield entry


def rewind_log(path: Path, *, step: int) -> None:
    """Drops every line that a step after ``step`` has written."""
    kept = [line for line in _lines(path) if line.get("step", 0) <= step]
    write_text(path, "".join(map(_line, kept)))


def append_log(path: Path, entry: Json) -> None:
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


def _line(entry: Json) -> str:
    return json.dumps(_clean(entry), allow_nan=False) + "\n"


def _clean(value: object) -> object:
    """The same with null for every number that is not finite, however deep."""
    if isinstance(value, Mapping):
        return {key: _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
