"""Which rules answer a study, and one answer made and given to its archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from voxlate.cohort.layouts.protocol import guess_contrast
from voxlate.errors import ReadError, UsageError, some
from voxlate.io import dicom, read_provenance
from voxlate.io.archive import connection_from, open_archive, parse_address
from voxlate.workflows.node.rules import NodeRules, Rule

if TYPE_CHECKING:
    from voxlate.inference.cohort.outcome import Outcome

Translate = Callable[[Rule, Path, Path], "Outcome"]
"""Translates a study, which lies in the first folder, into the second by a rule's model."""


class _SeriesShows(NamedTuple):
    """What a series shows, by its header."""

    modality: str
    contrast: str
    body_part: str


def fitting(rules: NodeRules, study: Path, calling: str) -> tuple[list[str], str]:
    """The names of the rules that answer a study, or why there is none.

    Args:
        rules: The node's.
        study: The folder of its series.
        calling: The AE title of its sender.
    """
    files = (path for path in sorted(study.rglob("*.dcm")) if not path.name.startswith("."))
    stacks = [stack for _, stack in dicom.list_stacks(files)]
    shown = [_shown(stack) for stack in stacks if not isinstance(stack, ReadError)]
    names = [rule.name for rule in rules.rules if any(_fits(rule, one, calling) for one in shown)]
    seen = [" ".join(one) for one in shown]
    seen += [f"no volume: expected {one.expected}, got {one.came}" for one in stacks if isinstance(one, ReadError)]
    return names, "" if names else f"no rule fits what it has: {some(seen)}"


def _shown(stack: dicom.PlaneStack) -> _SeriesShows:
    header = stack.frames[0].header
    words = [str(header.get(name) or "") for name in ("Modality", "BodyPartExamined")]
    return _SeriesShows(words[0], guess_contrast(header).contrast, words[1].strip().upper())


def _fits(rule: Rule, shown: _SeriesShows, calling: str) -> bool:
    when = rule.when
    return (
        when.modality in {None, shown.modality}
        and when.contrast in {None, shown.contrast}
        and (when.body_part or shown.body_part).strip().upper() == shown.body_part
        and (not when.calling or calling in when.calling)
    )


class Answered(NamedTuple):
    """An answer that its archive has.

    Attributes:
        sent: What tells the answer from others: its digest, and where it went.
        warnings: What was warned of; they name files by their place in the study.
    """

    sent: str
    warnings: tuple[str, ...]


def answer(rule: Rule, study: Path, out: Path, *, rules: NodeRules, translate: Translate, sent: str) -> Answered:
    """Makes an answer, unless it is there and made of the same, and gives it to its archive, unless that has it.

    Args:
        rule: By which.
        study: The folder of the study's series.
        out: The folder for this rule's answer.
        rules: The node's, whose connection holds where the rule has none.
        translate: Who translates.
        sent: What tells the answer that the archive was given before; else empty.

    Raises:
        VoxlateError: If the study is refused, or the archive.
    """
    outcome = translate(rule, study, out)
    told = read_provenance(outcome.path) if outcome.path is not None else None
    if outcome.path is None or told is None:
        raise UsageError("an answer", came=outcome.reason or outcome.status, remedy="Look at the study and the rule.")
    now = f"{told.output_sha256} {rule.send_to}"
    if now != sent:
        archive = open_archive(parse_address(rule.send_to), connection_from(rule.connection or rules.connection))
        archive.store(sorted(outcome.path.glob("*.dcm")))
    return Answered(now, tuple(one.replace(f"{study}/", "") for one in outcome.warnings))
