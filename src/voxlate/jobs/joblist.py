"""The durable list of jobs: a table in SQLite, owned by one process.

Every change of state names the states that it may follow, so that no job is begun twice or ends twice. The table is
synchronised with the disk at every change (write-ahead log, ``synchronous=FULL``): jobs take seconds, a change
milliseconds.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from voxlate.jobs.job import DurableJob, State
from voxlate.plainyaml import Json

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, "order" TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
    created REAL NOT NULL, began REAL, ended REAL, reason TEXT NOT NULL
) STRICT
"""


class JobList:
    """The list; several threads may use it at once.

    Args:
        path: The file, made where there is none.
        clock: Tells the time in seconds since 1970.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._turn = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._table = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", _TABLE):
            self._table.execute(statement)

    def close(self) -> None:
        """Ends the connection."""
        with self._turn:
            self._table.close()

    def add(self, kind: str, order: Json) -> DurableJob:
        """A new job at the end of the queue."""
        name = secrets.token_urlsafe(12)
        values = (name, kind, json.dumps(order), "queued", 0, self._clock(), None, None, "")
        (job,) = self._ask("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *", *values)
        return job

    def find(self, name: str) -> DurableJob | None:
        """The job of an id, if there is one."""
        return next(iter(self._ask("SELECT * FROM jobs WHERE id = ?", name)), None)

    def all(self) -> list[DurableJob]:
        """Every job, the newest first."""
        return self._ask("SELECT * FROM jobs ORDER BY created DESC, rowid DESC")

    def begin_next(self) -> DurableJob | None:
        """The job that has waited longest, which runs from now on; ``None`` if none waits."""
        oldest = "SELECT id FROM jobs WHERE state = 'queued' ORDER BY created, rowid LIMIT 1"
        change = "state = 'running', attempts = attempts + 1, began = ?, ended = NULL, reason = ''"
        found = self._ask(
            f"UPDATE jobs SET {change} WHERE id = ({oldest}) RETURNING *",  # noqa: S608
            self._clock(),
        )
        return next(iter(found), None)

    def end(
        self, name: str, state: State, *, reason: str = "", after: tuple[State, ...] = ("running",)
    ) -> DurableJob | None:
        """Ends a job that is in one of the states ``after``; ``None`` if it is not."""
        return self._change(name, "state = ?, ended = ?, reason = ?", state, self._clock(), reason, after=after)

    def wait_again(
        self, name: str, *, after: tuple[State, ...] = ("running",), anew: bool = False
    ) -> DurableJob | None:
        """Puts a job back into the queue, where it keeps its place; ``None`` if it is in another state.

        Args:
            name: Its id.
            after: The states in which that can be.
            anew: Somebody asks for it, so that its attempts are counted from 0 and it goes to the end.
        """
        change = "state = 'queued', began = NULL, ended = NULL, reason = ''"
        if anew:
            return self._change(name, f"{change}, attempts = 0, created = ?", self._clock(), after=after)
        return self._change(name, change, after=after)

    def remove(self, name: str) -> bool:
        """Strikes a job that has ended off the list; false if there is no such job."""
        ended = "state IN ('done', 'failed', 'cancelled')"
        return bool(self._ask(f"DELETE FROM jobs WHERE id = ? AND {ended} RETURNING *", name))  # noqa: S608

    def _change(self, name: str, change: str, *values: object, after: tuple[State, ...]) -> DurableJob | None:
        states = ", ".join("?" for _ in after)
        found = self._ask(
            f"UPDATE jobs SET {change} WHERE id = ? AND state IN ({states}) RETURNING *",  # noqa: S608
            *values,
            name,
            *after,
        )
        return next(iter(found), None)

    def _ask(self, statement: str, *values: object) -> list[DurableJob]:
        with self._turn:
            rows = self._table.execute(statement, values).fetchall()
        return [DurableJob(name, kind, json.loads(order), *rest) for name, kind, order, *rest in rows]
