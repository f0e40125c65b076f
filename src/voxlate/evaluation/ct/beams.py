"""Straight beams through a CT: water-equivalent path lengths, and the dose of primary photons.

Water-equivalent path lengths say how much water a beam would have crossed::

    W = integral of rho_e ds      over the patient, in mm

with the electron density relative to water ``rho_e``. To photons of therapy a millimetre of tissue counts as so many
millimetres of water as it has electrons; a dose engine that scales depths by it is as old as CT in planning. For the
range of protons stopping power would take its place; give a calibration of that as the CSV file. Beams are parallel,
without scatter: equal paths do not make equal doses, but other paths make other ones. Directions are those of the
voxel grid, which is RAS: ``i`` to the right, ``j`` to the front.

The dose of primary photons is a stand-in that needs a CT alone::

    D = mean over beams of exp(-mu W)

with the water-equivalent depth ``W`` of a voxel along each of the eight beams, and ``D = 1`` where
nothing lies in their way. ``mu`` is that of water for photons of 2 MeV, about the mean energy of a 6 MV beam:
0.04942 cm2/g (Hubbell and Seltzer, NIST database 126, doi:10.18434/T4D01F), which is 0.004942 per mm.

This is no dose engine. Beams are parallel, open and of one energy; there is no scatter, no build-up under the skin and
no electron transport. It says how far errors of a CT, added up along beams, change what arrives at a voxel.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Density = NDArray[np.float64]
Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]
LEFT_RIGHT, ANTERIOR_POSTERIOR = 0, 1
_GANTRY_DEG = tuple(range(0, 360, 45))
"""Where beams to the centre come from, in the axial plane: 0 from the front, 90 from the patient's left."""
_STEPS_PER_VOXEL = 2


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
    """Water-equivalent depth of a point, seen from each of the directions ``_GANTRY_DEG`` in its axial plane.

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

    step = min(spacing_mm) / _STEPS_PER_VOXEL
    reach = math.hypot(*(size * spacing for size, spacing in zip(density.shape, spacing_mm, strict=True)))
    along = (np.arange(math.ceil(reach / step)) + 0.5) * step
    angles = np.deg2rad(_GANTRY_DEG)
    towards = np.stack([-np.sin(angles), np.cos(angles), np.zeros(len(angles))]) / np.array(spacing_mm)[:, None]
    places = point[:, None, None] + towards[:, :, None] * along
    inside = np.where(mask, density, 0)
    sampled = map_coordinates(inside, places, order=1, mode="constant", cval=0.0, output=np.float64)
    return np.asarray(sampled.sum(axis=1) * step)[:, None, None]


def centre_of(mask: Mask) -> NDArray[np.float64] | None:
    """The mean place of a mask's voxels, ``(3,)`` in voxels; ``None`` if it has none."""
    places = np.argwhere(mask)
    return np.asarray(places.mean(axis=0)) if len(places) else None


_WATER_PER_MM = 0.004942
_DOSE_GRID_MM = 3.0
"""Clinical doses are computed on grids of 2 to 3 mm."""


def primary_dose(
    density: Density, *, mask: Mask, spacing_mm: Spacing, attenuation_per_mm: float = _WATER_PER_MM
) -> Density:
    """What arrives at each voxel of the beams ``_GANTRY_DEG``, on average, a stand-in for dose.

    Slices are turned until a beam runs along their columns, summed, and turned back, with linear interpolation.

    Args:
        density: ``(i, j, k)``, electron density relative to water.
        mask: ``(i, j, k)``, the patient; what lies outside counts as nothing.
        spacing_mm: Spacing along i, j, k.
        attenuation_per_mm: Of water.

    Returns:
        ``(i, j, k)``, from 0 to 1, outside the patient too.

    Example:
        >>> nothing = np.zeros((4, 4, 1))
        >>> float(primary_dose(nothing, mask=nothing == 0, spacing_mm=(1.0, 1.0, 1.0)).min())
        1.0
    """
    inside = np.where(mask, density, 0).astype(np.float64)
    dose = np.zeros_like(inside)
    for k in range(inside.shape[2]):
        for gantry_deg in _GANTRY_DEG[: len(_GANTRY_DEG) // 2]:  # the other half comes from the opposite sides
            for depths in _opposite_depths_mm(inside[..., k], gantry_deg=gantry_deg, spacing_mm=spacing_mm[:2]):
                dose[..., k] += np.exp(-attenuation_per_mm * depths)
    return dose / len(_GANTRY_DEG)


def coarsen(values: Density, *, spacing_mm: Spacing, grid_mm: float = _DOSE_GRID_MM) -> tuple[Density, Spacing]:
    """Means over blocks of about ``grid_mm`` along each axis; paths keep their water-equivalent length.

    Args:
        values: ``(i, j, k)``; beyond the edge they count as 0.
        spacing_mm: Spacing along i, j, k.
        grid_mm: What the new spacing comes near to, by ratio; axes that are coarser stay as they are.

    Returns:
        The means, and their spacing.
    """
    # n voxels are nearer to the wanted size than n + 1 up to the geometric mean of the two
    per_block = tuple(max(1, round(math.sqrt((grid_mm / spacing) ** 2 + 0.25))) for spacing in spacing_mm)
    padded = np.pad(values, [(0, -size % step) for size, step in zip(values.shape, per_block, strict=True)])
    parts = [part for size, step in zip(padded.shape, per_block, strict=True) for part in (size // step, step)]
    i, j, k = (step * spacing for step, spacing in zip(per_block, spacing_mm, strict=True))
    return padded.reshape(parts).mean(axis=(1, 3, 5), dtype=np.float64), (i, j, k)


def _opposite_depths_mm(
    density: NDArray[np.float64], *, gantry_deg: float, spacing_mm: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Depths of a slice's voxels ``(i, j)`` seen from a direction and from the one opposite to it."""
    from scipy.ndimage import affine_transform

    step = min(spacing_mm)
    size = math.ceil(math.hypot(*(n * s for n, s in zip(density.shape, spacing_mm, strict=True))) / step) + 2
    cos, sin = math.cos(math.radians(gantry_deg)), math.sin(math.radians(gantry_deg))
    # columns of the turned slice run towards the source, (-sin, cos) in (i, j)
    turn = step * np.array([[cos, -sin], [sin, cos]]) / np.array(spacing_mm)[:, None]
    shift = (np.array(density.shape) - 1) / 2 - turn @ np.full(2, (size - 1) / 2)
    turned = affine_transform(
        density, turn, offset=shift, output_shape=(size, size), order=1, mode="grid-constant", cval=0.0
    )
    crossed = np.cumsum(turned[:, ::-1], axis=1)[:, ::-1]
    depths = (crossed - turned / 2) * step  # of the voxel itself half is crossed
    back = np.linalg.inv(turn)
    front, rear = (
        affine_transform(lengths, back, offset=-back @ shift, output_shape=density.shape, order=1, mode="nearest")
        for lengths in (depths, crossed[:, :1] * step - depths)
    )
    return front, rear
