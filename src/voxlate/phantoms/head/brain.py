"""Inside the skull: cerebrum, cerebellum, brain stem, deep nuclei, ventricles, vessels and dura.

Positions are in head coordinates, mm, between the commissures; sizes after Mai, Majtanik and Paxinos, Atlas of the
Human Brain (4th ed., 2015), in round numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.head.cortex import CEREBRUM, Folding, cortical_layers, folia_layers
from voxlate.phantoms.head.lesions import Glioma, paint_glioma, pushed
from voxlate.phantoms.physics.tissues import tissue_id
from voxlate.phantoms.solids import (
    Field,
    Noise,
    Points,
    ball,
    capsule,
    ellipsoid,
    smooth_intersection,
    smooth_step,
    smooth_union,
    tube,
)

Tissues = NDArray[np.uint8]


def _tentorium(points: Points) -> Field:
    """Height of the tentorium over each point, a tent that falls to the sides and the back."""
    x, y, _ = points
    return np.asarray(-9 - 0.16 * np.abs(x) + 0.10 * (y + 40), dtype=np.float32)


def _cerebrum_hull(points: Points) -> Field:
    """Distance in mm to the surface of the cerebrum without its folds: hemispheres and temporal lobes."""
    x, y, z = points
    ball = ellipsoid(points, (0, 0, 0), CEREBRUM)
    front = smooth_step((y - 10) / np.float32(22))
    back = smooth_step((-12 - y) / np.float32(22))
    middle = np.float32(-17)
    floor = middle + front * 1.0 + back * (_tentorium(points) + 1.8 - middle)
    upper = smooth_intersection(ball, (floor - z).astype(np.float32), blend_mm=9.0)
    temporal = ellipsoid((np.abs(x), y, z), (42, 4, -23), (22, 43, 22))
    return smooth_union(upper, temporal, blend_mm=5.0)


def _cerebellum_hull(points: Points) -> Field:
    """Distance in mm to the surface of the cerebellum."""
    ball = ellipsoid(points, (0, -50, -37), (51, 33, 26))
    return smooth_intersection(ball, (points[2] - _tentorium(points) + 1.8).astype(np.float32), blend_mm=6.0)


def brain_hulls(points: Points) -> Field:
    """Distance in mm to a smooth hull of the whole brain, which the skull follows."""
    whole = smooth_union(_cerebrum_hull(points), _cerebellum_hull(points), blend_mm=22.0)
    stem = capsule(points, ((0, -14, -20), (0, -26, -56)), (17, 11))
    sella = ellipsoid(points, (0, 16, -38), (27, 24, 19))
    return smooth_intersection(smooth_union(whole, stem, blend_mm=16.0), -sella, blend_mm=12.0)


def paint_brain(
    points: Points, *, cavity: Field, warp: Noise, folding: Folding, ventricles: float, glioma: Glioma | None
) -> Tissues:
    """Tissue numbers of points inside the cavity.

    Args:
        points: Head coordinates, flat arrays in mm.
        cavity: Distance to the inner skull in mm, negative here.
        warp: The noise that bends the hulls.
        folding: The cortex.
        ventricles: Factor of the ventricles' radii.
        glioma: A tumour, or ``None``.
    """
    tissues = np.full(cavity.shape, tissue_id("csf"), dtype=np.uint8)
    at_rest = pushed(points, cavity, glioma=glioma) if glioma else points
    bend = 1.8 * warp.at(at_rest)
    _paint_cerebrum(tissues, at_rest, bend=bend, folding=folding)
    _paint_nuclei(tissues, at_rest)
    if glioma:
        paint_glioma(tissues, points, glioma=glioma)
    _paint_cerebellum(tissues, at_rest, bend=bend, folding=folding)
    _paint_stem(tissues, at_rest)
    _paint_ventricles(tissues, at_rest, factor=ventricles)
    _paint_dura(tissues, at_rest, cavity=cavity)
    _paint_vessels(tissues, points, at_rest=at_rest, cavity=cavity, folding=folding)
    return tissues


def _paint_cerebrum(tissues: Tissues, points: Points, *, bend: Field, folding: Folding) -> None:
    surface = (_cerebrum_hull(points) + bend).astype(np.float32)
    inside = np.flatnonzero(surface < 0)
    near: Points = (points[0][inside], points[1][inside], points[2][inside])
    fluid, thickness = cortical_layers(near, surface[inside], folding=folding)
    _paint_layers(tissues, inside, fluid=fluid, thickness=thickness)


def _paint_cerebellum(tissues: Tissues, points: Points, *, bend: Field, folding: Folding) -> None:
    surface = (_cerebellum_hull(points) + 0.5 * bend).astype(np.float32)
    inside = np.flatnonzero(surface < 0)
    near: Points = (points[0][inside], points[1][inside], points[2][inside])
    fluid, thickness = folia_layers(near, surface[inside], folding=folding)
    _paint_layers(tissues, inside, fluid=fluid, thickness=thickness)


def _paint_layers(tissues: Tissues, inside: NDArray[np.intp], *, fluid: Field, thickness: Field) -> None:
    layer = np.full(inside.shape, tissue_id("white_matter"), dtype=np.uint8)
    layer[fluid < thickness] = tissue_id("grey_matter")
    layer[fluid < 0] = tissue_id("csf")
    tissues[inside] = layer


def _paint_stem(tissues: Tissues, points: Points) -> None:
    side: Points = (np.abs(points[0]), points[1], points[2])
    white, dark = tissue_id("white_matter"), tissue_id("pallidum")
    tissues[tube(points, [((0, -16, -13), 12), ((0, -22, -22), 12), ((0, -25, -46), 9), ((0, -31, -90), 6)])] = white
    tissues[ball(points, (0, -14, -33), (17, 13, 15))] = white
    tissues[tube(side, [((10, -20, -33), 7), ((20, -42, -38), 8)])] = white
    tissues[tube(side, [((5, -11, -14), 2), ((11, -14, -10), 2)])] = dark


def _paint_nuclei(tissues: Tissues, points: Points) -> None:
    x, y, z = points
    side: Points = (np.abs(x), y, z)
    slant: Points = (np.abs(x) + 0.18 * (y - 2), y, z)
    # White matter that holds the nuclei: no cortex can lie this deep.
    core = ball(side, (16, -2, 4), (16.5, 33, 19))
    tissues[core[tissues[core] != tissue_id("csf")]] = tissue_id("white_matter")
    for name, inside in (
        ("putamen", ball(slant, (25, 2, 2), (5.2, 17, 11))),
        ("pallidum", ball(slant, (18.6, -2, 0), (4.2, 9, 7))),
        ("thalamus", ball(side, (10.5, -15, 8), (8.5, 15, 9.5))),
        ("caudate", ball(side, (13.5, 21, 9), (6, 11, 9.5))),
        ("caudate", tube(side, [((16, 14, 14), 5), ((18, -6, 20), 3.4), ((23, -26, 18), 2.6)])),
        ("grey_matter", tube(side, [((27, -6, -22), 6), ((29, -22, -16), 5), ((26, -36, -6), 4)])),
    ):
        tissues[inside] = tissue_id(name)


def _paint_ventricles(tissues: Tissues, points: Points, *, factor: float) -> None:
    x, y, z = points
    side: Points = (np.abs(x), y, z)
    # Taller than wide: drawn round in a space that is stretched along x.
    tall: Points = (side[0] * np.float32(1.5), y, z)
    horns = tube(
        tall,
        [
            ((10, 30, 7), 5.8 * factor),
            ((11, 12, 14), 6.8 * factor),
            ((14, -12, 20), 5.8 * factor),
            ((32, -38, 13), 8.0 * factor),
            ((37, -60, 6), 4.0 * factor),
        ],
        blend_mm=6,
    )
    temporal = tube(side, [((22, -38, 8), 5 * factor), ((33, -24, -12), 2.4 * factor), ((31, 0, -20), 2.0 * factor)])
    lateral = np.union1d(horns, temporal)
    fluid = lateral[side[0][lateral] > 0.9]
    tissues[fluid] = tissue_id("csf")
    for inside in (
        ball(points, (0, -6, 2), (1.6 + 1.4 * factor, 13, 11)),
        ball(points, (0, -37, -36), (7.5 * factor, 5 * factor, 12)),
        tube(points, [((0, -18, -4), 1.3), ((0, -35, -28), 1.6)]),
    ):
        tissues[inside] = tissue_id("csf")
    plexus = tube(side, [((12, -16, 18), 1.2), ((21, -35, 13), 3.0), ((28, -30, 0), 1.2)])
    tissues[np.intersect1d(plexus, fluid)] = tissue_id("choroid_plexus")


def _paint_dura(tissues: Tissues, points: Points, *, cavity: Field) -> None:
    x, y, z = points
    fluid = tissues == tissue_id("csf")
    falx = (np.abs(x) < 0.7) & (ellipsoid(points, (0, -2, 6), (40, 50, 36)) > 0) & (z > _tentorium(points))
    tent = (np.abs(z - _tentorium(points)) < 0.7) & (y < -28)
    tissues[fluid & (falx | tent | (cavity > -0.7))] = tissue_id("dura")
    tissues[ball(points, (0, 10, -22), (6, 4.5, 4))] = tissue_id("mucosa")


def _paint_vessels(tissues: Tissues, points: Points, *, at_rest: Points, cavity: Field, folding: Folding) -> None:
    side: Points = (np.abs(at_rest[0]), at_rest[1], at_rest[2])
    x, y, z = points
    sagittal = (np.abs(x) < 4.2 * (1 + cavity / 8)) & (cavity > -8) & ((z > 20) | ((y < 0) & (z > -6)))
    tissues[sagittal] = tissue_id("vessel")
    outer: Points = (np.abs(x), y, z)
    tubes = (
        tube(side, [((14, 8, -34), 2.4), ((11, 11, -20), 2.2)]),
        tube(side, [((11, 11, -20), 2.0), ((24, 9, -16), 1.7), ((38, 8, -9), 1.5), ((38, -16, 0), 1.3)]),
        tube(side, [((9, 12, -18), 1.4), ((1.5, 26, -8), 1.4), ((1.5, 42, 12), 1.3), ((1.5, 34, 28), 1.2)]),
        tube(side, [((1, -1, -46), 1.8), ((0, 0, -22), 1.9), ((12, -10, -14), 1.3), ((20, -32, -8), 1.2)]),
        tube(side, [((0, -40, 2), 1.8), ((0, -82, -8), 2.2)]),
        tube(outer, [((0, -86, -10), 4.2), ((36, -72, -16), 4.0), ((54, -46, -22), 4.2)]),
        tube(outer, [((54, -46, -22), 4.2), ((46, -34, -40), 4.0), ((32, -26, -54), 4.0)]),
    )
    tissues[np.concatenate(tubes)] = tissue_id("vessel")
    shell = np.flatnonzero((cavity > -4.5) & (cavity < -0.8) & (z > -20))
    near: Points = (points[0][shell], points[1][shell], points[2][shell])
    veins = np.hypot(folding.gyri.sheets(near), folding.depth.sheets(near)) < 1.1
    tissues[shell[veins]] = tissue_id("vessel")
