"""What the voxels of one image tell about it: constant, empty, not integer, not in the unit of its contrast."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from voxlate.cohort.admission.scans import check_scan
from voxlate.cohort.finding import Finding
from voxlate.cohort.labels.labelling import strays
from voxlate.contrast import Contrast
from voxlate.volume import Array

_NAMED_STRAYS = 5


def check_intensities(
    array: Array, contrast: Contrast, *, case: str, path: Path, used: bool, convention: str = ""
) -> Iterator[Finding]:
    """The findings of one image.

    Args:
        array: Voxels, finite.
        contrast: What the image shows.
        case: Id of the case.
        path: The file, for the message.
        used: Whether the image is source or target, or may be.
        convention: The case's attribute ``label_convention``.
    """
    low, high = float(array.min()), float(array.max())
    if contrast.kind == "label":
        yield from _check_labels(array, low, high, case=case, path=path)
        if contrast.name == "labels":
            yield from _check_convention(array, convention, case=case, path=path)
    elif low == high:
        message = f"{path}: every voxel is {low:g}; a constant image cannot be normalised. Replace or remove the file."
        yield Finding("error" if used else "warning", "constant_image", case, message)
    else:
        yield from check_scan(array, contrast, case=case, path=path)


def _check_labels(array: Array, low: float, high: float, *, case: str, path: Path) -> Iterator[Finding]:
    if array.dtype.kind == "f" and not np.array_equal(array, np.rint(array)):
        message = (
            f"{path}: {_between(array)} between the integers; labels must be whole numbers. "
            "They were interpolated, or the file is no label map: resample it by the nearest neighbour, or rename it."
        )
        yield Finding("error", "labels_not_integer", case, message)
    elif low == high == 0:
        message = f"{path}: no voxel is labelled; metrics of this region are not available for the case."
        yield Finding("warning", "empty_labels", case, message)


def _check_convention(array: Array, convention: str, *, case: str, path: Path) -> Iterator[Finding]:
    found = strays(array, convention) if array.dtype.kind != "f" or np.array_equal(array, np.rint(array)) else {}
    if found:
        counted = ", ".join(f"{value} ({count} voxels)" for value, count in list(found.items())[:_NAMED_STRAYS])
        more = f" and {len(found) - _NAMED_STRAYS} more" if len(found) > _NAMED_STRAYS else ""
        message = (
            f"{path}: values that the convention {convention} does not know: {counted}{more}. They belong to no class; "
            "correct them in a copy of the file, or leave them as background."
        )
        yield Finding("warning", "unknown_label", case, message)


def _between(array: Array) -> str:
    """How many voxels lie between the integers, as words with the first such value."""
    between = array[array != np.rint(array)]
    return f"{between.size} voxels (the first {between.flat[0]:.4g})"
