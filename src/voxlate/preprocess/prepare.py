"""Prepare: from the files of a case to normalised arrays on one grid; restore: from such an array back to the file's.

The reference contrast gives the grid: reordered to RAS+, cropped to the foreground with a margin, at its own spacing
or the plan's. On a grid of its own spacing no voxel is interpolated, so that ``restore`` undoes ``prepare`` exactly.
Voxels outside the foreground keep their values in the prepared arrays and become background in what is restored.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.case import Case
from voxlate.cohort.coverage import not_shown
from voxlate.contrast import Contrast, get_contrast
from voxlate.derivation import compute, files_of
from voxlate.errors import GeometryError, WriteError
from voxlate.io.transforms import Transform
from voxlate.preprocess.images import BACKGROUND, place_labels, read_contrast, read_foreground, tissue_of
from voxlate.preprocess.intensity import (
    PHYSICAL_SCALES,
    Scaling,
    brain_scaling,
    correct_bias,
    scaling_of,
    take_statistics,
)
from voxlate.preprocess.masking import Mask
from voxlate.preprocess.orientation import ras_grid
from voxlate.preprocess.plan import Normaliser, Plan
from voxlate.preprocess.registration.registration import register
from voxlate.preprocess.resampling import covers, crop_grid, resample, same_lattice, spacing_grid
from voxlate.question import Acquisitions
from voxlate.volume import Array, Grid, Volume, extent
from voxlate.windows import Sliceable

__all__ = ["BACKGROUND", "PreparedCase", "prepare_case", "restore"]
logger = logging.getLogger(__name__)
_MEASURED = 0.999


@dataclass(frozen=True)
class PreparedCase:
    """A case as arrays on one grid.

    Attributes:
        case_id: Of the case.
        arrays: By contrast, ``(i, j, k)`` float32, RAS+, normalised by this case's own scalings.
        mask: ``(i, j, k)`` booleans, the foreground.
        grid: The grid of the arrays.
        source_grid: The grid of the reference contrast's file.
        trailing_axes: Singleton axes that the reference's file had beyond the third.
        scalings: By contrast.
        notes: What was accepted, resampled, registered or filled, one sentence each.
        transforms: By contrast, of what was registered: from the reference's world to that contrast's; empty in a case
            from the store, which keeps them as files.
        valid: By contrast that does not show all of the foreground: ``(i, j, k)`` booleans, where it shows something.
            Elsewhere its array is background.
        acquired: How the images were acquired, where a model is told so.
    """

    case_id: str
    arrays: Mapping[str, Sliceable]
    mask: Sliceable
    grid: Grid
    source_grid: Grid
    trailing_axes: int
    scalings: Mapping[str, Scaling]
    notes: tuple[str, ...]
    transforms: Mapping[str, Transform] = field(default_factory=dict)
    valid: Mapping[str, Sliceable] = field(default_factory=dict)
    acquired: Acquisitions = field(default_factory=dict)

    def shown(self, *names: str) -> Mask:
        """The part of the foreground that all of some contrasts show, ``(i, j, k)``; an unknown one shows all."""
        mask = np.asarray(self.mask[:], dtype=np.bool_)
        parts = [np.asarray(self.valid[name][:], dtype=np.bool_) for name in names if name in self.valid]
        return np.logical_and.reduce([mask, *parts]) if parts else mask


@dataclass(frozen=True)
class _Frame:
    """What the reference decides for every contrast of a case."""

    volume: Volume
    mask: Mask
    tissue: Mask
    grid: Grid
    plan: Plan


@dataclass(frozen=True)
class _Image:
    """A contrast on the frame's grid, in physical values.

    Attributes:
        array: ``(i, j, k)``.
        inside: The foreground that it shows.
        notes: What was done to it.
        transform: What registration found, if the plan asks for it.
        valid: Where it shows something, if that is not all of the foreground.
    """

    array: Array
    inside: Mask
    notes: tuple[str, ...]
    transform: Transform | None = None
    valid: Mask | None = None


def prepare_case(case: Case, plan: Plan, *, contrasts: Sequence[str]) -> PreparedCase:
    """Reads a case and brings it to the plan's form.

    Contrasts that the plan derives are computed on the reference's grid, unless the case has a file of them.

    Args:
        case: Must have the plan's reference, whether or not it is asked for.
        plan: How.
        contrasts: What the result holds, by name.

    Raises:
        CohortError: If the case lacks a contrast.
        ReadError: If an image cannot be trusted, is constant, or has no foreground.
        GeometryError: If a contrast lies on another grid and the plan refuses that, or the images do not overlap.
    """
    frame, notes = _frame(case, plan)
    arrays, scalings, transforms, valid = {}, {}, {}, {}
    names = tuple(dict.fromkeys(get_contrast(name).name for name in contrasts))
    for name, image in _images(case, names, frame):
        where = case.paths.get(name, f"case {case.id}: {name}")
        arrays[name], scalings[name], remarks = _normalise(image, get_contrast(name), frame, where=where)
        notes += [f"{name}: {remark}" for remark in (*image.notes, *remarks)]
        if image.transform is not None:
            transforms[name] = image.transform
        if image.valid is not None:
            valid[name] = image.valid
    return PreparedCase(
        case_id=case.id,
        arrays=arrays,
        mask=frame.mask,
        grid=frame.grid,
        source_grid=frame.volume.grid,
        trailing_axes=frame.volume.trailing_axes,
        scalings=scalings,
        notes=tuple(notes),
        transforms=transforms,
        valid=valid,
    )


def restore(
    array: Array,
    prepared: PreparedCase,
    *,
    normaliser: Normaliser | Scaling | None,
    contrast: Contrast,
    nearest: bool = False,
    background: float | None = None,
) -> Volume:
    """Brings an array on the prepared grid back to the grid of the source file and to physical units.

    Args:
        array: ``(i, j, k)`` on ``prepared.grid``.
        prepared: The case that it belongs to.
        normaliser: Whose inverse is applied; a case's own scaling gives its own values back; ``None``: none.
        contrast: What the array shows; decides dtype and background.
        nearest: Take the nearest voxel where the spacing changes; always so for labels.
        background: Value outside the foreground; ``None``: that of the training's files, else 0, for CT -1024.

    Returns:
        A volume on ``prepared.source_grid``: float32; for CT int16; for labels the smallest unsigned integer.

    Raises:
        WriteError: If a value does not fit into the dtype.
    """
    scaling = normaliser.inverse if isinstance(normaliser, Normaliser) else normaliser
    values = scaling.invert(array) if scaling is not None else np.asarray(array)
    known = normaliser.background if isinstance(normaliser, Normaliser) else None
    given = known if background is None else background
    outside = BACKGROUND[contrast.kind] if given is None else given
    nearest = nearest or contrast.kind == "label"
    mask = np.asarray(prepared.mask[:])
    grids = prepared.grid, prepared.source_grid
    if same_lattice(*grids):
        full = resample(np.where(mask, values, values.dtype.type(outside)), *grids, nearest=True, fill=outside)
    else:
        full = resample(values, *grids, nearest=nearest, fill=outside)
        inside = resample(mask, *grids, nearest=True, fill=False)
        full = np.where(inside, full, full.dtype.type(outside))
    stored = _as_stored(full, contrast)
    return Volume(stored, prepared.source_grid.affine, contrast=contrast, trailing_axes=prepared.trailing_axes)


def _frame(case: Case, plan: Plan) -> tuple[_Frame, list[str]]:
    """The reference image, the foreground and the grid that all contrasts are brought to."""
    volume = read_contrast(case, plan.reference, reading=plan.reading)
    mask, how = read_foreground(case, volume, plan.mask, reading=plan.reading)
    notes = [how]
    own = ras_grid(volume.grid)
    block = _block(mask, own, plan.crop_margin_mm)
    grid, wanted = block, plan.spacing_for(own.shape, own.spacing_mm)
    if not np.allclose(wanted, own.spacing_mm, rtol=0, atol=1e-4):
        grid = spacing_grid(block, wanted)
        notes.append(f"resampled from {_words(own.spacing_mm)} mm to {_words(wanted)} mm")
    tissue = tissue_of(mask, volume)
    cropped = np.ascontiguousarray(resample(mask, own, grid, nearest=True, fill=False))
    shown = cropped if tissue is mask else resample(tissue, own, grid, nearest=True, fill=False)
    return _Frame(volume, cropped, shown, grid, plan), notes


def _block(mask: Mask, grid: Grid, margin_mm: float) -> Grid:
    """The part of a grid that holds the foreground and a margin."""
    start, shape = [], []
    for axis, part in enumerate(extent(mask) or ()):
        margin = int(np.ceil(margin_mm / grid.spacing_mm[axis]))
        first = max(0, part.start - margin)
        last = min(grid.shape[axis], part.stop + margin)
        start.append(first)
        shape.append(last - first)
    return crop_grid(grid, (start[0], start[1], start[2]), (shape[0], shape[1], shape[2]))


def _images(case: Case, names: Sequence[str], frame: _Frame) -> Iterator[tuple[str, _Image]]:
    """The contrasts of a case, those that are read first; a file is read once and kept only where it is an operand."""
    derive = frame.plan.derive
    files = files_of(names, derive, case.paths)
    computed = [name for name in names if name not in files]
    operands = files_of(computed, derive, case.paths)
    kept: dict[str, _Image] = {}
    for name in files:
        volume = frame.volume if name == frame.plan.reference else read_contrast(case, name, reading=frame.plan.reading)
        placed = place_labels(case, volume, frame.volume, reading=frame.plan.reading)
        image = _bring(volume, get_contrast(name), frame, where=case.paths[name])
        image = replace(image, notes=(*image.notes, *placed))
        if name in derive:
            image = replace(image, notes=(f"read from {case.paths[name].name}, not derived", *image.notes))
        if name in operands:
            kept[name] = image
        if name in names:
            yield name, image
    for name in computed:
        yield name, _derive(name, {file: kept[file] for file in files_of([name], derive, case.paths)}, frame.plan)


def _derive(name: str, operands: Mapping[str, _Image], plan: Plan) -> _Image:
    """A derived contrast from the images that it depends on; what was done to them was done to it."""
    array = compute(name, plan.derive, {file: image.array for file, image in operands.items()})
    inside = np.logical_and.reduce([image.inside for image in operands.values()])
    if not inside.any():
        raise GeometryError(
            f"a place that all of {', '.join(operands)} show",
            came="none",
            where=name,
            remedy="Correct the positions in the headers, or set plan.grids to rigid.",
        )
    told = [f"{file}: {note}" for file, image in operands.items() for note in image.notes]
    parts = [image.valid for image in operands.values() if image.valid is not None]
    valid = np.logical_and.reduce(parts) if parts else None
    return _Image(array, inside, (f"derived as {plan.derive[name].formula()}", *told), valid=valid)


def _bring(volume: Volume, contrast: Contrast, frame: _Frame, *, where: object) -> _Image:
    """An image on the frame's grid."""
    transform, notes = _alignment(volume, contrast, frame, where=where)
    nothing, is_label = BACKGROUND[contrast.kind], contrast.kind == "label"
    grids = volume.grid, frame.grid

    def place(voxels: Array) -> Array:
        return resample(voxels, *grids, nearest=True, transform=transform)

    gaps = not_shown(volume, foreground=frame.tissue, spacing_mm=frame.grid.spacing_mm, place=place)
    array = volume.array if gaps is None else np.where(gaps, volume.array.dtype.type(nothing), volume.array)
    moved = resample(array, *grids, nearest=is_label, fill=nothing, transform=transform)
    valid, remarks = _valid(volume, gaps, frame, transform, where=where)
    if valid is not None and gaps is not None:
        moved = np.where(valid, moved, moved.dtype.type(nothing))
    inside = frame.mask if valid is None else frame.mask & valid
    return _Image(moved, inside, (*volume.notes, *notes, *remarks), transform, valid)


def _normalise(
    image: _Image, contrast: Contrast, frame: _Frame, *, where: object
) -> tuple[NDArray[np.float32], Scaling, list[str]]:
    """The normalised image with its scaling and what was done to it."""
    array, notes = image.array, []
    if frame.plan.bias_correction and contrast.kind == "mr":
        array = correct_bias(array, image.inside)
        notes.append("bias field removed by N4")
    kind = frame.plan.normalisers[contrast.name].kind if contrast.name in frame.plan.normalisers else "none"
    scaling = Scaling()
    if kind in PHYSICAL_SCALES:
        scaling = Scaling(scale=PHYSICAL_SCALES[kind])
    elif kind == "brain":
        scaling = brain_scaling(array, image.inside, spacing_mm=frame.grid.spacing_mm, where=where)
    elif kind != "none":
        scaling = scaling_of(take_statistics(array[image.inside]), kind, where=where)
    return scaling.apply(array), scaling, notes


def _alignment(
    volume: Volume, contrast: Contrast, frame: _Frame, *, where: object
) -> tuple[Transform | None, list[str]]:
    """From the reference's world to this image's world, if the plan asks for registration."""
    reference, policy = frame.volume, frame.plan.grids
    if contrast.name == frame.plan.reference:
        return None, []
    same = ras_grid(volume.grid).matches(ras_grid(reference.grid))
    if policy == "refuse" and not same:
        raise GeometryError(
            f"the grid of {frame.plan.reference}, {reference.shape} at {_words(reference.spacing_mm)} mm",
            came=f"{volume.shape} at {_words(volume.spacing_mm)} mm, or another position",
            where=where,
            remedy="Set plan.grids to resample or to a registration, or bring the files to one grid.",
        )
    if policy == "apart":
        policy = "resample" if same_lattice(volume.grid, reference.grid) else "rigid"
    if policy in ("rigid", "affine", "deformable") and contrast.kind != "label":
        mask = resample(frame.mask, frame.grid, reference.grid, nearest=True, fill=False)
        pair = reference.array, reference.grid, volume.array
        found = register(*pair, moving_grid=volume.grid, kind=policy, mask=mask, where=where)
        for warning in found.warnings():
            logger.warning("%s: %s", where, warning)
        return found.transform, [*found.describe(), *found.warnings()]
    if same:
        return None, []
    return None, [f"on a grid of its own ({_words(volume.spacing_mm)} mm), brought to that of {frame.plan.reference}"]


def _valid(
    volume: Volume, gaps: Mask | None, frame: _Frame, transform: Transform | None, *, where: object
) -> tuple[Mask | None, list[str]]:
    """Where an image shows something, unless that is all of the foreground, and a note on how much it does not."""
    grids, notes = (volume.grid, frame.grid), []
    valid = np.ones(frame.grid.shape, dtype=np.bool_)
    if not covers(*grids, transform):
        reach = np.ones(volume.shape, dtype=np.bool_)
        valid = resample(reach, *grids, nearest=True, fill=False, transform=transform)
        share = _lacking(valid, frame.mask)
        if share:
            notes.append(
                f"{100 * share:.2g} % of the foreground lies outside its field of view and is filled with background"
            )
    if gaps is not None:
        # A voxel that was interpolated from one that shows nothing is none that was measured.
        shown = resample((~gaps).astype(np.float32), *grids, fill=1.0, transform=transform) > _MEASURED
        share = _lacking(valid & shown, frame.mask) - _lacking(valid, frame.mask)
        valid = valid & shown
        if share:
            notes.append(
                f"{100 * share:.2g} % of the foreground it does not show (no number, padding or missing slices), which "
                "is filled with background"
            )
    if not (frame.mask & valid).any():
        raise GeometryError(
            f"an image that overlaps the foreground of {frame.plan.reference}",
            came="no common voxel",
            where=where,
            remedy="Correct the position in the header, or set plan.grids to rigid.",
        )
    return (valid if _lacking(valid, frame.mask) else None), notes


def _lacking(valid: Mask, mask: Mask) -> float:
    """The share of the foreground that is not valid."""
    foreground = int(np.count_nonzero(mask))
    return 1 - int(np.count_nonzero(mask & valid)) / foreground if foreground else 0.0


def _as_stored(array: Array, contrast: Contrast) -> Array:
    """Values in the dtype that a file of this contrast has."""
    if contrast.kind not in ("ct", "label"):
        return array.astype(np.float32, copy=False)
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise _unfit(contrast, "a value that is not finite")
    if contrast.kind == "ct":
        limits = np.iinfo(np.int16)
        if low < limits.min - 0.5 or high >= limits.max + 0.5:
            raise _unfit(contrast, f"values from {low:g} to {high:g} HU, which 16 bits do not hold")
        return np.asarray(np.rint(array), dtype=np.int16)
    if low < -0.5:
        raise _unfit(contrast, f"the negative label {low:g}")
    return np.asarray(np.rint(array), dtype=np.min_scalar_type(round(max(high, 0.0))))


def _unfit(contrast: Contrast, came: str) -> WriteError:
    return WriteError(
        f"values that a {contrast.title} file can hold",
        came=came,
        remedy="The model's output cannot be trusted on this case; look at its input.",
    )


def _words(spacing_mm: Sequence[float]) -> str:
    return " x ".join(f"{value:.4g}" for value in spacing_mm)
