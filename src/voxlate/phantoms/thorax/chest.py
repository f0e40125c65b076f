"""The chest about the lungs: skin, fat, muscle, bones, couch, and what lies under the diaphragm.

Body coordinates are RAS+ mm; the origin lies in the midline at the height of the left ventricle. The rib cage is half
an ellipsoid on an elliptical cylinder, 232 x 152 mm inside; ribs go down towards the front; a vertebra and its disc
take 25 mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.lattice import Canvas
from voxlate.phantoms.physics.tissues import tissue_id
from voxlate.phantoms.solids import Field, Noise, Points, capsule, ellipsoid, smooth_step, smooth_union

_CAGE_MM = (116.0, 76.0, 118.0)
"""Semi-axes of the inside of the rib cage; the third is its height over z = 20."""
_RIB_PITCH_MM = 25.0


@dataclass(frozen=True, eq=False)
class ChestWall:
    """What is drawn for one chest wall.

    Attributes:
        fat_mm: Mean thickness of the fat under the skin.
        muscle_mm: Mean thickness of the muscle on the ribs.
        rib_phase: Where along the spine the first rib lies, 0 to 1.
        dome_mm: Height of the diaphragm's right and left dome.
        couch: Whether the patient lies on a couch that the CT shows.
        layers: Noise that varies the thickness of layers.
    """

    fat_mm: float
    muscle_mm: float
    rib_phase: float
    dome_mm: tuple[float, float]
    couch: bool
    layers: Noise


def draw_wall(rng: np.random.Generator) -> ChestWall:
    """A chest wall."""
    fat, muscle, right, left = np.clip(rng.normal(0, 1, size=4), -2, 2) * (3.5, 1.2, 6.0, 6.0) + (
        11.0,
        8.0,
        -48.0,
        -56.0,
    )
    return ChestWall(
        fat_mm=float(fat),
        muscle_mm=float(muscle),
        rib_phase=float(rng.uniform(0, 1)),
        dome_mm=(float(right), float(left)),
        couch=bool(rng.uniform() < 0.6),
        layers=Noise.draw(rng, wavelength_mm=60.0),
    )


def cage(points: Points) -> Field:
    """Distance in mm to the inside of the rib cage, to first order."""
    x, y, z = points
    return ellipsoid((x, y, np.maximum(z - 20, 0)), (0, 2, 0), _CAGE_MM)


def skin(wall: ChestWall, points: Points) -> Field:
    """Distance in mm to the skin: a rounded box about the cage, narrower towards the neck and the waist."""
    x, y, z = points
    thick = 9 + wall.muscle_mm + wall.fat_mm
    taper = 1 - 0.16 * smooth_step((z - 85) / 90) - 0.03 * smooth_step((-60 - z) / 90)
    across = (_CAGE_MM[0] + thick) * taper
    along = (_CAGE_MM[1] + 0.9 * thick + 5) * taper
    ring = ((np.abs(x) / across) ** 2.5 + (np.abs(y - 1) / along) ** 2.5) ** np.float32(0.4)
    return np.asarray(np.hypot(x, y - 1) * (1 - 1 / np.maximum(ring, np.float32(0.05))), dtype=np.float32)


def diaphragm(wall: ChestWall, points: Points) -> Field:
    """Distance in mm to the abdomen: two domes and the floor of the recess about them, negative below."""
    right, left = wall.dome_mm
    domes = ellipsoid(points, (57, 4, right - 62), (60, 74, 62))
    domes = smooth_union(domes, ellipsoid(points, (-56, 2, left - 60), (58, 72, 60)), blend_mm=20.0)
    domes = smooth_union(domes, ellipsoid(points, (0, 18, -112), (58, 60, 58)), blend_mm=20.0)
    return smooth_union(domes, (points[2] + 120).astype(np.float32) + 0 * domes, blend_mm=12.0)


def paint_wall(canvas: Canvas, wall: ChestWall, *, cage_mm: Field, skin_mm: Field) -> None:
    """Paints everything between skin and rib cage."""
    where = np.flatnonzero((skin_mm < 0) & (cage_mm > -1))
    points = _flat(canvas, where)
    out, depth = cage_mm.ravel()[where], -skin_mm.ravel()[where]
    variation = wall.layers.at(points)
    x, y, z = points
    painted = np.full(where.shape, tissue_id("muscle"), dtype=np.uint8)
    planes = wall.layers.sheets((x * 1.5, y * 1.5, z * 0.5)) < 1.3
    painted[planes & (out > 11)] = tissue_id("fat")
    painted[depth < np.maximum(wall.fat_mm * (0.85 + 0.3 * variation), 2.0) + 2] = tissue_id("fat")
    painted[depth < 2] = tissue_id("skin")
    _paint_ribs(painted, points, out=out, wall=wall)
    _paint_plates(painted, points, out=out, depth=depth)
    canvas.tissues.ravel()[where] = painted


def _flat(canvas: Canvas, where: NDArray[np.intp]) -> Points:
    i, j, k = np.unravel_index(where, canvas.tissues.shape)
    x, y, z = canvas.lattice.axes
    return x[i], y[j], z[k]


def _paint_ribs(painted: NDArray[np.uint8], points: Points, *, out: Field, wall: ChestWall) -> None:
    x, y, z = points
    slanted = (z + 0.42 * y - 0.05 * np.abs(x)) / np.float32(_RIB_PITCH_MM) + np.float32(wall.rib_phase)
    across = (slanted - np.floor(slanted) - 0.5) * np.float32(_RIB_PITCH_MM)
    rib = np.sqrt((across / 7.0) ** 2 + ((out - 4.5) / 4.5) ** 2)
    bony = (np.abs(x) > 12) & (z < 118) & ~((y > 45) & (np.abs(x) < 62))
    painted[(rib < 1) & bony] = tissue_id("cortical_bone")
    painted[(rib < 0.62) & bony] = tissue_id("trabecular_bone")
    cartilage = (rib < 0.9) & (y > 45) & (np.abs(x) < 62) & (z > -70) & (z < 110)
    painted[cartilage] = tissue_id("cartilage")


def _paint_plates(painted: NDArray[np.uint8], points: Points, *, out: Field, depth: Field) -> None:
    """Sternum in front, shoulder blades behind."""
    x, y, z = points
    side = np.abs(x)
    sternum = np.maximum(side - (15 + 6 * smooth_step((z - 60) / 40)), np.abs(out - 6) - 5.5)
    plate = np.where((y > 0) & (z > -45) & (z < 122) & (depth > 3), sternum, np.float32(9))
    painted[plate < 0] = tissue_id("cortical_bone")
    painted[plate < -1.8] = tissue_id("trabecular_bone")
    blade = (np.abs(out - 13.5) < 2.2) & (y < -25) & (side > 52) & (side < 112) & (z > 52) & (depth > 4)
    painted[blade] = tissue_id("cortical_bone")


def paint_abdomen(canvas: Canvas, wall: ChestWall, *, below_mm: Field, cage_mm: Field) -> None:
    """Paints muscle of the diaphragm, fat, liver, spleen and stomach."""
    inside = cage_mm < 0
    canvas.tissues[inside & (below_mm < 0)] = tissue_id("fat")
    right, left = wall.dome_mm
    organs = canvas.lattice.box((-130, -90, -200), (130, 100, max(right, left) + 20))
    points, region = canvas.lattice.part(organs), canvas.tissues[organs]
    room = inside[organs] & (below_mm[organs] < -2.5) & (cage_mm[organs] < -2.5)
    for name, centre, semi_axes in (
        ("bowel", (-46, 22, left - 48), (46, 40, 44)),
        ("spleen", (-78, -36, left - 56), (26, 32, 46)),
        ("liver", (52, 6, right - 66), (74, 72, 70)),
        ("liver", (-4, 34, right - 60), (58, 38, 46)),
    ):
        region[room & (ellipsoid(points, centre, semi_axes) < 0)] = tissue_id(name)
    gas = ellipsoid(points, (-44, 44, left - 26), (20, 16, 14)) < 0
    region[room & gas & (region == tissue_id("bowel"))] = tissue_id("air")
    sheet = inside & (below_mm < 0) & (below_mm > -2.5)
    canvas.tissues[sheet] = tissue_id("muscle")


def paint_spine(canvas: Canvas) -> None:
    """Paints vertebrae, discs, the canal with its cord, and the spinous processes."""
    box = canvas.lattice.box((-45, -102, -400), (45, -30, 400))
    points, region = canvas.lattice.part(box), canvas.tissues[box]
    x, y, z = points
    place = z / np.float32(25.0) - np.floor(z / np.float32(25.0))
    disc = (place > 0.8) + 0 * x > 0
    waist = 1 - 0.10 * np.sin(np.pi * np.clip(place / 0.8, 0, 1))
    body = ellipsoid((x, y, 0 * z), (0, -54, 0), (18.5, 15.5, 1e3)) + 14 * (1 - waist)
    process = capsule((x, y, 0 * z), ((0, -80, 0), (0, -97, 0)), (4, 3)) + np.where(place < 0.6, 0, 9)
    arms = capsule((np.abs(x), y, 0 * z), ((8, -74, 0), (30, -82, 0)), (5.5, 4)) + np.where(place < 0.5, 0, 9)
    arch = ellipsoid((x, y, 0 * z), (0, -76, 0), (14, 12, 1e3))
    bone = np.minimum(np.minimum(body, process), np.minimum(arms, arch))
    region[bone < 0] = tissue_id("cortical_bone")
    region[bone < -1.8] = tissue_id("trabecular_bone")
    region[disc & (body < 0)] = tissue_id("cartilage")
    region[ellipsoid((x, y, 0 * z), (0, -76, 0), (9.5, 8.5, 1e3)) < 0] = tissue_id("csf")
    region[ellipsoid((x, y, 0 * z), (0, -76, 0), (5.5, 4.5, 1e3)) < 0] = tissue_id("white_matter")


def paint_couch(canvas: Canvas, *, skin_mm: Field) -> None:
    """Paints a curved couch of foam in a shell under the back."""
    x, y, z = canvas.lattice.points()
    behind = np.flatnonzero((skin_mm < 0).any(axis=(0, 2)))
    top = canvas.lattice.axes[1][behind[0]] - 5 if behind.size else np.float32(-110)
    height = y - (top + 0.0007 * x**2) + 0 * z
    wide = (np.abs(x) < 145) & (skin_mm > 1)
    canvas.tissues[wide & (height < 0) & (height > -26)] = tissue_id("couch_foam")
    shell = (np.abs(height + 1.2) < 1.2) | (np.abs(height + 25) < 1.2)
    canvas.tissues[wide & shell] = tissue_id("couch_shell")
