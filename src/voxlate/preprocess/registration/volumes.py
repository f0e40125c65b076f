"""Two volumes, whatever they show and wherever they lie: one aligned with the other, and brought onto its grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from voxlate.cohort.foreground import constant_background
from voxlate.contrast import BACKGROUND, Contrast, get_contrast
from voxlate.errors import UsageError
from voxlate.io.transforms import Transform
from voxlate.preprocess.masking import Mask, find_foreground, image_rule
from voxlate.preprocess.orientation import ras_grid, to_ras
from voxlate.preprocess.registration.registration import Alignment, RegistrationKind, register
from voxlate.preprocess.resampling import resample
from voxlate.volume import Volume


def align(moving: Volume, fixed: Volume, *, kind: RegistrationKind, where: object = "") -> Alignment:
    """Aligns a volume with another by what both show inside the foreground of the one that stays.

    Args:
        moving: Which moves; an image.
        fixed: Which stays; an image.
        kind: How it may move.
        where: What an error names.

    Raises:
        UsageError: If one of the two is a label map.
        GeometryError: If there is nothing to compare.
    """
    for volume in (moving, fixed):
        if _shown(volume).kind == "label":
            remedy = "Register the image that it was drawn on, and move the label map by the transform: --apply X.tfm."
            raise UsageError("two images", came="a label map, which mutual information cannot align", remedy=remedy)
    mask = resample(foreground_of(fixed), ras_grid(fixed.grid), fixed.grid, nearest=True)
    pair = fixed.array, fixed.grid, moving.array
    return register(*pair, moving_grid=moving.grid, kind=kind, mask=mask, where=where)


def foreground_of(volume: Volume) -> Mask:
    """Where a volume shows the patient, ``(i, j, k)`` in RAS+ order, by the rule that suits what it shows."""
    array, spacing_mm = to_ras(volume.array, volume.affine), ras_grid(volume.grid).spacing_mm
    rule = image_rule(_shown(volume), stripped=constant_background(array) is not None)
    return find_foreground(array, rule, spacing_mm=spacing_mm)


def bring(moving: Volume, fixed: Volume, transform: Transform) -> Volume:
    """A volume on the grid of another: linear between voxels, of label maps the nearest one; background outside.

    Args:
        moving: Which is brought.
        fixed: Whose grid it gets.
        transform: From the fixed world to the moving one.
    """
    shown = _shown(moving)
    label, nothing = shown.kind == "label", BACKGROUND[shown.kind]
    array = resample(moving.array, moving.grid, fixed.grid, nearest=label, fill=nothing, transform=transform)
    if shown.kind == "ct":
        array = np.rint(array).astype(np.int16)
    return replace(moving, array=array, affine=fixed.affine, trailing_axes=fixed.trailing_axes, missing=None)


def _shown(volume: Volume) -> Contrast:
    return volume.contrast or get_contrast("mr")
