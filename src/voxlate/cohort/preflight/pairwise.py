"""What two images of one case tell about each other: grids, copies, alignment.

What derived contrasts of a case tell before they are used: constant ones, and ones that give the target away.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.case import Case
from voxlate.cohort.finding import Finding
from voxlate.cohort.foreground import foreground, onto_grid, overlaps
from voxlate.cohort.preflight.alignment import Shift, find_shift
from voxlate.cohort.preflight.copies import Copy, find_copy
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.derivation import Derivation, compute, files_of
from voxlate.errors import VoxlateError
from voxlate.volume import Grid, Volume

_Pair = tuple[str, str]
_LEAST_SHARED = 0.2


def check_pairs(
    case: Case, volumes: Mapping[str, Volume], *, source: Sequence[str], target: str | None, registers: bool = False
) -> Iterator[Finding]:
    """The findings about pairs of images of a case.

    Args:
        case: The case, for names.
        volumes: What could be read of it, by contrast.
        source: Contrasts that go in.
        target: The contrast that comes out; with neither every pair of images is compared.
        registers: Whether images are registered before they are used.
    """
    usable = {name: volume for name, volume in volumes.items() if volume.array.min() != volume.array.max()}
    yield from _check_grids(case, volumes, registers=registers)
    images = [name for name in CONTRASTS if name in usable and CONTRASTS[name].kind != "label"]
    inputs = [name for name in (source or images) if name in usable]
    pairs = [(name, target) for name in inputs if target in usable and name != target] if target else []
    for pair in (*pairs, *itertools.combinations(inputs, 2)):
        fixed, moving = (usable[name] for name in pair)
        if not overlaps(fixed.grid, moving.grid):
            continue
        copy = _copy_of(fixed, moving)
        if copy is not None:
            yield _copied(case, pair, target, how=copy.describe())
        elif pair in pairs or (not pairs and pair[0] == inputs[0]):
            yield from _check_alignment(case, pair, target, fixed=fixed, moving=moving)


def _check_grids(case: Case, volumes: Mapping[str, Volume], *, registers: bool) -> Iterator[Finding]:
    names = [name for name in CONTRASTS if name in volumes]
    for name in names[1:]:
        first, other = volumes[names[0]].grid, volumes[name].grid
        if first.matches(other):
            continue
        message = f"{names[0]} is on {_describe_grid(first)}, {name} on {_describe_grid(other)}"
        if overlaps(first, other):
            yield Finding("info", "different_grids", case.id, f"{message}; they will be resampled.")
        else:
            moved = registers and "label" not in {CONTRASTS[names[0]].kind, CONTRASTS[name].kind}
            yield _apart(case, message, moved=moved)


def _apart(case: Case, grids: str, *, moved: bool) -> Finding:
    """Two machines may have no place in common; only a registration, which begins at the centres, makes that good."""
    if moved:
        remedy = "registration begins at their centres: look whether it aligned them (figures/alignment.png)"
    else:
        remedy = "correct the headers, remove one of the files, or register them (plan.grids: rigid; labels stay)"
    message = f"{grids}, and they share no place in the world: {remedy}."
    return Finding("warning" if moved else "error", "no_overlap", case.id, message)


def _check_alignment(
    case: Case, pair: _Pair, target: str | None, *, fixed: Volume, moving: Volume
) -> Iterator[Finding]:
    if "label" in {CONTRASTS[name].kind for name in pair}:
        return
    shift = find_shift(fixed, moving)
    if shift is not None and shift.is_unrelated:
        yield _unrelated(case, pair, shift)
    if shift is None or shift.is_unrelated or not shift.is_misaligned:
        return
    copy = _copy_of(fixed, _moved_back(moving, shift))
    if copy is not None:
        yield _copied(case, pair, target, how=f"{copy.describe()}, moved by {shift.describe()}")
        return
    message = (
        f"{case.paths[pair[1]]} fits {pair[0]} better when {pair[1]} is moved back by {shift.describe()} (normalised "
        f"mutual information {shift.best:.3f} against {shift.given:.3f} as given). Look at the pair; if it is so, "
        "register it (plan.grids: rigid)."
    )
    yield Finding("warning", "misaligned", case.id, message)


def _unrelated(case: Case, pair: _Pair, shift: Shift) -> Finding:
    message = (
        f"{case.paths[pair[1]]} and {case.paths[pair[0]]} share next to no information (normalised mutual information "
        f"{shift.best:.3f}, however they are moved). Look whether both are of this subject and in this place."
    )
    return Finding("warning", "unrelated", case.id, message)


def _copied(case: Case, pair: _Pair, target: str | None, *, how: str) -> Finding:
    """An error, unless both are sources: then nothing is given away."""
    message = f"{case.paths[pair[1]]} is {how} of {case.paths[pair[0]]}. Replace it by the true image."
    if target is None:
        return Finding("error", "copied_contrast", case.id, message)
    if pair[1] == target:
        return Finding("error", "target_is_source", case.id, message)
    return Finding("warning", "copied_contrast", case.id, message)


def _copy_of(fixed: Volume, moving: Volume) -> Copy | None:
    """The line that turns one image into the other where both show something, or ``None`` if none does."""
    kinds = [volume.contrast.kind if volume.contrast else "mr" for volume in (fixed, moving)]
    there = onto_grid(moving, fixed.grid, outside=float(moving.array.min()))
    arrays = (fixed.array, there)
    if "label" in kinds:  # one label has one value all over its foreground: only with the background it is a step
        return find_copy(fixed.array, there, np.ones(fixed.shape, dtype=bool), trim=False)
    return find_copy(fixed.array, there, _shared(*(foreground(a, kind=k) for a, k in zip(arrays, kinds, strict=True))))


def _shared(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What both show, so that a mask over a copy does not hide it; what either shows where they share too little."""
    both, either = one & other, one | other
    return both if np.count_nonzero(both) >= _LEAST_SHARED * np.count_nonzero(either) else either


def _moved_back(moving: Volume, shift: Shift) -> Volume:
    affine = np.array(moving.affine)
    affine[:3, 3] -= shift.millimetres
    return replace(moving, affine=affine)


def _describe_grid(grid: Grid) -> str:
    shape = " x ".join(map(str, grid.shape))
    spacing = " x ".join(f"{step:.3g}" for step in grid.spacing_mm)
    return f"{shape} voxels of {spacing} mm"


def check_derived(
    case: Case,
    volumes: Mapping[str, Volume],
    derive: Mapping[str, Derivation],
    *,
    source: Sequence[str],
    target: str | None,
) -> Iterator[Finding]:
    """The findings about the sources of a case that are computed.

    Args:
        case: The case, for names.
        volumes: What could be read of it, by contrast.
        derive: How contrasts are computed.
        source: Contrasts that go in.
        target: The contrast that comes out.
    """
    for name in source:
        files = files_of([name], derive, case.paths)
        if name in files or not set(files) <= set(volumes):
            continue
        try:
            volume = _compute(name, [(file, volumes[file]) for file in files], derive)
        except VoxlateError as error:
            yield Finding("error", "not_finite", case.id, str(error))
            continue
        formula = derive[name].formula()
        if volume.array.min() == volume.array.max():
            message = f"{name}, computed as {formula}, is {volume.array.flat[0]:g} everywhere. Correct plan.derive."
            yield Finding("error", "constant_image", case.id, message)
        elif target and target in volumes and overlaps(volume.grid, volumes[target].grid):
            copy = _copy_of(volume, volumes[target])
            if copy is not None:
                message = (
                    f"{case.paths[target]} is {copy.describe()} of {name}, which is computed as {formula}: the target "
                    f"stands in the sources. Leave {name} out, or replace the target by the true image."
                )
                yield Finding("error", "target_is_source", case.id, message)


def _compute(name: str, volumes: Sequence[tuple[str, Volume]], derive: Mapping[str, Derivation]) -> Volume:
    """A derived contrast on the grid of its first file, by the nearest voxel: for comparison only."""
    first = volumes[0][1]
    images = {file: onto_grid(volume, first.grid, outside=float(volume.array.min())) for file, volume in volumes}
    return Volume(compute(name, derive, images), first.affine, get_contrast(name))
