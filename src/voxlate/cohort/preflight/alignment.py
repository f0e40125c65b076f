"""Do two images of a case lie on each other? Mutual information at the given position against shifted ones.

    I(a, b) = sum p(a, b) log(p(a, b) / (p(a) p(b))),   N = I / sqrt(H(a) H(b))

from a joint histogram of 32 x 32 bins (Mattes et al. 2003, doi 10.1109/TMI.2003.809072, without their spline windows)
over the voxels where both images show something, normalised by the entropies so that a change of overlap does not pass
for a gain (after Studholme et al. 1999, doi 10.1016/S0031-3203(98)00091-0). The foregrounds' outlines are left out on
purpose: one mask cut from two images makes outlines agree however badly the insides do.

The bias that an estimate from few voxels has (Miller 1955) is taken off. All shifts up to 16 mm are tried on block
means of about 4 mm; small images are searched up to 10 mm on blocks of 2 mm, or 5 mm on 1 mm. From the best of them
and from the given position the full grid is climbed in steps of 4, 2 and 1 voxels. Rotations are not searched: they
too lower N and are mostly seen as a shift.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.foreground import foreground, onto_grid
from voxlate.volume import Array, Volume

_BINS = 32
_REACH_MM = 16.0
_MARGIN = 1.10
_UNRELATED = 0.015
_LEAST_GAIN = 0.005
_LEAST_OVERLAP = 0.2
_LEAST_VOXELS = 2_000
_COARSE_MM = (4.0, 2.0, 1.0)
_COARSE_STEPS = 5
_COARSE_VOXELS = 1_000
_SAMPLES = 60_000

Step = tuple[int, int, int]
_Bins = NDArray[np.uint8]


@dataclass(frozen=True)
class Shift:
    """The position at which two images agree best.

    Attributes:
        voxels: By how many voxels of the fixed grid the moving image is displaced along i, j, k; to align it, move it
            back.
        millimetres: The same along the axes of the world, right, front, head.
        given: Normalised mutual information where the images are, 0 to 1.
        best: The same with the displacement undone.
    """

    voxels: Step
    millimetres: tuple[float, float, float]
    given: float
    best: float

    @property
    def is_misaligned(self) -> bool:
        """Whether the shifted position is better by a clear margin."""
        return self.best > _MARGIN * self.given and self.best - self.given > _LEAST_GAIN and any(self.voxels)

    @property
    def is_unrelated(self) -> bool:
        """Whether the images share next to no information wherever they are moved, as those of two subjects do."""
        return self.best < _UNRELATED

    def describe(self) -> str:
        """The displacement in words, the largest part of it first."""
        names = (("right", "left"), ("front", "back"), ("head", "feet"))
        parts = [
            (abs(by), f"{abs(by):.1f} mm to the {ends[0] if by > 0 else ends[1]}")
            for by, ends in zip(self.millimetres, names, strict=True)
            if abs(by) >= 0.05
        ]
        return ", ".join(text for _, text in sorted(parts, reverse=True)) or "0 mm"


def find_shift(fixed: Volume, moving: Volume) -> Shift | None:
    """The displacement of ``moving`` against ``fixed``, to a voxel of the fixed grid.

    Args:
        fixed: An image; its grid is the one searched on.
        moving: An image of the same place, on any grid.

    Returns:
        The best position, the given one if none is better; ``None`` if fewer than 2,000 voxels show something in both.
    """
    still = _binned(fixed.array, foreground(fixed.array, kind=_kind(fixed)))
    there = onto_grid(moving, fixed.grid, outside=float(moving.array.min()))
    loose = _binned(there, foreground(there, kind=_kind(moving)))
    score = _score_on(still, loose)
    origin = (0, 0, 0)
    given = score(origin)
    if given is None:
        return None
    starts = {origin, _coarse_best(still, loose, fixed.spacing_mm)}
    best, value = max((_climb(score, start) for start in starts), key=lambda found: found[1])
    if value <= given or _below_a_voxel(best, fixed, moving):
        best, value = origin, given
    along = fixed.affine[:3, :3] @ np.array(best, dtype=np.float64)
    return Shift(best, (float(along[0]), float(along[1]), float(along[2])), given, value)


def _kind(volume: Volume) -> Any:  # noqa: ANN401
    return volume.contrast.kind if volume.contrast else "mr"


def _binned(array: Array, where: NDArray[np.bool_]) -> _Bins:
    """The foreground's values in bins 1 to 32 between their percentiles 0.5 and 99.5; 0 elsewhere."""
    values = array[where]
    result: _Bins = np.zeros(array.shape, dtype=np.uint8)
    if values.size:
        low, high = np.percentile(values[:: max(1, values.size // _SAMPLES)].astype(np.float64), [0.5, 99.5])
        scale = _BINS / (high - low) if high > low else 0.0
        result[where] = 1 + np.clip((values - low) * scale, 0, _BINS - 1).astype(np.uint8)
    return result


def _score_on(
    still: _Bins, loose: _Bins, *, least_voxels: int = _LEAST_VOXELS, reach: int = 0
) -> Callable[[Step], float | None]:
    """Normalised mutual information as a function of the displacement; ``None`` where too little overlaps.

    Both are given a margin of ``reach`` empty voxels: a step no longer than that stays inside and is not checked.
    """
    still, loose = np.pad(still, reach), np.pad(loose, reach)
    index = np.flatnonzero(still)
    index = index[:: max(1, index.size // _SAMPLES)]
    places = np.stack(np.unravel_index(index, still.shape)).astype(np.int32)
    values = still.ravel()[index].astype(np.int32) * (_BINS + 1)
    limit = np.array(still.shape, dtype=np.int32)[:, None]
    flat = loose.ravel()
    strides = (still.shape[1] * still.shape[2], still.shape[2], 1)
    least = max(least_voxels, _LEAST_OVERLAP * index.size)

    def score(step: Step) -> float | None:
        offset = sum(by * stride for by, stride in zip(step, strides, strict=True))
        if max(map(abs, step)) <= reach:
            joint = values + flat[index + offset]
        else:
            moved = places + np.array(step, dtype=np.int32)[:, None]
            inside = ((moved >= 0) & (moved < limit)).all(axis=0)
            joint = values[inside] + flat[index[inside] + offset]
        counts = np.bincount(joint, minlength=(_BINS + 1) ** 2).reshape(_BINS + 1, _BINS + 1)[1:, 1:]
        total = int(counts.sum())
        return _normalised_information(counts) if total >= least else None

    return score


def _normalised_information(counts: NDArray[np.int64]) -> float:
    """Mutual information over the geometric mean of the entropies, its small-sample bias taken off."""
    total = counts.sum()
    tables = (np.sort(n, axis=None) for n in (counts, counts.sum(axis=1), counts.sum(axis=0)))
    both, one, other = (n[n.size - np.count_nonzero(n) :] for n in tables)
    entropies = [float(np.log(total) - (n @ np.log(n)) / total) for n in (both, one, other)]
    bias = (both.size - one.size - other.size + 1) / (2 * total)
    scale = np.sqrt(entropies[1] * entropies[2])
    return float((entropies[1] + entropies[2] - entropies[0] - bias) / scale) if scale > 0 else 0.0


def _coarse_best(still: _Bins, loose: _Bins, spacing_mm: tuple[float, float, float]) -> Step:
    """The best shift on block means, in voxels of the full grid; no shift where the images are too small for that."""
    spacing = np.array(spacing_mm)
    for size_mm in _COARSE_MM:
        factor = np.clip(np.rint(size_mm / spacing), 1, np.maximum(1, np.array(still.shape) // 8)).astype(int)
        blocks = (_blocks(still, factor), _blocks(loose, factor))
        score = _score_on(*blocks, least_voxels=_COARSE_VOXELS, reach=_COARSE_STEPS)
        if score((0, 0, 0)) is None:
            continue
        reach = np.minimum(np.ceil(_REACH_MM / (spacing * factor)), _COARSE_STEPS).astype(int)
        x, y, z = (range(-n, n + 1) for n in reach.tolist())
        steps = itertools.product(x, y, z)
        scored = [(value, step) for step in steps if (value := score(step)) is not None]
        a, b, c = (int(n) for n in np.array(max(scored)[1]) * factor)
        return a, b, c
    return (0, 0, 0)


def _blocks(bins: _Bins, factor: NDArray[np.int_]) -> _Bins:
    """Means over blocks of the voxels that are foreground; 0 where less than half of a block is."""
    shape = np.array(bins.shape) // factor
    i, j, k = shape * factor
    blocks = bins[:i, :j, :k].reshape(shape[0], factor[0], shape[1], factor[1], shape[2], factor[2])
    filled = np.count_nonzero(blocks, axis=(1, 3, 5))
    means = blocks.sum(axis=(1, 3, 5), dtype=np.float64) / np.maximum(filled, 1)
    return np.where(2 * filled >= factor.prod(), np.rint(means), 0).astype(np.uint8)


def _climb(score: Callable[[Step], float | None], start: Step) -> tuple[Step, float]:
    """The local maximum above a start."""
    known: dict[Step, float] = {}

    def value(step: Step) -> float:
        if step not in known:
            found = score(step)
            known[step] = -np.inf if found is None else found
        return known[step]

    here = start
    for size in (4, 2, 1):
        moving = True
        while moving:
            around = [_moved(here, axis, by) for axis in range(3) for by in (-size, size)]
            best = max(around, key=value)
            moving = value(best) > value(here)
            here = best if moving else here
    return here, value(here)


def _moved(step: Step, axis: int, by: int) -> Step:
    i, j, k = (n + by * (number == axis) for number, n in enumerate(step))
    return i, j, k


def _below_a_voxel(step: Step, fixed: Volume, moving: Volume) -> bool:
    """Whether a shift is shorter than the coarser voxel along every axis of the world: grids alone explain it."""
    along = np.abs(fixed.affine[:3, :3] @ np.array(step, dtype=np.float64))
    voxel = np.maximum(np.abs(fixed.affine[:3, :3]).max(axis=1), np.abs(moving.affine[:3, :3]).max(axis=1))
    return bool(np.all(along < voxel * (1 - 1e-6)))
