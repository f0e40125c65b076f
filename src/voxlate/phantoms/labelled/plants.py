"""Lesions planted into the brain of a label map: MS-like plaques, and the phantom's gliomas.

Plaques lie mostly beside the ventricles and under the cortex (Filippi et al., Brain 142:1858 (2019), doi
10.1093/brain/awz144), each with its own severity, which fades over its edge; some take up contrast agent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.head.lesions import CYCLE, draw_glioma, paint_glioma, pushed
from voxlate.phantoms.labelled.heads import BRAIN_TISSUES, HeadMap
from voxlate.phantoms.physics.tissues import tissue_id
from voxlate.phantoms.solids import Field, Noise, Points, smooth_step

Illness = Literal["none", "ms", "tumour"]
_PLAQUE_LABEL = 4
_LABELS: dict[str, int] = {
    "necrosis": 1,
    "non_enhancing_tumour": 1,
    "oedema": 2,
    "enhancing_tumour": 3,
    "ms_lesion": _PLAQUE_LABEL,
    "ms_lesion_active": _PLAQUE_LABEL,
    "leukoaraiosis": _PLAQUE_LABEL,
}
"""Labels of lesions: tumours as in BraTS 2023, plaques and leukoaraiosis 4."""
_HOSTS = frozenset({"white_matter", "brainstem", "thalamus", "leukoaraiosis", "ms_lesion"})
VENTRICLES = (4, 43, 5, 44, 14, 15, 72)
"""FreeSurfer's numbers of the fluid inside the brain."""


@dataclass(frozen=True, eq=False)
class Lesions:
    """What is ill.

    Attributes:
        severity: How far the tissue of a plaque has gone from white matter (0) to the tissue table's lesion (1) and
            beyond, on the lattice; 1 elsewhere.
        subtype: For the table of participants.
    """

    severity: Field
    subtype: str

    def mask(self, head: HeadMap) -> NDArray[np.uint8]:
        """What a rater draws, by ``_LABELS``, on the lattice: plaques where they can be told from white matter."""
        lookup = np.array([_LABELS.get(tissue.name, 0) for tissue in head.materials], dtype=np.uint8)
        drawn = lookup[head.tissues]
        drawn[(drawn == _PLAQUE_LABEL) & (self.severity < 0.35)] = 0
        return drawn


def plant(head: HeadMap, rng: np.random.Generator, *, illness: Illness) -> Lesions:
    """Lesions in the brain of a head, in place."""
    severity = np.ones(head.tissues.shape, dtype=np.float32)
    old = head.tissues == head.number("leukoaraiosis")
    severity[old] = rng.uniform(0.2, 1.2)
    white = np.flatnonzero(head.tissues == head.number("white_matter"))
    if illness == "none" or white.size < 200:
        return Lesions(severity, "none")
    if illness == "ms":
        _plant_plaques(head, severity, white, rng)
        return Lesions(severity, "multiple_sclerosis")
    return Lesions(severity, _plant_glioma(head, severity, white, rng))


def _points(head: HeadMap, box: tuple[slice, slice, slice]) -> Points:
    """World coordinates of the voxels of a box, broadcast."""
    x, y, z = (
        (head.affine[axis, 3] + head.affine[axis, axis] * np.arange(part.start, part.stop)).astype(np.float32)
        for axis, part in enumerate(box)
    )
    return x[:, None, None], y[None, :, None], z[None, None, :]


def _box(head: HeadMap, centre: NDArray[np.float64], reach_mm: float) -> tuple[slice, slice, slice]:
    steps, shape = np.diag(head.affine)[:3], head.tissues.shape
    middle = (centre - head.affine[:3, 3]) / steps
    low = [int(max(np.floor(m - reach_mm / step), 0)) for m, step in zip(middle, steps, strict=True)]
    high = [int(min(np.ceil(m + reach_mm / s) + 1, n)) for m, s, n in zip(middle, steps, shape, strict=True)]
    i, j, k = (slice(a, max(b, a + 1)) for a, b in zip(low, high, strict=True))
    return i, j, k


def _world(head: HeadMap, flat: NDArray[np.intp]) -> NDArray[np.float64]:
    index = np.stack(np.unravel_index(flat, head.tissues.shape), axis=1)
    return np.asarray(index * np.diag(head.affine)[:3] + head.affine[:3, 3])


def _plant_plaques(head: HeadMap, severity: Field, white: NDArray[np.intp], rng: np.random.Generator) -> None:
    from scipy.spatial import cKDTree

    places = _world(head, rng.choice(white, size=min(6000, white.size), replace=False))
    fluid = np.flatnonzero(np.isin(head.values, VENTRICLES)[head.labels])
    cortex = np.flatnonzero(head.tissues == head.number("grey_matter"))
    distances = []
    for others in (fluid, cortex):
        near = _world(head, rng.choice(others, size=min(4000, others.size), replace=False)) if others.size else places
        distances.append(cKDTree(near).query(places)[0])
    weights = [np.exp(-distances[0] / 5.0), np.exp(-distances[1] / 2.0), np.ones(len(places))]
    count = int(np.clip(rng.lognormal(2.6, 0.8), 2, 70))
    noise = Noise.draw(rng, wavelength_mm=9.0)
    active = rng.uniform(0, 0.35)
    for _ in range(count):
        weight = weights[int(rng.choice(3, p=[0.55, 0.2, 0.25]))]
        centre = places[int(rng.choice(len(places), p=weight / weight.sum()))]
        radius = float(np.clip(rng.lognormal(0.95, 0.5), 1.2, 9.0))
        name = "ms_lesion_active" if rng.uniform() < active else "ms_lesion"
        _paint_plaque(head, severity, centre, radius_mm=radius, name=name, noise=noise, rng=rng)


def _paint_plaque(
    head: HeadMap,
    severity: Field,
    centre: NDArray[np.float64],
    *,
    radius_mm: float,
    name: str,
    noise: Noise,
    rng: np.random.Generator,
) -> None:
    axes, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    semi = radius_mm * np.array([1.25, rng.uniform(0.6, 1), rng.uniform(0.5, 1)])
    height = float(rng.uniform(0.35, 1.15))
    box = _box(head, centre, 1.6 * radius_mm + 2)
    x, y, z = _points(head, box)
    offsets = (x - np.float32(centre[0]), y - np.float32(centre[1]), z - np.float32(centre[2]))
    squared = sum((sum(o * np.float32(p) for o, p in zip(offsets, axis, strict=True)) / np.float32(s)) ** 2
                  for axis, s in zip(axes, semi, strict=True))  # fmt: skip
    wide = np.broadcast_arrays(x, y, z)
    inside = 1 - np.sqrt(squared) + np.float32(0.18) * noise.at((wide[0], wide[1], wide[2]))
    edge = np.float32(0.5 * max(1.0, 1.2 / radius_mm))
    found = height * smooth_step(inside / edge + np.float32(0.5))
    tissues, before = head.tissues[box], severity[box]
    ill = np.isin(tissues, head.numbers(_HOSTS)) & (found > 0.12)
    ill &= (tissues != head.number("ms_lesion")) | (found > before)
    tissues[ill] = head.number(name)
    before[ill] = found[ill]


def _plant_glioma(head: HeadMap, severity: Field, white: NDArray[np.intp], rng: np.random.Generator) -> str:
    from scipy.ndimage import distance_transform_edt

    subtype = CYCLE[int(rng.integers(len(CYCLE)))]
    glioma = draw_glioma(rng, subtype=subtype)
    if glioma is None:
        return "none"
    centre = _world(head, rng.choice(white, size=1))[0]
    glioma = replace(glioma, centre=(float(centre[0]), float(centre[1]), float(centre[2])))
    box = _box(head, centre, 1.6 * glioma.radius_mm + 1.7 * glioma.oedema_mm + 8)
    brain = np.isin(head.tissues[box], [*head.numbers(BRAIN_TISSUES), tissue_id("csf")])
    depth = distance_transform_edt(np.pad(brain, 1), sampling=np.diag(head.affine)[:3])[1:-1, 1:-1, 1:-1]
    x, y, z = np.broadcast_arrays(*_points(head, box))
    shifted = pushed((x, y, z), np.asarray(-depth, dtype=np.float32), glioma=glioma)
    index = []
    for axis, place in enumerate(shifted):
        first = head.affine[axis, 3] + head.affine[axis, axis] * box[axis].start
        found = np.rint((place - np.float32(first)) / np.float32(head.affine[axis, axis])).astype(np.int32)
        index.append(np.clip(found, 0, brain.shape[axis] - 1))
    for array in (head.tissues, head.labels, severity):
        array[box] = np.where(brain, array[box][tuple(index)], array[box])
    flat = np.ascontiguousarray(head.tissues[box]).ravel()
    paint_glioma(flat, (x.ravel(), y.ravel(), z.ravel()), glioma=glioma)
    head.tissues[box] = flat.reshape(brain.shape)
    return glioma.kind.subtype
