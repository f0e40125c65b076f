"""Outside the brain's cavity: skull with its marrow, sinuses, orbits, jaw, neck, muscle, fat and skin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.physics.tissues import tissue_id
from voxlate.phantoms.solids import Field, Knots, Noise, Points, ball, capsule, chain, ellipsoid, smooth_union, tube

Tissues = NDArray[np.uint8]


def face_and_neck(points: Points) -> Field:
    """Distance in mm to the skin of face and neck; the cranium comes from the brain's hull."""
    x, y, z = points
    face = ellipsoid(points, (0, 36, -54), (60, 56, 72))
    nose = chain(points, [((0, 86, -28), 6), ((0, 97, -52), 9), ((0, 90, -60), 11)], blend_mm=6)
    neck = capsule(points, ((0, -22, -60), (0, -34, -140)), (60, 56))
    ears = ellipsoid((np.abs(x), y, z), (80, -18, -34), (6, 15, 24))
    skin = smooth_union(smooth_union(face, neck, blend_mm=20), nose, blend_mm=10)
    return smooth_union(skin, ears, blend_mm=6)


def paint_outside(
    points: Points, *, cavity: Field, skin: Field, thickness_mm: tuple[float, float], layers: Noise
) -> Tissues:
    """Tissue numbers of points outside the cavity and inside the skin.

    Args:
        points: Head coordinates, flat arrays in mm.
        cavity: Distance to the inner skull in mm, positive here.
        skin: Distance to the skin in mm, negative here.
        thickness_mm: Mean thickness of skull and scalp.
        layers: Noise that varies thicknesses.
    """
    skull_mm, scalp_mm = thickness_mm
    variation = layers.at(points)
    tissues = np.full(cavity.shape, tissue_id("muscle"), dtype=np.uint8)
    _paint_soft_tissue(tissues, points, skin=skin, layers=layers, scalp_mm=scalp_mm)
    _paint_face(tissues, points, skin=skin)
    _paint_skull(tissues, points, cavity=cavity, skull_mm=skull_mm + 0.9 * variation)
    _paint_spine(tissues, points)
    _paint_air(tissues, points, skin=skin, variation=variation)
    _paint_orbits(tissues, points, skin=skin)
    return tissues


def _paint_soft_tissue(tissues: Tissues, points: Points, *, skin: Field, layers: Noise, scalp_mm: float) -> None:
    x, y, z = points
    variation = layers.at(points)
    depth = -skin
    fat = scalp_mm * (0.75 + 0.25 * variation)
    low = z < -12
    tissues[~low | (depth < 3.5 + fat + 2.0 * variation)] = tissue_id("fat")
    # Planes of fat between the muscles of jaw and neck.
    planes = layers.sheets((x * 1.4, y * 1.4, z * 0.7)) < 1.6
    tissues[low & planes & (depth > 8)] = tissue_id("fat")
    # The temporal muscle lies in the hollow beside the eyes, under fat.
    temporal = (np.abs(x) > 46) & (np.hypot(y - 24, z + 14) < 34) & (depth > 4)
    tissues[temporal] = tissue_id("muscle")
    side: Points = (np.abs(x), y, z)
    tissues[ball(side, (42, 60, -52), (16, 15, 18))] = tissue_id("fat")
    tissues[ball(side, (60, -4, -62), (11, 15, 22))] = tissue_id("soft_tissue")
    tissues[depth < 1.7] = tissue_id("skin")


def _paint_skull(tissues: Tissues, points: Points, *, cavity: Field, skull_mm: Field) -> None:
    x, y, z = points
    thin = np.where((np.abs(x) > 50) & (z < 5), 0.6, 1.0) * np.where(z < -30, 0.75, 1.0)
    skull = skull_mm * thin
    shell = (cavity < skull) & ~_foramen_magnum(points)
    table = np.maximum(0.27 * skull, 1.3)
    tissues[shell] = tissue_id("cortical_bone")
    tissues[shell & (cavity > table) & (cavity < skull - table)] = tissue_id("marrow")
    petrous = capsule((np.abs(x), y, z), ((62, -24, -36), (16, -4, -34)), (11, 5))
    tissues[(petrous < 0) & (cavity > 0)] = tissue_id("cortical_bone")
    clivus = capsule(points, ((0, 14, -32), (0, -2, -62)), (8, 6))
    tissues[clivus < 0] = tissue_id("cortical_bone")
    tissues[clivus < -1.8] = tissue_id("marrow")


def _foramen_magnum(points: Points) -> NDArray[np.bool_]:
    return capsule(points, ((0, -26, -50), (0, -34, -140)), (13, 9)) < 0


def _paint_spine(tissues: Tissues, points: Points) -> None:
    body = capsule(points, ((0, -10, -76), (0, -18, -140)), (11, 10))
    arch = capsule(points, ((0, -30, -74), (0, -36, -140)), (17, 16))
    canal = capsule(points, ((0, -26, -50), (0, -32, -140)), (10.5, 8.5))
    dens = ((body < 0) | (arch < 0)) & (points[2] < -68)
    tissues[dens & (arch < 0)] = tissue_id("cortical_bone")
    tissues[dens & (arch < -3) & (canal > 2)] = tissue_id("marrow")
    tissues[dens & (body < 0)] = tissue_id("cortical_bone")
    tissues[dens & (body < -1.8)] = tissue_id("marrow")
    tissues[canal < 0] = tissue_id("csf")
    cord = capsule(points, ((0, -25, -50), (0, -31, -140)), (6.5, 5.0))
    tissues[cord < 0] = tissue_id("white_matter")
    tissues[cord < -3.6] = tissue_id("grey_matter")


def _paint_face(tissues: Tissues, points: Points, *, skin: Field) -> None:
    x, y, z = points
    side: Points = (np.abs(x), y, z)
    bones: tuple[tuple[Knots, float], ...] = (
        ([((40, 72, -30), 4), ((52, 52, -42), 5), ((62, 20, -40), 4)], 4),
        ([((58, 0, -46), 5), ((56, 8, -88), 7), ((34, 58, -108), 8), ((0, 76, -112), 9)], 5),
        ([((34, 44, -74), 6), ((20, 70, -76), 7), ((0, 78, -76), 7)], 5),
    )
    for knots, blend in bones:
        bone = tube(side, knots, blend_mm=blend)
        tissues[bone[skin[bone] < -2]] = tissue_id("cortical_bone")
        tissues[tube(side, [(knot, radius - 2.2) for knot, radius in knots], blend_mm=blend)] = tissue_id("marrow")
    tissues[ball(points, (0, 44, -94), (24, 30, 18))] = tissue_id("muscle")
    tissues[tube(side, [((30, 2, -140), 3.2), ((15, 8, -50), 2.6)])] = tissue_id("vessel")
    tissues[tube(side, [((38, -8, -140), 4.5), ((30, -14, -50), 4.0)])] = tissue_id("vessel")


def _paint_air(tissues: Tissues, points: Points, *, skin: Field, variation: Field) -> None:
    x, y, z = points
    side = (np.abs(x), y, z)
    wavy = 1.2 * variation
    for sinus, bone, mucosa in (
        (ellipsoid(side, (28, 56, -56), (13, 17, 16)) + wavy, 1.8, 1.0),
        (ellipsoid(side, (9, 20, -27), (9, 10, 8)) + wavy, 1.5, 0.8),
        (ellipsoid(side, (13, 84, -10), (13, 6, 10)) + 2 * wavy, 1.6, 0.8),
    ):
        open_skin = skin < -3
        tissues[(sinus < bone) & open_skin] = tissue_id("cortical_bone")
        tissues[(sinus < 0) & open_skin] = tissue_id("mucosa")
        tissues[(sinus < -mucosa) & open_skin] = tissue_id("air")
    nasal = ellipsoid(points, (0, 58, -52), (13, 34, 22))
    tissues[(nasal < 1.5) & (skin < -3)] = tissue_id("cortical_bone")
    tissues[(nasal < 0) & (skin < -3)] = tissue_id("mucosa")
    conchae = np.sin(0.5 * (z + 0.5 * np.abs(x) + 0.004 * (y - 58) ** 2) + 1.6 * variation)
    tissues[(nasal < -1.2) & (np.abs(x) > 1.8) & (conchae > 0.1) & (skin < -3)] = tissue_id("air")
    pharynx = chain(points, [((0, 28, -58), 9), ((0, 14, -80), 8), ((0, 8, -140), 8)], blend_mm=4)
    flat = pharynx + np.maximum(np.abs(y - 12) - 6, 0) * 0.3
    tissues[flat < 1.6] = tissue_id("mucosa")
    tissues[flat < 0] = tissue_id("air")
    mastoid = ball(side, (62, -28, -42), (9, 14, 14))
    mastoid = mastoid[skin[mastoid] < -4]
    cells = np.sin(1.3 * x[mastoid]) * np.sin(1.1 * y[mastoid] + 0.7) * np.sin(1.2 * z[mastoid]) > -0.15
    tissues[mastoid] = np.where(cells, tissue_id("air"), tissue_id("cortical_bone"))
    tissues[tube(side, [((58, -14, -38), 3.0), ((90, -16, -38), 3.5)])] = tissue_id("air")


def _paint_orbits(tissues: Tissues, points: Points, *, skin: Field) -> None:
    x, y, z = points
    side = (np.abs(x), y, z)
    cone = capsule(side, ((16, 34, -27), (32, 71, -29)), (4, 17))
    open_face = skin < -1.7
    tissues[(cone < 1.7) & open_face & (y < 74)] = tissue_id("cortical_bone")
    tissues[(cone < 0) & open_face] = tissue_id("fat")
    for dx, dz in ((9.5, 0.0), (-9.5, 0.0), (0.0, 9.5), (0.0, -9.5)):
        tissues[tube(side, [((17, 38, -27), 1.6), ((32 + dx, 66, -29 + dz), 2.0)])] = tissue_id("muscle")
    tissues[tube(side, [((17, 38, -27), 1.8), ((32, 66, -29), 2.0)])] = tissue_id("white_matter")
    tissues[ball(side, (32, 74, -29), (12, 12, 12))] = tissue_id("muscle")
    tissues[ball(side, (32, 74, -29), (11, 11, 11))] = tissue_id("vitreous")
    tissues[ball(side, (32, 82.5, -29), (5, 2.2, 5))] = tissue_id("soft_tissue")
