"""The one door: what is wrong with an image, and the refusal of one that must not be used."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from voxlate.cohort.admission.images import check_intensities
from voxlate.cohort.admission.labels import check_labels
from voxlate.cohort.admission.names import check_name
from voxlate.cohort.finding import Finding, gather
from voxlate.contrast import BACKGROUND
from voxlate.errors import ReadError
from voxlate.io import is_volume_path
from voxlate.volume import Volume

logger = logging.getLogger(__name__)
_FINAL = frozenset({"constant_image", "empty_mask"})
"""Codes that nobody can accept: there is nothing to compute."""
_MOST_TOLD = 10_000
_TOLD: dict[Finding | tuple[str, str, str], Finding] = {}
"""What has been told in this call of a verb, which reads many an image more than once."""


def admit(volume: Volume, *, case: str, path: Path, convention: str = "") -> list[Finding]:
    """What one image tells about itself, by its header, its name and its voxels.

    Args:
        volume: The image; its ``contrast`` says what it is taken for.
        case: Id of the case.
        path: The file, for the messages.
        convention: The case's attribute ``label_convention``.

    Raises:
        ValueError: If the volume has no contrast.
    """
    if volume.contrast is None:
        raise ValueError(f"an image that is admitted as something, not {path} without a contrast")
    contrast = volume.contrast
    found = list(check_name(contrast, case=case, path=path))
    if contrast.kind == "label":
        return [*found, *check_labels(volume, contrast, case=case, path=path, convention=convention)]
    array = without_made_up(volume).array
    found += check_intensities(array, contrast, case=case, path=path, spacing_mm=volume.spacing_mm)
    return found


def without_made_up(volume: Volume) -> Volume:
    """The volume with nothing, not 0, where its file has no number: 0 HU would be tissue."""
    if volume.missing is None or volume.contrast is None or BACKGROUND[volume.contrast.kind] == 0:
        return volume
    nothing = volume.array.dtype.type(BACKGROUND[volume.contrast.kind])
    return replace(volume, array=np.where(volume.missing, nothing, volume.array))


def weigh(findings: Iterable[Finding], *, accept: Iterable[str] = ()) -> list[Finding]:
    """The findings with those errors as warnings whose codes the user has accepted, as far as they can be."""
    accepted = frozenset(accept) - _FINAL
    return [
        replace(finding, severity="warning") if finding.severity == "error" and finding.code in accepted else finding
        for finding in findings
    ]


def refuse(findings: Iterable[Finding], *, accept: Iterable[str] = ()) -> tuple[str, ...]:
    """The sentences to note about an image that may be used; each is logged once, with the folder of its file.

    Args:
        findings: What ``admit`` found.
        accept: Codes of findings that the user has accepted.

    Raises:
        ReadError: If a finding is an error and its code is not accepted, or cannot be.
    """
    weighed = weigh(findings, accept=accept)
    errors = [finding for finding in weighed if finding.severity == "error"]
    if errors:
        raise _refusal(errors)
    told = [finding for finding in weighed if finding.severity == "warning"]
    tell(told)
    return tuple(_note(finding) for finding in told)


def tell(findings: Iterable[Finding]) -> None:
    """Logs warnings, each once for a case and sentence, however often the image is read; many alike in one line.

    Of a small mask only the first measure is told.
    """
    new: dict[Finding | tuple[str, str, str], Finding] = {}
    for finding in findings:
        if (fault := _fault(finding)) not in _TOLD:
            new.setdefault(fault, finding)
    if len(_TOLD) + len(new) > _MOST_TOLD:
        _TOLD.clear()
    _TOLD.update(new)
    for finding in gather(new.values(), every="`voxlate check --all`"):
        logger.warning("%s", finding.sentence)


def told_of(case: str) -> tuple[str, ...]:
    """The warnings about a case in this call, as its results note them.

    Args:
        case: Its id.
    """
    return tuple(_note(finding) for finding in list(_TOLD.values()) if finding.case == case)


def forget_told() -> None:
    """Has every warning told again, as each call of a verb does: an earlier one in the same program was another."""
    _TOLD.clear()


def _fault(finding: Finding) -> Finding | tuple[str, str, str]:
    """What one telling of it is enough for."""
    if finding.code == "small_mask":
        return finding.code, finding.case, finding.message.partition(", and it covers ")[0]
    return finding


def _refusal(errors: Sequence[Finding]) -> ReadError:
    """The refusal in the words of the findings; the file stands in front of it once."""
    where, first = _parted(errors[0])
    codes = [error.code for error in errors]
    final = [code for code in codes if code in _FINAL]
    if final:
        remedy = f"It cannot be used as it is ({', '.join(final)})."
    else:
        words = " ".join(f"--accept {code}" for code in codes)
        remedy = f"To use it as it is: {words}, or plan.reading.accept: [{', '.join(codes)}] in the recipe."
    came = "this: " + " ".join((first, *(error.message for error in errors[1:])))
    return ReadError("an image that is what it is taken for", came=came.rstrip("."), where=where, remedy=remedy)


def _note(finding: Finding) -> str:
    """The finding without the folder of its file, which is nobody's business where results go."""
    where, rest = _parted(finding)
    return f"{Path(where).name}: {rest}" if finding.message.startswith(where) else finding.message


def _parted(finding: Finding) -> tuple[str, str]:
    """The file that a finding begins with, or its case, and the rest."""
    pieces = finding.message.split(": ")
    for count in range(1, len(pieces)):
        if is_volume_path(head := ": ".join(pieces[:count])):
            return head, ": ".join(pieces[count:])
    return f"case {finding.case}", finding.message
