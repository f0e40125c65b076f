"""The images of a case: read by contrast, and the foreground that its reference has."""

from __future__ import annotations

from voxlate.cohort.admission import read_contrast
from voxlate.cohort.case import Case
from voxlate.config.plan import Reading
from voxlate.preprocess.masking import Mask, MaskKind, MaskRule, check_foreground, find_foreground
from voxlate.preprocess.orientation import ras_grid, to_ras
from voxlate.preprocess.resampling import resample
from voxlate.volume import Volume

__all__ = ["BACKGROUND", "read_contrast", "read_foreground"]
BACKGROUND = {"mr": 0.0, "pet": 0.0, "ct": -1024.0, "label": 0.0}
"""From a kind of contrast to its value where there is nothing."""


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
