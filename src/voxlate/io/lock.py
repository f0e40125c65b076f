"""One writer per folder: a lock that the kernel frees when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from voxlate.errors import LockedError
from voxlate.io.atomic import check_folder, write_error

LOCK_NAME = ".voxlate.lock"


@contextmanager
def hold(folder: Path, *, what: str, part: str = "") -> Iterator[None]:
    """Holds a folder for writing as long as the block lasts.

    Args:
        folder: The run or output folder; created if it is not there.
        what: What the holder does, for the message that a second writer gets (``"training"``).
        part: A name of what the holder writes there, if others may write other parts meanwhile.

    Raises:
        LockedError: If another process holds it; names its process id, host and since when.
        WriteError: If the folder cannot be written.
    """
    path = Path(folder) / (f"{LOCK_NAME}-{part}" if part else LOCK_NAME)
    try:
        check_folder(path.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _acquire(path)
    except OSError as error:
        raise write_error(path, error) from error
    try:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now(), "what": what}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(holder).encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _acquire(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(handle)
            os.close(handle)
            raise LockedError(
                "a folder that nobody is writing",
                came=holder,
                where=path.parent,
                remedy="Wait until it is done, or write to another folder.",
            ) from error
        if _is_same(handle, path):
            return handle
        os.close(handle)  # the former holder removed this file between our opening and locking it


def _is_same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _holder(handle: int) -> str:
    try:
        holder = json.loads(os.pread(handle, 4096, 0))
        return f"{holder['what']} by process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process that has just taken it"
