"""Orientation: which way the voxel axes run, and the reordering to RAS+ that moves voxels without touching them.

RAS+: ``i`` grows to the patient's right, ``j`` to the front, ``k`` to the head. An oblique grid becomes the closest of
the 48 axis orders and flips; its obliquity stays in the affine.
"""

from __future__ import annotations

import numpy as np

from voxlate.volume import Affine, Array, Grid


def axis_codes(affine: Affine) -> str:
    """The direction in which each voxel axis grows, as three letters of R/L, A/P and S/I.

    Example:
        >>> axis_codes(np.diag([-1.0, 1.0, 1.0, 1.0]))
        'LAS'
    """
    from nibabel.orientations import aff2axcodes

    return "".join(aff2axcodes(affine))


def _axis_order(affine: Affine) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """How the axes are reordered to RAS+.

    Returns:
        For each of the RAS+ axes, the voxel axis that it is, and ``+1`` or ``-1`` if that one is to be flipped.
    """
    from nibabel.orientations import io_orientation

    orientation = io_orientation(affine)
    order = np.argsort(orientation[:, 0])
    i, j, k = (int(axis) for axis in order)
    si, sj, sk = (int(orientation[axis, 1]) for axis in order)
    return (i, j, k), (si, sj, sk)


def ras_grid(grid: Grid) -> Grid:
    """The same lattice with its axes in RAS+ order."""
    order, signs = _axis_order(grid.affine)
    move = np.zeros((4, 4))
    move[3, 3] = 1.0
    for new, (old, sign) in enumerate(zip(order, signs, strict=True)):
        move[old, new] = sign
        move[old, 3] = 0 if sign > 0 else grid.shape[old] - 1
    i, j, k = (grid.shape[axis] for axis in order)
    return Grid((i, j, k), grid.affine @ move)


def to_ras(array: Array, affine: Affine) -> Array:
    """A view of an array ``(i, j, k)`` with its axes in RAS+ order; no voxel is copied."""
    order, signs = _axis_order(affine)
    return array.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
