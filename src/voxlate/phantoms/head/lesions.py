"""Gliomas: oedema, enhancing rim, necrosis and non-enhancing tumour, with the mass effect on what lies around.

The core is a ball warped by noise; the rim is its outer shell where it enhances; oedema spreads around it along white
matter and spares the cortex; the mass pushes its surroundings away from its centre. Frequencies of subtype, grade and
enhancement follow the WHO classification of 2021 (Louis et al., Neuro Oncol 23:1231 (2021), doi
10.1093/neuonc/noab106) in outline: glioblastomas enhance with necrosis, diffuse gliomas of grade 2 rarely do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.physics.tissues import tissue_id
from voxlate.phantoms.solids import Field, Noise, Points, Vector, smooth_step

Enhancement = Literal["none", "patchy", "rim"]


@dataclass(frozen=True)
class GliomaKind:
    """How gliomas of a subtype look: grade, enhancement, sizes in mm as (mean, standard deviation)."""

    subtype: str
    grade: int
    enhancement: Enhancement
    radius_mm: tuple[float, float]
    oedema_mm: tuple[float, float]


GLIOMAS: dict[str, GliomaKind] = {
    "glioblastoma": GliomaKind("glioblastoma", 4, "rim", (17, 3.0), (15, 4.0)),
    "astrocytoma_grade_4": GliomaKind("astrocytoma", 4, "rim", (15, 3.0), (11, 3.0)),
    "astrocytoma_grade_3": GliomaKind("astrocytoma", 3, "patchy", (16, 3.0), (8, 2.5)),
    "astrocytoma_grade_2": GliomaKind("astrocytoma", 2, "none", (17, 3.0), (4, 1.5)),
    "oligodendroglioma_grade_3": GliomaKind("oligodendroglioma", 3, "patchy", (15, 2.5), (7, 2.0)),
    "oligodendroglioma_grade_2": GliomaKind("oligodendroglioma", 2, "none", (15, 2.5), (4, 1.5)),
}

CYCLE: tuple[str, ...] = (
    "glioblastoma",
    "astrocytoma_grade_2",
    "glioblastoma",
    "oligodendroglioma_grade_3",
    "astrocytoma_grade_3",
    "glioblastoma",
    "oligodendroglioma_grade_2",
    "astrocytoma_grade_4",
)
"""Which glioma the n-th case of a cohort has, so that a small cohort already holds every kind."""


@dataclass(frozen=True, eq=False)
class Glioma:
    """One drawn tumour, in head coordinates.

    Attributes:
        kind: Subtype, grade and how it enhances.
        centre: Middle in mm.
        radius_mm: Radius of the core.
        rim_mm: Thickness of the enhancing shell.
        oedema_mm: How far oedema reaches beyond the core.
        squeeze: Part of the radius by which neighbours are pushed outward.
        outline: Noise that warps the outline.
        interior: Noise that decides between the parts inside.
    """

    kind: GliomaKind
    centre: Vector
    radius_mm: float
    rim_mm: float
    oedema_mm: float
    squeeze: float
    outline: Noise
    interior: Noise


def draw_glioma(rng: np.random.Generator, *, subtype: str) -> Glioma | None:
    """A tumour in the white matter of one hemisphere; ``None`` for the subtype ``"none"``."""
    if subtype == "none":
        return None
    kind = GLIOMAS[subtype]
    side = float(rng.choice([-1.0, 1.0]))
    place = [(32.0, 34.0, 20.0), (36.0, -8.0, 30.0), (34.0, -44.0, 18.0), (42.0, -4.0, -20.0)][int(rng.integers(4))]
    shift = rng.uniform(-6, 6, size=3)
    radius = float(np.clip(rng.normal(*kind.radius_mm), 9, 23))
    return Glioma(
        kind=kind,
        centre=(side * (place[0] + float(shift[0])), place[1] + float(shift[1]), place[2] + float(shift[2])),
        radius_mm=radius,
        rim_mm=float(rng.uniform(3.0, 5.5)),
        oedema_mm=float(np.clip(rng.normal(*kind.oedema_mm), 2, 24)),
        squeeze=float(rng.uniform(0.25, 0.5)) * (1.0 if kind.enhancement == "rim" else 0.6),
        outline=Noise.draw(rng, wavelength_mm=1.5 * radius),
        interior=Noise.draw(rng, wavelength_mm=1.1 * radius),
    )


def pushed(points: Points, surface: Field, *, glioma: Glioma) -> Points:
    """Where the tissue that is now at these points would lie without the tumour's mass.

    Args:
        points: Coordinates in mm.
        surface: Distance to the inner skull in mm, negative inside; the push fades towards it.
        glioma: The tumour.
    """
    offsets = [value - np.float32(middle) for value, middle in zip(points, glioma.centre, strict=True)]
    squared = sum(offset**2 for offset in offsets)
    push = np.float32(glioma.squeeze) * np.exp(-squared / np.float32((1.7 * glioma.radius_mm) ** 2))
    push = np.asarray(push * smooth_step(-surface / np.float32(14)), dtype=np.float32)
    x, y, z = (value - offset * push for value, offset in zip(points, offsets, strict=True))
    return x, y, z


def paint_glioma(tissues: NDArray[np.uint8], points: Points, *, glioma: Glioma) -> None:
    """Replaces brain tissue by the parts of the tumour, in place; ``tissues`` and points are flat arrays."""
    offsets = [value - np.float32(middle) for value, middle in zip(points, glioma.centre, strict=True)]
    distance = np.sqrt(sum(offset**2 for offset in offsets))
    near = np.flatnonzero(distance < glioma.radius_mm * 1.5 + glioma.oedema_mm * 1.6)
    x, y, z = (axis[near] for axis in points)
    around, before = distance[near], tissues[near]
    outline, interior = glioma.outline.at((x, y, z)), glioma.interior.at((x, y, z))
    edge = around * (1 + 0.14 * outline) - glioma.radius_mm
    solid = np.isin(before, [tissue_id(name) for name in ("white_matter", "grey_matter", "caudate", "putamen")])
    deep = np.isin(before, [tissue_id(name) for name in ("pallidum", "thalamus")])
    sulcus = (before == tissue_id("csf")) & (edge < -2.0)
    reach = glioma.oedema_mm * np.clip(1 + 0.35 * interior, 0.4, 1.5)
    parts = before.copy()
    white = before == tissue_id("white_matter")
    parts[(edge < reach) & white] = tissue_id("oedema")
    parts[(edge < 0.15 * reach) & (solid | deep)] = tissue_id("oedema")
    core = (edge < 0) & (solid | deep | sulcus)
    parts[core] = tissue_id("non_enhancing_tumour")
    _paint_core(parts, core, edge, interior=interior, glioma=glioma)
    tissues[near] = parts


def _paint_core(
    parts: NDArray[np.uint8], core: NDArray[np.bool_], edge: Field, *, interior: Field, glioma: Glioma
) -> None:
    if glioma.kind.enhancement == "rim":
        rim = glioma.rim_mm * (1 + 0.35 * interior)
        sector = interior < 1.35
        parts[core & (edge > -rim) & sector] = tissue_id("enhancing_tumour")
        parts[core & (edge <= -rim)] = tissue_id("necrosis")
    elif glioma.kind.enhancement == "patchy":
        parts[core & (edge < -2.5) & (interior > 0.75)] = tissue_id("enhancing_tumour")
