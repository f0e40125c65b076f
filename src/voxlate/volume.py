"""The volume: voxels on a grid in the world.

World coordinates are RAS+ millimetres (x to the patient's right, y to the front, z to the head), the affine is
float64 and maps voxel indices ``(i, j, k)``, at voxel centres, to the world. Other conventions (ITK's LPS, DICOM's)
are converted in ``voxlate.io`` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from voxlate.contrast import Contrast
from voxlate.errors import GeometryError
from voxlate.provenance import Provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def _upstairs(module: str, name: str) -> Callable[..., Any]:
    """A function of a floor above, for what a notebook asks of a volume; no import of a volume loads that floor."""
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """A 3-D image.

    ``numpy.asarray(volume)`` gives its voxels; in a notebook it shows itself as ``plot`` draws it.

    Attributes:
        array: Voxels ``(i, j, k)``, any real dtype; seen read-only through this object.
        affine: ``(4, 4)`` float64, voxel index to RAS+ mm.
        contrast: What the image shows, if known.
        notes: What a reader accepted, converted or filled, one sentence each; goes into provenance.
        trailing_axes: Number of singleton axes that the file had beyond the third; a writer restores them.
        missing: ``(i, j, k)`` booleans, voxels that the file has no number for and whose value is made up; ``None``:
            none.
        provenance: Who made the image and from what, if it was computed; goes with it into files and other libraries.

    Raises:
        GeometryError: If the array is not 3-D or the affine is unusable.

    Example:
        >>> Volume(np.zeros((4, 5, 6), np.int16), np.diag([-1.0, 1, 2, 1]))
        Volume(4 x 5 x 6 voxels of 1 x 1 x 2 mm, LAS, int16 from 0 to 0)
    """

    array: Array
    affine: Affine
    contrast: Contrast | None = None
    notes: tuple[str, ...] = ()
    trailing_axes: int = 0
    missing: NDArray[np.bool_] | None = None
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        array = np.asarray(self.array).view()
        array.flags.writeable = False
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "affine", Grid(array.shape, self.affine).affine)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.array(self.array, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"Volume({', '.join(self.facts())})"

    def _repr_png_(self) -> bytes:
        """The picture that a notebook shows."""
        png: bytes = _upstairs("voxlate.reporting.drawing.canvas", "to_png")(self.plot())
        return png

    def facts(self) -> tuple[str, ...]:
        """What it is, in words: contrast, size, orientation, type with range and unit, and whether it is synthetic."""
        shape, spacing = (" x ".join(f"{n:.4g}" for n in numbers) for numbers in (self.shape, self.spacing_mm))
        finite = self.array[np.isfinite(self.array)] if self.array.dtype.kind == "f" else self.array
        span = f" from {finite.min():.5g} to {finite.max():.5g}" if finite.size else " without a finite value"
        unit = f" {self.contrast.unit}" if self.contrast is not None and self.contrast.unit else ""
        made = "SYNTHETIC" if self.is_synthetic else ""
        named = self.contrast.name if self.contrast is not None else ""
        told = (made, named, f"{shape} voxels of {spacing} mm", self.orientation, f"{self.array.dtype}{span}{unit}")
        return tuple(filter(None, told))

    @property
    def is_synthetic(self) -> bool:
        """Whether its voxels were computed by a model or a simulation, as far as it is known."""
        return self.provenance is not None and self.provenance.synthetic

    @property
    def orientation(self) -> str:
        """The direction in which each voxel axis grows: three letters of R/L, A/P and S/I."""
        codes: str = _upstairs("voxlate.preprocess.orientation", "axis_codes")(self.affine)
        return codes

    def to_nibabel(self) -> Any:  # noqa: ANN401  nibabel has no types
        """The same image as a ``nibabel.Nifti1Image``, a synthetic one with its mark in the header."""
        return _upstairs("voxlate.io.exchange", "to_nibabel")(self)

    def to_sitk(self) -> Any:  # noqa: ANN401  SimpleITK has no types
        """The same image as a ``SimpleITK.Image``, in ITK's world (LPS); a synthetic one has its mark as metadata.

        Raises:
            GeometryError: If the grid is sheared, which ITK cannot say.
        """
        return _upstairs("voxlate.io.exchange", "to_sitk")(self)

    def plot(self, *, title: str = "", window: tuple[float, float] | None = None) -> Figure:
        """Three slices through the middle of the foreground, with left and right marked, as a matplotlib figure.

        Args:
            title: Above the picture; by default what the image shows.
            window: The values that are black and white; by default the 0.5th and 99.5th percentile.
        """
        figure: Figure = _upstairs("voxlate.workflows.pictures", "draw_volume")(self, title=title, window=window)
        return figure

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
