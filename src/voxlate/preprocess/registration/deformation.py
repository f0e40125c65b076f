"""Deformable registration: cubic B-splines on a lattice of control points, by mutual information.

As Rueckert et al. (1999, doi:10.1109/42.796284): after the rigid alignment, the control points are moved so that
Mattes' mutual information grows, on a lattice of about 100 mm, which is then refined to 50 and 25 mm without changing
the displacement so far. The optimiser is L-BFGS-B (Byrd et al. 1995, doi:10.1137/0916069), for its bounds: with no
coefficient beyond 0.4 of the finest spacing, space cannot fold (Choi and Lee 2000, doi:10.1006/gmod.2000.0531).

Before that both images are brought to equal shares of intensity inside the foreground. In equal steps of HU, skull
and air take most of a CT's histogram and the soft tissues share one bin, so that half a head has nothing to be
aligned by; bins that follow the distribution register better (Knops et al. 2006, doi:10.1016/j.media.2005.03.009).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxlate.io.transforms import Deformation, Transform, affine_as_itk
from voxlate.preprocess.registration.similarity import (
    ItkImage,
    as_image,
    directions,
    mutual_information,
    rim,
    similarity,
)
from voxlate.preprocess.resampling import resample
from voxlate.volume import Affine, Array, Grid

_COARSEST_MM = 100.0
_FINEST_MM = 25.0
_SMOOTHING_MM = (2.0, 1.0, 0.0)
"""Of both images, from the coarsest lattice to the finest. More hurts: a blurred skull resembles soft tissue."""
_BOUND = 0.4
"""Largest coefficient along each axis, in finest spacings."""
_ITERATIONS = 15
_QUANTILES = 128


def deform(
    fixed: Array,
    fixed_grid: Grid,
    moving: Array,
    *,
    moving_grid: Grid,
    world: Affine,
    mask: NDArray[np.bool_] | None,
    seed: int,
) -> Deformation | None:
    """The deformation that aligns two images further than a matrix does.

    Args:
        fixed: Voxels ``(i, j, k)``.
        fixed_grid: Its grid.
        moving: Voxels of the other image.
        moving_grid: Its grid.
        world: The rigid alignment, from the fixed to the moving world.
        mask: Foreground of ``fixed``.
        seed: Draws the samples.

    Returns:
        ``None`` if other samples than those that it was found with do not confirm the gain: noise can always be bent
        to resemble noise.
    """
    inside = np.ones(fixed.shape, dtype=np.bool_) if mask is None else mask
    onto = resample(moving, moving_grid, fixed_grid, transform=Transform(world))
    target = as_image(_equalised(fixed, fixed[inside]), fixed_grid)
    other = as_image(_equalised(moving, onto[inside]), moving_grid)
    region = None if mask is None else rim(as_image(mask, fixed_grid), fixed_grid)
    found = _search(target, other, grid=fixed_grid, world=world, mask=region, seed=seed)

    def gain(transform: Transform) -> float:
        return similarity(target, other, transform=transform.as_itk(), mask=region, seed=seed + 1)

    return found if gain(Transform(world, found)) > gain(Transform(world)) else None


def _lattices(grid: Grid) -> list[Grid]:
    """Lattices over the box of a grid, from coarse to fine; an axis that is fine enough is refined no further."""
    edge = np.array(grid.spacing_mm)
    extent = np.array(grid.shape) * edge
    pieces = np.maximum(1, np.rint(extent / _COARSEST_MM)).astype(int)
    levels = []
    for _ in _SMOOTHING_MM:
        spacing = extent / pieces
        affine = np.eye(4)
        affine[:3, :3] = directions(grid) * spacing
        # A cubic spline needs one control point before the box and one behind; the box begins half a voxel early.
        first = -0.5 - spacing / edge
        affine[:3, 3] = grid.affine[:3, :3] @ first + grid.affine[:3, 3]
        i, j, k = (int(count) + 3 for count in pieces)
        levels.append(Grid((i, j, k), affine))
        pieces = np.where(spacing > 1.5 * _FINEST_MM, 2 * pieces, pieces)
    return levels


def _limit_mm(lattice: Grid) -> float:
    """How far splines on a lattice may move a point along each axis."""
    return _BOUND * min(lattice.spacing_mm)


def at_limit(bend: Deformation) -> bool:
    """Whether a deformation is as large somewhere as it may be."""
    return bool(np.abs(bend.coefficients).max() >= 0.999 * _limit_mm(bend.lattice))


def _refined(bend: Deformation, axes: tuple[bool, bool, bool]) -> Deformation:
    """The same displacement on a lattice of half the spacing along some axes."""
    values, lattice = bend.coefficients, bend.lattice
    affine, shape = lattice.affine.copy(), list(lattice.shape)
    for axis in (axis for axis in range(3) if axes[axis]):
        c = np.moveaxis(values, axis + 1, 0)
        finer = np.empty((2 * len(c) - 3, *c.shape[1:]))
        finer[0::2] = (c[:-1] + c[1:]) / 2
        finer[1::2] = (c[:-2] + 6 * c[1:-1] + c[2:]) / 8
        values = np.moveaxis(finer, 0, axis + 1)
        affine[:3, 3] += affine[:3, axis] / 2
        affine[:3, axis] /= 2
        shape[axis] = len(finer)
    i, j, k = shape
    return Deformation(Grid((i, j, k), affine), values)


def _equalised(array: Array, inside: Array) -> NDArray[np.float32]:
    """Intensities as the share of the foreground's voxels that lie below them."""
    shares = np.linspace(0, 1, _QUANTILES + 1)
    values, first = np.unique(np.quantile(inside, shares), return_index=True)
    return np.asarray(np.interp(array, values, shares[first]), dtype=np.float32)


def _search(fixed: ItkImage, moving: ItkImage, *, grid: Grid, world: Affine, mask: ItkImage, seed: int) -> Deformation:
    import SimpleITK as sitk  # noqa: N813

    levels = _lattices(grid)
    bend = Deformation(levels[0], np.zeros((3, *levels[0].shape)))
    limit = _limit_mm(levels[-1])
    for lattice, smoothing in zip(levels, _SMOOTHING_MM, strict=True):
        i, j, k = (a > b for a, b in zip(lattice.shape, bend.lattice.shape, strict=True))
        bend = _refined(bend, (i, j, k))
        spline = bend.as_itk()
        images = [
            sitk.SmoothingRecursiveGaussian(image, smoothing) if smoothing else image for image in (fixed, moving)
        ]
        method = mutual_information(fixed, mask=mask, seed=seed)
        method.SetMovingInitialTransform(affine_as_itk(world))
        method.SetInitialTransform(spline, inPlace=True)
        method.SetOptimizerAsLBFGSB(
            gradientConvergenceTolerance=1e-9,
            numberOfIterations=_ITERATIONS,
            maximumNumberOfCorrections=10,
            costFunctionConvergenceFactor=1e7,
            lowerBound=-limit,
            upperBound=limit,
        )
        method.Execute(*images)
        flat = np.array(spline.GetParameters()).reshape(3, *bend.lattice.shape[::-1])
        bend = Deformation(bend.lattice, flat.transpose(0, 3, 2, 1))
    return bend
