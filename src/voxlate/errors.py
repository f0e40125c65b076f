"""Every error that Voxlate raises on purpose.

An error says four things: what was expected, what came, where, and what to do about it. Each class carries the exit
code that the command line returns for it.
"""

from __future__ import annotations


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
        self.expected = expected
        self.came = came
        self.where = str(where)
        self.remedy = remedy
        place = f"{self.where}: " if self.where else ""
        super().__init__(f"{place}expected {expected}, got {came}. {remedy}")

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
