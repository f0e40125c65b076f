"""One case: a person drawn, scanned in every contrast, with the truth that no scanner shows.

Everything random comes from ``SeedSequence((seed, index))`` with one stream per purpose, so that a case depends neither
on the other cases nor on the order or number of workers, nor a contrast on which others are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Bounded
from pydantic import field_validator

from voxlate.contrast import CONTRASTS, find_contrast, get_contrast
from voxlate.phantoms.anatomy import TissueMap, anatomy_for
from voxlate.phantoms.physics.acquisition import (
    CoilField,
    RigidMotion,
    between_slices,
    digitise,
    draw_coil,
    draw_motion,
    gaussian,
    ghosted,
    rician,
    sliced,
)
from voxlate.phantoms.physics.emission import emission_image
from voxlate.phantoms.physics.protocols import ECHO_OF, PROTOCOLS, Protocol, protocol_for, vary_protocol
from voxlate.phantoms.physics.tissues import tissue_id
from voxlate.phantoms.physics.uptake import Levels
from voxlate.phantoms.solids import Field
from voxlate.phantoms.spins import Spins, draw_spins, render
from voxlate.strict import StrictModel
from voxlate.volume import Grid

Shift = float | tuple[float, float, float]


class PhantomOptions(StrictModel):
    """What a simulated cohort may vary in.

    Attributes:
        spacing_mm: Voxel edge; ``None`` fits the anatomy's field of view.
        factor: Tissue voxels along each axis of an image voxel; ``None`` chooses about 1 mm.
        misalignment_mm: How far each contrast lies from the reference (the first contrast): one distance for all
            others, in a random direction, or by contrast a distance or a shift along x, y, z; no header tells.
        misalignment_deg: Largest turn about each axis of those contrasts.
        skull_strip: Whether everything outside the brain mask is zero (air in CT), as in BraTS.
        lesions: ``cycle`` gives each case the next lesion of the anatomy's cycle, ``none`` leaves people healthy.
        bias: Standard deviation of the logarithm of the coil's sensitivity over the image.
        noise: Factor of the noise of every contrast; 0 for none.
    """

    spacing_mm: float | None = Bounded(None, gt=0)
    factor: int | None = Bounded(None, ge=1, le=8)
    misalignment_mm: float | dict[str, Shift] = 0.0
    misalignment_deg: float = Bounded(0.0, ge=0, le=30)
    skull_strip: bool = False
    lesions: Literal["cycle", "none"] = "cycle"
    bias: float = Bounded(0.10, ge=0, le=1)
    noise: float = Bounded(1.0, ge=0)

    @field_validator("misalignment_mm")
    @classmethod
    def _of_contrasts_that_can_be_scanned(cls, value: float | dict[str, Shift]) -> float | dict[str, Shift]:
        if not isinstance(value, dict):
            return value
        unknown = [name for name in value if (find_contrast(name) or CONTRASTS["labels"]).name not in PROTOCOLS]
        if unknown:
            raise ValueError(f"the phantom does not acquire {', '.join(unknown)}")
        return {get_contrast(name).name: shift for name, shift in value.items()}


@dataclass(frozen=True, eq=False)
class Scan:
    """One image and how it came about.

    Attributes:
        image: As stored ``(i, j, k)``: int16 for MR in arbitrary units and for HU, float32 for SUV.
        noise_free: The same before coil field, noise and rounding, float32.
        protocol: The scan's sequence and timing.
        gain: Stored units per unit of signal; 1 for CT and PET.
        sigma: Standard deviation of the noise per channel in stored units; 0 for PET, whose noise goes with uptake.
        coil: The coil field; ``None`` for CT and PET.
        motion: Where the person lies against the reference scan.
        grid: The grid of the image where it is not the case's.
    """

    image: NDArray[np.int16] | NDArray[np.float32]
    noise_free: Field
    protocol: Protocol
    gain: float
    sigma: float
    coil: CoilField | None
    motion: RigidMotion
    grid: Grid | None = None


@dataclass(frozen=True)
class Imperfection:
    """How a scan differs from the usual one.

    Attributes:
        protocol: Sequence, timing and slices.
        ghost_voxels: How far the person jumped while k-space was filled; 0 for not at all.
        native: Whether thick slices keep their own grid.
    """

    protocol: Protocol
    ghost_voxels: float = 0.0
    native: bool = False


@dataclass(frozen=True, eq=False)
class SimulatedCase:
    """A person with all scans and the truth.

    Attributes:
        grid: The grid of all images.
        tissues: Most frequent tissue of each voxel ``(i, j, k)``, at the reference position.
        labels: What a rater draws, with the values of the anatomy: tumour parts of a head, structures of a heart.
        lesions: The lesions by the anatomy's values.
        brain: Brain mask; ``None`` for a body without a brain.
        scans: By contrast.
        attributes: Age, subtype, grade, enhancement and the like.
        levels: CT numbers and uptake of this person where they are not those of the tissue table.
        anatomy: The numbers of the label map that it was rendered from, if there is one.
    """

    grid: Grid
    tissues: NDArray[np.uint8]
    labels: NDArray[np.uint8] | NDArray[np.uint16]
    lesions: NDArray[np.uint8]
    brain: NDArray[np.bool_] | None
    scans: Mapping[str, Scan]
    attributes: Mapping[str, str] = field(default_factory=dict)
    levels: Levels = field(default_factory=Levels)
    anatomy: NDArray[np.int32] | None = None


def _streams(seed: int, index: int) -> dict[str, np.random.Generator]:
    """Independent random generators of case ``index`` of a cohort: for the person, the spins, and each contrast."""
    names = ("person", "anatomy", "spins", "session", *PROTOCOLS)
    children = np.random.SeedSequence((seed, index)).spawn(len(names))
    return {name: np.random.default_rng(child) for name, child in zip(names, children, strict=True)}


def image_grid(size: int, *, anatomy: str, spacing_mm: float | None) -> Grid:
    """A cube of ``size`` voxels about the middle of the anatomy; RAS axes, world origin in the anatomy."""
    body = anatomy_for(anatomy)
    spacing = spacing_mm or body.field_of_view_mm / size
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = np.asarray(body.centre_mm) - (size - 1) / 2 * spacing
    return Grid((size, size, size), affine)


def simulate_case(
    *, seed: int, index: int, size: int, anatomy: str, contrasts: tuple[str, ...], options: PhantomOptions
) -> SimulatedCase:
    """Draws case ``index`` of a cohort and scans it.

    Raises:
        UsageError: If the anatomy or a contrast is not known, or the anatomy does not have the contrast.
    """
    rngs = _streams(seed, index)
    body = anatomy_for(anatomy, contrasts)
    grid = image_grid(size, anatomy=anatomy, spacing_mm=options.spacing_mm)
    subtype = body.cycle[index % len(body.cycle)] if options.lesions == "cycle" else "none"
    age = float(np.round(np.clip(rngs["person"].normal(54, 14), 22, 84)))
    subject = body.draw(rngs["anatomy"], age=age, subtype=subtype)
    factor = options.factor or int(np.clip(round(grid.spacing_mm[0] / body.tissue_mm), 1, 4))
    tissue_map = body.build(subject, grid, factor=factor)
    scans = _scan(tissue_map, rngs, contrasts=contrasts, options=options, ct_noise=body.ct_noise)
    lesions = tissue_map.drawn(body.lesions).astype(np.uint8)
    labels = lesions if body.labels == body.lesions else tissue_map.drawn(body.labels)
    volume_ml = np.count_nonzero(lesions) * float(np.prod(grid.spacing_mm)) / 1000
    attributes = {"age": f"{age:.0f}", **subject.attributes, "lesion_ml": f"{volume_ml:.1f}"}
    return SimulatedCase(
        grid, tissue_map.labels(), labels, lesions, tissue_map.brain, scans, attributes, tissue_map.levels
    )


def _scan(
    tissue_map: TissueMap,
    rngs: Mapping[str, np.random.Generator],
    *,
    contrasts: tuple[str, ...],
    options: PhantomOptions,
    ct_noise: float,
) -> dict[str, Scan]:
    """All scans of a person, in the order asked for."""
    spins = draw_spins(tissue_map, rngs["spins"])
    white_matter = tissue_map.labels() == tissue_id("white_matter") if tissue_map.brain is not None else None
    coil = draw_coil(rngs["session"], strength=options.bias)
    louder = options.model_copy(update={"noise": options.noise * ct_noise})
    scans = {
        name: acquire(
            spins,
            name,
            rng=rngs[name],
            options=louder if name == "ct" else options,
            coil=coil,
            white_matter=white_matter,
            brain=tissue_map.brain,
            reference=name in (contrasts[0], ECHO_OF.get(contrasts[0])),
        )
        for name in dict.fromkeys(ECHO_OF.get(name, name) for name in contrasts)
    }
    for name in (name for name in contrasts if name in ECHO_OF):
        first = scans[ECHO_OF[name]]
        scans[name] = _acquire_echo(spins, name, first, rng=rngs[name], options=options, brain=tissue_map.brain)
    return {name: scans[name] for name in contrasts}


def acquire(
    spins: Spins,
    contrast: str,
    *,
    rng: np.random.Generator,
    options: PhantomOptions,
    coil: CoilField,
    white_matter: NDArray[np.bool_] | None = None,
    brain: NDArray[np.bool_] | None = None,
    reference: bool = True,
    imperfection: Imperfection | None = None,
) -> Scan:
    """One scan of a person.

    Args:
        spins: The person.
        contrast: Canonical name of a contrast in ``PROTOCOLS``.
        rng: Decides protocol variation, movement, gain and noise.
        options: What may vary.
        coil: Sensitivity of the receive coil, shared by the scans of a session.
        white_matter: Where signal-to-noise and gain are set; without it, where there is signal.
        brain: Brain mask, for skull stripping.
        reference: Whether this scan defines the position.
        imperfection: A protocol in the place of the contrast's usual one, and what goes wrong.
    """
    protocol = imperfection.protocol if imperfection else vary_protocol(protocol_for(contrast), rng)
    motion = _motion(contrast, options, rng=rng, grid=spins.grid)
    motion = RigidMotion() if reference else motion
    clean = render(spins, protocol, motion=motion)
    if protocol.sequence == "ct":
        sigma = options.noise * protocol.noise_hu
        image = gaussian(sliced(clean, protocol), sigma=sigma, rng=rng)
        scan = Scan(digitise(image), clean, protocol, 1.0, sigma, None, motion)
        return _finished(scan, brain, spins.grid, options=options, native=bool(imperfection and imperfection.native))
    if protocol.sequence == "pet":
        counts = protocol.counts_per_ml / options.noise**2 if options.noise else 0.0
        clean, emission = emission_image(
            clean,
            resolution_mm=protocol.resolution_mm,
            counts_per_ml=counts,
            spacing_mm=spins.grid.spacing_mm,
            rng=rng,
        )
        return Scan(emission, clean, protocol, 1.0, 0.0, None, motion)
    level = _level(clean, white_matter)
    gain = float(rng.uniform(350, 650)) / level
    sigma = options.noise * gain * level / protocol.snr
    clean *= np.float32(gain)
    own = draw_coil(rng, strength=0.15 * options.bias)
    total = CoilField(tuple(a + b for a, b in zip(coil.coefficients, own.coefficients, strict=True)))
    received = sliced(clean * total.on(spins.grid.shape), protocol)
    if imperfection and imperfection.ghost_voxels:
        phase = (protocol.slice_axis + int(rng.integers(1, 3))) % 3
        received = ghosted(received, rng, shift_voxels=imperfection.ghost_voxels, axis=phase)
    image = rician(received, sigma=sigma, rng=rng)
    scan = Scan(digitise(image), clean, protocol, gain, sigma, total, motion)
    return _finished(scan, brain, spins.grid, options=options, native=bool(imperfection and imperfection.native))


def _acquire_echo(
    spins: Spins,
    contrast: str,
    first: Scan,
    *,
    rng: np.random.Generator,
    options: PhantomOptions,
    brain: NDArray[np.bool_] | None = None,
) -> Scan:
    """Another echo of a scan: the echo time, the phase of fat and the noise are its own, all else is that scan's.

    Args:
        spins: The person.
        contrast: Canonical name of a contrast in ``ECHO_OF``.
        first: The scan that it is an echo of.
        rng: Decides the noise, and a movement that ``options`` name for this contrast.
        options: What may vary.
        brain: Brain mask, for skull stripping.
    """
    planned, named = protocol_for(contrast), options.misalignment_mm
    motion = first.motion
    if isinstance(named, dict) and contrast in named:
        motion = _motion(contrast, options, rng=rng, grid=spins.grid)
    echo_ms = planned.echo_ms * first.protocol.echo_ms / protocol_for(ECHO_OF[contrast]).echo_ms
    protocol = first.protocol.model_copy(update={"echo_ms": echo_ms, "fat_phase_deg": planned.fat_phase_deg})
    clean = render(spins, protocol, motion=motion) * np.float32(first.gain)
    received = clean if first.coil is None else clean * first.coil.on(spins.grid.shape)
    image = digitise(rician(received, sigma=first.sigma, rng=rng))
    scan = replace(first, image=image, noise_free=clean, protocol=protocol, motion=motion)
    return _stripped(scan, brain, background=0) if options.skull_strip else scan


def _level(clean: Field, where: NDArray[np.bool_] | None) -> float:
    values = clean[where] if where is not None and where.any() else clean[clean > 0.1 * clean.max()]
    return float(np.median(values))


def _motion(contrast: str, options: PhantomOptions, *, rng: np.random.Generator, grid: Grid) -> RigidMotion:
    wanted = options.misalignment_mm
    shift = wanted.get(contrast, 0.0) if isinstance(wanted, dict) else wanted
    distance = 0.0 if isinstance(shift, tuple) else float(shift)
    turn = options.misalignment_deg if not isinstance(wanted, dict) or contrast in wanted else 0.0
    drawn = draw_motion(rng, distance_mm=distance, rotation_deg=turn, grid=grid)
    if isinstance(shift, tuple):
        return RigidMotion(shift, drawn.rotation_deg, drawn.centre_mm)
    return drawn


def _finished(
    scan: Scan, brain: NDArray[np.bool_] | None, grid: Grid, *, options: PhantomOptions, native: bool
) -> Scan:
    """The scan stripped if it is to be, its thick slices back on the case's grid or with a grid of their own."""
    background, protocol = -1000 if scan.protocol.sequence == "ct" else 0, scan.protocol
    if protocol.slice_step == 1:
        return _stripped(scan, brain, background=background) if options.skull_strip else scan
    if not native:
        planes = grid.shape[protocol.slice_axis]
        image = digitise(between_slices(scan.image.astype(np.float32), protocol, planes=planes))
        scan = replace(scan, image=image)
        return _stripped(scan, brain, background=background) if options.skull_strip else scan
    steps, first = np.ones(4), np.array([0.0, 0, 0, 1])
    steps[protocol.slice_axis] = protocol.slice_step
    first[protocol.slice_axis] = (protocol.slice_step - 1) // 2
    affine = grid.affine @ np.diag(steps)
    affine[:3, 3] = (grid.affine @ first)[:3]
    i, j, k = scan.image.shape
    scan = replace(scan, grid=Grid((i, j, k), affine))
    if brain is None or not options.skull_strip:
        return scan
    inside = sliced(brain, protocol)
    return replace(scan, image=np.where(inside, scan.image, np.int16(background)).astype(np.int16))


def _stripped(scan: Scan, brain: NDArray[np.bool_] | None, *, background: int) -> Scan:
    if brain is None:
        return scan
    image = np.where(brain, scan.image, np.int16(background)).astype(np.int16)
    clean = np.where(brain, scan.noise_free, np.float32(background)).astype(np.float32)
    return Scan(image, clean, scan.protocol, scan.gain, scan.sigma, scan.coil, scan.motion)
