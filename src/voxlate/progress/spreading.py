"""Work on many items by several threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from voxlate.progress import telling

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


def cores() -> int:
    """How many processor cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # which only Linux has
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def spread(
    work: Callable[[_Item], _Made],
    items: Sequence[_Item],
    *,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[_Made]:
    """What is made of each item, in their order. Threads suffice: the arithmetic of NumPy runs outside the lock.

    One worker needs none, so that a signal ends the item at work, which may take a minute, and not what follows.

    Args:
        work: Makes one of one; may be called by several threads at once.
        items: What is to be worked on.
        workers: How many threads.
        progress: Called with the number of items done and of all, before the first and after each.

    Raises:
        Exception: What ``work`` raises, for the first item that fails; those not yet begun are left.
    """
    if workers <= 1:
        return [work(item) for item in telling(items, progress)]
    pool = ThreadPoolExecutor(max_workers=workers)
    try:  # a signal may come at any moment, also while the items are handed out; then none of the rest is begun
        pending = [pool.submit(work, item) for item in items]
        if progress:
            progress(0, len(items))
        for done, future in enumerate(as_completed(pending), start=1):
            future.result()
            if progress:
                progress(done, len(items))
    finally:
        pool.shutdown(cancel_futures=True)
    return [future.result() for future in pending]
