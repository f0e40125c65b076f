"""What the voxels of one image tell about it: constant, a mask, or not in the unit of its contrast."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voxlate.cohort.admission.scans import check_scan
from voxlate.cohort.finding import Finding
from voxlate.contrast import Contrast
from voxlate.volume import Array


def check_intensities(array: Array, contrast: Contrast, *, case: str, path: Path, used: bool) -> Iterator[Finding]:
    """The findings of one image.

    Args:
        array: Voxels, finite.
        contrast: What the image shows.
        case: Id of the case.
        path: The file, for the message.
        used: Whether the image is source or target, or may be.
    """
    low, high = float(array.min()), float(array.max())
    if low == high:
        message = f"{path}: every voxel is {low:g}; a constant image cannot be normalised. Replace or remove the file."
        yield Finding("error" if used else "warning", "constant_image", case, message)
    elif contrast.kind in ("mr", "pet") and not ((array != low) & (array != high)).any():
        message = (
            f"{path}: the two values {low:g} and {high:g} alone: a mask in the place of an image, which is constant "
            "where it shows anything. Name the file by what it is, or replace it."
        )
        yield Finding("error" if used else "warning", "mask_as_image", case, message)
    else:
        yield from check_scan(array, contrast, case=case, path=path)
