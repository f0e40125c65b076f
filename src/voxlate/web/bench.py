"""A bench: work of one kind with a list and workers of its own, so that a translation waits for no training."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from voxlate.errors import UsageError
from voxlate.jobs import DurableJob, JobList, Runner, Work
from voxlate.jobs.job import PROGRESS, RESULT, read_json
from voxlate.plainyaml import Json
from voxlate.web.routes.errors import UnknownIdError

_KIND = "work"


class Bench:
    """Jobs of one kind, each in a folder of its own, which survive as ``voxlate.jobs`` says.

    Args:
        folder: Where the list and the folders lie.
        module: The worker, a module that is started as a program.
        limit_s: How long a job may take.
        what: What a job is called: ``a training``.
    """

    def __init__(self, folder: Path, module: str, *, limit_s: float, what: str) -> None:
        self.folder, self._what = folder, what
        self._ledger = JobList(folder / "jobs.sqlite")
        work = Work((sys.executable, "-m", module), limit_s=limit_s)
        self._runner = Runner(self._ledger, folder, kinds={_KIND: work})

    def start(self) -> None:
        """Goes on with what an earlier server left."""
        self._runner.start()

    def stop(self) -> None:
        """Ends the workers; their jobs are begun again by the next server."""
        self._runner.stop()
        self._ledger.close()

    def all(self) -> list[DurableJob]:
        """Every job, the newest first."""
        return self._ledger.all()

    def begin(self, order: Json) -> DurableJob:
        """A new job."""
        job = self._ledger.add(_KIND, order)
        self._runner.wake()
        return job

    def find(self, name: str) -> DurableJob:
        """The job of an id.

        Raises:
            UnknownIdError: If there is none.
        """
        found = self._ledger.find(name)
        if found is None:
            raise UnknownIdError(self._what)
        return found

    def place(self, job: DurableJob) -> Path:
        """The folder of a job."""
        return self._runner.place(job.id)

    def progress(self, job: DurableJob) -> Json:
        """How far its worker is; empty where none is at work."""
        return (read_json(self.place(job) / PROGRESS) or {}) if job.state == "running" else {}

    def result(self, job: DurableJob) -> Json | None:
        """What came of it; ``None`` unless it is done."""
        return read_json(self.place(job) / RESULT) if job.state == "done" else None

    def cancel(self, name: str) -> DurableJob:
        """Ends a job that waits, or that runs as soon as its worker has cleared up."""
        self.find(name)
        self._runner.cancel(name)
        return self.find(name)

    def resume(self, name: str) -> DurableJob:
        """Goes on with a job that failed or was stopped.

        Raises:
            UsageError: If it is in another state.
        """
        again = self._ledger.wait_again(name, after=("failed", "cancelled"), anew=True)
        if again is None:
            came, remedy = f"one that is {self.find(name).state}", "Wait, or begin another one."
            raise UsageError(f"{self._what} that failed or was stopped", came=came, remedy=remedy)
        self._runner.wake()
        return again

    def remove(self, name: str) -> None:
        """Removes a job that has ended, with all that came of it.

        Raises:
            UsageError: If it has not ended.
        """
        job = self.find(name)
        if not self._ledger.remove(name):
            raise UsageError(f"{self._what} that has ended", came=f"one that is {job.state}", remedy="Stop it first.")
        shutil.rmtree(self.place(job), ignore_errors=True)
