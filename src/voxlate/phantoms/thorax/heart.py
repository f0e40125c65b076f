"""The heart: four chambers, the muscle of the left ventricle and the great vessels, at a phase of its beat.

Heart coordinates ``(u, v, w)`` in mm start in the middle of the left ventricle: ``u`` along its axis from base to apex,
``v`` through the septum towards the right ventricle, ``w`` upwards. The left ventricle is a half ellipsoid cut off at
the base. Over a beat (phase 0 and 1: end of diastole, 0.5: end of systole) its cavity shortens by 13 % and narrows by
27 % at full contraction (ejection fraction about 0.55), the base moves towards the apex, the right ventricle narrows,
the atria fill; the muscle keeps its volume and so thickens. Sizes after Lang et al., J Am Soc Echocardiogr 28:1 (2015),
doi 10.1016/j.echo.2014.10.003: cavity about 50 mm across and 120 ml at end-diastole, wall 9 to 10 mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.lattice import Canvas
from voxlate.phantoms.physics.tissues import TISSUES, tissue_id
from voxlate.phantoms.solids import Field, Knots, Noise, Points, Vector, ellipsoid, smooth_union

HEART_LABELS: dict[str, int] = {
    "myocardium": 205,
    "left_atrium": 420,
    "left_ventricle": 500,
    "right_atrium": 550,
    "right_ventricle": 600,
    "aorta": 820,
    "pulmonary_artery": 850,
}
"""From the tissue of a structure to its label in MM-WHS (Zhuang and Shen 2016, doi 10.1016/j.media.2016.02.006)."""

_REACH_MM = 105.0
_LONG, _WIDE, _WALL, _BASE = 50.0, 25.0, 10.0, -28.0


@dataclass(frozen=True, eq=False)
class HeartShape:
    """What is drawn for one heart.

    Attributes:
        size: Factor of all lengths.
        centre: Middle of the left ventricle in body coordinates, mm.
        turn_deg: Turns of the heart about x, y and z against the usual position.
        phase: Phase of the beat, 0 to 1.
        wall: Factor of the wall's thickness.
        width: Factor of the left ventricle's width.
        right: Factor of the right chambers.
        atrium: Factor of the left atrium.
        warp: Three fields of noise that bend the heart.
    """

    size: float
    centre: Vector
    turn_deg: Vector
    phase: float
    wall: float
    width: float
    right: float
    atrium: float
    warp: tuple[Noise, Noise, Noise]

    @property
    def contraction(self) -> float:
        """From 0 at the end of diastole to 1 at the end of systole."""
        return float(np.sin(np.pi * self.phase) ** 2)


def draw_heart(rng: np.random.Generator) -> HeartShape:
    """A heart at a random phase."""
    normal = rng.normal(0, 1, size=11)
    x, y, z = np.clip(normal[:3], -2, 2) * (4.0, 3.0, 4.0) + (-36.0, 10.0, -4.0)
    a, b, c = np.clip(normal[3:6], -2, 2) * (7.0, 7.0, 8.0)
    size, wall, width, right, atrium = 1 + np.clip(normal[6:], -2, 2) * (0.05, 0.12, 0.07, 0.06, 0.08)
    phase = float(np.round(rng.uniform(0, 1), 3))
    warp = (
        Noise.draw(rng, wavelength_mm=60.0),
        Noise.draw(rng, wavelength_mm=60.0),
        Noise.draw(rng, wavelength_mm=60.0),
    )
    return HeartShape(
        size=float(size),
        centre=(float(x), float(y), float(z)),
        turn_deg=(float(a), float(b), float(c)),
        phase=phase,
        wall=float(wall),
        width=float(width),
        right=float(right),
        atrium=float(atrium),
        warp=warp,
    )


def _turn(turn_deg: Vector) -> NDArray[np.float64]:
    x, y, z = np.deg2rad(turn_deg)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def _heart_axes(shape: HeartShape) -> NDArray[np.float64]:
    """``(3, 3)``: the directions u, v, w as rows, in body coordinates."""
    u = np.array([-0.65, 0.60, -0.45])
    v = np.array([0.70, 0.70, -0.10])
    u = u / np.linalg.norm(u)
    v = v - (v @ u) * u
    v = v / np.linalg.norm(v)
    return np.asarray(np.stack([u, v, np.cross(v, u)]) @ _turn(shape.turn_deg).T)


def _heart_coordinates(shape: HeartShape, points: Points) -> Points:
    """Heart coordinates of points in body coordinates, bent by the heart's noise."""
    axes = _heart_axes(shape)
    rows = []
    for axis, noise in zip(axes, shape.warp, strict=True):
        total = sum(
            (value - np.float32(middle)) * np.float32(part / shape.size)
            for value, middle, part in zip(points, shape.centre, axis, strict=True)
        )
        rows.append(np.asarray(total, dtype=np.float32) + np.float32(1.6) * noise.at(points))
    return rows[0], rows[1], rows[2]


def _body_place(shape: HeartShape, place: Vector) -> Vector:
    """Body coordinates of a point in heart coordinates."""
    x, y, z = np.asarray(shape.centre) + shape.size * (np.asarray(place) @ _heart_axes(shape))
    return float(x), float(y), float(z)


def _outside(cavity: Vector, wall: float, *, contraction: float) -> tuple[Vector, Vector]:
    """Semi-axes of the cavity and of the muscle's surface under contraction, the muscle's volume being kept."""
    long, wide, _ = cavity
    muscle = (long + wall) * (wide + wall) ** 2 - long * wide**2
    short, narrow = long * (1 - 0.13 * contraction), wide * (1 - 0.27 * contraction)
    length = short + wall * (1 + 0.25 * contraction)
    radius = float(np.sqrt((muscle + short * narrow**2) / length))
    return (short, narrow, narrow), (length, radius, radius)


def _chambers(shape: HeartShape, local: Points) -> Mapping[str, Field]:
    """Distances in mm to the surfaces of the chambers, and of the left ventricle's muscle, cut off at the base."""
    squeeze = shape.contraction
    wide = _WIDE * shape.width
    inner, outer = _outside((_LONG, wide, wide), _WALL * shape.wall, contraction=squeeze)
    base = np.float32(_BASE + 9 * squeeze)
    fill, right = 1 + 0.10 * squeeze, shape.right
    u = local[0]
    above = (u - base).astype(np.float32)
    ventricle = ellipsoid(local, (2, 27, -4), (52, 33 * right * (1 - 0.2 * squeeze), 37 * right * (1 - 0.12 * squeeze)))
    left, grown = ellipsoid(local, (0, 0, 0), inner), ellipsoid(local, (0, 0, 0), outer)
    wide_left, wide_right = shape.atrium * fill, right * fill
    atrium = ellipsoid(local, (float(base) - 21, -8, -2), (24 * wide_left, 28 * wide_left, 28 * wide_left))
    auricle = ellipsoid(local, (float(base) - 18, 42, -6), (25 * wide_right, 23 * wide_right, 29 * wide_right))
    return {
        "left_ventricle": np.maximum(left, -above),
        "myocardium": np.maximum(grown, -above),
        "right_ventricle": np.maximum(ventricle, -(above + 2)),
        "left_atrium": np.maximum(atrium, above),
        "right_atrium": np.maximum(auricle, above + 2),
    }


def _great_vessels(shape: HeartShape) -> dict[str, list[Knots]]:
    """Tubes of the aorta, the pulmonary artery, its outflow tract, and the veins, in body coordinates."""
    base = _BASE + 9 * shape.contraction
    root, outflow = _body_place(shape, (base + 3, 9, 12)), _body_place(shape, (0, 32, 18))
    sinus = _body_place(shape, (base - 12, 12, 17))
    left, right = _body_place(shape, (base - 24, -14, 0)), _body_place(shape, (base - 18, 42, 0))
    k = shape.size
    valve, fork = (outflow[0] - 4, outflow[1] - 4, outflow[2] + 24 * k), (-20.0, 6.0, 70.0)
    return {
        "aorta": [
            [(root, 12 * k), (sinus, 16 * k), ((8, 12, 68), 15 * k), ((2, -6, 90), 14 * k), ((-12, -30, 95), 12.5)],
            [((-12, -30, 95), 12.5), ((-27, -46, 76), 12), ((-32, -50, 30), 11.5), ((-28, -50, -40), 11)],
            [((-28, -50, -40), 11), ((-12, -42, -160), 10)],
        ],
        "right_ventricle": [[(outflow, 17 * k), (valve, 13 * k)]],
        "pulmonary_artery": [
            [(valve, 13 * k), (fork, 12.5 * k)],
            [(fork, 11 * k), ((10, -10, 69), 9.5), ((40, -14, 60), 7.5)],
            [(fork, 11 * k), ((-36, -16, 74), 9.5), ((-50, -26, 62), 7.5)],
        ],
        "vena_cava": [
            [((24, 0, 150), 8), ((27, 5, 70), 9.5), (right, 9)],
            [(right, 10), ((24, -10, -50), 11), ((20, -18, -160), 11)],
        ],
        "lung_vein": [[(left, 8), (end, 5)] for end in _vein_ends(left)],
        "artery": [
            [((2, -8, 96), 7), ((14, -4, 116), 5.5), ((20, -2, 160), 5)],
            [((-8, -22, 98), 5), ((-14, -20, 160), 4)],
            [((-14, -32, 98), 5.5), ((-24, -34, 160), 4.5)],
        ],
    }


def _vein_ends(left: Vector) -> list[Vector]:
    x, y, z = left
    return [(x + side * 44, y - 10, z + rise) for side in (-1.0, 1.0) for rise in (-14.0, 18.0)]


def pericardium(shape: HeartShape, points: Points) -> Field:
    """Distance in mm to the sac about the heart, fat included; points in body coordinates."""
    found = _chambers(shape, _heart_coordinates(shape, points))
    names = ("myocardium", "right_ventricle", "left_atrium", "right_atrium")
    result = found[names[0]]
    for name in names[1:]:
        result = smooth_union(result, found[name], blend_mm=22.0)
    return np.asarray(shape.size * result - 5, dtype=np.float32)


def paint_heart(canvas: Canvas, shape: HeartShape) -> None:
    """Paints chambers, walls and great vessels over what is there."""
    vessels = _great_vessels(shape)
    wall = tissue_id("heart_wall")
    kept = ("left_ventricle", "right_ventricle", "myocardium", "pulmonary_artery")
    around = [number for number in range(len(TISSUES)) if number not in {tissue_id(name) for name in kept}]
    for name in ("vena_cava", "lung_vein", "artery"):
        for knots in vessels[name]:
            canvas.tube(knots, tissue_id(name))
    middle = np.asarray(shape.centre)
    box = canvas.lattice.box(middle - _REACH_MM, middle + _REACH_MM)
    region = canvas.tissues[box]
    found = _chambers(shape, _heart_coordinates(shape, canvas.lattice.part(box)))
    for name, thickness in (("right_atrium", 2.0), ("right_ventricle", 3.5), ("left_atrium", 2.0)):
        region[found[name] < thickness] = wall
        region[found[name] < 0] = tissue_id(name)
    for name in ("right_ventricle", "pulmonary_artery"):
        for knots in vessels[name]:
            canvas.tube(knots, wall, grown_mm=2.0, over=around)
        for knots in vessels[name]:
            canvas.tube(knots, tissue_id(name))
    for name in ("myocardium", "left_ventricle"):
        region[found[name] < 0] = tissue_id(name)
    for knots in vessels["aorta"]:
        canvas.tube(knots, wall, grown_mm=2.0, over=around)
    for knots in vessels["aorta"]:
        canvas.tube(knots, tissue_id("aorta"), over=[*around, tissue_id("myocardium")])
