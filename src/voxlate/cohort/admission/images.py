"""What the voxels of one image tell about it: constant, not in Hounsfield units."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voxlate.cohort.finding import Finding, Severity
from voxlate.cohort.foreground import constant_background
from voxlate.contrast import Contrast
from voxlate.volume import Array

_LOWEST_HU = -2048.0
_HIGHEST_HU = 10_000.0
_AIR_BELOW_HU = -200.0
_SCALED_SPAN = 20.0


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
    elif contrast.kind == "ct":
        yield from _check_hounsfield(low, high, contrast, case=case, path=path)
        yield from _check_background(array, low, case=case, path=path)


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
