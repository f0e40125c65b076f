"""The head: hulls of cavity and scalp on the image grid, then every tissue on a finer lattice.

Head coordinates are RAS+ mm with the origin between the commissures; a person's tilt, size and aspect map the world
into them, so that all shapes are written once. Dimensions follow an adult: brain 134 x 168 mm across and along, skull
5 to 9 mm, scalp 4 to 9 mm (Lillie et al., Forensic Sci Int 262 (2016), doi 10.1016/j.forsciint.2016.02.018, for the
skull).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.head.brain import brain_hulls, paint_brain
from voxlate.phantoms.head.cortex import Folding, draw_folding
from voxlate.phantoms.head.lesions import Glioma
from voxlate.phantoms.head.scalp import face_and_neck, paint_outside
from voxlate.phantoms.solids import Field, Noise, Points, refine, smooth_union
from voxlate.volume import Array, Grid


@dataclass(frozen=True, eq=False)
class HeadShape:
    """What is drawn for one head.

    Attributes:
        size: Factors along x, y, z.
        tilt_deg: Rotations about x (nod), y (roll) and z (turn).
        shift_mm: Position of the head in the scanner.
        skull_mm: Mean thickness of the skull.
        scalp_mm: Mean thickness of skin and fat over the skull.
        gap_mm: Mean width of the fluid between brain and skull.
        ventricles: Factor of the ventricles' radii; grows with age.
        folding: The cortex.
        warp: Noise that bends the hulls.
        layers: Noise that varies the thickness of layers.
    """

    size: tuple[float, float, float]
    tilt_deg: tuple[float, float, float]
    shift_mm: tuple[float, float, float]
    skull_mm: float
    scalp_mm: float
    gap_mm: float
    ventricles: float
    folding: Folding
    warp: Noise
    layers: Noise


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def draw_head(rng: np.random.Generator, *, age: float) -> HeadShape:
    """A head of that age in years."""
    atrophy = float(np.clip((age - 35) / 45, 0, 1))
    size = rng.normal(0.985, 0.022) * rng.normal(1.0, (0.022, 0.018, 0.02))
    return HeadShape(
        size=_triple(np.clip(size, 0.92, 1.045)),
        tilt_deg=_triple(rng.normal(0, (5.0, 2.5, 3.5))),
        shift_mm=_triple(rng.normal(0, (1.5, 1.5, 2.0))),
        skull_mm=float(np.clip(rng.normal(7.0, 0.8), 5.0, 9.0)),
        scalp_mm=float(np.clip(rng.normal(6.0, 1.0), 4.0, 8.5)),
        gap_mm=float(rng.normal(1.6, 0.2) + 1.6 * atrophy),
        ventricles=float(np.clip(rng.normal(0.92, 0.10) + 0.35 * atrophy, 0.65, 1.5)),
        folding=draw_folding(rng, age=age),
        warp=Noise.draw(rng, wavelength_mm=80.0),
        layers=Noise.draw(rng, wavelength_mm=40.0),
    )


def _rotation(tilt_deg: tuple[float, float, float]) -> NDArray[np.float64]:
    result = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(tilt_deg)):
        first, second = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        result = result @ turn
    return result


def _head_coordinates(shape: HeadShape, grid: Grid, *, factor: int = 1) -> Points:
    """Head coordinates of the voxels of a grid, or of a lattice ``factor`` times finer, ``(i, j, k)`` each."""
    into = np.diag(1 / np.asarray(shape.size)) @ _rotation(shape.tilt_deg)
    linear = into @ grid.affine[:3, :3]
    offset = into @ (grid.affine[:3, 3] - np.asarray(shape.shift_mm))
    steps = [(np.arange(n * factor) + 0.5) / factor - 0.5 for n in grid.shape]
    rows: list[Field] = []
    for row, start in zip(linear, offset, strict=True):
        i, j, k = (part * step for part, step in zip(row, steps, strict=True))
        plane = (i[:, None, None] + start).astype(np.float32) + j[None, :, None].astype(np.float32)
        rows.append(plane + k[None, None, :].astype(np.float32))
    return rows[0], rows[1], rows[2]


def _hulls(shape: HeadShape, points: Points) -> tuple[Field, Field, Field]:
    """Distances in mm to the brain's hull, the inner skull and the skin, negative inside."""
    bend = 1.8 * shape.warp.at(points)
    brain = (brain_hulls(points) + bend).astype(np.float32)
    gap = shape.gap_mm * (1 + 0.35 * shape.layers.at(points))
    cavity = (brain - gap).astype(np.float32)
    skull = np.float32(shape.skull_mm + shape.scalp_mm)
    skin = smooth_union(cavity - skull, face_and_neck(points) + 0.4 * bend, blend_mm=16.0)
    return brain, cavity, skin


def build_head(
    shape: HeadShape, glioma: Glioma | None, grid: Grid, *, factor: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Tissue numbers on the lattice ``factor`` times finer than the grid, and the brain mask on the grid."""
    brain, cavity, skin = _hulls(shape, _head_coordinates(shape, grid))
    skin_fine, cavity_fine = refine(skin, factor), refine(cavity, factor)
    tissues = np.zeros(skin_fine.shape, dtype=np.uint8)
    inside = cavity_fine < 0
    outside = (skin_fine < 0) & ~inside
    points = _head_coordinates(shape, grid, factor=factor)
    tissues[outside] = paint_outside(
        _at(points, outside),
        cavity=cavity_fine[outside],
        skin=skin_fine[outside],
        thickness_mm=(shape.skull_mm, shape.scalp_mm),
        layers=shape.layers,
    )
    tissues[inside] = paint_brain(
        _at(points, inside),
        cavity=cavity_fine[inside],
        warp=shape.warp,
        folding=shape.folding,
        ventricles=shape.ventricles,
        glioma=glioma,
    )
    return tissues, brain < 0


def _at(points: Points, mask: Array) -> Points:
    x, y, z = (axis[mask] for axis in points)
    return x, y, z
