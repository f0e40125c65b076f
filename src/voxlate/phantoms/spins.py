"""Spins: the tissue voxels of one person with their own relaxation times, and the signal that they give in a protocol.

Each tissue differs between people (``Tissue.spread``) and from place to place within (``Tissue.texture``: smooth noise,
half of it shared by T1 and T2, as both follow water content). The signal of each tissue voxel is exact; an image voxel
gets their average, water and fat apart, so that partial volume, nulling and India-ink lines come out as in a scanner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.anatomy import TissueMap
from voxlate.phantoms.physics import tissues as table
from voxlate.phantoms.physics.acquisition import RigidMotion, point_spread
from voxlate.phantoms.physics.equations import dixon, shortened
from voxlate.phantoms.physics.field import field_factors
from voxlate.phantoms.physics.protocols import Protocol, mr_signal
from voxlate.phantoms.solids import Field, refine
from voxlate.volume import Array, Grid

_TEXTURE_SUV = 0.06
"""Relative standard deviation of the uptake within a tissue."""


@dataclass(frozen=True, eq=False)
class Spins:
    """All tissue voxels that are not air, as flat arrays of one length.

    Attributes:
        grid: The image grid.
        factor: Tissue voxels along each axis of an image voxel.
        place: Flat index of each on the tissue lattice.
        voxel: Flat index of the image voxel that each lies in.
        tissue: Tissue number.
        t1_ms: Longitudinal relaxation time of the water.
        t2_ms: Transverse relaxation time of the water.
        t2star_ms: Effective transverse relaxation time of the water.
        proton_density: Relative to cerebrospinal fluid.
        hu: CT number.
        suv: Uptake in PET.
        table: The tissues that the numbers stand for.
    """

    grid: Grid
    factor: int
    place: NDArray[np.intp]
    voxel: NDArray[np.intp]
    tissue: NDArray[np.uint8]
    t1_ms: Field
    t2_ms: Field
    t2star_ms: Field
    proton_density: Field
    hu: Field
    suv: Field
    table: tuple[table.Tissue, ...] = tuple(table.TISSUES.values())

    def of(self, attribute: str) -> Field:
        """A property of the tissue table for every tissue voxel."""
        return np.asarray(_column(attribute, self.table)[self.tissue])

    def average(self, values: Array, *, motion: RigidMotion | None = None) -> Field:
        """Mean over each image voxel, air counted as zero, ``(i, j, k)``; of the moved person, if there is a motion."""
        if motion is not None and motion.moves:
            return self._average_moved(values, motion)
        if self.factor == 1:
            alone = np.zeros(int(np.prod(self.grid.shape)), dtype=np.float32)
            alone[self.voxel] = values
            return alone.reshape(self.grid.shape)
        total = np.bincount(self.voxel, weights=values, minlength=int(np.prod(self.grid.shape)))
        return np.asarray((total / self.factor**3).reshape(self.grid.shape), dtype=np.float32)

    def _average_moved(self, values: Array, motion: RigidMotion) -> Field:
        lattice = self.grid.affine @ np.diag([*[1 / self.factor] * 3, 1.0])
        first = (1 / self.factor - 1) / 2
        lattice[:3, 3] = (self.grid.affine @ np.array([first, first, first, 1.0]))[:3]
        i, j, k = (n * self.factor for n in self.grid.shape)
        dense = np.zeros(i * j * k, dtype=np.float32)
        dense[self.place] = values
        moved = motion.apply(dense.reshape(i, j, k), Grid((i, j, k), lattice))
        a, b, c = self.grid.shape
        blocks = moved.reshape(a, self.factor, b, self.factor, c, self.factor)
        return np.asarray(blocks.mean(axis=(1, 3, 5)), dtype=np.float32)


def draw_spins(tissue_map: TissueMap, rng: np.random.Generator) -> Spins:
    """The tissue voxels of one person, with the variation between people and within tissues drawn."""
    where = np.flatnonzero(tissue_map.tissues)
    tissue = tissue_map.tissues.ravel()[where]
    coarse, middle, fine = (_texture(tissue_map, rng, size)[where] for size in (2.2, 1.4, 0.8))
    column = partial(_column, tissues=tissue_map.table)
    person = _person(rng, column("spread"))
    levels = tissue_map.levels
    texture = column("texture")[tissue]
    water = texture * (0.8 * coarse + 0.45 * fine)
    t2_factor = person["t2_ms"][tissue] * (1 + 0.7 * water + 0.5 * texture * middle)
    density = (1 + (person["proton_density"] - 1) / 3)[tissue] * (1 + 0.3 * water)
    hu = _leveled(column("hu"), levels.hu) + 3 * column("texture_hu") * (person["hu"] - 1)
    return Spins(
        grid=tissue_map.grid,
        factor=tissue_map.factor,
        place=where,
        voxel=_image_voxels(where, tissue_map),
        tissue=tissue,
        t1_ms=np.maximum((column("t1_ms") * person["t1_ms"])[tissue] * (1 + water), 1).astype(np.float32),
        t2_ms=(column("t2_ms")[tissue] * t2_factor).astype(np.float32),
        t2star_ms=(column("t2star_ms")[tissue] * t2_factor).astype(np.float32),
        proton_density=(column("proton_density")[tissue] * density).astype(np.float32),
        hu=(hu[tissue] + column("texture_hu")[tissue] * 0.7 * (middle + fine)).astype(np.float32),
        suv=_leveled(0 * hu, levels.suv)[tissue] * np.maximum(1 + _TEXTURE_SUV * coarse, 0).astype(np.float32),
        table=tissue_map.table,
    )


def _column(attribute: str, tissues: tuple[table.Tissue, ...]) -> Field:
    return np.array([getattr(t, attribute) for t in tissues], dtype=np.float32)


def _leveled(column: Field, levels: Mapping[str, float]) -> Field:
    """A column of the tissue table with one person's values where there are any."""
    result = column.copy()
    for name, value in levels.items():
        result[table.tissue_id(name)] = value
    return result


def _person(rng: np.random.Generator, spread: Field) -> dict[str, Field]:
    """Factors of each tissue between people, by property."""
    names = ("t1_ms", "t2_ms", "proton_density", "hu")
    parts = [[_between_people(rng, piece) for _ in names] for piece in np.split(spread, table.TISSUES_BEFORE)]
    return {name: np.concatenate(pieces) for name, *pieces in zip(names, *parts, strict=True)}


def _between_people(rng: np.random.Generator, spread: Field) -> Field:
    draw = np.clip(rng.standard_normal(spread.size), -2.5, 2.5)
    return np.asarray(1 + spread * draw, dtype=np.float32)


def _texture(tissue_map: TissueMap, rng: np.random.Generator, size_voxels: float) -> Field:
    from scipy.ndimage import gaussian_filter

    noise = rng.standard_normal(tissue_map.grid.shape, dtype=np.float32)
    smooth = gaussian_filter(noise, size_voxels, mode="wrap", truncate=3.0)
    smooth /= smooth.std()
    return refine(smooth, tissue_map.factor).ravel()


def _image_voxels(where: NDArray[np.intp], tissue_map: TissueMap) -> NDArray[np.intp]:
    factor = tissue_map.factor
    if factor == 1:
        return where
    _, ny, nz = tissue_map.tissues.shape
    plane, k = np.divmod(where, nz)
    i, j = np.divmod(plane, ny)
    _, mj, mk = tissue_map.grid.shape
    return np.asarray((i // factor * mj + j // factor) * mk + k // factor)


def _at_field(spins: Spins, *, field_t: float) -> tuple[Field, Field, Field]:
    """T1, T2 and T2* of the water at a field strength."""
    factors = partial(field_factors, [tissue.name for tissue in spins.table], field_t=field_t)
    return (
        spins.t1_ms * factors("t1")[spins.tissue],
        spins.t2_ms * factors("t2")[spins.tissue],
        spins.t2star_ms * factors("t2star")[spins.tissue],
    )


def _water_and_fat(spins: Spins, protocol: Protocol) -> tuple[Array, float]:
    """Signed signal of the water of every tissue voxel, and that of pure fat per unit of proton density."""
    t1, t2, t2star, fat = spins.t1_ms, spins.t2_ms, spins.t2star_ms, table.FAT
    if protocol.field_t != 3.0:
        t1, t2, t2star = _at_field(spins, field_t=protocol.field_t)
    if protocol.contrast_agent:
        uptake = spins.of("uptake_mmol")
        t1 = shortened(t1, relaxivity=table.R1_RELAXIVITY, concentration_mmol=uptake).astype(np.float32)
        t2 = shortened(t2, relaxivity=table.R2_RELAXIVITY, concentration_mmol=uptake).astype(np.float32)
        t2star = shortened(t2star, relaxivity=table.R2_RELAXIVITY, concentration_mmol=uptake).astype(np.float32)
    density = spins.proton_density * (1 - spins.of("fat_fraction"))
    if protocol.flow_void < 1:
        density = density * np.where(spins.of("flowing") > 0, np.float32(protocol.flow_void), np.float32(1))
    water = mr_signal(protocol, proton_density=density, t1_ms=t1, t2_ms=t2, t2star_ms=t2star)
    train = protocol.sequence in {"spin_echo", "inversion_recovery"}
    fat_t2 = table.FAT_T2_SPIN_ECHO_TRAIN_MS if train else fat.t2_ms
    lipid = mr_signal(protocol, proton_density=1.0, t1_ms=fat.t1_ms, t2_ms=fat_t2, t2star_ms=fat.t2star_ms)
    return water, float(lipid) * protocol.fat_kept


def render(spins: Spins, protocol: Protocol, *, motion: RigidMotion | None = None) -> Field:
    """The noise-free image ``(i, j, k)``: MR magnitude relative to water at equilibrium, HU, or activity before blur.

    Args:
        spins: The tissue voxels.
        protocol: The scan.
        motion: How the person has moved against the grid.
    """
    if protocol.sequence == "ct":
        return point_spread(spins.average(spins.hu + 1000, motion=motion), protocol) - 1000
    if protocol.sequence == "pet":
        return spins.average(spins.suv, motion=motion)
    water_signal, lipid = _water_and_fat(spins, protocol)
    fat_signal = spins.proton_density * spins.of("fat_fraction") * np.float32(lipid)
    water, fat = (point_spread(spins.average(part, motion=motion), protocol) for part in (water_signal, fat_signal))
    return dixon(water=water, fat=fat, phase_deg=protocol.fat_phase_deg).astype(np.float32)
