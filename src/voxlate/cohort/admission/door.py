"""The one door: what is wrong with an image, and the refusal of one that must not be used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from voxlate.cohort.admission.images import check_intensities
from voxlate.cohort.admission.labels import check_labels, soften
from voxlate.cohort.finding import Finding
from voxlate.errors import ReadError
from voxlate.volume import Volume


def admit(volume: Volume, *, case: str, path: Path, used: bool = True, convention: str = "") -> list[Finding]:
    """What one image tells about itself, by its header, its name and its voxels.

    Args:
        volume: The image; its ``contrast`` says what it is taken for.
        case: Id of the case.
        path: The file, for the messages.
        used: Whether the image is source or target, or may be.
        convention: The case's attribute ``label_convention``.

    Raises:
        ValueError: If the volume has no contrast.
    """
    if volume.contrast is None:
        raise ValueError(f"an image that is admitted as something, not {path} without a contrast")
    if volume.contrast.kind == "label":
        found = check_labels(volume, volume.contrast, case=case, path=path, convention=convention)
        return found if used else [soften(finding) for finding in found]
    return list(check_intensities(volume.array, volume.contrast, case=case, path=path, used=used))


def refuse(findings: Iterable[Finding], *, accept: Iterable[str] = ()) -> tuple[str, ...]:
    """The sentences to note about an image that may be used.

    Args:
        findings: What ``admit`` found.
        accept: Codes of findings that the user has accepted.

    Raises:
        ReadError: If a finding is an error and its code is not accepted.
    """
    accepted, notes = frozenset(accept), []
    for finding in findings:
        if finding.severity == "error" and finding.code not in accepted:
            raise ReadError(
                "an image that is what it is taken for",
                came=finding.message.rstrip("."),
                where=f"case {finding.case}",
                remedy=f"Correct the file, or accept it as it is with plan.reading.accept: [{finding.code}].",
            )
        if finding.severity != "info":
            notes.append(finding.message)
    return tuple(notes)
