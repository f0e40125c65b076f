"""Water-equivalent path lengths: how much water a beam would have crossed, a cheap stand-in for dose.

    W = integral of rho_e ds      over the patient, in mm

with the electron density relative to water ``rho_e``. To photons of therapy a millimetre of tissue counts as so many
millimetres of water as it has electrons; a dose engine that scales depths by it is as old as CT in planning. For the
range of protons stopping power would take its place; give a calibration of that as the CSV file. Beams are parallel,
without scatter: equal paths do not make equal doses, but other paths make other ones. Directions are those of the
voxel grid, which is RAS: ``i`` to the right, ``j`` to the front.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Density = NDArray[np.float64]
Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]
LEFT_RIGHT, ANTERIOR_POSTERIOR = 0, 1
GANTRY_DEG = tuple(range(0, 360, 45))
"""Where beams to the centre come from, in the axial plane: 0 from the front, 90 from the patient's left."""
STEPS_PER_VOXEL = 2


def path_lengths_mm(density: Density, *, mask: Mask, spacing_mm: Spacing, axis: int) -> Density:
    """Water-equivalent lengths of all rays along an axis of the grid, through the whole patient.

    Args:
        density: ``(i, j, k)``, electron density relative to water.
        mask: ``(i, j, k)``, the patient; what lies outside counts as nothing.
        spacing_mm: Spacing along i, j, k.
        axis: The axis that the rays run along.

    Returns:
        The shape of ``density`` with one element along the axis; 0 for rays that miss the patient.
    """
    return np.asarray(np.where(mask, density, 0).sum(axis=axis, keepdims=True, dtype=np.float64) * spacing_mm[axis])


def depths_mm(density: Density, *, mask: Mask, spacing_mm: Spacing, point: NDArray[np.float64]) -> Density:
    """Water-equivalent depth of a point, seen from each of the directions ``GANTRY_DEG`` in its axial plane.

    The density is interpolated linearly, in steps of half the smallest spacing.

    Args:
        density: ``(i, j, k)``, electron density relative to water.
        mask: ``(i, j, k)``, the patient; what lies outside counts as nothing.
        spacing_mm: Spacing along i, j, k.
        point: ``(3,)``, in voxels.

    Returns:
        ``(directions, 1, 1)``, in mm.
    """
    from scipy.ndimage import map_coordinates

    step = min(spacing_mm) / STEPS_PER_VOXEL
    reach = math.hypot(*(size * spacing for size, spacing in zip(density.shape, spacing_mm, strict=True)))
    along = (np.arange(math.ceil(reach / step)) + 0.5) * step
    angles = np.deg2rad(GANTRY_DEG)
    towards = np.stack([-np.sin(angles), np.cos(angles), np.zeros(len(angles))]) / np.array(spacing_mm)[:, None]
    places = point[:, None, None] + towards[:, :, None] * along
    inside = np.where(mask, density, 0)
    sampled = map_coordinates(inside, places, order=1, mode="constant", cval=0.0, output=np.float64)
    return np.asarray(sampled.sum(axis=1) * step)[:, None, None]


def centre_of(mask: Mask) -> NDArray[np.float64] | None:
    """The mean place of a mask's voxels, ``(3,)`` in voxels; ``None`` if it has none."""
    places = np.argwhere(mask)
    return np.asarray(places.mean(axis=0)) if len(places) else None
