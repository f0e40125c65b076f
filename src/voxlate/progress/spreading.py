"""Work on many items by several: threads of this program, or the processes of a cluster.

Whoever works is an ``Executor`` of ``concurrent.futures``: a pool of threads, or ``voxlate.machines.cluster``.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

from voxlate.progress import telling

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")
_AHEAD = 1000
"""Items that are handed out and not done: as many as any cluster works on, and no more of a long list."""


def cores() -> int:
    """How many processor cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # which only Linux has
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def spread(
    work: Callable[[_Item], _Made],
    items: Sequence[_Item],
    *,
    workers: int | Executor,
    progress: Callable[[int, int], None] | None = None,
) -> list[_Made]:
    """What is made of each item, in their order. Threads suffice: the arithmetic of NumPy runs outside the lock.

    One worker needs none, so that a signal ends the item at work, which may take a minute, and not what follows.

    Args:
        work: Makes one of one; may be called by several threads at once, or by processes on other machines.
        items: What is to be worked on.
        workers: How many threads, or whoever works in their place.
        progress: Called with the number of items done and of all, before the first and after each.

    Raises:
        Exception: What ``work`` raises, for an item that fails; those not yet begun are left.
    """
    if not isinstance(workers, Executor):
        if workers <= 1:
            return [work(item) for item in telling(items, progress)]
        pool = ThreadPoolExecutor(max_workers=workers)
        try:  # a signal may come at any moment, also while the items are handed out; then none of the rest is begun
            return spread(work, items, workers=pool, progress=progress)
        finally:
            pool.shutdown(cancel_futures=True)
    made: dict[int, _Made] = {}
    if progress:
        progress(0, len(items))
    for number, future in each_done(work, items, workers):
        made[number] = future.result()
        if progress:
            progress(len(made), len(items))
    return [made[number] for number in range(len(items))]


def each_done(
    work: Callable[[_Item], _Made], items: Iterable[_Item], pool: Executor
) -> Iterator[tuple[int, Future[_Made]]]:
    """The number of each item with what came of it, whichever is done first; those not yet begun are left at an end.

    Args:
        work: Makes one of one.
        items: What is to be worked on.
        pool: Who works.
    """
    coming = iter(enumerate(items))
    done: SimpleQueue[tuple[int, Future[_Made]]] = SimpleQueue()
    pending: dict[int, Future[_Made]] = {}

    def hand_out(most: int) -> None:
        for number, item in itertools.islice(coming, most):
            pending[number] = pool.submit(work, item)
            pending[number].add_done_callback(lambda future, number=number: done.put((number, future)))  # type: ignore[misc]

    try:
        hand_out(_AHEAD)
        while pending:
            number, future = done.get()
            del pending[number]
            yield number, future
            hand_out(1)
    finally:
        for future in pending.values():
            future.cancel()
