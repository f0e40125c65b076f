"""The images of a case: read by contrast, and the foreground that its reference has."""

from __future__ import annotations

import numpy as np

from voxlate.cohort.admission import read_case_grid, read_contrast, refuse
from voxlate.cohort.admission.places import check_place
from voxlate.cohort.case import Case
from voxlate.cohort.foreground import constant_background
from voxlate.config.plan import Reading
from voxlate.contrast import BACKGROUND, get_contrast
from voxlate.errors import VoxlateError
from voxlate.preprocess.masking import Mask, MaskKind, MaskRule, check_foreground, find_foreground, image_rule
from voxlate.preprocess.orientation import ras_grid, to_ras
from voxlate.preprocess.resampling import resample
from voxlate.volume import Grid, Volume

__all__ = ["BACKGROUND", "place_labels", "read_contrast", "read_foreground", "tissue_of"]


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
    placed: tuple[str, ...] = ()
    kind: MaskKind = rule.kind
    if kind == "file" and "mask" not in case.paths:
        kind = rule.otherwise or kind
    grid = ras_grid(reference.grid)
    if kind == "file":
        drawn = read_contrast(case, "mask", reading=reading)
        placed = place_labels(case, drawn, reference, reading=reading)
        array = resample(drawn.array, drawn.grid, grid, nearest=True)
    else:
        array = to_ras(reference.array, reference.affine)
    if kind == "each" and reference.contrast is not None:
        kind = image_rule(reference.contrast, stripped=constant_background(array) is not None)
    mask = find_foreground(array, kind, spacing_mm=grid.spacing_mm)
    where = case.paths["mask"] if kind == "file" else case.paths.get(rule.contrast, case.id)
    check_foreground(mask, where=where)
    fallback = "; the case has no mask file" if rule.kind == "file" != kind else ""
    return mask, "; ".join((f"foreground by the rule {kind}{fallback}", *placed))


def tissue_of(mask: Mask, reference: Volume) -> Mask:
    """Where a case has tissue, in RAS+ order: its foreground; where that is the whole volume, what is labelled.

    Args:
        mask: The foreground.
        reference: The image that it belongs to, in any axis order.
    """
    if reference.contrast is None or reference.contrast.kind != "label" or not mask.all():
        return mask
    return np.asarray(to_ras(reference.array, reference.affine) != 0)


def place_labels(case: Case, one: Volume, other: Volume, *, reading: Reading) -> tuple[str, ...]:
    """What is to be noted about the place of a label map or mask in an image; nothing of two of a kind.

    Args:
        case: The case of both.
        one: A label map and an image, in either order.
        other: See above.
        reading: Which findings may be accepted.

    Raises:
        ReadError: If the label map does not lie in the image, and that is not accepted.
    """
    are_labels = [volume.contrast is not None and volume.contrast.kind == "label" for volume in (one, other)]
    if are_labels[0] == are_labels[1]:
        return ()
    labels, image = (one, other) if are_labels[0] else (other, one)
    return refuse(check_place(labels, image, case=case, grids=_grids(case, reading)), accept=reading.accept)


def _grids(case: Case, reading: Reading) -> list[Grid]:
    """The grids of the case's images, from their headers; those that cannot be read are told where they are used."""
    grids = []
    for name in case.paths:
        try:
            grids += [] if get_contrast(name).kind == "label" else [read_case_grid(case, name, reading=reading)]
        except VoxlateError:
            continue
    return grids
