"""The workers of a cluster, Dask distributed (Rocklin 2015, doi:10.25080/Majora-7b98e3ed-013), as an executor.

They do the cases of whatever verb is called meanwhile::

    with cluster("local:4"):
        voxlate.translate(run, "cohort", out="translated")

``local:4`` starts four processes on this machine, ``tcp://host:8786`` asks a scheduler that runs somewhere, and a YAML
file says how a batch system starts workers (dask-jobqueue, say ``slurm: {cores: 4, memory: 16GB, jobs: 20}``). An item
is a task. What works on it is sent once for each worker, and files are not sent at all: every worker sees the same
folders under the same names, and the same Voxlate; it works in the folder in which the command was given.

A worker that dies has its items done by others; an item that has killed four of them is given up. Where the program
that hands them out dies, nothing is lost but what was being computed: whoever runs the command again finds what is
finished by its hashes.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from voxlate.errors import UsageError
from voxlate.plainyaml import Json, read_yaml
from voxlate.progress.spreading import helped_by

if TYPE_CHECKING:
    from distributed import Client

_Made = TypeVar("_Made")
_WHERE = "--cluster"
_LOCAL = re.compile(r"local:([1-9][0-9]*)")
_JOBS = "jobs"
_PATIENT = {"distributed.comm.timeouts.connect": "300s", "distributed.comm.timeouts.tcp": "300s"}
"""A busy machine takes a minute to start a program."""
_Record = tuple[str, int, str]
_REMEDY = "Write local:4 for four processes of this machine, tcp://host:8786 for a scheduler, or name a YAML file."


@contextmanager
def cluster(where: str) -> Iterator[None]:
    """Has the workers of a cluster do the cases of whatever verb is called while the block runs.

    Workers that it has started end with it.

    Args:
        where: ``local:N``, the address of a scheduler, or a YAML file for a batch system.

    Raises:
        UsageError: If it is none of these, nobody answers there, or the extra ``cluster`` is not installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise _needs("dask and distributed", "cluster") from error
    with ExitStack() as stack:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # lost workers are no news for a user
        wanted = 0
        if counted := _LOCAL.fullmatch(where):
            wanted = int(counted[1])
            place = stack.enter_context(_local(wanted))
        elif where.endswith((".yaml", ".yml")):
            wanted, place = stack.enter_context(_batch(Path(where)))
        elif "://" in where:
            place = where
        else:
            raise UsageError("a cluster", came=repr(where), where=_WHERE, remedy=_REMEDY)
        try:
            client = stack.enter_context(distributed.Client(place, set_as_default=False))
        except OSError as error:
            remedy = "Start one with `dask scheduler`, and workers with `dask worker ADDRESS`."
            raise UsageError("a scheduler that answers", came=str(error), where=where, remedy=remedy) from error
        stack.enter_context(helped_by(_Workers(client), lambda: wanted or sum(client.nthreads().values())))
        yield


@contextmanager
def _local(count: int) -> Iterator[Any]:
    """Processes of this machine, which listen to nobody else."""
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set(_PATIENT),
        tempfile.TemporaryDirectory(prefix="voxlate-cluster-") as scratch,
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            local_directory=scratch,
            memory_limit=0,  # the networks' memory is no spilled result: nothing would be gained by a pause
            silence_logs=logging.CRITICAL,
        ) as started,
    ):
        started.adapt(minimum=count, maximum=count)  # which also replaces one that could not be started again
        yield started


@contextmanager
def _batch(path: Path) -> Iterator[tuple[int, Any]]:
    """Jobs of a batch system, as a file says: one section, named after it, whose fields are dask-jobqueue's.

    Yields:
        How many workers are wanted, and the cluster.
    """
    try:
        import dask_jobqueue
    except ImportError as error:
        raise _needs("dask-jobqueue", "jobqueue") from error
    kinds: dict[str, str] = {
        "slurm": "SLURM",
        "pbs": "PBS",
        "sge": "SGE",
        "lsf": "LSF",
        "oar": "OAR",
        "htcondor": "HTCondor",
    }
    told = read_yaml(path)
    if not isinstance(told, dict) or len(told) != 1 or not told.keys() <= kinds.keys():
        raise UsageError(
            f"one section: {', '.join(kinds)}",
            came=", ".join(map(str, told)) if isinstance(told, dict) else type(told).__name__,
            where=path,
            remedy="Write slurm: {cores: 4, memory: 16GB, jobs: 20}, say.",
        )
    [(name, fields)] = told.items()
    options: Json = dict(fields or {})
    jobs = int(options.pop(_JOBS, 1))
    with getattr(dask_jobqueue, f"{kinds[name]}Cluster")(**options) as started:
        started.adapt(minimum_jobs=jobs, maximum_jobs=jobs)  # a job that has reached its end is followed by another
        yield jobs * int(options.get("processes", 1)), started


def _needs(what: str, extra: str) -> UsageError:
    remedy = f"Install the extra: pip install 'voxlate[{extra}]'."
    return UsageError(what, came="none installed", where=_WHERE, remedy=remedy)


class _Workers(Executor):
    """The executor of a client; the work of many items is packed once, and unpacked once for each worker."""

    def __init__(self, client: Client) -> None:
        self._executor = client.get_executor(pure=False)
        self._packed: tuple[object, bytes] = (None, b"")

    def submit(self, fn: Callable[..., _Made], /, *args: object, **kwargs: object) -> Future[_Made]:
        """What comes of work on an item; warnings that a worker logs are logged here."""
        import cloudpickle

        if self._packed[0] is not fn:
            self._packed = (fn, cloudpickle.dumps(fn))
        mine: Future[_Made] = Future()
        theirs = self._executor.submit(_work, self._packed[1], args, kwargs, here=Path.cwd())
        theirs.add_done_callback(lambda done: _pass_on(done, mine))
        mine.add_done_callback(lambda done: theirs.cancel() if done.cancelled() else None)
        return mine


def _pass_on(theirs: Future[tuple[Any, list[_Record]]], mine: Future[Any]) -> None:
    if theirs.cancelled():
        mine.cancel()
    if not mine.set_running_or_notify_cancel():
        return
    error = theirs.exception()
    if error is not None:
        mine.set_exception(error)
        return
    made, records = theirs.result()
    for name, level, words in records:
        logging.getLogger(name).log(level, "%s", words)
    mine.set_result(made)


@lru_cache(maxsize=2)
def _unpacked(packed: bytes) -> Callable[..., Any]:
    import cloudpickle

    work: Callable[..., Any] = cloudpickle.loads(packed)  # sent by the program that has this worker, as any task is
    return work


class _Listening(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[_Record] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a record as text."""
        self.records.append((record.name, record.levelno, record.getMessage()))


def _work(
    packed: bytes, args: tuple[object, ...], kwargs: dict[str, object], *, here: Path
) -> tuple[Any, list[_Record]]:
    """What a worker does: the work on an item, and what was logged meanwhile."""
    os.chdir(here)
    root, listening = logging.getLogger("voxlate"), _Listening()
    root.addHandler(listening)
    root.propagate = False
    try:
        return _unpacked(packed)(*args, **kwargs), listening.records
    finally:
        root.removeHandler(listening)
