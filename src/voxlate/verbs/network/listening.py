"""The verb ``listen``: a node that takes studies by C-STORE and answers by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.errors import UsageError

if TYPE_CHECKING:
    from voxlate.inference.cohort.outcome import Outcome
    from voxlate.workflows.node.ledger import AnswerLine
    from voxlate.workflows.node.rules import NodeRules, Rule


def listen(rules: str | Path, *, opened: Callable[[int], None] = lambda _port: None) -> None:
    """Takes studies by C-STORE and answers them by rules, until SIGTERM or SIGINT asks for an end.

    Args:
        rules: The YAML file of the rules.
        opened: Called with the port when files can come.

    Raises:
        UsageError: If a rule is wrong, its model does not make its target, or the extra is not installed.
        BundleError: If a model is refused.
        LockedError: If another node has the folder.
        NetworkError: If the port cannot be opened.
    """
    from voxlate.verbs.translate import translate
    from voxlate.workflows.node.rules import load_rules
    from voxlate.workflows.node.service import serve

    def made(rule: Rule, study: Path, out: Path) -> Outcome:
        return translate(rule.model, study, out=out, target=rule.target, dicom=True)[0]

    found = load_rules(Path(rules))
    _check_rules(found)
    serve(found, made, opened=opened)


def _check_rules(rules: NodeRules) -> None:
    """Refuses a rule that could answer nothing, before anything comes."""
    from voxlate.contrast import get_contrast
    from voxlate.inference.model import load_model
    from voxlate.io.archive import connection_from, open_archive, parse_address

    for rule in rules.rules:
        targets = load_model(rule.model).targets
        if rule.target not in targets or get_contrast(rule.target).kind not in {"mr", "ct"}:
            remedy = "Name another model or target; MR and CT go back as DICOM."
            raise UsageError(f"the target {' or '.join(targets)}", came=rule.target, where=rule.name, remedy=remedy)
        open_archive(parse_address(rule.send_to), connection_from(rule.connection or rules.connection))


def listened(rules: str | Path) -> list[AnswerLine]:
    """What became of every study that a node was sent: a line for each answer, and for each study without one.

    Raises:
        UsageError: If the rules are wrong, or the node never ran.
    """
    from voxlate.workflows.node.rules import load_rules
    from voxlate.workflows.node.service import ledger_of

    return ledger_of(load_rules(Path(rules)).folder).lines()
