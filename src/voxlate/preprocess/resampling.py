"""Resampling: an image read at the voxels of another grid.

Where both grids share one lattice (reordered, flipped, cropped, padded) voxels are moved, never interpolated. Else
images are interpolated linearly and label maps take the nearest voxel. Before an image is made coarser it is smoothed
so that it does not alias: along each axis, with a Gaussian that brings the point spread function of the fine voxel
(taken as Gaussian with a full width at half maximum of one voxel) to that of the coarse one,
``variance = (factor^2 - 1) / (8 ln 2)`` in fine voxels (Cardoso et al. 2015, doi:10.1007/978-3-319-24571-3_81).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxlate.io.transforms import ItkTransform, Transform, affine_as_itk
from voxlate.volume import Affine, Array, Grid

_LATTICE_TOLERANCE_VOXELS = 1e-3
_SMOOTH_FROM_FACTOR = 1.2


def _index_map(source: Grid, target: Grid, transform: Transform | None = None) -> Affine:
    """The matrix ``(4, 4)`` from voxel indices of ``target`` to those of ``source``, without deformation.

    Args:
        source: Where values are read.
        target: Where they are wanted.
        transform: From the target's world to the source's world (what registration found); ``None``: the same.
    """
    middle = target.affine if transform is None else transform.world @ target.affine
    return np.asarray(np.linalg.inv(source.affine) @ middle)


def same_lattice(source: Grid, target: Grid, transform: Transform | None = None) -> bool:
    """Whether every voxel of ``target`` coincides with a voxel of ``source``, or of its lattice continued."""
    return _exact_map(source, target, transform) is not None


def covers(source: Grid, target: Grid, transform: Transform | None = None) -> bool:
    """Whether every voxel centre of ``target`` lies in a voxel of ``source``; of a deformation that is not said."""
    if transform is not None and transform.deformation is not None:
        return False
    ends = [(0, n - 1) for n in target.shape]
    corners = np.array([(i, j, k, 1) for i in ends[0] for j in ends[1] for k in ends[2]], dtype=np.float64)
    index = (corners @ _index_map(source, target, transform).T)[:, :3]
    slack = 0.5 + _LATTICE_TOLERANCE_VOXELS
    return bool((index >= -slack).all() and (index <= np.array(source.shape) - 1 + slack).all())


def resample(
    array: Array,
    source: Grid,
    target: Grid,
    *,
    nearest: bool = False,
    fill: float = 0.0,
    transform: Transform | None = None,
) -> Array:
    """An image at the voxels of another grid.

    Args:
        array: Voxels ``(i, j, k)`` on ``source``.
        source: The grid that the image lies on.
        target: The grid that it is wanted on.
        nearest: Take the nearest voxel, for label maps and masks; the dtype is kept.
        fill: Value where ``source`` does not reach.
        transform: From the target's world to the source's world.

    Returns:
        Voxels on ``target``: on a shared lattice in the dtype of ``array`` (a view where nothing is to be filled), else
        float32, or the dtype of ``array`` if ``nearest``.
    """
    exact = _exact_map(source, target, transform)
    if exact is not None:
        return _move(array, target, exact, fill)
    index = _index_map(source, target, transform)
    chain = affine_as_itk(index)
    if transform is not None and transform.deformation is not None:
        chain = _chain(source, target, transform)
    image = array if nearest else _smoothed(array, index)
    return _interpolate(image, target, chain, nearest=nearest, fill=fill)


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


def _exact_map(source: Grid, target: Grid, transform: Transform | None) -> NDArray[np.int64] | None:
    """The index map in whole numbers, if it is a reordering, flip and shift to within the tolerance."""
    if transform is not None and transform.deformation is not None:
        return None
    index = _index_map(source, target, transform)
    whole = np.rint(index)
    turn = np.abs(whole[:3, :3])
    if not ((turn.sum(axis=0) == 1).all() and (turn.sum(axis=1) == 1).all()):
        return None
    # How far the rounding moves the voxel that it moves furthest.
    reach = np.abs(index - whole)[:3] @ np.array([*(np.array(target.shape) - 1.0), 1.0])
    return whole.astype(np.int64) if reach.max() <= _LATTICE_TOLERANCE_VOXELS else None


def _move(array: Array, target: Grid, exact: NDArray[np.int64], fill: float) -> Array:
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


def _smoothed(array: Array, index: Affine) -> NDArray[np.float32]:
    """Float32, smoothed along the axes that become coarser."""
    # The step of one target voxel along each source axis, in source voxels.
    factor = np.linalg.norm(index[:3, :3], axis=1)
    variance = np.where(factor > _SMOOTH_FROM_FACTOR, np.maximum(factor**2 - 1, 0) / (8 * np.log(2)), 0)
    if not variance.any():
        return array.astype(np.float32, copy=False)
    from scipy.ndimage import gaussian_filter

    sd = [float(np.sqrt(v)) for v in variance]
    return np.asarray(gaussian_filter(array.astype(np.float32, copy=False), sd, mode="nearest"))


def _chain(source: Grid, target: Grid, transform: Transform) -> ItkTransform:
    """From voxel indices of ``target`` to those of ``source``; ITK applies the last of a list first."""
    import SimpleITK as sitk  # noqa: N813

    ends = affine_as_itk(np.asarray(np.linalg.inv(source.affine), dtype=np.float64)), affine_as_itk(target.affine)
    return sitk.CompositeTransform([ends[0], transform.as_itk(), ends[1]])


def _interpolate(
    array: Array,
    target: Grid,
    chain: ItkTransform,
    *,
    nearest: bool,
    fill: float,
) -> Array:
    """SimpleITK in index space: both grids become unit lattices, and ITK's transform is between them."""
    import SimpleITK as sitk  # noqa: N813

    dtype = array.dtype
    plain = array.view(np.uint8) if dtype == np.bool_ else array
    # SimpleITK wants (k, j, i), which for an array in Fortran order is free.
    moving = sitk.GetImageFromArray(np.ascontiguousarray(plain.T))
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(list(target.shape))
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    resampler.SetDefaultPixelValue(float(fill))
    resampler.SetTransform(chain)
    result: Array = sitk.GetArrayFromImage(resampler.Execute(moving)).T
    return result.view(np.bool_) if dtype == np.bool_ else result
