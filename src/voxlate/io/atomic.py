"""Files that appear whole or not at all: temporary file, fsync, rename, fsync of the folder.

The temporary file lies in the folder of the final one, under a short name of its own (so that the longest legal name
still works), and is locked by ``flock`` as long as its process lives. A temporary file that can be locked belongs to
no one: its process was killed, and the next writer in that folder, or ``remove_stale``, clears it away.
"""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from voxlate.errors import UsageError, WriteError, readable

PREFIX = ".voxlate-partial-"
_REMEDY = "Free space, or write to a folder that exists and that you may change."


def write_error(path: Path, error: OSError) -> WriteError:
    """The error for a failed write; the message of the system is kept."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return WriteError("to write the file", came=reason.lower(), where=path, remedy=_REMEDY)


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A temporary path beside ``path``, with its suffixes, that takes its place when the block ends well.

    Args:
        path: Where the file will lie.
        durable: Whether to wait until the disk has it. What may be lost when the power fails, since its reader
            notices and makes it anew, need not wait.

    Raises:
        WriteError: If anything cannot be written; the old file is untouched then.

    Example:
        >>> with replacing(Path("scores.csv")) as temporary:  # doctest: +SKIP
        ...     temporary.write_text("case,value")
    """
    with replacing_all([path], durable=durable) as (temporary,):
        yield temporary


@contextmanager
def replacing_all(paths: Sequence[Path], *, durable: bool = True) -> Iterator[list[Path]]:
    """As ``replacing`` for several files: all are durable before the first is renamed, in the order given.

    Raises:
        WriteError: If anything cannot be written; no old file is touched then.
    """
    paths = [Path(path) for path in paths]
    for folder in {path.parent for path in paths}:
        remove_stale(folder)
    place = paths[0]
    with ExitStack() as stack:
        try:
            temporaries = []
            for place in paths:
                _check_target(place)
                temporaries.append(stack.enter_context(_claimed(place)))
            yield temporaries
            for temporary in temporaries if durable else ():
                _sync(temporary)
            for final, temporary in zip(paths, temporaries, strict=True):
                temporary.replace(final)
            for folder in {path.parent for path in paths} if durable else ():
                _sync(folder)
        except OSError as error:
            raise write_error(place, error) from error


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path`` that takes its place, with what is in it, when the block ends well.

    Raises:
        WriteError: If anything cannot be written; the old folder is untouched then.
    """
    temporary, old = (path.with_name(f"{PREFIX}{secrets.token_hex(8)}") for _ in range(2))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(path.parent)
        temporary.mkdir()
        with _locked(temporary):
            yield temporary
            for place in (*temporary.iterdir(), temporary):
                _sync(place)
            if path.exists():
                path.rename(old)
            temporary.rename(path)
        _sync(path.parent)
    except OSError as error:
        if old.exists() and not path.exists():
            old.rename(path)
        raise write_error(path, error) from error
    finally:
        for place in (temporary, old):
            shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    with suppress(OSError):  # a file system without locks
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Makes a folder, and those above it, and waits until the disk has their names."""
    new = [place for place in (path, *path.parents) if not place.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for place in new:
        _sync(place.parent)


def write_bytes(path: Path, data: bytes | Iterable[bytes | memoryview]) -> None:
    """Writes a file whole or not at all.

    Raises:
        WriteError: If it cannot be written; the old file is untouched then.
    """
    with replacing(path) as temporary:
        fill(temporary, [data] if isinstance(data, bytes) else data)


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8 whole or not at all; bytes of names that are no UTF-8 are read as Windows-1252.

    Raises:
        WriteError: If it cannot be written; the old file is untouched then.
    """
    write_bytes(path, readable(text).encode())


def write_rows(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Writes rows of cells as CSV in UTF-8, the names of the columns first, whole or not at all.

    Raises:
        WriteError: If the file cannot be written.
    """
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())


def fill(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Writes the pieces one after the other."""
    with path.open("r+b") as file:
        for piece in pieces:
            file.write(piece)


def remove_stale(folder: Path) -> list[Path]:
    """Removes temporary files whose process is gone, and returns them; those of living processes stay."""
    try:
        found = [Path(entry) for entry in os.scandir(folder) if entry.name.startswith(PREFIX)]
    except OSError:
        return []
    return [path for path in found if _remove_if_abandoned(path)]


def check_writable(folder: Path, *, names: Iterable[str] = ()) -> None:
    """Makes the folder and writes a byte to it, so that a long computation does not end with nowhere to put its result.

    Args:
        folder: Where output will go; created if it is not there.
        names: File names that will be written; each must be legal there.

    Raises:
        WriteError: If a file has its name, or that of a folder that it lies in; if the folder cannot be made or
            written, or a name is too long for it.
    """
    folder = Path(folder)
    try:
        check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with _claimed(folder / "probe") as probe:
            probe.write_bytes(b"\0")
        for name in names:
            _check_target(folder / name)
    except OSError as error:
        raise write_error(folder, error) from error


def check_folder(path: Path) -> None:
    """Refuses what cannot be a folder to write to.

    Raises:
        WriteError: If a file has its name, or that of a folder that it lies in; with the exit code of a wrong usage.
    """
    for place in (path, *path.parents):
        if place.exists() and not place.is_dir():
            refused = WriteError("a folder", came="a file", where=place, remedy="Name a folder that is new or there.")
            refused.exit_code = UsageError.exit_code  # somebody named it so: no fault of the disk
            raise refused


@contextmanager
def _claimed(path: Path) -> Iterator[Path]:
    """A new, locked, empty file beside ``path``; removed at the end if it is still there."""
    suffixes = "".join(path.suffixes[-2:])[-32:]
    while True:
        temporary = path.with_name(f"{PREFIX}{secrets.token_hex(8)}{suffixes}")
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with suppress(OSError):  # a file system without locks: then nothing there counts as abandoned either
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            break
        os.close(handle)  # another process cleared it away between its creation and its lock
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def _remove_if_abandoned(path: Path) -> bool:
    try:
        handle = os.open(path, (os.O_RDONLY if path.is_dir() else os.O_RDWR) | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(handle)


def _check_target(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if len(os.fsencode(path.name)) > os.pathconf(path.parent, "PC_NAME_MAX"):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(path))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
