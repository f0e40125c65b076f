"""The node's list: which studies came, and how far each answer is. SQLite, and safe on disk when a call returns."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from voxlate.errors import ReadError

_Rest = Literal["arriving", "complete", "unmatched", "purged"]
"""How a study stands: files come, rules have been chosen, none fits, its files were deleted."""
_TABLES = """
CREATE TABLE IF NOT EXISTS studies (study TEXT PRIMARY KEY, calling TEXT, state TEXT, changed REAL, reason TEXT);
CREATE TABLE IF NOT EXISTS answers (
    study TEXT, rule TEXT, state TEXT, tries INTEGER, due REAL, reason TEXT, sent TEXT, PRIMARY KEY (study, rule)
);
"""


class Due(NamedTuple):
    """An answer that is to be made or sent now, how often that was tried, and the digest of what was sent before."""

    study: str
    rule: str
    tries: int
    sent: str


class AnswerLine(NamedTuple):
    """What ``voxlate listen --status`` tells of one answer, or of a study without one."""

    study: str
    state: str
    rule: str
    answer: str
    tries: int
    reason: str


class Ledger:
    """The list in a file, for any number of threads and readers.

    Args:
        path: The file; it is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as file:
            file.execute("PRAGMA journal_mode = WAL")
            file.executescript(_TABLES)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            file = sqlite3.connect(self._path, timeout=30)
            try:
                file.execute("PRAGMA synchronous = FULL")
                with file:
                    yield file
            finally:
                file.close()
        except sqlite3.DatabaseError as error:
            remedy = "Move it away; studies whose files are there are then answered once more, under the same names."
            raise ReadError("the list of a node", came=str(error), where=self._path, remedy=remedy) from error

    def arriving(self, study: str, calling: str) -> None:
        """A file of a study comes."""
        with self._open() as file:
            file.execute(
                "INSERT INTO studies VALUES (?, ?, 'arriving', ?, '') ON CONFLICT (study) "
                "DO UPDATE SET calling = excluded.calling, state = 'arriving', changed = excluded.changed, reason = ''",
                (study, calling, time.time()),
            )

    def unfinished(self) -> dict[str, str]:
        """The studies that are not complete, with their senders."""
        with self._open() as file:
            return dict(file.execute("SELECT study, calling FROM studies WHERE state = 'arriving'").fetchall())

    def complete(self, study: str, rules: list[str], reason: str) -> None:
        """A study is complete, and these rules are to answer it, those anew that have done so; or why none."""
        with self._open() as file:
            state: _Rest = "complete" if rules else "unmatched"
            file.execute(
                "UPDATE studies SET state = ?, changed = ?, reason = ? WHERE study = ?",
                (state, time.time(), reason, study),
            )
            for rule in rules:
                file.execute(
                    "INSERT INTO answers VALUES (?, ?, 'waiting', 0, 0, '', '') ON CONFLICT (study, rule) "
                    "DO UPDATE SET state = 'waiting', tries = 0, due = 0, reason = ''",
                    (study, rule),
                )

    def due(self) -> list[Due]:
        """What is to be done now, of studies that are complete."""
        with self._open() as file:
            rows = file.execute(
                "SELECT study, rule, tries, sent FROM answers JOIN studies USING (study) "
                "WHERE answers.state = 'waiting' AND studies.state = 'complete' AND due <= ? ORDER BY changed",
                (time.time(),),
            ).fetchall()
        return [Due(*row) for row in rows]

    def begun(self, one: Due) -> None:
        """An answer is tried; should the process die, that counts."""
        with self._open() as file:
            file.execute(
                "UPDATE answers SET tries = tries + 1, reason = 'it was cut off' WHERE study = ? AND rule = ?",
                (one.study, one.rule),
            )

    def answered(self, one: Due, sent: str, *, warned: str = "") -> None:
        """The archive has an answer of this digest, of which something was warned, or nothing."""
        self._settle(one, "answered", warned, sent=sent)

    def failed(self, one: Due, reason: str, *, again_s: float | None) -> None:
        """An attempt has failed: the last one, or it is made again after so many seconds."""
        self._settle(one, "failed" if again_s is None else "waiting", reason, due=time.time() + (again_s or 0))

    def _settle(self, one: Due, state: str, reason: str = "", *, due: float = 0.0, sent: str | None = None) -> None:
        with self._open() as file:
            file.execute(
                "UPDATE answers SET state = ?, reason = ?, due = ?, sent = coalesce(?, sent) "
                "WHERE study = ? AND rule = ?",
                (state, reason, due, sent, one.study, one.rule),
            )
            file.execute("UPDATE studies SET changed = ? WHERE study = ?", (time.time(), one.study))

    def resting(self, *, hours: float) -> list[str]:
        """The studies of which nothing has come and been done for so long."""
        with self._open() as file:
            rows = file.execute(
                "SELECT study FROM studies WHERE state IN ('complete', 'unmatched') AND changed < ? AND NOT EXISTS "
                "(SELECT 1 FROM answers WHERE answers.study = studies.study AND answers.state = 'waiting')",
                (time.time() - hours * 3600,),
            ).fetchall()
        return [study for (study,) in rows]

    def purged(self, study: str) -> None:
        """The files of a study were deleted."""
        with self._open() as file:
            file.execute("UPDATE studies SET state = 'purged' WHERE study = ?", (study,))

    def lines(self) -> list[AnswerLine]:
        """What became of every study, the newest last."""
        with self._open() as file:
            rows = file.execute(
                "SELECT study, studies.state, coalesce(rule, ''), coalesce(answers.state, ''), coalesce(tries, 0), "
                "coalesce(answers.reason, studies.reason) FROM studies LEFT JOIN answers USING (study) "
                "ORDER BY changed, rule"
            ).fetchall()
        return [AnswerLine(*row) for row in rows]
