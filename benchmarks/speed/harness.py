"""Two ways of doing one thing, in turn: median times, peak memory, and whether their results are the same."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from voxlate.inference.runtimes.allocator import keep_freed_memory

MIB = 2**20


@dataclass(frozen=True)
class Comparison:
    """Something that is done our way, and as a user would otherwise do it.

    Attributes:
        title: What is done.
        size: On what.
        ours: Does it our way; gives what is compared, an array or a number.
        usual: Does it the usual way; ``None`` where there is none.
        against: The usual way in words.
        tolerance: Largest difference of the results, as a share of the largest value; ``None``: nothing to compare.
        goal: How many times faster it is to be; ``None``: that is not stated.
        repeats: How often each is done after one to warm up; 0: once, without.
        mean: Whether the mean difference is compared: where some voxels are badly conditioned, as in empty slices.
    """

    title: str
    size: str
    ours: Callable[[], Any]
    usual: Callable[[], Any] | None
    against: str
    tolerance: float | None = None
    goal: float | None = None
    repeats: int = 3
    mean: bool = False


@dataclass(frozen=True)
class Row:
    """What came of a comparison: wall seconds, seconds of processor time, and MiB at the peak beyond what was there."""

    title: str
    size: str
    against: str
    seconds: float
    usual_seconds: float | None
    worked: float
    usual_worked: float | None
    mib: float
    usual_mib: float | None
    difference: float | None
    tolerance: float | None
    goal: float | None
    load: float

    @property
    def ratio(self) -> float | None:
        """How many times faster, by wall time."""
        return None if self.usual_seconds is None else self.usual_seconds / self.seconds

    @property
    def worked_ratio(self) -> float | None:
        """How many times less processor time."""
        return None if self.usual_worked is None else self.usual_worked / max(self.worked, 1e-9)


@dataclass
class _Side:
    work: Callable[[], Any]
    memory: Callable[[], object]
    walls: list[float]
    works: list[float]
    peak: float = 0.0
    result: Any = None

    def once(self, *, counts: bool) -> None:
        self.result = None
        self.memory()
        _give_back()
        before = _reset_peak()
        wall, worked = time.perf_counter(), _worked()
        self.result = self.work()
        wall, worked = time.perf_counter() - wall, _worked() - worked
        self.peak = max(self.peak, _status("VmHWM:") - before)
        if counts:
            self.walls.append(wall)
            self.works.append(worked)


def compare(comparison: Comparison, *, most: int | None = None) -> Row:
    """Does both in turn, A B A B.

    Args:
        comparison: What.
        most: Repeats at most.
    """
    sides = [_Side(comparison.ours, keep_freed_memory, [], [])]
    sides += [] if comparison.usual is None else [_Side(comparison.usual, _as_glibc_does, [], [])]
    repeats = comparison.repeats if most is None else min(most, comparison.repeats)
    for number in range(max(1, repeats + 1) if repeats else 1):
        for side in sides:
            side.once(counts=number > 0 or repeats == 0)
    ours, usual = sides[0], sides[1] if len(sides) > 1 else None
    difference = None
    if usual is not None and comparison.tolerance is not None:
        one, other = (np.asarray(side.result, dtype=np.float64) for side in (ours, usual))
        off = np.abs(one - other)
        difference = float((off.mean() if comparison.mean else off.max()) / np.abs(other).max())
    return Row(
        comparison.title,
        comparison.size,
        comparison.against,
        median(ours.walls),
        None if usual is None else median(usual.walls),
        median(ours.works),
        None if usual is None else median(usual.works),
        ours.peak,
        None if usual is None else usual.peak,
        difference,
        comparison.tolerance,
        comparison.goal,
        os.getloadavg()[0],
    )


def load_rows(path: Path) -> dict[str, Row]:
    """Rows that an earlier call has left, by title."""
    rows = [Row(**one) for one in json.loads(path.read_text())] if path.is_file() else []
    return {row.title: row for row in rows}


def keep_rows(path: Path, rows: Sequence[Row]) -> None:
    """Leaves them for a later call."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def growing(title: str, works: Sequence[tuple[str, Callable[[], Any]]]) -> list[Comparison]:
    """The same work on more and more, which nothing is compared with."""
    return [Comparison(f"{title}, {size}", size, work, None, "", repeats=1) for size, work in works]


def _as_glibc_does() -> None:
    """What glibc comes to by itself once large arrays have been freed."""
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(-3, 32 * MIB)
    mallopt(-1, 64 * MIB)


def _give_back() -> None:
    """Gives the system what was freed: memory that is held already would hide the work's own."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def _worked() -> float:
    """Seconds of processor time of this process and of those that it has started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def _reset_peak() -> float:
    """Lets Linux count the peak anew; MiB that the process holds now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS:")
