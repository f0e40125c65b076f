"""What the voxels of one image tell about it: constant, a mask, a label map, or not in the unit of its contrast.

A label map has few whole numbers in flat patches. Of the neighbours that both differ from the commonest value, 86 to 90
% are equal in label maps of heads, and 50 to 83 % in real images that were brought to 8 grey levels. So more than 85 %
is certain, and so is an image of five values or fewer, or one that shows something in less than 5 % of its voxels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from voxlate.cohort.admission.scans import check_scan
from voxlate.cohort.finding import Finding, Severity
from voxlate.contrast import Contrast
from voxlate.volume import Array

_MOST, _MANY, _HARDLY_ANY = 100, 20, 5
_HIGHEST = 255
_FLAT, _SURELY_FLAT = 0.5, 0.85
_SMALL = 0.05
_FEW_SAMPLES, _SAMPLES = 3_000, 60_000


def check_intensities(
    array: Array, contrast: Contrast, *, case: str, path: Path, spacing_mm: Sequence[float] | None = None
) -> Iterator[Finding]:
    """The findings of one image.

    Args:
        array: Voxels, finite.
        contrast: What the image shows.
        case: Id of the case.
        path: The file, for the message.
        spacing_mm: Between voxels, where that is known.
    """
    low, high = float(array.min()), float(array.max())
    if low == high:
        message = f"{path}: every voxel is {low:g}; a constant image cannot be normalised. Replace or remove the file."
        yield Finding("error", "constant_image", case, message)
    elif contrast.kind in ("mr", "pet") and _has_two_values(array, low, high):
        message = (
            f"{path}: the two values {low:g} and {high:g} alone: a mask in the place of an image, which is constant "
            "where it shows anything. Name the file by what it is, or replace it."
        )
        yield Finding("error", "mask_as_image", case, message)
    elif contrast.kind in ("mr", "pet") and (judged := _judge_patches(array)):
        likely = "a label map" if judged == "error" else "a label map, perhaps,"
        message = (
            f"{path}: few whole numbers, from {low:g} to {high:g}, in flat patches: {likely} in the place of an image. "
            "Name the file by what it is, or replace it."
        )
        yield Finding(judged, "mask_as_image", case, message)
    else:
        yield from check_scan(array, contrast, case=case, path=path, spacing_mm=spacing_mm)


def _has_two_values(array: Array, low: float, high: float) -> bool:
    """Whether there is nothing but the two; some voxels tell that of nearly every image."""
    every = array.ravel(order="K")
    return not any(((part != low) & (part != high)).any() for part in (every[:: max(1, array.size // _SAMPLES)], every))


def _judge_patches(array: Array) -> Severity | None:
    """Whether an image is a label map: for certain, perhaps, or not."""
    every = array.ravel(order="K")
    if any(_values(every[:: max(1, array.size // most)]) is None for most in (_FEW_SAMPLES, _SAMPLES)):
        return None
    values = _values(array)
    if values is None:
        return None
    found, counts = values
    shown = array != found[counts.argmax()]
    pairs = equal = 0
    for axis in range(3):
        one, other = (tuple(np.s_[cut] if k == axis else np.s_[:] for k in range(3)) for cut in (np.s_[1:], np.s_[:-1]))
        both = shown[one] & shown[other]
        pairs += int(np.count_nonzero(both))
        equal += int(np.count_nonzero(both & (array[one] == array[other])))
    flat = equal / max(1, pairs)
    if flat < _FLAT or (flat < _SURELY_FLAT and len(found) > _MANY):
        return None
    sure = flat >= _SURELY_FLAT or len(found) <= _HARDLY_ANY or np.count_nonzero(shown) < _SMALL * array.size
    return "error" if sure and found[0] >= 0 and found[-1] <= _HIGHEST else "warning"


def _values(array: Array) -> tuple[Array, Array] | None:
    """The values and how many voxels have each, or ``None`` if they are many or no whole numbers."""
    found, counts = np.unique(array, return_counts=True)
    return None if len(found) > _MOST or (found != np.rint(found)).any() else (found, counts)
