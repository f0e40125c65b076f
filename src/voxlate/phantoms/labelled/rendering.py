"""A head from a label map, varied and scanned at random: label array, affine and seed in, images and truth out.

Everything random comes from ``SeedSequence((seed, index))`` with one stream per purpose, so that no contrast depends on
which others are asked for. How the parameters are randomised follows the idea of SynthSeg (Billot et al. 2023, doi
10.1016/j.media.2023.102789) and SynthSR (Iglesias et al., Sci Adv 9:eadd3607 (2023), doi 10.1126/sciadv.add3607): new
shape, contrast, resolution and corruption each time; here the contrasts come from signal equations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Bounded

from voxlate.contrast import get_contrast
from voxlate.phantoms.anatomy import TissueMap
from voxlate.phantoms.labelled.heads import BRAIN_TISSUES, HeadMap, head_map
from voxlate.phantoms.labelled.plants import VENTRICLES, Illness, Lesions, plant
from voxlate.phantoms.labelled.table import LabelTable, head_table
from voxlate.phantoms.labelled.warp import draw_warp, laid_out
from voxlate.phantoms.physics.acquisition import draw_coil
from voxlate.phantoms.physics.protocols import PROTOCOLS, Protocol, protocol_for
from voxlate.phantoms.physics.ranges import draw_field, draw_protocol
from voxlate.phantoms.physics.tissues import tissue_id
from voxlate.phantoms.scans import Imperfection, PhantomOptions, Scan, SimulatedCase, acquire
from voxlate.phantoms.solids import Field, Noise
from voxlate.phantoms.spins import Spins, draw_spins
from voxlate.plainyaml import listed
from voxlate.strict import StrictModel
from voxlate.volume import Array, Grid, Volume

LABEL_CONTRASTS: tuple[str, ...] = ("t1", "t1c", "t2", "flair", "pd", "ct")
_MARGIN_MM = 4.0


class RenderOptions(StrictModel):
    """What rendered heads may vary in.

    Attributes:
        spacing_mm: Voxel edge of the images; ``None``: that of the label map.
        size: Voxels along each edge of a cube about the brain; ``None``: all of the head.
        factor: Tissue voxels along each axis of an image voxel; ``None``: about as fine as the label map.
        shape: Factor of turns, scales and bends; 0 keeps the map's shape.
        mirror: Whether a head may be mirrored, the numbers of left and right exchanged.
        lesions: ``random`` draws none, plaques or a tumour.
        skull_strip: Part of the cases of which the brain alone is left.
        thick_slices: Part of the scans that have slices of 2 to 7 mm, along any axis.
        native: Whether those keep their own grid instead of going back to the case's.
        motion: Part of the scans with ghosts of motion.
        bias: Largest standard deviation of the logarithm of the coil's sensitivity.
        noise: Factor of the noise of every scan.
        spread: Factor of the differences between people in the tissues' properties.
        texture: Factor of the variation within tissues.
    """

    spacing_mm: float | None = Bounded(None, gt=0)
    size: int | None = Bounded(None, ge=16)
    factor: int | None = Bounded(None, ge=1, le=4)
    shape: float = Bounded(1.0, ge=0, le=1.5)
    mirror: bool = True
    lesions: Literal["random", "ms", "tumour", "none"] = "random"
    skull_strip: float = Bounded(0.3, ge=0, le=1)
    thick_slices: float = Bounded(0.35, ge=0, le=1)
    native: bool = False
    motion: float = Bounded(0.1, ge=0, le=1)
    bias: float = Bounded(0.25, ge=0, le=1)
    noise: float = Bounded(1.0, ge=0)
    spread: float = Bounded(2.0, ge=0, le=5)
    texture: float = Bounded(1.0, ge=0, le=3)


def render_labels(
    labels: Volume,
    *,
    seed: int,
    index: int = 0,
    contrasts: str | Sequence[str] = LABEL_CONTRASTS,
    options: RenderOptions | None = None,
    table: LabelTable | None = None,
) -> SimulatedCase:
    """A head of that anatomy, scanned; no file is read or written.

    Args:
        labels: A label map ``(i, j, k)`` of any grid and spacing: ``Volume(array, affine)``.
        seed: Decides everything random, with ``index``.
        index: Which case of a cohort.
        contrasts: Of t1, t1c, t2, flair, pd, ct, in_phase, by any alias.
        options: What may vary.
        table: What the labels stand for; by default FreeSurfer's numbers and those above 500 of whole heads.

    Returns:
        ``scans[contrast].image`` with ``.protocol`` (and ``.grid`` where it is not the case's), ``labels`` and
        ``lesions`` (both the lesions), ``anatomy`` (numbers of the map), ``brain``, ``tissues``.

    Raises:
        UsageError: If a label is not in the table, the map is empty, or a contrast cannot be acquired.

    Example:
        >>> case = render_labels(Volume(array, affine), seed=1, contrasts=("t1", "flair"))  # doctest: +SKIP
    """
    asked: tuple[str, ...] = listed(contrasts)
    names = tuple(dict.fromkeys(get_contrast(name).name for name in asked))
    for name in names:
        protocol_for(name)
    options, table = options or RenderOptions(), table or head_table()
    rngs = _streams(seed, index)
    head, grid, factor = _shaped(labels, rngs, options=options, table=table)
    lesions = plant(head, rngs["lesions"], illness=_illness(rngs["lesions"], options))
    brain = _brain(head, rngs["person"])
    tissue_map = _tissue_map(
        head, brain, grid, factor=factor, options=options, texture=_texture(rngs["person"], options)
    )
    spins = _enriched(draw_spins(tissue_map, rngs["spins"]), tissue_map, lesions, rngs["tissue"], options=options)
    scans = _scans(spins, tissue_map, names, rngs, options=options)
    drawn = _thinned(lesions.mask(head), factor)
    volume_ml = np.count_nonzero(drawn) * float(np.prod(grid.spacing_mm)) / 1000
    anatomy = head.values.astype(np.int32)[_thinned(head.labels, factor)]
    return SimulatedCase(
        grid,
        _thinned(head.tissues, factor),
        drawn,
        drawn,
        tissue_map.brain,
        scans,
        {"subtype": lesions.subtype, "lesion_ml": f"{volume_ml:.1f}"},
        anatomy=anatomy,
    )


def _streams(seed: int, index: int) -> dict[str, np.random.Generator]:
    names = ("head", "shape", "lesions", "person", "spins", "tissue", "session", *PROTOCOLS)
    children = np.random.SeedSequence((seed, index)).spawn(len(names))
    return {name: np.random.default_rng(child) for name, child in zip(names, children, strict=True)}


def _illness(rng: np.random.Generator, options: RenderOptions) -> Illness:
    if options.lesions != "random":
        return options.lesions
    draw = rng.uniform()
    return "none" if draw < 0.3 else "ms" if draw < 0.65 else "tumour"


def _shaped(
    labels: Volume, rngs: Mapping[str, np.random.Generator], *, options: RenderOptions, table: LabelTable
) -> tuple[HeadMap, Grid, int]:
    """The head in its new shape on the lattice of tissues, the grid of the images, and voxels of one per other."""
    source = head_map(labels, table, rngs["head"])
    fine = float(np.min(labels.spacing_mm))
    spacing = options.spacing_mm or fine
    factor = options.factor or int(np.clip(round(spacing / fine), 1, 4))
    grid = _image_grid(source, spacing_mm=spacing, size=options.size)
    lattice = _lattice(grid, factor)
    reach = float(np.max(np.array(grid.shape) * spacing))
    sided = options.mirror and not table.unsided.intersection(int(value) for value in source.values)
    warp = draw_warp(rngs["shape"], strength=options.shape, may_mirror=sided, reach_mm=reach)
    head, outside = laid_out(source, lattice, warp, table=table)
    head.tissues[outside] = 0
    if source.values[0] == 0:
        head.labels[outside] = np.searchsorted(head.values, 0)
    return head, grid, factor


def _image_grid(head: HeadMap, *, spacing_mm: float, size: int | None) -> Grid:
    """A grid with the world's axes: about the whole head, or a cube about the brain."""
    brain = np.isin(head.tissues, head.numbers(BRAIN_TISSUES)) if size else head.tissues > 0
    if not brain.any():
        brain = head.tissues > 0
    hits = [np.flatnonzero(brain.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    ends = np.array([[hit[0], hit[-1]] for hit in hits])
    corners = np.array([[i, j, k, 1.0] for i in ends[0] for j in ends[1] for k in ends[2]]) @ head.affine.T
    low, high = corners[:, :3].min(axis=0), corners[:, :3].max(axis=0)
    middle = (low + high) / 2
    shape = np.full(3, size) if size else np.ceil((high - low + 2 * _MARGIN_MM) / spacing_mm).astype(int)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = middle - (shape - 1) / 2 * spacing_mm
    i, j, k = (int(n) for n in shape)
    return Grid((i, j, k), affine)


def _lattice(grid: Grid, factor: int) -> Grid:
    affine = grid.affine @ np.diag([*[1 / factor] * 3, 1.0])
    first = (1 / factor - 1) / 2
    affine[:3, 3] = (grid.affine @ np.array([first, first, first, 1.0]))[:3]
    i, j, k = (n * factor for n in grid.shape)
    return Grid((i, j, k), affine)


def _thinned(array: Array, factor: int) -> Array:
    """The tissue voxel next to the middle of each image voxel."""
    middle = slice(factor // 2, None, factor)
    return np.ascontiguousarray(array[middle, middle, middle])


def _brain(head: HeadMap, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Brain mask on the lattice, fluid of the sulci included as tightly as some tool does."""
    from scipy.ndimage import label, uniform_filter

    brain = np.isin(head.tissues, head.numbers(BRAIN_TISSUES))
    reach = max(round(5.0 / head.affine[0, 0]), 1)
    around = uniform_filter(brain.astype(np.float32), 2 * (reach // 2) + 1, mode="constant")
    soft = np.isin(head.tissues, [tissue_id(name) for name in ("csf", "dura", "vessel")])
    brain |= soft & (around > rng.uniform(0.1, 0.45))
    brain |= np.isin(head.values, VENTRICLES)[head.labels]
    parts, _ = label(np.pad(~brain, 1, constant_values=True))
    return np.asarray(parts != parts[0, 0, 0])[1:-1, 1:-1, 1:-1]


def _tissue_map(
    head: HeadMap, brain: NDArray[np.bool_], grid: Grid, *, factor: int, options: RenderOptions, texture: float
) -> TissueMap:
    table = tuple(
        replace(tissue, spread=tissue.spread * options.spread, texture=tissue.texture * texture)
        for tissue in head.materials
    )
    found = TissueMap(head.tissues, grid, factor, table=table)
    return replace(found, brain=_thinned(brain, factor) if brain.any() else None)


def _texture(rng: np.random.Generator, options: RenderOptions) -> float:
    """By how much this person's tissues vary within, against the table."""
    return options.texture * float(rng.uniform(0.7, 2.2))


def _enriched(
    spins: Spins, tissue_map: TissueMap, lesions: Lesions, rng: np.random.Generator, *, options: RenderOptions
) -> Spins:
    """The spins with the severity of plaques, and white matter that passes into grey matter over some way."""
    from scipy.ndimage import gaussian_filter

    grey, white = tissue_id("grey_matter"), tissue_id("white_matter")
    step = float(tissue_map.grid.spacing_mm[0]) / tissue_map.factor
    width, depth = float(rng.uniform(0.5, 1.3)), float(rng.uniform(0.2, 0.7))
    both = np.isin(tissue_map.tissues, (grey, white))
    change: dict[str, Any] = {}
    shares = [
        gaussian_filter(mask.astype(np.float32), width / step, truncate=2.5)
        for mask in (tissue_map.tissues == white, both)
    ]
    share = (shares[0] / np.maximum(shares[1], 1e-3)).ravel()[spins.place]
    own = spins.tissue == white
    moved = np.where(own | (spins.tissue == grey), depth * (share - own), 0).astype(np.float32)
    wave = _wave(spins, tissue_map, rng, options=options)
    plaque = np.isin(spins.tissue, [n for n, t in enumerate(spins.table) if t.name in _GRADED])
    severity = lesions.severity.ravel()[spins.place[plaque]]
    for name in ("t1_ms", "t2_ms", "t2star_ms", "proton_density", "hu"):
        column = np.array([getattr(tissue, name) for tissue in spins.table], dtype=np.float32)
        values = getattr(spins, name) + moved * (column[white] - column[grey])
        ill = column[spins.tissue[plaque]]
        values[plaque] += (severity - 1) * (ill - column[white])
        if name in {"t1_ms", "t2_ms", "t2star_ms"}:
            values *= wave
        change[name] = np.maximum(values, 0.3) if name != "hu" else values
    return replace(spins, **change)


_GRADED = frozenset({"ms_lesion", "ms_lesion_active", "leukoaraiosis"})


def _wave(spins: Spins, tissue_map: TissueMap, rng: np.random.Generator, *, options: RenderOptions) -> Field:
    """A slow change of relaxation over the head."""
    lattice = _lattice(tissue_map.grid, tissue_map.factor)
    noise = Noise.draw(rng, wavelength_mm=45.0, bandwidth=0.6)
    i, j, k = np.unravel_index(spins.place, lattice.shape)
    points = [
        (index * np.float32(lattice.affine[axis, axis])).astype(np.float32) for axis, index in enumerate((i, j, k))
    ]
    strength = np.float32(options.texture * rng.uniform(0, 0.035))
    return np.asarray(1 + strength * noise.at((points[0], points[1], points[2])), dtype=np.float32)


def _scans(
    spins: Spins,
    tissue_map: TissueMap,
    names: Sequence[str],
    rngs: Mapping[str, np.random.Generator],
    *,
    options: RenderOptions,
) -> dict[str, Scan]:
    session = rngs["session"]
    field_t = draw_field(session)
    settings = PhantomOptions(
        bias=options.bias * float(session.uniform(0.1, 1.0)),
        noise=options.noise,
        skull_strip=bool(session.uniform() < options.skull_strip),
    )
    coil = draw_coil(session, strength=settings.bias)
    white = tissue_map.tissues == tissue_id("white_matter")
    white_matter = _thinned(white, tissue_map.factor)
    scans = {}
    for name in names:
        rng = rngs[name]
        protocol = draw_protocol(name, rng, field_t=field_t)
        protocol = _sliced_protocol(protocol, rng, spins.grid, options=options)
        ghosts = float(rng.uniform(0.3, 2.0)) if rng.uniform() < options.motion and name != "ct" else 0.0
        scans[name] = acquire(
            spins,
            name,
            rng=rng,
            options=settings,
            coil=coil,
            white_matter=white_matter,
            brain=tissue_map.brain,
            imperfection=Imperfection(protocol, ghost_voxels=ghosts, native=options.native),
        )
    return scans


def _sliced_protocol(protocol: Protocol, rng: np.random.Generator, grid: Grid, *, options: RenderOptions) -> Protocol:
    thick, thickness, axis = (
        rng.uniform() < options.thick_slices,
        rng.uniform(2, 7),
        int(rng.choice(3, p=[0.2, 0.2, 0.6])),
    )
    step = int(min(round(thickness / grid.spacing_mm[axis]), 8, grid.shape[axis] // 4))
    if not thick or step < 2:
        return protocol
    share = float(rng.uniform(0.75, 1.0))
    return protocol.model_copy(
        update={"slice_axis": axis, "slice_step": step, "slice_thickness": max(share * step, 1.0)}
    )
