"""Windpipe, bronchi and gullet, and the branching vessels of the lungs.

A vessel forks in two over four generations; the radii of the daughters follow Murray's law with equal daughters,
``r_1 = r_0 / 2 ** (1/3)`` (Murray, Proc Natl Acad Sci 12:207 (1926), doi 10.1073/pnas.12.3.207).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.lattice import Canvas
from voxlate.phantoms.physics.tissues import tissue_id
from voxlate.phantoms.solids import Knots

_MURRAY = 2 ** (-1 / 3)
_HILA = ((36.0, -16.0, 52.0), (-40.0, -20.0, 56.0))
_AIMS = ((1.0, 0.2, 0.9), (1.0, 0.5, 0.0), (0.7, -0.7, 0.2), (0.8, -0.3, -1.0), (0.5, 0.3, -1.1))


def lung_vessels(rng: np.random.Generator, *, generations: int = 4) -> tuple[Knots, ...]:
    """Tubes of the vessels of both lungs in body coordinates; the parts outside the lungs are not to be painted."""
    tubes: list[Knots] = []
    for hilum in _HILA:
        side = np.sign(hilum[0])
        for aim in _AIMS:
            direction = np.asarray(aim) * (side, 1, 1) + rng.normal(0, 0.12, size=3)
            _branch(tubes, rng, start=np.asarray(hilum), direction=direction, left=generations)
    return tuple(tubes)


def _branch(
    tubes: list[Knots],
    rng: np.random.Generator,
    *,
    start: NDArray[np.float64],
    direction: NDArray[np.float64],
    left: int,
    radius: float = 4.2,
) -> None:
    along = direction / np.linalg.norm(direction)
    length = float(rng.uniform(0.8, 1.2)) * (16 + 4.0 * left)
    end = start + length * along
    thin = radius * _MURRAY
    tubes.append([(_triple(start), radius), (_triple(end), thin)])
    if left == 0:
        return
    across = np.cross(along, rng.normal(0, 1, size=3))
    across /= np.linalg.norm(across)
    for sign in (-1.0, 1.0):
        turned = along + sign * float(rng.uniform(0.4, 0.75)) * across
        _branch(tubes, rng, start=end, direction=turned, left=left - 1, radius=thin)


def _triple(place: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in place)
    return x, y, z


def paint_airways(canvas: Canvas) -> None:
    """Paints the gullet, and windpipe and main bronchi with their walls."""
    soft, air = tissue_id("soft_tissue"), tissue_id("air")
    canvas.tube([((-2, -38, 170), 7), ((-5, -40, 60), 7), ((-8, -38, -60), 7.5)], soft)
    bronchi: tuple[Knots, ...] = (
        [((2, -20, 170), 8.5), ((2, -26, 76), 8.5)],
        [((2, -26, 76), 7), ((34, -20, 56), 5.5)],
        [((2, -26, 76), 7), ((-36, -26, 58), 5)],
    )
    for knots in bronchi:
        canvas.tube(knots, soft, grown_mm=2.0)
    for knots in bronchi:
        canvas.tube(knots, air)
