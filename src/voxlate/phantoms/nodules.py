"""Nodules: lesions that are balls of one tissue with an uneven outline, at places where such lesions lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voxlate.phantoms.lattice import Canvas
from voxlate.phantoms.physics.tissues import tissue_id
from voxlate.phantoms.solids import Field, Noise, Points, Vector

_UNEVEN = 0.12
"""Standard deviation of the outline, as a share of the radius."""


@dataclass(frozen=True)
class NoduleKind:
    """Lesions of one kind.

    Attributes:
        tissue: What they are made of.
        places: Where they can lie, in body coordinates.
        radii_mm: The smallest and the largest.
        subtypes: The subtypes of a person that have some.
        room: Tissues that give way to them.
        most: How many a person has at most.
        off_mm: How far from such a place along each axis.
    """

    tissue: str
    places: tuple[Vector, ...]
    radii_mm: tuple[float, float]
    subtypes: tuple[str, ...]
    room: tuple[str, ...]
    most: int = 3
    off_mm: float = 5.0


@dataclass(frozen=True, eq=False)
class Nodule:
    """One lesion: of which kind, its middle and radius in mm, and what warps its outline."""

    kind: NoduleKind
    centre: Vector
    radius_mm: float
    outline: Noise

    def paint(self, canvas: Canvas) -> None:
        """Paints it over the tissues that give way to it."""

        def warp(points: Points) -> Field:
            return np.asarray(np.float32(_UNEVEN * self.radius_mm) * self.outline.at(points), dtype=np.float32)

        room = [tissue_id(name) for name in self.kind.room]
        axes = (self.radius_mm, self.radius_mm, self.radius_mm)
        canvas.ball(self.centre, axes, tissue_id(self.kind.tissue), over=room, warp=warp)


def draw_nodules(rng: np.random.Generator, kinds: Sequence[NoduleKind], *, subtype: str) -> tuple[Nodule, ...]:
    """From one to the most of each kind that a subtype has."""
    nodules: list[Nodule] = []
    for kind in kinds:
        count, order = int(rng.integers(1, kind.most + 1)), rng.permutation(len(kind.places))
        for index in order[:count] if subtype in kind.subtypes else ():
            x, y, z = np.asarray(kind.places[index]) + rng.uniform(-kind.off_mm, kind.off_mm, size=3)
            radius = float(rng.uniform(*kind.radii_mm))
            noise = Noise.draw(rng, wavelength_mm=1.6 * radius)
            nodules.append(Nodule(kind, (float(x), float(y), float(z)), radius, noise))
    return tuple(nodules)
