"""What has arrived: a folder per study and series, a file per image; on disk before the sender is told so."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from pathlib import Path

from voxlate.errors import WriteError, plural
from voxlate.io.archive import STATUS, Arrival
from voxlate.io.atomic import make_folder, write_bytes
from voxlate.workflows.node.ledger import Ledger
from voxlate.workflows.node.rules import NodeRules

logger = logging.getLogger(__name__)


class Inbox:
    """Takes files, and knows of which studies some may still come.

    Args:
        rules: What is taken, and how much may lie in the folder.
        ledger: Where a study is listed before its first file is kept.
    """

    def __init__(self, rules: NodeRules, ledger: Ledger) -> None:
        self._rules, self._ledger = rules, ledger
        self._lock = threading.Lock()
        self._calling = ledger.unfinished()
        self._last = dict.fromkeys(self._calling, time.monotonic())
        self._bytes = self._used()
        self._told: set[str] = set()

    def _used(self) -> int:
        return sum(path.stat().st_size for path in self._rules.folder.rglob("*") if path.is_file())

    def take(self, arrival: Arrival) -> int:
        """Keeps a file; it is safe when this returns that it is done.

        Returns:
            The status for the sender.
        """
        if arrival.names_patient and not self._rules.identified:
            remedy = "Send it without, or say identified: true."
            self._tell(f"refused from {arrival.calling}: files that name their patient. {remedy}")
            return STATUS.NOT_ALLOWED
        if arrival.is_synthetic:  # an answer that an archive has passed on; none is made of it
            return STATUS.DONE
        place = self.study(arrival.study) / arrival.series / f"{arrival.uid}.dcm"
        with self._lock:
            if self._bytes + len(arrival.content) > self._rules.quota_gib * 2**30:
                self._tell(f"refused: more than {self._rules.quota_gib:g} GiB in the node's folder")
                return STATUS.NO_ROOM
            self._bytes += len(arrival.content)
            self._mark(arrival)
        try:
            make_folder(place.parent)
            write_bytes(place, arrival.content)
        except (WriteError, OSError) as error:
            came = error.came if isinstance(error, WriteError) else (error.strerror or type(error).__name__).lower()
            self._tell(f"refused: a file cannot be kept, {came}")
            return STATUS.NO_ROOM
        with self._lock:  # on a slow disk it may have been called complete since
            self._mark(arrival)
        return STATUS.DONE

    def _mark(self, arrival: Arrival) -> None:
        """More of a study may come; it is listed so before its first file is kept."""
        if arrival.study not in self._last or self._calling[arrival.study] != arrival.calling:
            self._ledger.arriving(arrival.study, arrival.calling)
        self._last[arrival.study], self._calling[arrival.study] = time.monotonic(), arrival.calling

    def _tell(self, words: str) -> None:
        """Warns of one thing once."""
        if words not in self._told:
            self._told.add(words)
            logger.warning("%s", words)

    def study(self, study: str) -> Path:
        """The folder of a study."""
        return self._rules.folder / "inbox" / study

    def answers(self, study: str) -> Path:
        """Where its answers lie."""
        return self._rules.folder / "answers" / study

    def quiet(self) -> list[tuple[str, str]]:
        """The studies that nothing has come of for the quiet time, with their senders."""
        before = time.monotonic() - self._rules.quiet_s
        with self._lock:
            return [(study, self._calling[study]) for study, last in self._last.items() if last <= before]

    def close(self, study: str, rules: list[str], reason: str) -> bool:
        """Calls a study complete, unless a file of it came since it was looked at.

        Args:
            study: Which.
            rules: The rules that are to answer it.
            reason: Why there is none, else empty.
        """
        with self._lock:
            if self._last[study] > time.monotonic() - self._rules.quiet_s:
                return False
            self._ledger.complete(study, rules, reason)
            del self._last[study]
            return True

    def purge(self) -> None:
        """Deletes the files of studies that have come to rest long ago."""
        resting = self._ledger.resting(hours=self._rules.keep_hours)
        for study in resting:
            with self._lock:
                if study in self._last:
                    continue
                for folder in (self.study(study), self.answers(study)):
                    shutil.rmtree(folder, ignore_errors=True)
                self._ledger.purged(study)
        used = self._used()
        with self._lock:
            self._bytes = used
        if resting:
            logger.info("the files of %s are deleted", f"{len(resting)} {plural(len(resting), 'study', 'studies')}")
