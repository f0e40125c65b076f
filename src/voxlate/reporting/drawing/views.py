"""Views: how a slice of a volume is laid on the page.

Arrays are in RAS order (i to the patient's right, j to the front, k to the head). Pictures follow the radiological
convention: axial and coronal slices are seen from the feet and from the front, so the patient's left is on the right
of the picture; sagittal slices have the front on the left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.regions import LESION, in_words
from voxlate.volume import extent

Plane = Literal["axial", "coronal", "sagittal"]
Box = tuple[slice, slice, slice]

PLANES: dict[Plane, int] = {"axial": 2, "coronal": 1, "sagittal": 0}
"""The array axis that each plane cuts across."""

CONVENTION = "radiological convention: the patient's left (L) is on the right"
_MARKS: dict[Plane, tuple[str, str]] = {"axial": ("R", "L"), "coronal": ("R", "L"), "sagittal": ("A", "P")}


@dataclass(frozen=True)
class SliceChoice:
    """A slice and the rule that chose it.

    Attributes:
        plane: The plane of the slice.
        index: Position along the axis that the plane cuts across, from 0.
        rule: Why this slice, as a noun phrase: ``largest lesion area``.
    """

    plane: Plane
    index: int
    rule: str


def marks(plane: Plane) -> tuple[str, str]:
    """The letters at the left and the right edge of a picture in that plane."""
    return _MARKS[plane]


def convention(planes: Iterable[Plane]) -> str:
    """The display convention in words, for the planes that are shown."""
    shown = set(planes)
    if shown == {"sagittal"}:
        return "sagittal: the front (A) is on the left"
    return CONVENTION + ("; sagittal: the front (A) is on the left" if "sagittal" in shown else "")


def choose_slice(
    plane: Plane,
    *,
    shape: tuple[int, int, int],
    mask: NDArray[Any] | None = None,
    lesion: NDArray[Any] | None = None,
    labelled: str = LESION,
) -> SliceChoice:
    """The slice to show, by rule: the largest lesion area, else the median of the foreground, else the middle.

    Args:
        plane: The plane to cut in.
        shape: Number of voxels along i, j, k.
        mask: Foreground ``(i, j, k)``; non-zero is inside.
        lesion: Lesion, or any label, ``(i, j, k)``; non-zero is inside. An empty one counts as none.
        labelled: What these labels mark, ``lesion`` or ``labels``, for the rule's words.

    Example:
        >>> choose_slice("axial", shape=(4, 4, 9)).index
        4
    """
    axis = PLANES[plane]
    across = tuple(other for other in range(3) if other != axis)
    if lesion is not None and np.any(lesion):
        area = np.count_nonzero(lesion, axis=across)
        rule = "largest lesion area" if labelled == LESION else f"largest area of {in_words(labelled)}"
        return SliceChoice(plane, int(area.argmax()), rule)
    if mask is not None and np.any(mask):
        area = np.count_nonzero(mask, axis=across)
        half = np.searchsorted(np.cumsum(area), area.sum() / 2)
        return SliceChoice(plane, int(half), "median of the foreground")
    return SliceChoice(plane, shape[axis] // 2, "middle of the volume")


def cut(array: NDArray[Any], choice: SliceChoice, *, box: Box | None = None) -> NDArray[Any]:
    """The slice as it stands on the page: ``(rows, columns)``, first row at the top, first column at the left.

    Raises:
        UsageError: If the array is not 3-D or the slice lies outside it.
    """
    axis = PLANES[choice.plane]
    if array.ndim != 3 or not 0 <= choice.index < array.shape[axis]:
        raise UsageError(
            f"a 3-D array with a slice {choice.index} in the {choice.plane} plane",
            came=f"shape {array.shape}",
            remedy="Give arrays (i, j, k) in RAS order, all of one shape.",
        )
    kept = [box[other] if box else slice(None) for other in range(3)]
    where: list[Any] = [*kept]
    where[axis] = choice.index
    return np.asarray(array[tuple(where)])[::-1, ::-1].T


def picture_size_mm(
    shape: tuple[int, int, int], *, spacing_mm: tuple[float, float, float], plane: Plane
) -> tuple[float, float]:
    """Width and height in mm of a picture in that plane, voxels' full extent."""
    extent = [count * step for count, step in zip(shape, spacing_mm, strict=True)]
    across = [extent[axis] for axis in range(3) if axis != PLANES[plane]]
    return across[0], across[1]


def foreground_box(mask: NDArray[Any] | None, *, shape: tuple[int, int, int], margin: int = 3) -> Box:
    """The smallest box around the mask with a margin in voxels; the whole array if there is no mask."""
    block = None if mask is None else extent(mask)
    if block is None:
        return slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2])
    i, j, k = (slice(max(s.start - margin, 0), min(s.stop + margin, n)) for s, n in zip(block, shape, strict=True))
    return i, j, k
