"""What two images of one case mean for each other: grids, copies, leaks, alignment; said from what was measured.

What derived contrasts of a case tell before they are used: constant ones, and ones that give the target away.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from voxlate.cohort.case import Case
from voxlate.cohort.finding import Finding
from voxlate.cohort.foreground import onto_grid, overlaps
from voxlate.cohort.preflight.agreement import Agreement
from voxlate.cohort.preflight.look import CaseImages
from voxlate.cohort.preflight.measures.alignment import Shift
from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.cohort.preflight.measures.comparison import (
    Position,
    Relation,
    locate,
    relate,
)
from voxlate.cohort.preflight.measures.thresholded import is_given_away
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.derivation import Derivation, compute, files_of
from voxlate.errors import VoxlateError
from voxlate.volume import Grid, Volume

_Pair = tuple[str, str]


def check_pairs(
    images: CaseImages, *, source: Sequence[str], target: str | None, registers: bool = False
) -> Iterator[Finding | Agreement]:
    """The findings about pairs of images of a case, and how those agree, to be held against the other cases.

    Args:
        images: What could be read of the case.
        source: Contrasts that go in.
        target: The contrast that comes out; with neither every pair of images is compared.
        registers: Whether images are registered before they are used.
    """
    case, looks = images.case, images.looks
    grids = {name: looks[name].grid for name in CONTRASTS if name in looks}
    yield from _check_grids(case, grids, registers=registers)
    for pair, located in _pairs_of(images, source, target):
        if not overlaps(grids[pair[0]], grids[pair[1]]):
            continue
        relation = _relation(images, pair)
        if relation.copied:
            yield _copied(case, pair, target, how=relation.copied)
        elif is_given_away(relation.dice):
            yield _given_away(case, pair, target, relation)
        elif located:
            position = _position(images, pair)
            yield from _check_position(case, pair, target, position=position, grid=grids[pair[0]])
            if relation.likeness.leaks and not position.copied:
                yield _leaking(case, pair, relation)
            likeness = relation.likeness
            noise = likeness.air if likeness.coarse else max(likeness.noise, likeness.air)
            straight = relation.likeness.straight
            turned = () if position.turn is None or position.pose else position.turn.angles
            gain = position.turn.best / max(position.turn.given, 1e-9) if position.turn else 1.0
            portraits = images.portraits(pair)
            yield Agreement(case.id, pair, position.agreement, noise, straight, portraits, turned, gain)
        elif pair[1] == "labels" and get_contrast(pair[0]).kind != "label":
            yield Agreement(case.id, pair, 0.0, 0.0, 1.0, images.portraits(pair))


def _pairs_of(images: CaseImages, source: Sequence[str], target: str | None) -> Iterator[tuple[_Pair, bool]]:
    """The pairs to compare, each with whether it is told how they lie to each other."""
    usable = [name for name in CONTRASTS if name in images.looks and not images.looks[name].constant]
    shown = [name for name in usable if CONTRASTS[name].kind != "label"]
    inputs = [name for name in source if name in images.looks and not images.looks[name].constant] if source else shown
    pairs = [(name, target) for name in inputs if target in usable and name != target] if target else []
    for pair in (*pairs, *itertools.combinations(inputs, 2)):
        of_images = "label" not in {CONTRASTS[name].kind for name in pair if name in CONTRASTS}
        yield pair, of_images and (pair in pairs or (not pairs and pair[0] == inputs[0]))
    if not source and not target and "labels" in usable:  # what they are for is not known: they may be the target
        yield from (((name, "labels"), False) for name in shown)


def _relation(images: CaseImages, pair: _Pair) -> Relation:
    key, first, second = images.key(pair), *pair
    return images.kept.recall_as(Relation, "relation", key, lambda: relate(images[first], images[second]))


def _position(images: CaseImages, pair: _Pair) -> Position:
    key, first, second = images.key(pair), *pair
    return images.kept.recall_as(Position, "position", key, lambda: locate(images[first], images[second]))


def _check_grids(case: Case, grids: Mapping[str, Grid], *, registers: bool) -> Iterator[Finding]:
    names = list(grids)
    for name in names[1:]:
        first, other = grids[names[0]], grids[name]
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


def _check_position(
    case: Case, pair: _Pair, target: str | None, *, position: Position, grid: Grid
) -> Iterator[Finding]:
    shift, pose = position.shift, position.pose
    if shift is None:
        return
    if position.copied:
        yield _copied(case, pair, target, how=position.copied)
    elif pose is not None:
        message = (
            f"{case.paths[pair[1]]} does not fit {case.paths[pair[0]]}: it is {pose.describe(grid.affine)} "
            f"(normalised mutual information {pose.best:.3f} with that undone, {pose.given:.3f} as given). "
            "Look at the pair; "
        )
        remedy = "correct the file or its header." if pose.mirrored else "register it (plan.grids: rigid)."
        yield Finding("warning", "mirrored" if pose.mirrored else "misaligned", case.id, message + remedy)
    elif shift.is_unrelated:
        yield _unrelated(case, pair, shift)
    elif shift.is_misaligned:
        message = (
            f"{case.paths[pair[1]]} fits {pair[0]} better when {pair[1]} is moved back by {shift.describe()} "
            f"(normalised mutual information {shift.best:.3f} against {shift.given:.3f} as given). Look at the pair; "
            "if it is so, register it (plan.grids: rigid)."
        )
        yield Finding("warning", "misaligned", case.id, message)


def _given_away(case: Case, pair: _Pair, target: str | None, relation: Relation) -> Finding:
    """An error, unless the labels are only a source."""
    message = (
        f"{case.paths[pair[1]]} follows from the grey values of {case.paths[pair[0]]} alone (thresholds or a lookup "
        f"reach Dice {relation.dice:.3f}): it is that image cut at a threshold, or simulated from the labels. A score "
        "would show nothing. Replace it by true labels."
    )
    if target is None:
        return Finding("error", "copied_contrast", case.id, message)
    return Finding("error" if target in pair else "warning", "target_is_source", case.id, message)


def _leaking(case: Case, pair: _Pair, relation: Relation) -> Finding:
    likeness = relation.likeness
    if max(likeness.air, likeness.noise) > 0 or not likeness.noisy:
        where = "in the air" if likeness.air > likeness.noise else "in even tissue"
        value = max(likeness.air, likeness.noise)
        told = f"and {case.paths[pair[0]]} share noise {where} (correlation {value:.2f}), which two scans never do"
    else:
        left = min(likeness.straight, likeness.pointwise)
        told = (
            f"is a function of {case.paths[pair[0]]}, and the {100 * left:.0f} % of its spread that is left are noise "
            "without any anatomy in it"
        )
    message = (
        f"{case.paths[pair[1]]} {told}. Is the one made from the other, by adding noise or by blending? A score would "
        "be that of a copy."
    )
    return Finding("warning", "shared_noise", case.id, message)


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


def _describe_grid(grid: Grid) -> str:
    shape = " x ".join(map(str, grid.shape))
    spacing = " x ".join(f"{step:.3g}" for step in grid.spacing_mm)
    return f"{shape} voxels of {spacing} mm"


def check_derived(
    images: CaseImages,
    derive: Mapping[str, Derivation],
    *,
    source: Sequence[str],
    target: str | None,
) -> Iterator[Finding]:
    """The findings about the sources of a case that are computed.

    Args:
        images: What could be read of the case.
        derive: How contrasts are computed.
        source: Contrasts that go in.
        target: The contrast that comes out.
    """
    case = images.case
    for name in source:
        files = files_of([name], derive, case.paths)
        if name in files or not set(files) <= set(images):
            continue
        try:
            volume = _compute(name, [(file, images[file].volume) for file in files], derive)
        except VoxlateError as error:
            yield Finding("error", "not_finite", case.id, str(error))
            continue
        formula = derive[name].formula()
        if volume.array.min() == volume.array.max():
            message = f"{name}, computed as {formula}, is {volume.array.flat[0]:g} everywhere. Correct plan.derive."
            yield Finding("error", "constant_image", case.id, message)
        elif target and target in images and overlaps(volume.grid, images.looks[target].grid):
            relation = relate(Binned(volume), images[target])
            if relation.copied:
                message = (
                    f"{case.paths[target]} is {relation.copied} of {name}, which is computed as {formula}: the target "
                    f"stands in the sources. Leave {name} out, or replace the target by the true image."
                )
                yield Finding("error", "target_is_source", case.id, message)


def _compute(name: str, volumes: Sequence[tuple[str, Volume]], derive: Mapping[str, Derivation]) -> Volume:
    """A derived contrast on the grid of its first file, by the nearest voxel: for comparison only."""
    first = volumes[0][1]
    images = {file: onto_grid(volume, first.grid, outside=float(volume.array.min())) for file, volume in volumes}
    return Volume(compute(name, derive, images), first.affine, get_contrast(name))
