"""Work on many items: by this program, by several threads of it, or by the processes of a cluster.

Whoever works is an ``Executor`` of ``concurrent.futures``. Where a command has helpers, ``voxlate.machines.cluster``,
they do all that is handed out here, and how many threads it would take does not matter.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TypeVar

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")
_AHEAD = 1000
"""Items that are handed out and not done: as many as any cluster works on, and no more of a long list."""


@dataclass(frozen=True)
class _Helpers:
    pool: Executor
    count: Callable[[], int]


_helpers: ContextVar[_Helpers | None] = ContextVar("_helpers", default=None)


@contextmanager
def helped_by(pool: Executor, count: Callable[[], int]) -> Iterator[None]:
    """Whatever is handed out while the block runs is done by a pool; ``count`` tells how many it does at once."""
    before = _helpers.set(_Helpers(pool, count))
    try:
        yield
    finally:
        _helpers.reset(before)


def helpers() -> int:
    """How many items this command's helpers, who may be on other machines, do at once; 0 where there are none."""
    found = _helpers.get()
    return 0 if found is None else max(1, found.count())


def cores() -> int:
    """How many processor cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # which only Linux has
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def spread(
    work: Callable[[_Item], _Made],
    items: Sequence[_Item],
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[_Made]:
    """What is made of each item, in their order. Threads suffice: the arithmetic of NumPy runs outside the lock.

    One worker needs none, so that a signal ends the item at work, which may take a minute, and not what follows.

    Args:
        work: Makes one of one; may be called by several threads at once, or by processes on other machines.
        items: What is to be worked on.
        workers: How many threads, where nobody helps.
        progress: Called with the number of items done and of all, before the first and after each.

    Raises:
        Exception: What ``work`` raises, for an item that fails; those not yet begun are left.
    """
    made: dict[int, _Made] = {}
    if progress:
        progress(0, len(items))
    for number, future in each_done(work, items, workers=workers):
        made[number] = future.result()
        if progress:
            progress(len(made), len(items))
    return [made[number] for number in range(len(items))]


def each_done(
    work: Callable[[_Item], _Made], items: Iterable[_Item], *, workers: int = 1, ahead: Callable[[], int] | None = None
) -> Iterator[tuple[int, Future[_Made]]]:
    """The number of each item with what came of it or failed, whichever is done first; at an end the rest is left.

    Args:
        work: Makes one of one.
        items: What is to be worked on; each is asked for when it is handed out.
        workers: How many threads, where nobody helps.
        ahead: How many are handed out and not done, where one depends on what came of those before; else many.
    """
    found = _helpers.get()
    if found is not None:
        yield from _handed_out(work, items, found.pool, ahead=ahead)
    elif workers <= 1:
        yield from enumerate(_here(work, item) for item in items)
    else:
        pool = ThreadPoolExecutor(max_workers=workers)
        try:  # a signal may come at any moment, also while the items are handed out; then none of the rest is begun
            yield from _handed_out(work, items, pool)
        finally:
            pool.shutdown(cancel_futures=True)


def _here(work: Callable[[_Item], _Made], item: _Item) -> Future[_Made]:
    done: Future[_Made] = Future()
    try:
        done.set_result(work(item))
    except Exception as error:  # noqa: BLE001  as of any other worker
        done.set_exception(error)
    return done


def _handed_out(
    work: Callable[[_Item], _Made], items: Iterable[_Item], pool: Executor, *, ahead: Callable[[], int] | None = None
) -> Iterator[tuple[int, Future[_Made]]]:
    coming = iter(enumerate(items))
    done: SimpleQueue[tuple[int, Future[_Made]]] = SimpleQueue()
    pending: dict[int, Future[_Made]] = {}

    def hand_out() -> None:
        for number, item in itertools.islice(coming, max(0, (ahead() if ahead else _AHEAD) - len(pending))):
            pending[number] = pool.submit(work, item)
            pending[number].add_done_callback(lambda future, number=number: done.put((number, future)))  # type: ignore[misc]

    try:
        hand_out()
        while pending:
            number, future = done.get()
            del pending[number]
            yield number, future
            hand_out()
    finally:
        for future in pending.values():
            future.cancel()
