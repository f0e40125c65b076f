"""A job, and the files by which it and its worker speak."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voxlate.io.atomic import write_text
from voxlate.plainyaml import Json

State = Literal["queued", "running", "done", "failed", "cancelled"]
ORDER, PROGRESS, RESULT, LOG = "order.json", "progress.json", "result.json", "log"
"""What lies in a job's folder: what is asked, how far it is, what it came to, and what was said on the way."""


@dataclass(frozen=True)
class DurableJob:
    """A line of the list.

    Attributes:
        id: Opaque; the name of its folder.
        kind: Which work it is.
        order: What is asked.
        state: What became of it so far; the last three are ends.
        attempts: How often a worker has begun it since it was last asked for.
        created: When it was asked for, in seconds since 1970.
        began: When its last worker began; ``None`` before.
        ended: When it ended; ``None`` before.
        reason: Why it failed, in words.
    """

    id: str
    kind: str
    order: Json
    state: State
    attempts: int
    created: float
    began: float | None
    ended: float | None
    reason: str

    @property
    def has_ended(self) -> bool:
        """Whether nothing more becomes of it unless somebody asks."""
        return self.state in {"done", "failed", "cancelled"}


def write_json(path: Path, values: Json) -> None:
    """Writes an object whole or not at all."""
    write_text(path, json.dumps(values, indent=1) + "\n")


def read_json(path: Path) -> Json | None:
    """An object from a file; ``None`` where there is none, or another thing."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
