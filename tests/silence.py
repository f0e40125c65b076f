"""A hook that hears of every name that is looked up, every connection, and every file that is written, in a process.

A hook cannot be taken out again: it is for a process of its own, or for all tests of one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Iterable
from pathlib import Path

_LOOKED_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
_REACHED = ("socket.connect", "socket.sendto", "socket.sendmsg")
_WRITTEN = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGED = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate")
_HERE = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "None"}  # noqa: S104  (nobody listens)


def allowed() -> list[Path]:
    """Where libraries write by themselves: matplotlib keeps in the home which fonts there are, torch makes a folder."""
    import matplotlib as mpl

    return [Path(mpl.get_cachedir()), Path(mpl.get_configdir()), *Path(tempfile.gettempdir()).glob("torchinductor_*")]


class Heard:
    """What was heard: sentences, each with where in the program it happened.

    Args:
        folders: Where files may be written; ``None`` not to listen to that.
        files: Files elsewhere that may be.
    """

    def __init__(self, folders: Iterable[Path] | None, files: Iterable[str] = ("/dev/null", "/dev/tty")) -> None:
        self.told: list[str] = []
        self._folders = None if folders is None else tuple(os.path.realpath(folder) for folder in folders)
        self._files = frozenset(files)

    def listen(self) -> None:
        """Begins to."""
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if isinstance(path, (str, bytes)) and isinstance(flags, int) and flags & _WRITTEN:
                self._check(event, path)
        elif event in _CHANGED:
            self._check(event, args[0])
        elif event in _LOOKED_UP:
            host = args[0][0] if isinstance(args[0], tuple) else args[0]
            self._tell(event, host.decode() if isinstance(host, bytes) else str(host), quiet=_HERE)
        elif event in _REACHED and isinstance(args[1], tuple):
            self._tell(event, str(args[1][0]), quiet=_HERE)

    def _check(self, event: str, path: object) -> None:
        if self._folders is None or not isinstance(path, (str, bytes, os.PathLike)):
            return
        real = os.path.realpath(os.fsdecode(path))
        if not real.startswith(self._folders):
            self._tell(event, real, quiet=self._files)

    def _tell(self, event: str, what: str, *, quiet: Iterable[str]) -> None:
        if what not in set(quiet):
            where = " < ".join(f"{f.filename}:{f.lineno}" for f in reversed(traceback.extract_stack(limit=12)[:-3]))
            self.told.append(f"{event} {what} ({where})")
