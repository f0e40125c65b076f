"""Shards: every n-th case of a data set, for the jobs of an array that know nothing of each other.

::

    with only("2/10"):
        voxlate.translate(run, "cohort", out="translated")
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from voxlate.errors import UsageError

_Item = TypeVar("_Item")
_WORDS = re.compile(r"([0-9]+)/([0-9]+)")


@dataclass(frozen=True)
class Shard:
    """One of several parts of a data set.

    Attributes:
        number: Which one, counted from 1.
        of: How many there are.
    """

    number: int = 1
    of: int = 1

    @property
    def name(self) -> str:
        """What files of its own are called by; empty where it is the whole.

        Example:
            >>> Shard(2, 10).name
            'shard-2-of-10'
        """
        return f"shard-{self.number}-of-{self.of}" if self.of > 1 else ""

    def of_all(self, items: Sequence[_Item]) -> list[_Item]:
        """Its items.

        Example:
            >>> Shard(2, 3).of_all("abcdefg")
            ['b', 'e']
        """
        return list(items[self.number - 1 :: self.of])


_own: ContextVar[Shard] = ContextVar("_own", default=Shard())  # noqa: B039  (frozen)


def own_shard() -> Shard:
    """The part of a data set that is done here; the whole, unless a block says otherwise."""
    return _own.get()


@contextmanager
def only(words: str) -> Iterator[None]:
    """Has a verb do a part of its cases alone while the block runs.

    Args:
        words: Which of how many, ``2/10`` say.

    Raises:
        UsageError: If it names none.
    """
    before = _own.set(_read(words))
    try:
        yield
    finally:
        _own.reset(before)


def _read(words: str) -> Shard:
    found = _WORDS.fullmatch(words)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(
            "a shard",
            came=repr(words),
            where="--shard",
            remedy="Write 1/10 to 10/10 for ten jobs that do a tenth each.",
        )
    return Shard(int(found[1]), int(found[2]))
