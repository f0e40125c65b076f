"""Every error that Voxlate raises on purpose.

An error says four things: what was expected, what came, where, and what to do about it. Each class carries the exit
code that the command line returns for it. Beside them stand the words for names and numbers in such sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NO_UTF8 = re.compile("[\ud800-\udfff]")


def readable(text: str) -> str:
    r"""A name as text that every file and terminal can hold.

    Bytes of a path that are no UTF-8 come as stand-ins, which nothing can encode; they are read as Windows-1252, the
    usual encoding of old archives.

    Example:
        >>> readable("J\udcf6rg")
        'Jörg'
    """
    return _NO_UTF8.sub(lambda found: bytes([ord(found[0]) & 0xFF]).decode("cp1252", "replace"), text)


def plural(count: int, one: str, many: str = "") -> str:
    """The form of a word that goes with a count; ``many`` is the word with an s unless it is given.

    Example:
        >>> plural(1, "case"), plural(2, "case"), plural(2, "is", "are")
        ('case', 'cases', 'are')
    """
    return one if count == 1 else many or f"{one}s"


def counted(count: int, thing: str, *, spelled: bool = False) -> str:
    """A count with its noun; ``spelled``: 1 as a word.

    Example:
        >>> counted(3, "test case"), counted(1, "seed"), counted(1, "seed", spelled=True)
        ('3 test cases', '1 seed', 'one seed')
    """
    return f"{'one' if spelled and count == 1 else count} {plural(count, thing)}"


def some(names: Iterable[object], *, most: int = 5) -> str:
    """The first names of what may be many.

    Example:
        >>> some("abc"), some("abc", most=2)
        ('a, b, c', 'a, b ...')
    """
    every = list(map(str, names))
    return ", ".join(every[:most]) + (" ..." if len(every) > most else "")


class VoxlateError(Exception):
    """A refusal that a user can act on.

    Args:
        expected: What was expected, as a noun phrase.
        came: What came instead.
        where: The file, case, field or argument concerned; empty if there is none.
        remedy: What the user can do, as a sentence.

    Example:
        >>> print(VoxlateError("three axes", came="five axes", where="a.nii", remedy="Split the series."))
        a.nii: expected three axes, got five axes. Split the series.
    """

    exit_code = 2

    def __init__(self, expected: str, *, came: str, where: object = "", remedy: str) -> None:
        self.expected = readable(expected)
        self.came = readable(came)
        self.where = readable(str(where))
        self.remedy = readable(remedy)
        place = f"{self.where}: " if self.where else ""
        end = "" if self.came.endswith(".") else "."  # a message of another error may stand there
        super().__init__(f"{place}expected {self.expected}, got {self.came}{end} {self.remedy}")

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process borders, and the default would call the class with the message alone."""
        parts = {"came": self.came, "where": self.where, "remedy": self.remedy}
        return (_rebuild, (type(self), self.expected, parts))


def _rebuild(kind: type[VoxlateError], expected: str, parts: dict[str, str]) -> VoxlateError:
    return kind(expected, **parts)


class UsageError(VoxlateError):
    """An argument, a recipe or a configuration value that cannot be used."""


class ReadError(VoxlateError):
    """A file that cannot be read or cannot be trusted."""


class GeometryError(ReadError):
    """An affine, a shape or a grid that would make the result wrong."""


class WriteError(VoxlateError):
    """An output that could not be written; the old file, if there was one, is untouched."""

    exit_code = 1


class NetworkError(VoxlateError):
    """An archive on the network that cannot be reached, or that refuses."""

    exit_code = 1


class LockedError(VoxlateError):
    """A folder that another process is writing."""


class CohortError(VoxlateError):
    """A data set that cannot be trained or evaluated on as it is."""


class BundleError(VoxlateError):
    """A bundle that is damaged, incomplete, changed or hostile."""


class SegmenterError(VoxlateError):
    """A program that segments for a task, and that failed on a case."""

    exit_code = 1


class TrainingError(VoxlateError):
    """A training run that cannot go on."""

    exit_code = 1


class StoppedError(VoxlateError):
    """A signal asked for an end; what was running has saved its state and can be resumed."""

    exit_code = 130


class PartDoneError(StoppedError):
    """What a shard was to do is done and kept; what all of it comes to is for a call for the whole.

    Args:
        expected: As for every error, and so are ``came``, ``where`` and ``remedy``.
        failed: Cases that could not be done, each with its reason.
    """

    def __init__(
        self, expected: str, *, came: str, where: object = "", remedy: str, failed: Iterable[tuple[str, str]] = ()
    ) -> None:
        super().__init__(expected, came=came, where=where, remedy=remedy)
        self.failed = list(failed)
