"""Is one image of a case mirrored or turned against the other? Mutual information there against where the image is.

Seven mirrorings of the voxel axes and turns round each axis of the grid by up to 10 degrees are tried, at every n-th
foreground voxel, at fewer of them first; the measure is that of ``voxlate.cohort.preflight.measures.alignment``.
Aligned pairs, real and simulated, lose: 13 % and more by any mirroring, and gain 5 % at most by any turn (clinical
scans that nobody had registered). A turn that is too small to be told of one case may be told of many.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.preflight.measures.alignment import Step, climb, normalised_information
from voxlate.cohort.preflight.measures.binned import BINS, Binned

_SAMPLES, _FEWER = 8_000, 3
_LEAST_VOXELS = 1_000
_LEAST_OVERLAP = 0.3
_MARGIN = 1.10
_LEAST_GAIN = 0.005
_LEAST_INFORMATION = 0.05
_TURNS = (-10.0, -6.0, -3.0, 3.0, 6.0, 10.0)
_FINER = (-2.0, -1.0, 1.0, 2.0)
_LEAST_TURN = 2.0
_NEAR = 0.9
_Matrix = NDArray[np.float64]
_Score = Callable[[_Matrix, Sequence[float]], float]


@dataclass(frozen=True)
class Pose:
    """How an image is mirrored or turned against another.

    Attributes:
        mirrored: Axes of the grid along which it is mirrored.
        degrees: By how much it is turned, all in all; 0 where it is mirrored.
        given: Normalised mutual information where the image is.
        best: The same with that undone.
        step: By how many voxels it was moved besides.
        angles: Of the turn, round the axes of the grid, in degrees.
        order: From which axis of the grid each is taken, before it is mirrored.
    """

    mirrored: tuple[int, ...]
    degrees: float
    given: float
    best: float
    step: Step
    angles: tuple[float, float, float] = (0.0, 0.0, 0.0)
    order: tuple[int, int, int] = (0, 1, 2)

    def describe(self, affine: NDArray[np.float64]) -> str:
        """In words."""
        exchanged = [axis for axis, of in enumerate(self.order) if axis != of]
        if not self.mirrored and not exchanged:
            return f"turned by {self.degrees:.0f} degrees"
        told = []
        if exchanged:
            told.append(f"read with its axes {', '.join(map(str, self.order))} in place of 0, 1, 2")
        if self.mirrored:
            names = ("left to right", "front to back", "head to feet")
            ways = sorted(names[int(np.argmax(np.abs(affine[:3, axis])))] for axis in self.mirrored)
            told.append(f"mirrored ({' and '.join(ways)})")
        return " and ".join(told)


def find_pose(
    fixed: Binned, there: Binned, step: Step, *, turns: bool = True, least_gain: float | None = None
) -> Pose | None:
    """The mirroring or turn that makes two images agree clearly better than they do; ``None`` if there is none.

    Args:
        fixed: An image.
        there: Another at the same places.
        step: By how many voxels it is displaced; a turn is looked for from there.
        turns: Whether turns are looked for.
        least_gain: The factor by which they must agree better; without one, by more than aligned pairs ever do.
    """
    best = best_pose(fixed, there, step, turns=turns)
    return best if best is not None and is_clear(best, least_gain=least_gain) else None


def best_pose(fixed: Binned, there: Binned, step: Step, *, turns: bool = True) -> Pose | None:
    """The mirroring or turn at which two images agree best, however little; ``None`` if too little shows.

    Args:
        fixed: An image.
        there: Another at the same places.
        step: By how many voxels it is displaced; a turn is looked for from there.
        turns: Whether turns are looked for.
    """
    index = fixed.places[:: max(1, fixed.places.size // _SAMPLES)]
    if index.size < _LEAST_VOXELS:
        return None
    score, quick = _score_on(fixed, there, index), _score_on(fixed, there, index[::_FEWER])
    still = np.eye(3)
    given = max(score(still, (0, 0, 0)), score(still, step))
    quickly = max(quick(still, (0, 0, 0)), quick(still, step))
    found = [_best_mirror(score, quick, least=quickly)]
    if turns:
        found.append(_best_turn(score, quick, step))
    return replace(max(found, key=lambda pose: pose.best), given=given)


def is_clear(pose: Pose, *, least_gain: float | None = None) -> bool:
    """Whether two images agree better by a pose than aligned pairs ever do, or by a factor."""
    clearly = max(_MARGIN * pose.given, pose.given + _LEAST_GAIN, _LEAST_INFORMATION)
    return pose.best > (clearly if least_gain is None else least_gain * pose.given)


def mirror(array: NDArray[np.generic], axes: Iterable[int]) -> NDArray[np.generic]:
    """The array with these axes the other way round."""
    return np.flip(array, tuple(axes))


def _score_on(fixed: Binned, there: Binned, index: NDArray[np.intp]) -> _Score:
    """Normalised mutual information as a function of a matrix and a displacement; about the middle of the grid."""
    shape = fixed.bins.shape
    spacing = np.array(fixed.grid.spacing_mm)
    middle = (np.array(shape)[:, None] - 1) / 2
    places = np.stack(np.unravel_index(index, shape, order="F")) - middle
    values = fixed.bins.ravel(order="F")[index].astype(np.int64) * (BINS + 1)
    flat = there.bins.ravel(order="F")
    limit = np.array(shape)[:, None]

    def score(matrix: _Matrix, step: Sequence[float]) -> float:
        of_voxels = matrix * spacing / spacing[:, None]
        moved = np.rint(of_voxels @ places + (middle + np.array(step)[:, None])).astype(np.int64)
        inside = np.logical_and.reduce((moved >= 0) & (moved < limit))
        i, j, k = moved
        joint = values[inside] + flat[(i + shape[0] * (j + shape[1] * k))[inside]]
        counts = np.bincount(joint, minlength=(BINS + 1) ** 2).reshape(BINS + 1, BINS + 1)[1:, 1:]
        return normalised_information(counts) if counts.sum() >= _LEAST_OVERLAP * index.size else -np.inf

    return score


def _best_mirror(score: _Score, quick: _Score, *, least: float) -> Pose:
    """Of the seven: the likeliest where it is, then moved until it fits best."""
    ways = [signs for signs in itertools.product((1.0, -1.0), repeat=3) if min(signs) < 0]
    signs = max(ways, key=lambda way: quick(np.diag(way), (0, 0, 0)))
    step, best = climb(lambda by: quick(np.diag(signs), by), (0, 0, 0))
    if best > _NEAR * least:
        step, best = climb(lambda by: score(np.diag(signs), by), step)
    return Pose(tuple(axis for axis in range(3) if signs[axis] < 0), 0.0, 0.0, best, step)


def _best_turn(score: _Score, quick: _Score, step: Step) -> Pose:
    """By coordinates: the best angle round each axis, the axis that gains most first, then finer."""
    angles, best = np.zeros(3), quick(np.eye(3), step)
    for offsets in (_TURNS, _FINER, _FINER):
        tried = [
            (quick(_rotation(angles + by * np.eye(3)[axis]), step), axis, by) for axis in range(3) for by in offsets
        ]
        value, axis, by = max(tried)
        if value <= best:
            break
        angles, best = angles + by * np.eye(3)[axis], value
    matrix = _rotation(angles)
    turn = float(np.degrees(np.arccos(np.clip((np.trace(matrix) - 1) / 2, -1, 1))))
    if turn < _LEAST_TURN:
        return Pose((), turn, 0.0, -np.inf, step)
    moved, value = climb(lambda by: score(matrix, by), step)
    return Pose((), turn, 0.0, value, moved, (float(angles[0]), float(angles[1]), float(angles[2])))


def _rotation(degrees: NDArray[np.float64]) -> _Matrix:
    """Round the grid's axes, one after the other."""
    result = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        i, j = (other for other in range(3) if other != axis)
        turn = np.eye(3)
        turn[[i, j], [i, j]] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        result = result @ turn
    return result
