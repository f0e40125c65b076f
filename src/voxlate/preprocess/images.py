"""The images of a case: read by contrast, and the foreground that its reference has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from voxlate.cohort.admission import admit, refuse
from voxlate.cohort.case import Case
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError
from voxlate.io import read_volume
from voxlate.preprocess.masking import Mask, MaskKind, MaskRule, check_foreground, find_foreground
from voxlate.preprocess.orientation import ras_grid, to_ras
from voxlate.preprocess.resampling import resample
from voxlate.volume import Volume

BACKGROUND = {"mr": 0.0, "pet": 0.0, "ct": -1024.0, "label": 0.0}
"""From a kind of contrast to its value where there is nothing."""


def read_contrast(case: Case, name: str, *, reading: Reading) -> Volume:
    """The image of a contrast.

    Raises:
        CohortError: If the case has none.
        ReadError: If the file cannot be read or trusted, or is not admitted.
    """
    contrast = get_contrast(name)
    if contrast.name not in case.paths:
        raise CohortError(
            f"an image of {contrast.title}",
            came=f"only {', '.join(case.paths) or 'none'}",
            where=f"case {case.id}",
            remedy="Add the file, name it by a known alias, or leave the case out.",
        )
    path = case.paths[contrast.name]
    volume = read_volume(path, contrast=contrast, reading=reading)
    convention = case.attributes.get("label_convention", "")
    notes = refuse(admit(volume, case=case.id, path=path, convention=convention), accept=reading.accept)
    return replace(_without_made_up(volume), notes=(*volume.notes, *notes))


def _without_made_up(volume: Volume) -> Volume:
    """The volume with nothing, not 0, where its file has no number: 0 HU would be tissue."""
    if volume.missing is None or volume.contrast is None or BACKGROUND[volume.contrast.kind] == 0:
        return volume
    nothing = volume.array.dtype.type(BACKGROUND[volume.contrast.kind])
    return replace(volume, array=np.where(volume.missing, nothing, volume.array))


def read_foreground(case: Case, reference: Volume, rule: MaskRule, *, reading: Reading) -> tuple[Mask, str]:
    """The foreground of a case on the reference's grid in RAS+ order, and how it was found.

    Args:
        case: The case; its mask file is read where the rule asks for it.
        reference: The reference image, in any axis order.
        rule: How to find the foreground.
        reading: What the reader may accept.

    Raises:
        CohortError: If the rule asks for a mask file, allows nothing else, and the case has none.
        ReadError: If the foreground is empty.
    """
    kind: MaskKind = rule.kind
    if kind == "file" and "mask" not in case.paths:
        kind = rule.otherwise or kind
    grid = ras_grid(reference.grid)
    if kind == "file":
        drawn = read_contrast(case, "mask", reading=reading)
        array = resample(drawn.array, drawn.grid, grid, nearest=True)
    else:
        array = to_ras(reference.array, reference.affine)
    mask = find_foreground(array, kind, spacing_mm=grid.spacing_mm)
    where = case.paths["mask"] if kind == "file" else case.paths.get(rule.contrast, case.id)
    check_foreground(mask, where=where)
    fallback = "; the case has no mask file" if kind != rule.kind else ""
    return mask, f"foreground by the rule {kind}{fallback}"


def tissue_of(mask: Mask, reference: Volume) -> Mask:
    """Where a case has tissue, in RAS+ order: its foreground; where that is the whole volume, what is labelled.

    Args:
        mask: The foreground.
        reference: The image that it belongs to, in any axis order.
    """
    if reference.contrast is None or reference.contrast.kind != "label" or not mask.all():
        return mask
    return np.asarray(to_ras(reference.array, reference.affine) != 0)
