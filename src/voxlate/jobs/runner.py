"""The runner: begins the jobs of a list, each as a program in a process group of its own, and sees them end.

It is the only one who changes a running job's state. A worker's standard input is a pipe of the runner's, which closes
when the server ends in whatever way, and the worker with it (``voxlate.jobs.worker``).
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voxlate.errors import UsageError, VoxlateError, counted
from voxlate.jobs.job import LOG, ORDER, PROGRESS, RESULT, DurableJob, read_json, write_json
from voxlate.jobs.joblist import JobList

HELD = 75
"""The exit code of a worker whose folder an earlier one still holds (``EX_TEMPFAIL``): it is begun again."""
_ATTEMPTS = 2
"""How often a job is begun whose worker somebody kills, as a system short of memory does."""
_GRACE_S = 5.0
_PAUSE_S = 0.2


@dataclass(frozen=True)
class Work:
    """How jobs of a kind are done.

    Attributes:
        command: The program, which is given the job's folder as its last argument.
        limit_s: How long it may take; a worker that hangs is killed then, and its job has failed.
    """

    command: Sequence[str]
    limit_s: float


@dataclass
class _Worker:
    """A process that is at work on a job, and why it was asked to end, if it was."""

    job: DurableJob
    process: subprocess.Popen[bytes]
    until: float
    ask: str = ""
    kill_at: float = field(default=float("inf"))

    def signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:  # it has just ended
            return

    def end(self, why: str, *, grace_s: float) -> None:
        """Asks it to end, and kills it if it has not when the grace is over."""
        if not self.ask:
            self.ask, self.kill_at = why, time.monotonic() + grace_s
            self.signal(signal.SIGTERM)


class Runner:
    """Workers for a list, and the thread that looks after them.

    Args:
        ledger: The list; no other runner has it.
        folder: Where each job has its folder.
        kinds: How jobs of each kind are done.
        workers: How many run at the same time.
    """

    def __init__(self, ledger: JobList, folder: Path, *, kinds: Mapping[str, Work], workers: int = 1) -> None:
        self._ledger, self._folder, self._kinds, self._most = ledger, folder, kinds, workers
        self._running: dict[str, _Worker] = {}
        self._turn, self._wake, self._ends = threading.RLock(), threading.Event(), False
        self._thread = threading.Thread(target=self._look_after, name="jobs", daemon=True)

    def start(self) -> None:
        """Puts what an earlier server left running back into the queue, and begins."""
        for job in self._ledger.all():
            self._ledger.wait_again(job.id)
        self._thread.start()

    def stop(self) -> None:
        """Ends the workers, whose jobs are begun again by the next server."""
        self._ends = True
        self._wake.set()
        self._thread.join()
        for worker in self._running.values():
            worker.end("stop", grace_s=_GRACE_S)
        while self._running:
            self._see()
            time.sleep(_PAUSE_S / 4)

    def wake(self) -> None:
        """Looks at the list now: there is something new."""
        self._wake.set()

    def cancel(self, name: str) -> None:
        """Ends a job that waits at once, and one that runs as soon as its worker has cleared up."""
        with self._turn:
            if self._ledger.end(name, "cancelled", after=("queued",)) is None and name in self._running:
                self._running[name].end("cancel", grace_s=_GRACE_S)

    def place(self, name: str) -> Path:
        """The folder of a job."""
        return self._folder / name

    def _look_after(self) -> None:
        while not self._ends:
            self._see()
            with self._turn:
                while len(self._running) < self._most and (job := self._ledger.begin_next()):
                    try:
                        self._begin(job)
                    except (OSError, VoxlateError) as error:  # a full disk, say, which ends no other job
                        self._ledger.end(job.id, "failed", reason=f"It could not be begun: {error}")
            self._wake.wait(_PAUSE_S if self._running else 5 * _PAUSE_S)
            self._wake.clear()

    def _begin(self, job: DurableJob) -> None:
        folder, work = self.place(job.id), self._kinds.get(job.kind)
        if work is None:
            remedy = "Remove it: another version of the program asked for it."
            raise UsageError(f"work of a kind {', '.join(self._kinds)}", came=repr(job.kind), remedy=remedy)
        folder.mkdir(parents=True, exist_ok=True)
        for old in (RESULT, PROGRESS):
            (folder / old).unlink(missing_ok=True)
        write_json(folder / ORDER, job.order)
        with (folder / LOG).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  a command of the program's own
                [*work.command, str(folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[job.id] = _Worker(job, process, until=time.monotonic() + work.limit_s)

    def _see(self) -> None:
        """Sees which workers have ended, and ends those that take too long."""
        now = time.monotonic()
        for name, worker in list(self._running.items()):
            code = worker.process.poll()
            if code is not None:
                with self._turn:
                    self._running.pop(name)
                    self._settle(worker, code)
            elif now > worker.kill_at:
                worker.signal(signal.SIGKILL)
            elif now > worker.until:
                worker.end("limit", grace_s=_GRACE_S)

    def _settle(self, worker: _Worker, code: int) -> None:
        """What becomes of the job of a worker that has ended."""
        name, ledger = worker.job.id, self._ledger
        if worker.process.stdin:
            worker.process.stdin.close()
        worker.signal(signal.SIGKILL)  # whatever it has started
        result = read_json(self.place(name) / RESULT)
        if code == 0 and result is not None:
            ledger.end(name, "done")
        elif worker.ask == "cancel":
            ledger.end(name, "cancelled")
        elif worker.ask == "stop" or code == HELD or (code == -signal.SIGKILL and worker.job.attempts < _ATTEMPTS):
            ledger.wait_again(name)
        elif worker.ask == "limit":
            limit = counted(round(self._kinds[worker.job.kind].limit_s), "second")
            ledger.end(name, "failed", reason=f"It did not end within {limit}, and was ended.")
        else:
            ledger.end(name, "failed", reason=str((result or {}).get("reason") or _in_words(code)))


def _in_words(code: int) -> str:
    """Why a worker has ended that left no word."""
    if code == -signal.SIGKILL:
        return "Its process was killed more than once; most often memory has run out. A smaller scan needs less."
    if code < 0:
        return f"Its process crashed ({signal.Signals(-code).name}); the log says how far it came."
    return f"Its process ended with exit code {code}; the log says why."
