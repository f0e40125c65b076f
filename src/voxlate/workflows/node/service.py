"""The node at work: takes what is sent, and answers what is complete, until a signal asks for an end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from voxlate.errors import UsageError, VoxlateError, counted
from voxlate.interruption import stop_requests
from voxlate.io.archive import Door, connection_from, receiving
from voxlate.io.lock import hold
from voxlate.workflows.node.answering import Answered, Translate, answer, fitting
from voxlate.workflows.node.inbox import Inbox
from voxlate.workflows.node.ledger import Due, Ledger
from voxlate.workflows.node.rules import NodeRules

logger = logging.getLogger(__name__)
_LEDGER, _OWN = "list.sqlite", "voxlate.workflows.node"
_LOOK_S, _CLEAN_S = 0.25, 60.0


@dataclass
class _Node:
    """A node that is open."""

    rules: NodeRules
    ledger: Ledger
    inbox: Inbox
    translate: Translate
    cleaned: float = 0.0

    def work(self, ends: Callable[[], bool]) -> None:
        """One round: completes what is quiet, answers what is due, deletes what has rested."""
        for study, calling in self.inbox.quiet():
            names, reason = self._chosen(study, calling)
            if self.inbox.close(study, names, reason):
                logger.info("the study %s is complete; answered by: %s", study, ", ".join(names) or "no rule")
        for one in self.ledger.due():
            if ends():
                return
            self._answer(one)
        if time.monotonic() - self.cleaned > _CLEAN_S:
            self.inbox.purge()
            self.cleaned = time.monotonic()

    def _chosen(self, study: str, calling: str) -> tuple[list[str], str]:
        try:
            return fitting(self.rules, self.inbox.study(study), calling)
        except Exception as error:  # noqa: BLE001  as below
            return [], f"its headers cannot be read: {type(error).__name__}"

    def _answer(self, one: Due) -> None:
        """One attempt; why it fails stands in the list, and not in the log, since it can quote a header."""
        pause = self.rules.retry_after_s * 2**one.tries
        self.ledger.begun(one)
        try:
            made = self._made(one)
        except VoxlateError as error:
            reason = str(error).replace(f"{self.inbox.study(one.study)}/", "")
        except Exception as error:  # noqa: BLE001  one study never ends the node
            reason = type(error).__name__
        else:
            self.ledger.answered(one, made.sent, warned=" ".join(made.warnings))
            words = f", with {counted(len(made.warnings), 'warning')}: see --status" if made.warnings else ""
            logger.info("the study %s is answered by %s%s", one.study, one.rule, words)
            return
        tries = one.tries + 1
        last = tries >= self.rules.attempts
        self.ledger.failed(one, reason, again_s=None if last else pause)
        words = "and is given up" if last else f"and is tried again in {pause:g} s"
        logger.warning("the study %s: %s failed, attempt %d, %s", one.study, one.rule, tries, words)

    def _made(self, one: Due) -> Answered:
        by_name = {rule.name: rule for rule in self.rules.rules}
        if one.rule not in by_name:
            raise VoxlateError("a rule of this name", came="none", where=one.rule, remedy="Send the study anew.")
        if one.tries >= self.rules.attempts:
            remedy = "Look at the study; something in it may end the process."
            raise VoxlateError("an attempt that ends", came="a process that ended", where=one.rule, remedy=remedy)
        study, out = self.inbox.study(one.study), self.inbox.answers(one.study) / one.rule
        return answer(by_name[one.rule], study, out, rules=self.rules, translate=self.translate, sent=one.sent)


def serve(rules: NodeRules, translate: Translate, *, opened: Callable[[int], None] = lambda _port: None) -> None:
    """Runs a node until SIGTERM or SIGINT asks for an end; what is being answered is finished first.

    Args:
        rules: What it does.
        translate: Who translates.
        opened: Called with the port when files can come.

    Raises:
        LockedError: If another node has the folder.
        NetworkError: If the port cannot be opened.
        UsageError: If a connection is wrong, or the extra is not installed.
    """
    rules.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tls = connection_from(rules.connection).server_tls()
    with hold(rules.folder, what="listening"), stop_requests() as request, _own_words():
        ledger = Ledger(rules.folder / _LEDGER)
        node = _Node(rules, ledger, Inbox(rules, ledger), translate)
        door = Door(rules.title, rules.bind, rules.port, rules.accept, rules.limits, tls)
        with receiving(door, node.inbox.take) as port:
            logger.info("%s", _welcome(rules, port))
            opened(port)
            while not request.name:
                node.work(lambda: bool(request.name))
                time.sleep(_LOOK_S)
    logger.info("ended by %s", request.name)


def _welcome(rules: NodeRules, port: int) -> str:
    """What a node says when it begins to wait."""
    answers = "; ".join(f"{rule.name} makes {rule.target}" for rule in rules.rules)
    where = f"listening as {rules.title} at {rules.bind}:{port}, to {', '.join(rules.accept)}"
    return f"{where}; {answers}; waiting for studies until Ctrl-C or SIGTERM"


@contextmanager
def _own_words() -> Iterator[None]:
    """Lets the node alone tell: what others log of a study quotes headers, and names the places of its files."""

    def is_own(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or not record.name.startswith("voxlate.") or _OWN in record.name

    handlers = [one for one in (*logging.getLogger().handlers, logging.lastResort) if one is not None]
    for one in handlers:
        one.addFilter(is_own)
    try:
        yield
    finally:
        for one in handlers:
            one.removeFilter(is_own)


def ledger_of(folder: Path) -> Ledger:
    """The list of a node, running or not.

    Raises:
        UsageError: If it never ran.
    """
    if not (folder / _LEDGER).is_file():
        raise UsageError("the folder of a node", came="none", where=folder, remedy="Start it: without --status.")
    return Ledger(folder / _LEDGER)
