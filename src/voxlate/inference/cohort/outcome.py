"""What became of one contrast of one case, and the sentences that sum a data set up.

When an image need not be made again: it is there, whole, and its sidecar tells what would be told of a new one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from voxlate.contrast import get_contrast
from voxlate.errors import VoxlateError, WriteError
from voxlate.io import Provenance, file_digest, read_provenance

logger = logging.getLogger(__name__)
Status = Literal["done", "skipped", "present", "cannot", "failed"]


@dataclass(frozen=True)
class Outcome:
    """A line of ``manifest.csv``.

    Attributes:
        case: Id of the case.
        status: ``done``; ``skipped`` if it was done before; ``present`` if the case has the scan, which was left alone;
            ``cannot`` if no model has what it needs; ``failed``.
        seconds: How long it took.
        reason: Why, where it needs one.
        target: The contrast in question.
        model: Name of the model that made it.
        sources: Contrasts that it was made from.
        has_target: Whether the case has a scan of the target, one that no model made.
        imputed: Contrasts among the sources that a model made.
        seen: Whether the model was trained or chosen on the case; ``None`` where nothing is made.
        path: The image that was made, now or before; ``None`` where none was.
        warnings: What was said of the case, to be looked at before its image is used.
    """

    case: str
    status: Status
    seconds: float = 0.0
    reason: str = ""
    target: str = ""
    model: str = ""
    sources: tuple[str, ...] = ()
    has_target: bool = False
    imputed: tuple[str, ...] = ()
    seen: bool | None = None
    path: Path | None = None
    warnings: tuple[str, ...] = ()

    @property
    def is_made(self) -> bool:
        """Whether the image is there, made now or before."""
        return self.status in {"done", "skipped"}

    @property
    def is_bad(self) -> bool:
        """Whether what was asked for is not there."""
        return self.status in {"cannot", "failed"}


def attempt(make: Callable[[], Outcome], outcome: Outcome) -> Outcome:
    """The outcome of making an image, timed; a failure, whatever a file makes a library do, becomes a reason.

    Args:
        make: Makes it and tells what became of it.
        outcome: Becomes the outcome, with the reason, if that fails.
    """
    began = time.monotonic()
    try:
        return replace(make(), seconds=time.monotonic() - began)
    except VoxlateError as error:
        reason = str(error)
    except Exception as error:
        logger.warning("case %s failed unexpectedly", outcome.case, exc_info=True)
        reason = f"{type(error).__name__}: {error}"
    return replace(outcome, status="failed", seconds=time.monotonic() - began, reason=reason)


def sum_up(outcomes: Sequence[Outcome]) -> list[str]:
    """A sentence for each target: which cases lacked it, and what was done about it."""
    targets = dict.fromkeys(outcome.target for outcome in outcomes)
    return [_sentence(target, [one for one in outcomes if one.target == target]) for target in targets]


def _sentence(target: str, outcomes: Sequence[Outcome]) -> str:
    title, total = get_contrast(target).title, len(outcomes)
    lacking = [one for one in outcomes if not one.has_target]
    left = [one for one in outcomes if one.status == "present"]
    made = sum(one.is_made for one in outcomes)
    if left:
        kept = f"{_count(len(left))} it and {_were(len(left))} left alone (--all translates them too)"
        return f"{_filled(title, lacking, total)}; {kept}." if lacking else _all_present(title, total)
    if len(lacking) == total:
        return f"{_filled(title, lacking, total)}."
    if lacking:
        return f"{made} of {total} cases {_were(made)} translated to {title}, those that have it already included."
    return f"No case lacks {title}, so every one is translated: {made} of {total} {_were(made)}."


def _filled(title: str, lacking: Sequence[Outcome], total: int) -> str:
    filled, bad = sum(one.is_made for one in lacking), sum(one.is_bad for one in lacking)
    lack = f"{len(lacking)} of {total} cases {'lacks' if len(lacking) == 1 else 'lack'} {title}"
    if not bad:
        return f"{lack} and {_were(filled)} filled"
    return f"{lack}: {filled} {_were(filled)} filled, {bad} could not be"


def _all_present(title: str, total: int) -> str:
    return f"No case lacks {title}: {total} {_were(total)} left alone (--all translates them too)."


def _count(number: int) -> str:
    return f"{number} {'has' if number == 1 else 'have'}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def is_finished(path: Path, wanted: Provenance, *, overwrite: bool) -> bool:
    """Whether the image is there, whole, and made of the same files, in the same way, from the same draw.

    The same way is the same model, and what is noted before anything is computed, such as a formula.

    Args:
        path: The image.
        wanted: What the sidecar of a new one would say.
        overwrite: Whether it is made anew in any case.

    Raises:
        WriteError: If a file is there that is not of this command, and ``overwrite`` is not given.
        ReadError: If the sidecar is damaged.
    """
    if overwrite or not path.exists():
        return False
    old = read_provenance(path)
    if old is None or (old.model is None and wanted.model is not None):
        raise WriteError(
            "a free name, or an earlier image of this command",
            came="another file",
            where=path,
            remedy="Choose another --out, or add --overwrite.",
        )
    told, asked = ((one.sources, one.model, one.drawn, one.target) for one in (old, wanted))
    return told == asked and set(wanted.notes) <= set(old.notes) and is_whole(path, old)


def is_whole(path: Path, told: Provenance) -> bool:
    """Whether the image has the bytes that its sidecar tells of."""
    return path.exists() and told.output_sha256 == file_digest(path)
