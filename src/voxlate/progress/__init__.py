"""How whoever does long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
ProgressReport = Callable[[str, int, int], None]
"""Called with a stage's name, how much of it is done, and of how much; first before anything of it is done."""


def silent(_stage: str, _done: int, _of: int) -> None:
    """Reports to nobody."""


def telling(items: Sequence[_Item], progress: Callable[[int, int], None] | None) -> Iterator[_Item]:
    """The items, one after the other; tells how many are done, and of how many, before the first and after each.

    Args:
        items: What is to be done.
        progress: Called with both numbers; ``None`` to tell nobody.

    Example:
        >>> list(telling("ab", print))
        0 2
        1 2
        2 2
        ['a', 'b']
    """
    for done, item in enumerate(items):
        if progress is not None:
            progress(done, len(items))
        yield item
    if progress is not None:
        progress(len(items), len(items))
