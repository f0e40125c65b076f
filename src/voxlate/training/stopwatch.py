"""A stopwatch for work that reports how far it is: what it will take in all, from what was done in a given time.

``taken = (seconds of a stage / pieces done) * pieces``, stage by stage; what lies between stages counts as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from voxlate.progress import ProgressReport

ENOUGH_S = 20.0
"""How long a forecast measures; what cannot be measured by then is computed from what was."""


class OutOfTimeError(Exception):
    """The time is over; raised between two pieces of work, of which at least one is done."""


@dataclass
class _Lap:
    began: float
    last: float
    done: int
    of: int


@dataclass
class Stopwatch:
    """Listens to the reports of some work, and ends it when its time is over.

    Attributes:
        report: Who is told too.
        seconds: After how many seconds it ends the work, between two pieces; ``None`` for never.
        clock: Tells seconds.
    """

    report: ProgressReport
    seconds: float | None = ENOUGH_S
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _laps: dict[str, _Lap] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def __call__(self, stage: str, done: int, of: int) -> None:
        """Notes how far a stage is.

        Raises:
            OutOfTimeError: If the time is over and something of the stage, but not all, is done.
        """
        self.report(stage, done, of)
        now = self.clock()
        lap = self._laps.setdefault(stage, _Lap(now, now, done, of))
        if done < lap.done:
            lap.began = now
        lap.last, lap.done, lap.of = now, done, of
        if 0 < done < of and self.is_over:
            raise OutOfTimeError

    @property
    def elapsed(self) -> float:
        """Seconds since it was started."""
        return self.clock() - self._began

    @property
    def is_over(self) -> bool:
        """Whether its time is over."""
        return self.seconds is not None and self.elapsed >= self.seconds

    def done(self, stage: str) -> int:
        """How many pieces of a stage are done."""
        return self._laps[stage].done if stage in self._laps else 0

    def took(self, stage: str) -> float:
        """Seconds that a stage has taken so far."""
        lap = self._laps.get(stage)
        return 0.0 if lap is None else lap.last - lap.began

    def whole(self) -> float:
        """Seconds of all the work, with what is left of the stages that began."""
        laps = self._laps.values()
        left = sum((lap.last - lap.began) / lap.done * (lap.of - lap.done) for lap in laps if lap.done)
        return self.elapsed + left

    def cut_short(self) -> dict[str, tuple[int, int]]:
        """Of each stage that was not finished how many pieces are done, and of how many."""
        return {name: (lap.done, lap.of) for name, lap in self._laps.items() if lap.done < lap.of}
