"""Signals: SIGINT, SIGTERM and SIGUSR1 (preemption) ask for an end; what runs saves its state or clears up first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_Handler = Callable[[int, FrameType | None], object] | int | None
_CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@dataclass
class StopRequest:
    """Whether and by which signal an end was asked for; ``name`` is empty until then.

    Attributes:
        name: Of the signal.
        prompt: Whether the block ends wherever it is, and not where others that work with it end too.
    """

    name: str = ""
    prompt: bool = True


_open: list[StopRequest] = []


def end_is_requested() -> bool:
    """Whether a signal has asked for an end of the block of ``stop_requests`` that runs; false outside of one."""
    return any(request.name for request in _open if request.prompt)


@contextmanager
def ending_at_signals() -> Iterator[StopRequest]:
    """Makes SIGTERM and SIGUSR1 do what Ctrl-C does while the block runs: ``KeyboardInterrupt``, with their name.

    So whatever runs clears up, its lock and what it has begun to write, wherever no state is saved first.
    """
    request = StopRequest()

    def end(number: int, _frame: FrameType | None) -> None:
        request.name = signal.Signals(number).name
        raise KeyboardInterrupt(request.name)

    with _catching(end):
        yield request


@contextmanager
def stop_requests(*, prompt: bool = True) -> Iterator[StopRequest]:
    """Catches the signals while the block runs; a second one acts at once, as if nothing had caught it.

    Outside the main thread, where Python delivers no signals, the request is never set.

    Args:
        prompt: Whether the block may end wherever it is; see ``StopRequest``.
    """
    request = StopRequest(prompt=prompt)

    def catch(number: int, _frame: FrameType | None) -> None:
        request.name = signal.Signals(number).name
        signal.signal(number, before[number])

    _open.append(request)
    try:
        with _catching(catch) as before:
            yield request
    finally:
        _open[:] = [other for other in _open if other is not request]


@contextmanager
def held_signals() -> Iterator[StopRequest]:
    """Holds the signals back while the block runs, a second one too; the first acts when the block has ended.

    Outside the main thread nothing is held back.
    """
    request = StopRequest()

    def catch(number: int, _frame: FrameType | None) -> None:
        request.name = request.name or signal.Signals(number).name

    try:
        with _catching(catch):
            yield request
    finally:
        if request.name:
            signal.raise_signal(signal.Signals[request.name])


@contextmanager
def _catching(catch: Callable[[int, FrameType | None], None]) -> Iterator[dict[int, _Handler]]:
    """Sets the handler, and yields those that it stands in for until the block ends; in the main thread only."""
    is_main = threading.current_thread() is threading.main_thread()
    before: dict[int, _Handler] = {number: signal.signal(number, catch) for number in (_CAUGHT if is_main else ())}
    try:
        yield before
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
