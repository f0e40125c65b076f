"""Transforms: where a point of one image's world lies in another image's world, and ITK's file of it.

A point ``x`` of the reference's world goes to ``world (x + u(x))``: a displacement ``u`` by cubic B-splines on a
lattice of control points (Rueckert et al. 1999, doi:10.1109/42.796284), then a matrix. Worlds are RAS+ mm. Files are
in LPS+ mm, as other programs read them: ``SimpleITK.Resample(moving, fixed, SimpleITK.ReadTransform(path))`` brings
the moving image to the fixed one. ITK in memory does not ask which way an axis runs: there everything stays RAS+.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import ReadError, WriteError
from voxlate.io.atomic import replacing
from voxlate.io.formats.textheader import LPS
from voxlate.volume import Affine, Grid

ItkTransform = Any
"""A transform of SimpleITK, which ships no types."""


@dataclass(frozen=True, eq=False)
class Deformation:
    """A smooth displacement.

    Attributes:
        lattice: The control points; splines are defined from the second to the last but one along each axis, and
            outside nothing moves.
        coefficients: ``(3, i, j, k)`` float64, x, y and z of each control point, RAS+ mm.
    """

    lattice: Grid
    coefficients: NDArray[np.float64]

    def as_itk(self) -> ItkTransform:
        """ITK's transform for it."""
        import SimpleITK as sitk  # noqa: N813

        spacing = np.array(self.lattice.spacing_mm)
        placed = [*self.lattice.shape, *self.lattice.affine[:3, 3], *spacing]
        spline = sitk.BSplineTransform(3, 3)
        spline.SetFixedParameters([*map(float, placed), *(self.lattice.affine[:3, :3] / spacing).ravel().tolist()])
        spline.SetParameters(self.coefficients.transpose(0, 3, 2, 1).ravel().tolist())
        return spline


@dataclass(frozen=True, eq=False)
class Transform:
    """From a point in the reference's world to the same tissue in the world of another image.

    Attributes:
        world: ``(4, 4)`` float64, RAS+ mm; the identity by default.
        deformation: What comes before the matrix, if anything does.

    Example:
        >>> Transform().distance_mm(Transform(), Grid((2, 2, 2), np.eye(4))).max()
        0.0
    """

    world: Affine = field(default_factory=lambda: np.eye(4))
    deformation: Deformation | None = None

    def as_itk(self) -> ItkTransform:
        """ITK's transform between RAS+ worlds."""
        import SimpleITK as sitk  # noqa: N813

        matrix = affine_as_itk(self.world)
        # ITK applies the last of a list first.
        return matrix if self.deformation is None else sitk.CompositeTransform([matrix, self.deformation.as_itk()])

    def place(self, grid: Grid) -> NDArray[np.float64]:
        """Where the voxels of a grid lie in the other image's world, ``(3, i, j, k)`` in RAS+ mm."""
        import SimpleITK as sitk  # noqa: N813

        # From voxel indices, so that a grid may be turned or sheared; ITK gives the way from the index to the place.
        chain = sitk.CompositeTransform([self.as_itk(), affine_as_itk(grid.affine)])
        moves = sitk.TransformToDisplacementField(chain, sitk.sitkVectorFloat64, list(grid.shape))
        places: NDArray[np.float64] = sitk.GetArrayFromImage(moves).transpose(3, 2, 1, 0) + np.indices(grid.shape)
        return places

    def distance_mm(self, other: Transform, grid: Grid) -> NDArray[np.float64]:
        """How far apart two transforms bring each voxel of a grid, ``(i, j, k)`` in mm."""
        return np.asarray(np.linalg.norm(self.place(grid) - other.place(grid), axis=0))

    def volume_change(self, grid: Grid) -> NDArray[np.float64]:
        """The local volume after the transform by that before it, ``(i, j, k)``; 0 or less where space folds.

        Central differences between the voxels of the grid, which needs two along each axis.
        """
        places = self.place(grid)
        gradient = np.stack([np.gradient(places, axis=axis) for axis in (1, 2, 3)], axis=-1)
        jacobian = np.moveaxis(gradient, 0, -2)
        return np.asarray(np.linalg.det(jacobian) / np.linalg.det(grid.affine[:3, :3]))


def affine_as_itk(affine: Affine) -> ItkTransform:
    """ITK's transform of a ``(4, 4)`` matrix."""
    import SimpleITK as sitk  # noqa: N813

    transform = sitk.AffineTransform(3)
    transform.SetMatrix(affine[:3, :3].ravel().tolist())
    transform.SetTranslation(affine[:3, 3].tolist())
    return transform


def write_transform(transform: Transform, path: Path) -> None:
    """Writes a transform as a text file of ITK's (``.tfm``) between LPS+ worlds.

    Raises:
        WriteError: If it cannot be written; an old file is untouched then.
    """
    import SimpleITK as sitk  # noqa: N813

    bend = transform.deformation
    if bend is not None:
        mirrored = np.einsum("ab,bijk->aijk", LPS[:3, :3], bend.coefficients)
        bend = Deformation(Grid(bend.lattice.shape, LPS @ bend.lattice.affine), mirrored)
    with replacing(path) as temporary:
        try:
            sitk.WriteTransform(Transform(LPS @ transform.world @ LPS, bend).as_itk(), str(temporary))
        except RuntimeError as error:
            raise WriteError(
                "to write the transform", came=str(error).splitlines()[-1], where=path, remedy="Free space."
            ) from error


def read_transform(path: Path) -> Transform:
    """Reads a transform between LPS+ worlds: a matrix of any of ITK's kinds, or one of them after cubic B-splines.

    Raises:
        ReadError: If it is no file of ITK's, or holds another transform.
    """
    import SimpleITK as sitk  # noqa: N813

    try:
        read = sitk.ReadTransform(str(path)).Downcast()
    except RuntimeError as error:
        raise _no_transform(path, str(error).splitlines()[-1].strip()) from error
    parts = [read]
    if read.GetName() == "CompositeTransform":
        parts = [read.GetNthTransform(n).Downcast() for n in range(read.GetNumberOfTransforms())]
    world, bend = np.eye(4), None
    for place, part in enumerate(parts):
        if part.GetName() == "BSplineTransform" and place == len(parts) - 1 and part.GetDimension() == 3:
            bend = _bend_of(part, path)
        elif part.IsLinear() and part.GetDimension() == 3:
            world = world @ _matrix_of(part)
        else:
            raise _no_transform(path, part.GetName())
    return Transform(LPS @ world @ LPS, bend)


def _matrix_of(linear: ItkTransform) -> Affine:
    """The matrix of a linear transform, by where it takes the origin and the axes."""
    world = np.eye(4)
    world[:3, 3] = linear.TransformPoint((0.0, 0.0, 0.0))
    world[:3, :3] = np.stack([linear.TransformPoint(axis) for axis in np.eye(3).tolist()], axis=1) - world[:3, 3:]
    return world


def _bend_of(spline: ItkTransform, path: Path) -> Deformation:
    """The displacement of cubic B-splines in LPS+ as one in RAS+."""
    fixed = np.array(spline.GetFixedParameters())
    if spline.GetOrder() != 3:
        raise _no_transform(path, f"B-splines of order {spline.GetOrder()}")
    i, j, k = (int(count) for count in fixed[:3])
    affine = np.eye(4)
    affine[:3, :3] = fixed[9:].reshape(3, 3) * fixed[6:9]
    affine[:3, 3] = fixed[3:6]
    flat = np.array(spline.GetParameters()).reshape(3, k, j, i).transpose(0, 3, 2, 1)
    return Deformation(Grid((i, j, k), LPS @ affine), np.einsum("ab,bijk->aijk", LPS[:3, :3], flat))


def _no_transform(path: Path, came: str) -> ReadError:
    remedy = "Give the .tfm file that `register` or a prepared case has, or one of ITK's with a matrix."
    return ReadError("a matrix, or one after cubic B-splines, in ITK's format", came=came, where=path, remedy=remedy)
