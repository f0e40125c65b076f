from __future__ import annotations

import signal
import threading

import pytest

from voxlate.interruption import ending_at_signals
from voxlate.progress.spreading import cores, spread


def test_what_is_made_comes_in_the_order_of_the_items_whoever_is_done_first() -> None:
    later = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            later.wait(5)
        else:
            later.set()
        return item * 10

    told: list[tuple[int, int]] = []
    assert spread(work, range(4), workers=2, progress=lambda *count: told.append(count)) == [0, 10, 20, 30]
    assert told == [(done, 4) for done in range(5)]
    assert later.is_set()
    assert cores() >= 1


def test_a_failure_is_raised_and_what_has_not_begun_is_left() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item"):
        spread(work, range(1000), workers=2)
    assert len(begun) < 1000


def test_a_signal_ends_the_item_that_a_single_worker_works_on() -> None:
    """Of label maps a case takes a minute, and a thread of a pool would draw it to its end first."""
    done: list[int] = []

    def work(item: int) -> None:
        if item == 1:
            signal.raise_signal(signal.SIGTERM)
        done.append(item)

    with ending_at_signals(), pytest.raises(KeyboardInterrupt):
        spread(work, range(3), workers=1)
    assert done == [0]
