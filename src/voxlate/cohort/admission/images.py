"""What the voxels of one image tell about it: constant, empty, not integer, not in Hounsfield units."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from voxlate.cohort.finding import Finding, Severity
from voxlate.cohort.foreground import constant_background
from voxlate.cohort.labels.labelling import strays
from voxlate.contrast import Contrast
from voxlate.volume import Array

_LOWEST_HU = -2048.0
_HIGHEST_HU = 10_000.0
_AIR_BELOW_HU = -200.0
_SCALED_SPAN = 20.0
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
    elif contrast.kind == "ct":
        yield from _check_hounsfield(low, high, contrast, case=case, path=path)
        yield from _check_background(array, low, case=case, path=path)


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


def _check_hounsfield(low: float, high: float, contrast: Contrast, *, case: str, path: Path) -> Iterator[Finding]:
    severity: Severity = "error" if contrast.name == "ct" else "warning"
    if high - low <= _SCALED_SPAN:
        yield Finding(severity, "not_hounsfield", case, _refusal(path, low, high, "they were scaled to a short range"))
    elif low >= 0:
        cause = (
            "the rescale intercept was lost, or the unit is another one, such as Cormack's (air 0, brain about 2600)"
        )
        yield Finding(severity, "not_hounsfield", case, _refusal(path, low, high, cause))
    elif low < _LOWEST_HU or high > _HIGHEST_HU:
        message = (
            f"{path}: values from {low:g} to {high:g}, beyond {_LOWEST_HU:g} to {_HIGHEST_HU:g} HU. "
            "Look whether padding or a wrong rescale slope explains them."
        )
        yield Finding("warning", "hounsfield_range", case, message)


def _check_background(array: Array, low: float, *, case: str, path: Path) -> Iterator[Finding]:
    background = constant_background(array)
    if background is None or low >= 0 or background < _AIR_BELOW_HU:
        return
    message = (
        f"{path}: the background is {background:g} HU all over, which is tissue, not air. Was the image stripped or "
        "padded? A model learns this value wherever the source shows more; fill it with -1024 HU, or give a mask."
    )
    yield Finding("warning", "hounsfield_background", case, message)


def _refusal(path: Path, low: float, high: float, cause: str) -> str:
    return f"{path}: values from {low:g} to {high:g} cannot be HU (air is -1000): {cause}. Convert the file to HU."
