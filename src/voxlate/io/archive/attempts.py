"""A request that is made again where that can help, a bounded number of times; and what the network's packages say."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from voxlate.errors import NetworkError, UsageError
from voxlate.io.archive.connection import Connection

if TYPE_CHECKING:
    from pynetdicom.events import Event

_Result = TypeVar("_Result")
_LOUD = ("pynetdicom", "pydicom", "dicomweb_client", "retrying", "urllib3")
"""What they log can hold values of a header."""
_UNTRUSTED = re.compile(r"certificate verify failed: (.+?) \(_ssl")


class TryAgainError(Exception):
    """A fault that may have passed by the next try.

    Args:
        came: What came in the place of an answer.
        remedy: What a user can do if it stays.
    """

    def __init__(self, came: str, remedy: str) -> None:
        super().__init__(came)
        self.came, self.remedy = came, remedy


def tried(ask: Callable[[], _Result], connection: Connection, *, expected: str, where: object) -> _Result:
    """What a request comes to.

    Args:
        ask: Makes it.
        connection: How often, and with which pauses.
        expected: What was asked for, as a noun phrase.
        where: The archive.

    Raises:
        NetworkError: If all tries are in vain.
    """
    for number in range(connection.tries):
        try:
            return ask()
        except TryAgainError as error:
            last = error
            if number + 1 < connection.tries:
                time.sleep(connection.retry_after_s * 2**number)
    came = f"{last.came}, {connection.tries} times" if connection.tries > 1 else last.came
    raise NetworkError(expected, came=came, where=where, remedy=last.remedy) from None


def untrusted(error: Exception, *, expected: str, where: object) -> NetworkError:
    """What is raised where a certificate is not trusted, which no second try changes."""
    why = _UNTRUSTED.search(str(error))
    came = f"no trusted line ({why[1] if why else type(error).__name__})"
    return NetworkError(expected, came=came, where=where, remedy="Check ca, certificate and key of the connection.")


@contextmanager
def closed_lines() -> Iterator[Callable[[Event], None]]:
    """What keeps the lines that pynetdicom opens, for its ``EVT_CONN_OPEN``; all are closed when the block ends.

    It closes none itself that the other side has reset.
    """
    lines: WeakSet[socket.socket] = WeakSet()

    def keep(event: Event) -> None:
        held = event.assoc.dul.socket
        if held is not None and held.socket is not None:
            lines.add(held.socket)

    try:
        yield keep
    finally:
        for line in lines:
            line.close()


@contextmanager
def quietly() -> Iterator[None]:
    """Keeps what these packages log to themselves within the block; what matters of it becomes an error.

    Raises:
        UsageError: If the extra is not installed.
    """
    levels = {name: logging.getLogger(name).level for name in _LOUD}
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"pynetdicom", "dicomweb_client", "requests"}:
            raise
        remedy = "Run: pip install 'voxlate[dicom-network]'"
        raise UsageError("the packages for archives", came=f"no {error.name}", remedy=remedy) from None
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
