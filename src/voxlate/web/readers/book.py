"""The book of a server's reader studies: what was shown to whom, and what was said, in a table that is durable at once.

A line is written when a pair is shown, under a key that is drawn, and filled when it is answered; a line that is
filled is never changed.
"""

from __future__ import annotations

import random
import secrets
import sqlite3
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from voxlate.errors import UsageError

_TABLES = """
CREATE TABLE IF NOT EXISTS readings (
    key TEXT PRIMARY KEY, study TEXT NOT NULL, reader TEXT NOT NULL, place INTEGER NOT NULL, pair INTEGER NOT NULL,
    first_is_left INTEGER NOT NULL, shown REAL NOT NULL, choice TEXT, left INTEGER, right INTEGER, artefacts TEXT,
    answered REAL, UNIQUE (study, reader, place)
) STRICT;
CREATE TABLE IF NOT EXISTS closed (study TEXT PRIMARY KEY, at REAL NOT NULL) STRICT;
"""


@dataclass(frozen=True)
class ShownPair:
    """A line of the book.

    Attributes:
        key: By which the pair is asked for.
        study: Of which study.
        reader: Who sees it.
        place: The how manyth it is for this reader, from 0.
        pair: Which pair it is, from 0.
        first_is_left: Whether the image of the first kind stands on the left.
        shown: When it was first asked for, in seconds since 1970.
        choice: ``left`` or ``right``; ``None`` until it is answered, as all that follows.
        left: Rating of the left image.
        right: Rating of the right one.
        artefacts: What was noted.
        answered: When.
    """

    key: str
    study: str
    reader: str
    place: int
    pair: int
    first_is_left: bool
    shown: float
    choice: str | None = None
    left: int | None = None
    right: int | None = None
    artefacts: str | None = None
    answered: float | None = None


@dataclass(frozen=True)
class Said:
    """What is said of a pair: which side is chosen, a rating of each, and what was noted."""

    choice: str
    left: int
    right: int
    artefacts: str


def draw_sights(seed: int, reader: str, pairs: int) -> list[tuple[int, bool]]:
    """The order of the pairs for a reader, each with whether its first image stands on the left.

    Args:
        seed: Of the study.
        reader: Who reads; others see another order and other sides.
        pairs: How many there are.
    """
    chance = random.Random(f"{seed}/{reader.casefold()}")  # noqa: S311  the keys are secret, the order need not be
    order = list(range(pairs))
    chance.shuffle(order)
    return [(pair, chance.random() < 0.5) for pair in order]


class Book:
    """The readings of every study; several threads may use it at once.

    Args:
        path: The file, made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._turn = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._table = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._table.execute("PRAGMA journal_mode=WAL")
        self._table.execute("PRAGMA synchronous=FULL")
        self._table.executescript(_TABLES)

    def close(self) -> None:
        """Ends the connection."""
        with self._turn:
            self._table.close()

    def of(self, study: str) -> list[ShownPair]:
        """What was shown in a study, reader by reader, in order."""
        return self._ask("SELECT * FROM readings WHERE study = ? ORDER BY reader, place", study)

    def find(self, study: str, key: str) -> ShownPair | None:
        """What is shown under a key."""
        return next(iter(self._ask("SELECT * FROM readings WHERE study = ? AND key = ?", study, key)), None)

    def show(self, study: str, reader: str, sights: list[tuple[int, bool]]) -> ShownPair | None:
        """What a reader sees next: the pair that waits for an answer, or the one after; ``None`` after the last.

        Args:
            study: The study.
            reader: Who reads, however the name is capitalised.
            sights: Order and sides, the same as before.
        """
        with self._turn:
            lines = [line for line in self.of(study) if line.reader.casefold() == reader.casefold()]
            waiting = next((line for line in lines if line.choice is None), None)
            if waiting is not None or len(lines) == len(sights):
                return waiting
            place, (pair, left) = len(lines), sights[len(lines)]
            name = lines[0].reader if lines else reader
            values = (secrets.token_urlsafe(12), study, name, place, pair, int(left), time.time())
            columns = "key, study, reader, place, pair, first_is_left, shown"
            (line,) = self._ask(f"INSERT INTO readings ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *", *values)  # noqa: S608
            return line

    def answer(self, study: str, key: str, said: Said) -> ShownPair:
        """Keeps an answer, durably.

        Raises:
            UsageError: If the pair is answered, or the study is closed.
        """
        values = (said.choice, said.left, said.right, said.artefacts, time.time())
        change = "choice = ?, left = ?, right = ?, artefacts = ?, answered = ?"
        still = "study = ? AND key = ? AND choice IS NULL AND study NOT IN (SELECT study FROM closed)"
        kept = self._ask(f"UPDATE readings SET {change} WHERE {still} RETURNING *", *values, study, key)  # noqa: S608
        if not kept:
            came = "one after the study was closed" if self.is_closed(study) else "another one"
            raise UsageError("the first answer to a pair", came=came, remedy="Go on with the next pair.")
        return kept[0]

    def end(self, study: str) -> None:
        """Takes no more answers in a study, for good."""
        with self._turn:
            self._table.execute("INSERT OR IGNORE INTO closed VALUES (?, ?)", (study, time.time()))

    def is_closed(self, study: str) -> bool:
        """Whether a study takes no more answers."""
        with self._turn:
            return self._table.execute("SELECT 1 FROM closed WHERE study = ?", (study,)).fetchone() is not None

    def forget(self, study: str) -> None:
        """Removes what was said in a study."""
        with self._turn:
            for table in ("readings", "closed"):
                self._table.execute(f"DELETE FROM {table} WHERE study = ?", (study,))  # noqa: S608

    def _ask(self, statement: str, *values: object) -> list[ShownPair]:
        with self._turn:
            rows = self._table.execute(statement, values).fetchall()
        return [replace(line, first_is_left=bool(line.first_is_left)) for line in (ShownPair(*row) for row in rows)]
