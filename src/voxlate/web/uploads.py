"""Uploads: streams of files to a folder of an opaque id, counted as they come.

Of a file's name its image suffix is kept and the contrast that it tells, and nothing else. Files that had one stem
before have one afterwards, so that the two halves of a pair stay together.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from voxlate.errors import UsageError
from voxlate.io.paths import volume_stem, volume_suffix
from voxlate.jobs.job import read_json
from voxlate.plainyaml import Json
from voxlate.web.guard import asking
from voxlate.web.places import FILES, RECOGNISED

_OWNER = "owner"
_HALVES = {".img", ".raw", ".zraw"}


class TooLargeError(UsageError):
    """More than a server takes in one upload."""


@dataclass
class _Open:
    """What is counted of an upload that goes on."""

    count: int = 0
    size: int = 0
    numbers: dict[str, int] = field(default_factory=dict)


class Uploads:
    """The uploads of a server.

    Args:
        folder: Where they lie.
        most_bytes: How large one may be.
        most_files: How many files it may have.
    """

    def __init__(self, folder: Path, *, most_bytes: int, most_files: int) -> None:
        self._folder, self._most_bytes, self._most_files = folder, most_bytes, most_files
        self._open: dict[str, _Open] = {}
        self._turn = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def create(self) -> str:
        """A new upload, by its id."""
        name = secrets.token_urlsafe(12)
        (self._folder / name / FILES).mkdir(parents=True)
        if user := asking.get():
            (self._folder / name / _OWNER).write_text(user, encoding="utf-8")
        self._open[name] = _Open()
        return name

    def find(self, name: str) -> Path | None:
        """The folder of an upload, if there is one of that id, and it is that of whoever asks."""
        place = self._at(name)
        owner = place / _OWNER if place else None
        whose = owner.read_text(encoding="utf-8") if owner and owner.is_file() else ""
        return place if whose == asking.get() else None

    def _at(self, name: str) -> Path | None:
        return next((place for place in self._folder.iterdir() if place.name == name), None)

    def is_open(self, name: str) -> bool:
        """Whether files are still taken."""
        return name in self._open

    def close(self, name: str) -> int:
        """Takes no more files; tells how many came."""
        found = self._open.pop(name, None)
        return found.count if found else 0

    def recognised(self, name: str) -> Json | None:
        """What was found in an upload; ``None`` before anybody has looked."""
        place = self.find(name)
        return read_json(place / RECOGNISED) if place else None

    async def take(self, name: str, called: str, stream: AsyncIterator[bytes]) -> int:
        """Writes a file of an upload that is open, piece by piece, and tells its size in bytes.

        Args:
            name: The upload's id.
            called: What the file was called.
            stream: Its bytes.

        Raises:
            TooLargeError: If there are too many bytes or files; what has come of the file is removed.
        """
        counted = self._open[name]
        with self._turn:
            counted.count += 1
            if counted.count > self._most_files:
                raise self._too_large(f"at most {self._most_files} files")
            path = self._place(name, called, counted)
        began = counted.size
        try:
            with path.open("xb") as file:
                async for piece in stream:
                    counted.size += len(piece)
                    if counted.size > self._most_bytes:
                        raise self._too_large(f"at most {self._most_bytes / 2**20:,.0f} MiB")
                    file.write(piece)
        except BaseException:
            path.unlink(missing_ok=True)
            counted.size, counted.count = began, counted.count - 1
            raise
        return path.stat().st_size

    def _place(self, name: str, called: str, counted: _Open) -> Path:
        from voxlate.cohort.layouts.naming import contrast_of_file

        plain = Path(called.replace("\\", "/")).name
        suffix = volume_suffix(plain) or next((one for one in _HALVES if plain.casefold().endswith(one)), "")
        stem = volume_stem(plain) if suffix else plain
        number = counted.numbers.setdefault(stem if suffix else f"file {counted.count}", len(counted.numbers) + 1)
        shown = contrast_of_file(stem) if suffix else None
        path = self._folder / name / FILES / f"scan{number:05d}{f'_{shown.name}' if shown else ''}{suffix}"
        return path if not path.exists() else path.with_name(f"scan{counted.count + 90_000:05d}{path.name[9:]}")

    @staticmethod
    def _too_large(expected: str) -> TooLargeError:
        return TooLargeError(expected, came="more", where="the upload", remedy="Upload less at once.")

    def remove(self, name: str) -> None:
        """Removes an upload and all that came with it."""
        self._open.pop(name, None)
        if (place := self._at(name)) is not None:
            shutil.rmtree(place, ignore_errors=True)

    def purge(self, *, older_than_s: float, but: frozenset[str]) -> list[str]:
        """Removes old uploads, by the time of their folder, and tells which; those that jobs need stay."""
        end = time.time() - older_than_s
        old = [one.name for one in self._folder.iterdir() if one.name not in but and one.stat().st_mtime < end]
        for name in old:
            self.remove(name)
        return old
