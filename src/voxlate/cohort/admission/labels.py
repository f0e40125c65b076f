"""What the values of one label map or mask tell about it: no whole numbers, an image in its place, negative, empty.

A label map is piecewise constant, an image is not: of neighbouring voxels of which one is no background, few have one
value in a scan with its noise, and most have in a map of structures. The number of values alone does not tell: atlases
have hundreds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from voxlate.cohort.finding import Finding
from voxlate.cohort.labels.conventions import count_values, strays
from voxlate.contrast import Contrast
from voxlate.volume import Array, Volume

MASK = "mask"
"""The label map that is taken for the outline of the patient."""
REFUSED = frozenset({"labels_not_integer", "labels_are_an_image", "negative_labels"})
"""Codes of label maps whose values are none: their place tells nothing more."""
_CONFINED = ": training and scores would be confined to it"
_AS_OUTLINE = "; if it is meant as the outline, look at it, or set plan.mask to otsu, nonzero or whole."
_SMALL_SHARE = 0.02
"""A mask of less of the volume is hardly an outline of a patient."""
_FEW_VALUES = 20
_PATCHY = 0.4
_FILLS = 0.05
_MOST_PAIRS = 2_000_000
_SOFT_CORE = 0.3
_NAMED = 5


def check_labels(volume: Volume, contrast: Contrast, *, case: str, path: Path, convention: str = "") -> list[Finding]:
    """The findings about the values of one label map or mask.

    Args:
        volume: The label map, finite.
        contrast: ``labels`` or ``mask``.
        case: Id of the case.
        path: The file, for the message.
        convention: The case's attribute ``label_convention``.
    """
    array = volume.array
    whole = array.dtype.kind != "f" or np.array_equal(array, np.rint(array))
    values = count_values(array) if whole else {}
    found = _not_whole(array) if not whole else _soft(values) or _an_image(array, values) or _negative(values)
    if found:
        code, words = found
        return [Finding("error", code, case, f"{path}: {words}")]
    if contrast.name == MASK:
        return list(_check_mask(values, case=case, path=path))
    if not any(values):
        words = "no voxel is labelled; metrics of this region are not available for the case."
        return [Finding("warning", "empty_labels", case, f"{path}: {words}")]
    return list(_check_convention(array, convention, case=case, path=path))


def small_mask(share: str, *, case: str, path: Path) -> Finding:
    """The warning about a mask that covers little; it names what the file may be instead.

    Args:
        share: How little, in words.
        case: Id of the case.
        path: The file.
    """
    message = (
        f"{path} is taken for the outline of the patient, and it covers {share}{_CONFINED}. If it marks a lesion or an "
        f"organ, name it ..._seg or ..._labels, and it is a label map{_AS_OUTLINE}"
    )
    return Finding("warning", "small_mask", case, message)


def unused_mask(finding: Finding, why: str) -> Finding:
    """What ``small_mask`` found, for the record where the foreground does not come from mask files.

    Args:
        finding: From ``small_mask``.
        why: The reason, in words.
    """
    message = finding.message.replace(_CONFINED, f"; it is not used: {why}").replace(_AS_OUTLINE, ".")
    return Finding("info", finding.code, finding.case, message)


def _check_mask(values: Mapping[int, int], *, case: str, path: Path) -> Iterator[Finding]:
    inside = sum(count for value, count in values.items() if value)
    share = inside / sum(values.values())
    if not inside:
        words = "the mask is empty, so that the case has no foreground. Draw it anew, or remove the file or the case."
        yield Finding("error", "empty_mask", case, f"{path}: {words}")
    elif share < _SMALL_SHARE:
        yield small_mask(f"{100 * share:.2g} % of the volume ({inside} voxels)", case=case, path=path)


def _not_whole(array: Array) -> tuple[str, str]:
    beside = array[array != np.rint(array)]
    apart = np.abs(beside - np.rint(beside))
    furthest, shown = float(apart.max()), float(beside[apart.argmax()])
    words = (
        f"{beside.size} of {array.size} voxels are no whole numbers, such as {_shown(shown)}, of values from "
        f"{float(array.min()):g} to {float(array.max()):g}; labels must be whole numbers. "
    )
    if furthest < 0.1:
        return "labels_not_integer", words + f"They lie up to {furthest:.2g} beside one: round them in a copy."
    return "labels_not_integer", words + (
        "They were interpolated, are probabilities, or the file is an image and no label map: resample the original by "
        "the nearest neighbour, threshold probabilities, or name the file by what it shows."
    )


def _shown(value: float) -> str:
    """A number with as many digits as it needs not to look whole."""
    digits = next((n for n in range(4, 17) if not float(f"{value:.{n}g}").is_integer()), 17)
    return f"{value:.{digits}g}"


def _an_image(array: Array, values: Mapping[int, int]) -> tuple[str, str] | None:
    if len(values) <= _FEW_VALUES:
        return None
    background = max(values, key=lambda value: values[value])
    if 1 - values[background] / array.size < _FILLS:
        return None
    thin = array[:, :, :: max(1, array.size // _MOST_PAIRS)]
    one, other = thin[:-1], thin[1:]
    some = (one != background) | (other != background)
    alike = int(np.count_nonzero((one == other) & some)) / max(1, int(np.count_nonzero(some)))
    if alike >= _PATCHY:
        return None
    words = (
        f"{len(values)} values from {min(values)} to {max(values)}, and of neighbouring voxels only "
        f"{100 * alike:.2g} % have the same: this is an image (CT, MR), no label map. Name it by what it shows, or "
        "replace it by the labels."
    )
    return "labels_are_an_image", words


def _soft(values: Mapping[int, int]) -> tuple[str, str] | None:
    """A mask of 0 and 255, say, whose edge was smoothed: one value in the middle, and a few voxels of every other."""
    labelled = sum(count for value, count in values.items() if value)
    top = max(values)
    between = [count for value, count in values.items() if 0 < value < top]
    soft = len(between) > _FEW_VALUES and values[top] > _SOFT_CORE * labelled and max(between) < values[top] / 4
    if min(values) < 0 or not soft:
        return None
    words = (
        f"{values[top]} voxels are {top} and {sum(between)} have {len(between)} values below it: the edge of a mask "
        f"was smoothed. Threshold it at {top / 2:g} in a copy."
    )
    return "labels_not_integer", words


def _negative(values: Mapping[int, int]) -> tuple[str, str] | None:
    below = {value: count for value, count in sorted(values.items()) if value < 0}
    if not below:
        return None
    counted = ", ".join(f"{value} ({count} voxels)" for value, count in list(below.items())[:_NAMED])
    if max(values) <= 0:
        remedy = "A mask of 0 and -1 was written as signed numbers: take the absolute value in a copy."
    else:
        remedy = (
            "If they mean what nobody annotated, nothing can be learned there: leave the case out, or write 0 "
            "(background) in a copy."
        )
    return "negative_labels", f"the negative labels {counted}; label values count from 0. {remedy}"


def _check_convention(array: Array, convention: str, *, case: str, path: Path) -> Iterator[Finding]:
    found = strays(array, convention)
    if found:
        counted = ", ".join(f"{value} ({count} voxels)" for value, count in list(found.items())[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        message = (
            f"{path}: values that the convention {convention} does not know: {counted}{more}. They belong to no class; "
            "correct them in a copy of the file, or leave them as background."
        )
        yield Finding("warning", "unknown_label", case, message)
