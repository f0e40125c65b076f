"""Signals: SIGINT, SIGTERM and SIGUSR1 (preemption) ask the loop to save its state and stop at the next step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@dataclass
class StopRequest:
    """Whether and by which signal an end was asked for; ``name`` is empty until then."""

    name: str = ""


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catches the signals while the block runs; a second one acts at once, as if nothing had caught it.

    Outside the main thread, where Python delivers no signals, the request is never set.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in _CAUGHT}

    def catch(number: int, _frame: FrameType | None) -> None:
        request.name = signal.Signals(number).name
        signal.signal(number, before[signal.Signals(number)])

    for number in _CAUGHT:
        signal.signal(number, catch)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
