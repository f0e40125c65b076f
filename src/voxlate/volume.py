"""The volume: voxels on a grid in the world.

World coordinates are RAS+ millimetres (x to the patient's right, y to the front, z to the head), the affine is
float64 and maps voxel indices ``(i, j, k)``, at voxel centres, to the world. Other conventions (ITK's LPS, DICOM's)
are converted in ``voxlate.io`` and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.contrast import Contrast
from voxlate.errors import GeometryError

Array = NDArray[Any]
"""An array of any element type; what it holds stands in the docstring of whoever takes it."""
Affine = NDArray[np.float64]
AFFINE_TOLERANCE_MM = 1e-3


@dataclass(frozen=True)
class Grid:
    """The lattice that a volume is sampled on.

    Attributes:
        shape: Number of voxels along i, j, k.
        affine: ``(4, 4)`` float64, voxel index to RAS+ mm.

    Raises:
        GeometryError: If the affine is not a finite, invertible ``(4, 4)`` matrix or an axis has no voxel.
    """

    shape: tuple[int, int, int]
    affine: Affine

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        _check_affine(affine)
        if np.size(self.shape) != 3 or min(self.shape) < 1:
            raise GeometryError(
                "three axes with at least one voxel each",
                came=f"shape {tuple(self.shape)}",
                remedy="Give one 3-D image.",
            )
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along i, j, k in mm."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    def corners_mm(self) -> NDArray[np.float64]:
        """World coordinates of the eight outermost voxel centres, ``(8, 3)`` in mm."""
        ends = [(0, n - 1) for n in self.shape]
        index = np.array([(i, j, k, 1) for i in ends[0] for j in ends[1] for k in ends[2]], dtype=np.float64)
        return np.asarray((index @ self.affine.T)[:, :3])

    def matches(self, other: Grid, *, tolerance_mm: float = AFFINE_TOLERANCE_MM) -> bool:
        """Whether both grids have the same shape and no voxel lies further apart than ``tolerance_mm``."""
        if self.shape != other.shape:
            return False
        return bool(np.abs(self.corners_mm() - other.corners_mm()).max() <= tolerance_mm)


def _check_affine(affine: Affine) -> None:
    if affine.shape != (4, 4):
        raise GeometryError("an affine of shape (4, 4)", came=f"shape {affine.shape}", remedy="Give a 4 x 4 matrix.")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise GeometryError(
            "a finite, invertible affine",
            came=np.array2string(affine, precision=4, separator=", ").replace("\n", ""),
            remedy="Repair the header with the scanner's geometry; Voxlate never assumes 1 mm.",
        )


def extent(mask: Array) -> tuple[slice, slice, slice] | None:
    """The smallest block of an array ``(i, j, k)`` that holds every non-zero voxel, or ``None`` if there is none.

    Example:
        >>> extent(np.eye(3)[:, :, None])
        (slice(0, 3, None), slice(0, 3, None), slice(0, 1, None))
    """
    inside = mask != 0
    hits = [np.flatnonzero(inside.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    if hits[0].size == 0:
        return None
    i, j, k = (slice(int(hit[0]), int(hit[-1]) + 1) for hit in hits)
    return i, j, k


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D image.

    Attributes:
        array: Voxels ``(i, j, k)``, any real dtype; seen read-only through this object.
        affine: ``(4, 4)`` float64, voxel index to RAS+ mm.
        contrast: What the image shows, if known.
        notes: What a reader accepted, converted or filled, one sentence each; goes into provenance.
        trailing_axes: Number of singleton axes that the file had beyond the third; a writer restores them.
        missing: ``(i, j, k)`` booleans, voxels that the file has no number for and whose value is made up; ``None``:
            none.

    Raises:
        GeometryError: If the array is not 3-D or the affine is unusable.
    """

    array: Array
    affine: Affine
    contrast: Contrast | None = None
    notes: tuple[str, ...] = ()
    trailing_axes: int = 0
    missing: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        array = np.asarray(self.array).view()
        array.flags.writeable = False
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "affine", Grid(array.shape, self.affine).affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along i, j, k."""
        i, j, k = self.array.shape
        return i, j, k

    @property
    def grid(self) -> Grid:
        """The lattice that the voxels lie on."""
        return Grid(self.shape, self.affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along i, j, k in mm."""
        return self.grid.spacing_mm

    def with_array(self, array: Array, *, contrast: Contrast | None = None) -> Volume:
        """The same place in the world with other voxels of the same shape."""
        if array.shape != self.shape:
            raise GeometryError(
                f"shape {self.shape}", came=f"shape {array.shape}", remedy="Resample to the grid first."
            )
        return replace(self, array=array, contrast=contrast or self.contrast, missing=None)

    def with_note(self, note: str) -> Volume:
        """The same volume with one more sentence in ``notes``."""
        return replace(self, notes=(*self.notes, note))
