"""Resampling: an image read at the voxels of another grid.

Where both grids share one lattice (reordered, flipped, cropped, padded) voxels are moved, never interpolated. Else
images are interpolated linearly and label maps take the nearest voxel. Before an image is made coarser it is smoothed
so that it does not alias: along each axis, with a Gaussian that brings the point spread function of the fine voxel
(taken as Gaussian with a full width at half maximum of one voxel) to that of the coarse one,
``variance = (factor^2 - 1) / (8 ln 2)`` in fine voxels (Cardoso et al. 2015, doi:10.1007/978-3-319-24571-3_81).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.volume import Affine, Grid

LATTICE_TOLERANCE_VOXELS = 1e-3
SMOOTH_FROM_FACTOR = 1.2


def index_map(source: Grid, target: Grid, world: Affine | None = None) -> Affine:
    """The matrix ``(4, 4)`` from voxel indices of ``target`` to those of ``source``.

    Args:
        source: Where values are read.
        target: Where they are wanted.
        world: From the target's world to the source's world, RAS+ mm (what registration found); ``None``: the same.
    """
    middle = target.affine if world is None else world @ target.affine
    return np.asarray(np.linalg.inv(source.affine) @ middle)


def same_lattice(source: Grid, target: Grid, world: Affine | None = None) -> bool:
    """Whether every voxel of ``target`` coincides with a voxel of ``source``, or of its lattice continued."""
    return _exact_map(source, target, world) is not None


def covers(source: Grid, target: Grid, world: Affine | None = None) -> bool:
    """Whether every voxel centre of ``target`` lies in a voxel of ``source``."""
    ends = [(0, n - 1) for n in target.shape]
    corners = np.array([(i, j, k, 1) for i in ends[0] for j in ends[1] for k in ends[2]], dtype=np.float64)
    index = (corners @ index_map(source, target, world).T)[:, :3]
    slack = 0.5 + LATTICE_TOLERANCE_VOXELS
    return bool((index >= -slack).all() and (index <= np.array(source.shape) - 1 + slack).all())


def resample(
    array: NDArray[Any],
    source: Grid,
    target: Grid,
    *,
    nearest: bool = False,
    fill: float = 0.0,
    world: Affine | None = None,
) -> NDArray[Any]:
    """An image at the voxels of another grid.

    Args:
        array: Voxels ``(i, j, k)`` on ``source``.
        source: The grid that the image lies on.
        target: The grid that it is wanted on.
        nearest: Take the nearest voxel, for label maps and masks; the dtype is kept.
        fill: Value where ``source`` does not reach.
        world: From the target's world to the source's world, RAS+ mm.

    Returns:
        Voxels on ``target``: on a shared lattice in the dtype of ``array`` (a view where nothing is to be filled), else
        float32, or the dtype of ``array`` if ``nearest``.
    """
    exact = _exact_map(source, target, world)
    if exact is not None:
        return _move(array, target, exact, fill)
    index = index_map(source, target, world)
    if nearest:
        return _interpolate(array, target, index, nearest=True, fill=fill)
    return _interpolate(_smoothed(array, index), target, index, nearest=False, fill=fill)


def spacing_grid(grid: Grid, spacing_mm: tuple[float, float, float]) -> Grid:
    """The grid of another spacing that covers the same box: same axes, same centre, extent rounded to whole voxels."""
    old = np.array(grid.spacing_mm)
    new = np.array(spacing_mm)
    count = np.maximum(1, np.rint(np.array(grid.shape) * old / new)).astype(int)
    affine = grid.affine.copy()
    affine[:3, :3] = grid.affine[:3, :3] * (new / old)
    centre = grid.affine[:3, :3] @ ((np.array(grid.shape) - 1) / 2) + grid.affine[:3, 3]
    affine[:3, 3] = centre - affine[:3, :3] @ ((count - 1) / 2)
    i, j, k = (int(n) for n in count)
    return Grid((i, j, k), affine)


def crop_grid(grid: Grid, start: tuple[int, int, int], shape: tuple[int, int, int]) -> Grid:
    """The block of a grid that begins at voxel ``start``."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.affine[:3, :3] @ np.array(start, dtype=np.float64) + grid.affine[:3, 3]
    return Grid(shape, affine)


def _exact_map(source: Grid, target: Grid, world: Affine | None) -> NDArray[np.int64] | None:
    """The index map in whole numbers, if it is a reordering, flip and shift to within the tolerance."""
    index = index_map(source, target, world)
    whole = np.rint(index)
    turn = np.abs(whole[:3, :3])
    if not ((turn.sum(axis=0) == 1).all() and (turn.sum(axis=1) == 1).all()):
        return None
    # How far the rounding moves the voxel that it moves furthest.
    reach = np.abs(index - whole)[:3] @ np.array([*(np.array(target.shape) - 1.0), 1.0])
    return whole.astype(np.int64) if reach.max() <= LATTICE_TOLERANCE_VOXELS else None


def _move(array: NDArray[Any], target: Grid, exact: NDArray[np.int64], fill: float) -> NDArray[Any]:
    """Voxels moved by a reordering, flips and shifts."""
    axes = [int(np.flatnonzero(exact[:3, axis])[0]) for axis in range(3)]
    view = array.transpose(axes)
    inner: list[slice] = []
    outer: list[slice] = []
    for axis, old in enumerate(axes):
        sign, shift, count = int(exact[old, axis]), int(exact[old, 3]), array.shape[old]
        if sign < 0:
            view = np.flip(view, axis)
            shift = count - 1 - shift
        first, last = max(0, -shift), min(target.shape[axis], count - shift)
        outer.append(slice(first, max(first, last)))
        inner.append(slice(first + shift, max(first, last) + shift))
    part = view[tuple(inner)]
    if part.shape == target.shape:
        return part
    moved = np.full(target.shape, fill, dtype=array.dtype)
    moved[tuple(outer)] = part
    return moved


def _smoothed(array: NDArray[Any], index: Affine) -> NDArray[np.float32]:
    """Float32, smoothed along the axes that become coarser."""
    # The step of one target voxel along each source axis, in source voxels.
    factor = np.linalg.norm(index[:3, :3], axis=1)
    variance = np.where(factor > SMOOTH_FROM_FACTOR, np.maximum(factor**2 - 1, 0) / (8 * np.log(2)), 0)
    if not variance.any():
        return array.astype(np.float32, copy=False)
    from scipy.ndimage import gaussian_filter

    sd = [float(np.sqrt(v)) for v in variance]
    return np.asarray(gaussian_filter(array.astype(np.float32, copy=False), sd, mode="nearest"))


def _interpolate(array: NDArray[Any], target: Grid, index: Affine, *, nearest: bool, fill: float) -> NDArray[Any]:
    """SimpleITK in index space: both grids become unit lattices, and the index map is the transform."""
    import SimpleITK as sitk  # noqa: N813

    dtype = array.dtype
    plain = array.view(np.uint8) if dtype == np.bool_ else array
    # SimpleITK wants (k, j, i), which for an array in Fortran order is free.
    moving = sitk.GetImageFromArray(np.ascontiguousarray(plain.T))
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(index[:3, :3].ravel().tolist())
    transform.SetTranslation(index[:3, 3].tolist())
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(list(target.shape))
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    resampler.SetDefaultPixelValue(float(fill))
    resampler.SetTransform(transform)
    result: NDArray[Any] = sitk.GetArrayFromImage(resampler.Execute(moving)).T
    return result.view(np.bool_) if dtype == np.bool_ else result
