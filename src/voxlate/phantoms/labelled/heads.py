"""From a label map to the tissues of a head on its own grid: what one number holds is told apart by where it lies.

Zeros inside the head are air: sinuses, mastoid cells, ear canals, throat. Specks of them are holes of the map and take
the tissue beside them, and specks of tissue in the air around the head are dropped. The outermost layer of the scalp is
skin, the rest fat; what is soft below is muscle with planes of fat, and fat around the eyes; a thin layer between fluid
and skull is dura, and thin tubes in the fluid are vessels. Where a map has the brain alone, the zeros of sulci and a
thin shell become fluid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.phantoms.labelled.table import LOOKS, LabelTable
from voxlate.phantoms.physics.tissues import Tissue
from voxlate.phantoms.solids import Noise
from voxlate.volume import Affine, Array, Volume, extent

_SPECK_VOXELS = 12
_ROUNDED = 0.01
"""Largest hole that is none."""

BRAIN_TISSUES: frozenset[str] = frozenset(
    {
        *("grey_matter", "white_matter", "caudate", "putamen", "pallidum", "thalamus", "choroid_plexus", "brainstem"),
        "cerebellar_cortex",
        *("leukoaraiosis", "ms_lesion", "ms_lesion_active"),
        *("oedema", "necrosis", "enhancing_tumour", "non_enhancing_tumour"),
    }
)
_OUTSIDE_BRAIN: frozenset[str] = frozenset({"cortical_bone", "marrow", "scalp", "mixed_soft", "soft_tissue"})


@dataclass(frozen=True, eq=False)
class HeadMap:
    """A head on the grid of its label map, cropped to what is not air.

    Attributes:
        labels: Index of each voxel's number in ``values``, ``(i, j, k)``.
        tissues: Index of each voxel's tissue in ``materials``.
        values: The numbers of the map.
        materials: The tissues, air first.
        affine: ``(4, 4)``, voxel index to RAS+ mm.
    """

    labels: NDArray[np.uint16]
    tissues: NDArray[np.uint8]
    values: NDArray[np.int64]
    materials: tuple[Tissue, ...]
    affine: Affine

    def number(self, name: str) -> int:
        """The index of a tissue in ``materials``."""
        return next(index for index, tissue in enumerate(self.materials) if tissue.name == name)

    def numbers(self, names: frozenset[str]) -> list[int]:
        """The indices of several tissues."""
        return [index for index, tissue in enumerate(self.materials) if tissue.name in names]


def head_map(labels: Volume, table: LabelTable, rng: np.random.Generator) -> HeadMap:
    """The tissues of a label map.

    Args:
        labels: Whole numbers ``(i, j, k)``, of any grid and spacing.
        table: What they stand for.
        rng: Decides where there is fat between muscles, how thick the skin is, and where small vessels run.

    Raises:
        UsageError: If the table does not know a number, or the map is empty.
    """
    values, index, affine = _cropped(labels)
    names = table.names_of(values, where=labels.contrast.name if labels.contrast else "")
    materials = tuple(table.materials().values())
    order = {tissue.name: number for number, tissue in enumerate(materials)}
    lookup = np.array([order[LOOKS.get(name, name) if name not in table.own else name] for name in names], np.uint8)
    index = _without_specks(index, air=names.index("air") if "air" in names else None)
    found = HeadMap(index, lookup[index], values, materials, affine)
    parts = _HeadParts(found, names, labels.spacing_mm, rng)
    if _OUTSIDE_BRAIN.isdisjoint(names):
        parts.fill_with_fluid()
    else:
        parts.part_scalp()
        parts.part_soft()
        parts.line_with_dura()
        parts.draw_vessels()
    return found


def refuse_image(array: Array, *, where: object = "") -> None:
    """Refuses what is no label map.

    Args:
        array: Voxels, any shape.
        where: The file, for the message.

    Raises:
        UsageError: If nothing is labelled, or a value is negative or no whole number.
    """
    beside = float(np.abs(array - np.rint(array)).max()) if array.dtype.kind == "f" else 0.0
    if array.any() and round(float(array.min())) >= 0 and beside <= _ROUNDED:
        return
    came = f"values from {array.min():g} to {array.max():g}" if array.any() else "zeros alone"
    came += ", and others between whole numbers" if beside > _ROUNDED else ""
    remedy = "Give a segmentation, not an image."
    raise UsageError("a label map with whole numbers from 0 on", came=came, where=where, remedy=remedy)


def _cropped(labels: Volume) -> tuple[NDArray[np.int64], NDArray[np.uint16], Affine]:
    refuse_image(labels.array)
    box = extent(labels.array) or (slice(0, None),) * 3
    inside = labels.array[box]
    part = np.ascontiguousarray(np.rint(inside).astype(np.int32) if inside.dtype.kind == "f" else inside)
    affine = np.array(labels.affine)
    affine[:3, 3] = (labels.affine @ np.array([*(each.start for each in box), 1.0]))[:3]
    present = np.flatnonzero(np.bincount(part.ravel(), minlength=1))
    back = np.zeros(int(present[-1]) + 1, dtype=np.uint16)
    back[present] = np.arange(present.size)
    return present.astype(np.int64), back[part], affine


def _without_specks(index: NDArray[np.uint16], *, air: int | None) -> NDArray[np.uint16]:
    """The map without specks of tissue outside the head and without tiny holes inside."""
    from scipy.ndimage import label

    if air is None:
        return index
    body, count = label(index != air)
    if count > 1:
        sizes = np.bincount(body.ravel())
        sizes[0] = 0
        index = np.where(sizes[body] >= 0.02 * sizes.max(), index, np.uint16(air)).astype(np.uint16)
    holes, count = label(index == air)
    sizes = np.bincount(holes.ravel())
    small = (sizes <= _SPECK_VOXELS)[holes] & (index == air)
    for axis in range(3):
        for step in (1, -1):
            neighbour = np.roll(index, step, axis=axis)
            index = np.where(small & (index == air), neighbour, index)
    return index


def _grown(mask: NDArray[np.bool_], voxels: tuple[int, int, int]) -> NDArray[np.bool_]:
    """The mask grown by a box of so many voxels to each side."""
    from scipy.ndimage import maximum_filter1d

    result = mask.view(np.uint8)
    for axis, reach in enumerate(voxels):
        if reach:
            result = maximum_filter1d(result, 2 * reach + 1, axis=axis, mode="nearest")
    return result.view(np.bool_)


class _HeadParts:
    """Tells apart, in place, what one number of the map holds."""

    def __init__(
        self, head: HeadMap, names: list[str], spacing: tuple[float, float, float], rng: np.random.Generator
    ) -> None:
        self.head, self.names, self.spacing, self.rng = head, names, spacing, rng

    def where(self, *names: str) -> NDArray[np.bool_]:
        chosen = np.array([name in names for name in self.names])
        return np.asarray(chosen[self.head.labels])

    def reach(self, length_mm: float) -> tuple[int, int, int]:
        i, j, k = (int(np.floor(length_mm / step + 0.5)) for step in self.spacing)
        return i, j, k

    def noise(self, mask: NDArray[np.bool_], wavelength_mm: float, *, tall: float = 1.0) -> NDArray[np.float32]:
        """Noise at the voxels of a mask; ``tall`` stretches it along the body's axis."""
        points = np.argwhere(mask).astype(np.float32) @ self.head.affine[:3, :3].T.astype(np.float32)
        field = Noise.draw(self.rng, wavelength_mm=wavelength_mm)
        return field.at((points[:, 0], points[:, 1], points[:, 2] / np.float32(tall)))

    def put(self, mask: NDArray[np.bool_], name: str) -> None:
        self.head.tissues[mask] = self.head.number(name)

    def part_scalp(self) -> None:
        """The outermost one or two millimetres of the scalp are skin."""
        outside = self._open_air()
        self.put(self.where("scalp") & _grown(outside, self.reach(float(self.rng.uniform(0.8, 1.9)))), "skin")

    def _open_air(self) -> NDArray[np.bool_]:
        from scipy.ndimage import label

        parts, _ = label(np.pad(self.where("air"), 1, constant_values=True))
        return np.asarray((parts == parts[0, 0, 0])[1:-1, 1:-1, 1:-1])

    def part_soft(self) -> None:
        """Muscle with planes of fat, and fat around the eyes."""
        soft = self.where("mixed_soft")
        if not soft.any():
            return
        planes = np.abs(self.noise(soft, float(self.rng.uniform(22, 36)), tall=2.5))
        lumps = self.noise(soft, 30.0)
        fat = ((planes < self.rng.uniform(0.06, 0.15)) & (lumps > -0.4)) | (lumps > self.rng.uniform(1.0, 1.6))
        place = np.zeros(soft.shape, dtype=np.bool_)
        place[soft] = fat
        orbit = soft & _grown(self.where("vitreous"), self.reach(9.0)) if "vitreous" in self.names else ~soft & soft
        behind = soft & _grown(self.where("eye_muscle", "optic_nerve"), self.reach(4.0))
        self.put(place | orbit | behind, "fat")

    def line_with_dura(self) -> None:
        """A layer between fluid and skull."""
        bone = self.where("cortical_bone", "marrow")
        edge = self.where("csf") & _grown(bone, tuple(min(n, 1) for n in self.reach(1.0)))  # type: ignore[arg-type]
        if edge.any():
            place = np.zeros(edge.shape, dtype=np.bool_)
            place[edge] = self.noise(edge, 9.0) > self.rng.uniform(-0.3, 0.8)
            self.put(place, "dura")

    def draw_vessels(self) -> None:
        """Tubes in the fluid, where two noises are zero at once."""
        fluid = self.head.tissues == self.head.number("csf")
        fluid &= self.where("csf")
        if not fluid.any():
            return
        first, second = self.noise(fluid, 13.0), self.noise(fluid, 17.0)
        width = self.rng.uniform(0.08, 0.24)
        place = np.zeros(fluid.shape, dtype=np.bool_)
        place[fluid] = (np.abs(first) < width) & (np.abs(second) < width)
        self.put(place, "vessel")

    def fill_with_fluid(self) -> None:
        """Sulci and a thin shell around a brain that lies in zeros."""
        from scipy.ndimage import minimum_filter1d

        brain = ~self.where("air")
        closed = _grown(brain, self.reach(3.0)).view(np.uint8)
        for axis, reach in enumerate(self.reach(2.0)):
            closed = minimum_filter1d(closed, 2 * reach + 1, axis=axis, mode="nearest") if reach else closed
        self.put(closed.view(np.bool_) & ~brain, "csf")
