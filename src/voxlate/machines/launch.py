"""What a launcher of several processes, such as ``torchrun``, says to each of them."""

from __future__ import annotations

import os
from dataclasses import dataclass

_LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Share:
    """Which part of a batch is this process's.

    Attributes:
        rank: Number of the process, counted from 0.
        processes: How many there are.
    """

    rank: int = 0
    processes: int = 1

    def of(self, samples: int) -> range:
        """Which samples of a batch are its own.

        Example:
            >>> Share(1, 2).of(6)
            range(3, 6)
        """
        each = samples // self.processes
        return range(self.rank * each, (self.rank + 1) * each)


def own_launch() -> Share:
    """Which of how many processes this is, as its launcher says; the only one where there is none."""
    if not all(name in os.environ for name in _LAUNCHED):
        return Share()
    return Share(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def leads() -> bool:
    """Whether this process is the one that writes, validates and speaks."""
    return own_launch().rank == 0
