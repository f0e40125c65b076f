"""The thorax: lungs with their vessels, mediastinum and heart, chest wall, liver; and lesions that take up glucose.

Hulls are computed on the image grid and refined; every tissue is painted on a finer lattice. Body coordinates are those
of ``voxlate.phantoms.thorax.chest``. Tumours in the lung and lymph nodes of the mediastinum have the CT number of soft
tissue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.lattice import Canvas, Lattice
from voxlate.phantoms.nodules import Nodule, NoduleKind
from voxlate.phantoms.physics.tissues import tissue_id
from voxlate.phantoms.solids import Field, Knots, Noise, Points, Vector, capsule, ellipsoid, refine, smooth_union
from voxlate.phantoms.thorax.airways import lung_vessels, paint_airways
from voxlate.phantoms.thorax.chest import (
    ChestWall,
    cage,
    diaphragm,
    draw_wall,
    paint_abdomen,
    paint_couch,
    paint_spine,
    paint_wall,
    skin,
)
from voxlate.phantoms.thorax.heart import HeartShape, draw_heart, paint_heart, pericardium
from voxlate.volume import Grid

HOT_LABELS: dict[str, int] = {"lung_tumour": 1, "lymph_node": 2}
"""Labels of the lesions in the truth: tumour in a lung 1, lymph node 2."""

THORAX_CYCLE: tuple[str, ...] = ("lung", "node", "lung_and_node", "none")
"""Where the n-th case of a cohort has lesions."""

_LUNG_PLACES: tuple[Vector, ...] = (
    (78, 8, 34),
    (-82, -14, 44),
    (66, -34, 2),
    (-66, -42, 8),
    (58, 24, 72),
    (-56, 18, 78),
    (84, -18, -28),
    (-86, 12, -10),
)
_NODE_PLACES: tuple[Vector, ...] = ((8, -26, 48), (22, -14, 92), (-44, -10, 52), (46, -12, 46), (-16, 36, 82))


_ROOM = ("lung", "lung_vessel", "fat", "soft_tissue")
THORAX_NODULES: tuple[NoduleKind, ...] = (
    NoduleKind("lung_tumour", _LUNG_PLACES, (7.0, 17.0), subtypes=("lung", "lung_and_node"), room=_ROOM),
    NoduleKind("lymph_node", _NODE_PLACES, (6.0, 11.0), subtypes=("node", "lung_and_node"), room=_ROOM),
)
"""One to three tumours in the lungs, one to three nodes."""


@dataclass(frozen=True, eq=False)
class ThoraxShape:
    """What is drawn for one thorax.

    Attributes:
        size: Factors along x, y, z.
        shift_mm: Position of the body in the scanner.
        wall: The chest wall.
        heart: The heart.
        vessels: Tubes of the lungs' vessels.
        warp: Noise that bends the hulls.
    """

    size: Vector
    shift_mm: Vector
    wall: ChestWall
    heart: HeartShape
    vessels: tuple[Knots, ...]
    warp: Noise


def draw_thorax(rng: np.random.Generator) -> ThoraxShape:
    """A thorax with a heart at a random phase of its beat."""
    x, y, z = 0.985 * (1 + np.clip(rng.normal(0, 0.03, size=3), -0.05, 0.05)) * (1 + rng.uniform(-0.03, 0.02))
    a, b, c = rng.normal(0, (3.0, 2.0, 5.0))
    wall, heart = draw_wall(rng), draw_heart(rng)
    return ThoraxShape(
        size=(float(x), float(y), float(z)),
        shift_mm=(float(a), float(b), float(c)),
        wall=wall,
        heart=heart,
        vessels=lung_vessels(rng),
        warp=Noise.draw(rng, wavelength_mm=90.0),
    )


def _mediastinum(shape: ThoraxShape, points: Points) -> Field:
    """Distance in mm to what lies between the lungs: heart, great vessels, windpipe and spine with their fat."""
    x, y, z = points
    sac = pericardium(shape.heart, points)
    trunk = capsule((x, y * np.float32(0.75), z), ((2, -8, 160), (2, -8, 48)), (26, 31))
    spine = ellipsoid((x, y, 0 * z), (0, -52, 0), (25, 21, 1e3))
    aorta = ellipsoid((x, y, np.maximum(z - 84, 0)), (-31, -48, 0), (15, 15, 15))
    hila = ellipsoid((np.abs(x), y, z), (32, -16, 52), (19, 19, 24))
    front = np.maximum(np.abs(x + 4) - np.float32(5), np.float32(25) - y) + 0 * z
    cava = capsule(points, ((22, -12, -20), (20, -18, -90)), (15, 15))
    result = smooth_union(sac, np.asarray(trunk, dtype=np.float32), blend_mm=14.0)
    for piece, blend in (
        (hila, 12.0),
        (aorta, 8.0),
        (spine, 8.0),
        (np.asarray(front, dtype=np.float32), 16.0),
        (cava, 8.0),
    ):
        result = smooth_union(result, piece, blend_mm=blend)
    return result


def build_thorax(shape: ThoraxShape, lesions: tuple[Nodule, ...], grid: Grid, *, factor: int) -> NDArray[np.uint8]:
    """Tissue numbers on the lattice ``factor`` times finer than a grid whose axes are those of the world, RAS+."""
    coarse = Lattice.of(grid, factor=1, size=shape.size, shift_mm=shape.shift_mm).points()
    bend = shape.warp.at(coarse)
    cage_mm = refine(cage(coarse) + 2.5 * bend, factor)
    skin_mm = refine(skin(shape.wall, coarse) + 1.5 * bend, factor)
    below_mm = refine(diaphragm(shape.wall, coarse) + 2 * bend, factor)
    middle_mm = refine(_mediastinum(shape, coarse) + bend, factor)
    tissues = np.zeros(cage_mm.shape, dtype=np.uint8)
    canvas = Canvas(Lattice.of(grid, factor=factor, size=shape.size, shift_mm=shape.shift_mm), tissues)
    paint_wall(canvas, shape.wall, cage_mm=cage_mm, skin_mm=skin_mm)
    inside = (cage_mm < 0) & (skin_mm < 0)
    tissues[inside] = tissue_id("fat")
    lung = (cage_mm < -1.5) & (below_mm > 0) & (middle_mm > 0)
    tissues[lung] = tissue_id("lung")
    paint_abdomen(canvas, shape.wall, below_mm=below_mm, cage_mm=cage_mm)
    paint_spine(canvas)
    for knots in shape.vessels:
        canvas.tube(knots, tissue_id("lung_vessel"), over=(tissue_id("lung"),))
    paint_airways(canvas)
    paint_heart(canvas, shape.heart)
    for lesion in lesions:
        lesion.paint(canvas)
    if shape.wall.couch:
        paint_couch(canvas, skin_mm=skin_mm)
    return tissues
