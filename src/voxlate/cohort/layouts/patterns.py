"""Patterns: where the files of each contrast lie, said by whoever knows the data.

    t1={case}/anat/*_T1w.nii.gz      t2=*B/{case}.nii.gz      flair={subject}/{session}/**/*FLAIR*.nii

A pattern is a path below the data set's folder. ``*`` and ``?`` stand for any part of a name, ``**/`` for any folders;
a name in braces stands for a part of a name, too, and keeps it: ``{case}`` is the id of the case, or ``{subject}`` is,
with ``{session}`` behind it if there is one; any other, ``{site}`` say, becomes an attribute. A name that stands twice
means the same both times.

``placed_by`` lets patterns hold for a folder while a command works on it, whoever lists it then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from voxlate.cohort.case import LeftOut
from voxlate.cohort.layouts.assembly import Found, RecognisedFile
from voxlate.contrast import find_declaring, get_contrast
from voxlate.errors import UsageError

Patterns = Mapping[str, str]
"""From a contrast to the path of its files, with ``{case}`` in it."""
_PARTS = re.compile(r"(\*\*/|\*\*|\*|\?|\{[^{}]*\})")
_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_CASE, _SUBJECT, _SESSION = "case", "subject", "session"
_IN_FORCE: ContextVar[Mapping[Path, Patterns]] = ContextVar("patterns in force")


def parse_pattern(text: str) -> tuple[str, str]:
    """A contrast and its path from ``t1={case}/anat/*_T1w.nii.gz``; ``swi:mr=...`` declares one with its kind.

    Raises:
        UsageError: If it is not of this form, or the contrast is unknown.
    """
    contrast, equals, path = text.partition("=")
    if not equals or not path:
        remedy = "Write --pattern t1='{case}/anat/*_T1w.nii.gz', say."
        raise UsageError("CONTRAST=PATH with {case} in it", came=repr(text), where="--pattern", remedy=remedy)
    name = (find_declaring(contrast, where="--pattern") or get_contrast(contrast.strip())).name
    _compiled(name, path.strip())
    return name, path.strip()


def glob(text: str, *, below: bool = False) -> re.Pattern[str]:
    """A pattern as a regular expression for a relative path with slashes; each name in braces is a group.

    Args:
        text: The pattern.
        below: Whether what lies below a match is one, too.
    """
    known: set[str] = set()
    written = []
    for part in _PARTS.split(text):
        if part in {"**/", "**"}:
            written.append("(?:.*/)?" if part == "**/" else ".*")
        elif part in {"*", "?"}:
            written.append(f"[^/]{part if part == '*' else ''}")
        elif found := _NAME.fullmatch(part):
            written.append(f"(?P={found[1]})" if found[1] in known else f"(?P<{found[1]}>[^/]+?)")
            known.add(found[1])
        else:
            written.append(re.escape(part))
    return re.compile("".join(written) + ("(?:/.*)?" if below else ""))


def place_by_patterns(root: Path, images: Sequence[Path], patterns: Patterns) -> list[Found]:
    """Where each image belongs, by the patterns; two for one image are refused.

    Raises:
        UsageError: If a pattern cannot be one, or matches no image, or two match one image.
    """
    compiled = {contrast: _compiled(contrast, text) for contrast, text in patterns.items()}
    items: list[Found] = []
    unused = dict(patterns)
    for path in images:
        relative = path.relative_to(root).as_posix()
        hits = [(contrast, found) for contrast, rule in compiled.items() if (found := rule.fullmatch(relative))]
        if len(hits) > 1:
            came = f"{relative}, which those of {' and '.join(name for name, _ in hits)} match"
            raise UsageError("patterns for different files", came=came, where=root, remedy="Make one of them narrower.")
        for contrast, found in hits:
            unused.pop(contrast, None)
            items.append(_place(path, contrast, found.groupdict()))
        if not hits:
            items.append(LeftOut(path, "no --pattern matches it", "no_pattern"))
    if unused:
        contrast, text = next(iter(unused.items()))
        shown = ", ".join(path.relative_to(root).as_posix() for path in images[:3])
        raise UsageError(
            f"a pattern of {contrast} that matches an image below {root}",
            came=f"{text!r}, which matches none",
            where="--pattern",
            remedy=f"Images there are {shown or 'none'}{' ...' if len(images) > 3 else ''}",
        )
    return items


@contextmanager
def placed_by(root: Path, patterns: Patterns | None) -> Iterator[None]:
    """Lets patterns hold for a data set within the block; none changes nothing."""
    if not patterns:
        yield
        return
    token = _IN_FORCE.set({**_IN_FORCE.get({}), root.resolve(): patterns})
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


def patterns_of(root: Path) -> Patterns:
    """The patterns that hold for a data set now; empty if none does."""
    return _IN_FORCE.get({}).get(root.resolve(), {})


def _compiled(contrast: str, text: str) -> re.Pattern[str]:
    odd = next((part for part in _PARTS.findall(text) if part.startswith("{") and not _NAME.fullmatch(part)), "")
    named = set(_NAME.findall(text))
    if odd or not named & {_CASE, _SUBJECT} or text.startswith("/"):
        came = f"{text!r}" + (f", with {odd}" if odd else "")
        remedy = "Write {case} where the case's name stands, as in {case}/anat/*_T1w.nii.gz."
        raise UsageError(
            f"a path below the data set's folder with {{case}} or {{subject}} in it, for {contrast}",
            came=came,
            where="--pattern",
            remedy=remedy,
        )
    return glob(text)


def _place(path: Path, contrast: str, found: Mapping[str, str]) -> RecognisedFile:
    names = [_CASE] if _CASE in found else [_SUBJECT, _SESSION]
    case = "_".join(found[name] for name in names if name in found)
    attributes = {name: value for name, value in found.items() if name not in {_CASE, _SUBJECT}}
    return RecognisedFile(path, case, contrast, found.get(_SUBJECT, ""), attributes)
