"""What two images of one case tell about each other, as numbers: whether one is made from the other, where each lies.

The numbers do not depend on what the images are used for, so that what ``check`` measured serves a training; what they
mean is said by ``voxlate.cohort.preflight.pairwise``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.foreground import constant_background
from voxlate.cohort.preflight.copies import Copy, find_copy
from voxlate.cohort.preflight.measures.alignment import Shift, shift_between
from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.cohort.preflight.measures.leaks import Likeness, find_likeness
from voxlate.cohort.preflight.measures.pose import Pose, best_pose, find_pose, is_clear, mirror
from voxlate.cohort.preflight.measures.thresholded import lookup_dice
from voxlate.volume import Grid, Volume

_LEAST_SHARED = 0.2
_ANY, _SOME, _MUCH = 1.0, 1.05, 1.3
"""Gains, as factors, by which a whole image must fit better mirrored or where its foreground gains much, and else."""


@dataclass(frozen=True)
class Relation:
    """Whether the second of two images is made from the first where they lie.

    Attributes:
        copied: How, as words; empty if it is not.
        likeness: The numbers behind that, of two images.
        dice: How well grey values alone give a label map away, 0 to 1.
    """

    copied: str
    likeness: Likeness
    dice: float = 0.0


@dataclass(frozen=True)
class Position:
    """How two images lie to each other.

    Attributes:
        shift: The displacement; ``None`` if too little shows in both.
        pose: How one is mirrored or turned; ``None`` if it is not.
        copied: How the second is made from the first once that is undone, as words; empty if it is not.
        turn: The turn by which the images agree best, however little; ``None`` if there is none.
    """

    shift: Shift | None
    pose: Pose | None = None
    copied: str = ""
    turn: Pose | None = None

    @property
    def agreement(self) -> float:
        """The best normalised mutual information that was found; 0 if there is none."""
        found = [self.shift.best] if self.shift else [0.0]
        return max(*found, self.pose.best if self.pose else 0.0)


def relate(fixed: Binned, moving: Binned) -> Relation:
    """Compares two images, or an image and a label map, where they lie."""
    there = moving.on(fixed.grid)
    copy = _copy_of(fixed, there)
    if copy is not None:
        return Relation(copy.describe(), Likeness())
    if "label" in {fixed.kind, moving.kind}:
        image, labels = (there, fixed) if fixed.kind == "label" else (fixed, there)
        both = image.kind == labels.kind
        return Relation("", Likeness(), 0.0 if both else lookup_dice(image.volume.array, labels.volume.array))
    likeness = find_likeness(fixed, there)
    return Relation(likeness.how, likeness)


def locate(fixed: Binned, moving: Binned) -> Position:
    """Finds how an image lies to another."""
    there = moving.on(fixed.grid)
    shift = shift_between(fixed, there, moving.grid)
    if shift is None:
        return Position(None)
    best = best_pose(fixed, there, shift.voxels)
    turn = best if best is not None and any(best.angles) else None
    return replace(_weighed(fixed, moving, shift, best if best is not None and is_clear(best) else None), turn=turn)


def _weighed(fixed: Binned, moving: Binned, shift: Shift, pose: Pose | None) -> Position:
    """The position as far as it is confirmed, and whether the image is a copy once that is undone."""
    there = moving.on(fixed.grid)
    if (pose is not None or shift.is_misaligned) and "label" not in {fixed.kind, moving.kind}:
        confirmed = _confirmed(fixed, there, Position(shift, pose), grid=moving.grid)
        shift, pose = confirmed.shift or shift, confirmed.pose
    if pose is not None:
        return Position(shift, pose, _copied_when(fixed, _mirrored_back(there, pose), pose))
    if shift.is_misaligned and not shift.is_unrelated:
        copy = _copy_of(fixed, _moved_back(moving, shift).on(fixed.grid))
        return Position(shift, None, f"{copy.describe()}, moved by {shift.describe()}" if copy else "")
    return Position(shift)


def _confirmed(fixed: Binned, there: Binned, found: Position, *, grid: Grid) -> Position:
    """Shift and pose as far as the whole images, their backgrounds too, fit better by them.

    What is dark in one image, such as bone in MR, is no part of its foreground: a shift that brings it into the overlap
    gains information, though outlines and all else lie worse. Backgrounds of one value, which one mask may have cut
    from both, tell nothing.
    """
    if found.shift is None or all(constant_background(one.volume.array) is not None for one in (fixed, there)):
        return found
    fixed, there = fixed.whole(), there.whole()
    again = shift_between(fixed, there, grid)
    if again is None:
        return found
    if found.pose is not None:
        much = found.pose.mirrored or found.pose.best > _MUCH * found.pose.given
        turned = find_pose(fixed, there, again.voxels, least_gain=_ANY if much else _SOME)
        if turned is not None and bool(turned.mirrored) == bool(found.pose.mirrored):
            return found
    still = replace(found.shift, voxels=(0, 0, 0), millimetres=(0.0, 0.0, 0.0))
    return Position(found.shift if any(again.voxels) else still)


def _copy_of(fixed: Binned, there: Binned) -> Copy | None:
    """The line that turns one image into another at the same places, or ``None`` if none does."""
    if "label" in {fixed.kind, there.kind}:  # one label is one value all over: only with the background it is a step
        everywhere = np.ones(fixed.volume.shape, dtype=bool, order="F")
        return find_copy(fixed.volume.array, there.volume.array, everywhere, trim=False)
    return find_copy(fixed.volume.array, there.volume.array, _shared(fixed.shown, there.shown))


def _shared(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What both show, so that a mask over a copy does not hide it; what either shows where they share too little."""
    both, either = one & other, one | other
    return both if np.count_nonzero(both) >= _LEAST_SHARED * np.count_nonzero(either) else either


def _copied_when(fixed: Binned, there: Binned | None, pose: Pose) -> str:
    if there is None:
        return ""
    copy = _copy_of(fixed, there)
    how = copy.describe() if copy else find_likeness(fixed, there).how
    return f"{how}, {pose.describe(fixed.grid.affine)}" if how else ""


def _mirrored_back(there: Binned, pose: Pose) -> Binned | None:
    if not pose.mirrored:
        return None
    array = np.roll(there.volume.array, [-by for by in pose.step], (0, 1, 2))
    return Binned(Volume(np.asfortranarray(mirror(array, pose.mirrored)), there.grid.affine, there.volume.contrast))


def _moved_back(moving: Binned, shift: Shift) -> Binned:
    affine = np.array(moving.volume.affine)
    affine[:3, 3] -= shift.millimetres
    return Binned(replace(moving.volume, affine=affine))
