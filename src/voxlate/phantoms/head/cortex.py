"""The folded cortex: sulci as sheets of fluid, a ribbon of grey matter along them, white matter inside.

Sulci are the zero surfaces of band-limited noise that is drawn out along the radius, so that they stand on the
brain's surface as real ones do; they end at a varying depth. With ``e`` the distance to the nearest fluid (the surface,
a sulcus, the fissure between the hemispheres, the Sylvian fissure), the tissue is fluid for ``e < w``, grey matter for
``e < w + t`` and white matter beyond, ``w`` being half the width of a sulcus and ``t`` the thickness of the cortex
(2 to 4 mm: Fischl and Dale, PNAS 97:11050 (2000), doi 10.1073/pnas.200033797).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxlate.phantoms.solids import Field, Noise, Points, ellipsoid, smooth_step

CEREBRUM = (67.0, 84.0, 66.0)
_CALLOSUM_CENTRE = (0.0, -2.0, 6.0)
_CALLOSUM_AXES = (40.0, 37.0, 23.0)


@dataclass(frozen=True, eq=False)
class Folding:
    """What is drawn for one cortex.

    Attributes:
        gyri: Noise whose zero surfaces are the sulci.
        folia: Noise whose zero surfaces are the fissures of the cerebellum.
        depth: Noise that varies the depth of sulci and the thickness of the cortex.
        thickness_mm: Mean thickness of the cortex.
        half_width_mm: Half the width of a sulcus; grows with age.
        sulcus_mm: Mean depth of a sulcus.
    """

    gyri: Noise
    folia: Noise
    depth: Noise
    thickness_mm: float
    half_width_mm: float
    sulcus_mm: float


def draw_folding(rng: np.random.Generator, *, age: float) -> Folding:
    """The folding of a person of that age in years."""
    atrophy = np.clip((age - 35) / 45, 0, 1)
    return Folding(
        gyri=Noise.draw(rng, wavelength_mm=float(rng.normal(22, 1.0)), bandwidth=0.2),
        folia=Noise.draw(rng, wavelength_mm=11.0, bandwidth=0.15),
        depth=Noise.draw(rng, wavelength_mm=45.0),
        thickness_mm=float(rng.normal(2.9, 0.12) - 0.25 * atrophy),
        half_width_mm=float(rng.normal(0.62, 0.05) + 0.45 * atrophy),
        sulcus_mm=float(rng.normal(15, 1.0)),
    )


def cortical_layers(points: Points, surface: Field, *, folding: Folding) -> tuple[Field, Field]:
    """Distance to the nearest fluid minus the sulcus' half width, and the local thickness of the cortex, both in mm.

    Args:
        points: Coordinates of the head in mm.
        surface: Distance to the surface of the cerebrum's hull in mm, negative inside.
        folding: What was drawn.
    """
    depth = -surface
    x, y, z = points
    variation = folding.depth.at(points)
    radius = np.sqrt((x / CEREBRUM[0]) ** 2 + (y / CEREBRUM[1]) ** 2 + (z / CEREBRUM[2]) ** 2) + np.float32(1e-3)
    outward = np.maximum(radius, np.float32(0.4)) ** np.float32(-0.6)
    bent = folding.depth.at((z + 60, x, y))
    sheets = (
        folding.gyri.sheets((x * outward + 5 * bent, y * outward + 5 * variation, z * outward - 5 * bent)) / outward
    )
    # The floor of the brain towards its middle is smooth: gyri end where the stem and the basal nuclei begin.
    reach = (folding.sulcus_mm + 4.5 * variation) * smooth_step((radius - 0.42) / 0.3)
    sulci = np.hypot(sheets, np.maximum(depth - reach, 0))
    half_width = folding.half_width_mm
    fluid = np.minimum(sulci - half_width, depth)
    fluid = np.minimum(fluid, _midline(points, variation) - half_width - 0.3)
    fluid = np.minimum(fluid, _sylvian(points, variation) - half_width - 0.8)
    return fluid.astype(np.float32), (folding.thickness_mm + 0.35 * variation).astype(np.float32)


def _midline(points: Points, variation: Field) -> Field:
    """Distance to the fissure between the hemispheres, which ends at the corpus callosum."""
    core = -ellipsoid(points, _CALLOSUM_CENTRE, _CALLOSUM_AXES)
    sheet = np.abs(points[0] + 1.0 * variation)
    return np.asarray(np.hypot(sheet, np.maximum(core, 0)), dtype=np.float32)


def _sylvian(points: Points, variation: Field) -> Field:
    """Distance to the Sylvian fissures, slanted sheets from the insula to the side of the brain."""
    x, y, z = points
    sheet = np.abs(z + 7 + 0.34 * (y + 5) + 1.5 * variation) * np.float32(0.94)
    inward = np.maximum(36 - np.abs(x), 0)
    along = np.maximum(np.abs(y + 2) - 38, 0)
    slit = np.sqrt(sheet**2 + inward**2 + along**2)
    # The insula: the fissure opens into a T at its depth.
    wall = np.sqrt((np.abs(x) - 36) ** 2 + np.maximum(np.abs(y - 4) - 18, 0) ** 2 + np.maximum(sheet - 9, 0) ** 2)
    return np.asarray(np.minimum(slit, wall), dtype=np.float32)


def folia_layers(points: Points, surface: Field, *, folding: Folding) -> tuple[Field, Field]:
    """As ``cortical_layers`` for the cerebellum, whose thin folds run from left to right."""
    x, y, z = points
    depth = -surface
    sheets = folding.folia.sheets((x * np.float32(0.3), y, z))
    fissures = np.hypot(sheets, np.maximum(depth - 13, 0)) - 0.5 * folding.half_width_mm
    fluid = np.minimum(fissures, depth).astype(np.float32)
    return fluid, np.full_like(fluid, 2.0)
