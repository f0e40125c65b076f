"""Views: how a slice of a volume is laid on the page.

Arrays are in RAS order (i to the patient's right, j to the front, k to the head). Pictures follow the radiological
convention: axial and coronal slices are seen from the feet and from the front, so the patient's left is on the right
of the picture; sagittal slices have the front on the left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from voxlate.errors import UsageError
from voxlate.regions import LESION, in_words
from voxlate.volume import Array, extent

Plane = Literal["axial", "coronal", "sagittal"]
Box = tuple[slice, slice, slice]

PLANES: dict[Plane, int] = {"axial": 2, "coronal": 1, "sagittal": 0}
"""The array axis that each plane cuts across."""

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
    radiological = "radiological convention: the patient's left (L) is on the right"
    return radiological + ("; sagittal: the front (A) is on the left" if "sagittal" in shown else "")


def choose_slice(
    plane: Plane,
    *,
    shape: tuple[int, int, int],
    mask: Array | None = None,
    lesion: Array | None = None,
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


@dataclass(frozen=True)
class Laid:
    """How a picture lies on the page.

    Attributes:
        plane: The plane that it shows.
        size_mm: Its true width and height.
    """

    plane: Plane
    size_mm: tuple[float, float]


@dataclass(frozen=True)
class Cut:
    """A slice of a volume, and the part of it that is shown.

    Attributes:
        choice: The slice.
        box: The part of the volume that is shown.
        spacing_mm: Voxel size along i, j, k.
        count: Number of slices of the volume in this plane.
    """

    choice: SliceChoice
    box: Box
    spacing_mm: tuple[float, float, float]
    count: int

    @classmethod
    def take(
        cls,
        choice: SliceChoice,
        *,
        shape: tuple[int, ...],
        spacing_mm: tuple[float, float, float],
        mask: Array | None = None,
        margin: int = 3,
    ) -> Cut:
        """The slice of a volume of that shape, in the smallest box around the mask with a margin in voxels.

        Without a mask, and with an empty one, the whole slice.
        """
        i, j, k = shape
        around = None if mask is None else extent(mask)
        sides = around or (slice(0, i), slice(0, j), slice(0, k))
        low, middle, high = (
            slice(max(one.start - margin, 0), min(one.stop + margin, n)) for one, n in zip(sides, shape, strict=True)
        )
        return cls(choice, (low, middle, high), spacing_mm, shape[PLANES[choice.plane]])

    def of(self, array: Array) -> Array:
        """The slice as it stands on the page: ``(rows, columns)``, first row at the top, first column at the left.

        Args:
            array: A volume ``(i, j, k)``.

        Raises:
            UsageError: If the array is not 3-D or the slice lies outside it.
        """
        axis, index = PLANES[self.choice.plane], self.choice.index
        if array.ndim != 3 or not 0 <= index < array.shape[axis]:
            raise UsageError(
                f"a 3-D array with a slice {index} in the {self.choice.plane} plane",
                came=f"shape {array.shape}",
                remedy="Give arrays (i, j, k) in RAS order, all of one shape.",
            )
        return np.asarray(np.take(array[self._within(axis)], index, axis=axis))[::-1, ::-1].T

    def _within(self, axis: int) -> tuple[slice, ...]:
        return tuple(slice(None) if side == axis else part for side, part in enumerate(self.box))

    @property
    def laid(self) -> Laid:
        """Plane and size of the picture, voxels' full extent."""
        lengths = [(side.stop - side.start) * step for side, step in zip(self.box, self.spacing_mm, strict=True)]
        across, down = (length for axis, length in enumerate(lengths) if axis != PLANES[self.choice.plane])
        return Laid(self.choice.plane, (across, down))


def slices_in_words(slices: Sequence[tuple[SliceChoice, int]]) -> str:
    """Which slices are shown, by which rule they were chosen and how they are displayed.

    Args:
        slices: Each slice with the number of slices of its volume.

    Example:
        >>> slices_in_words([(SliceChoice("sagittal", 2, "middle of the volume"), 9)])
        'Slices: sagittal 3/9 (chosen by rule: middle of the volume). Display: sagittal: the front (A) is on the left.'
    """
    places: dict[Plane, list[str]] = {}
    for choice, count in slices:
        places.setdefault(choice.plane, []).append(f"{choice.index + 1}/{count}")
    where = "; ".join(f"{plane} {', '.join(found)}" for plane, found in places.items())
    rules = ", ".join(dict.fromkeys(choice.rule for choice, _ in slices))
    return f"Slices: {where} (chosen by rule: {rules}). Display: {convention(places)}."
