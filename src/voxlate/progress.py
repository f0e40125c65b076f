"""How whoever does long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

ProgressReport = Callable[[str, int, int], None]
"""Called with a stage's name, how much of it is done, and of how much."""


def silent(_stage: str, _done: int, _of: int) -> None:
    """Reports to nobody."""
