"""Do two images of a case lie on each other? Mutual information at the given position against shifted ones.

    I(a, b) = sum p(a, b) log(p(a, b) / (p(a) p(b))),   N = I / sqrt(H(a) H(b))

from a joint histogram of 32 x 32 bins (Mattes et al. 2003, doi 10.1109/TMI.2003.809072, without their spline windows)
over the voxels where both images show something, normalised by the entropies so that a change of overlap does not pass
for a gain (after Studholme et al. 1999, doi 10.1016/S0031-3203(98)00091-0). The foregrounds' outlines are left out on
purpose: one mask cut from two images makes outlines agree however badly the insides do.

The bias that an estimate from few voxels has (Miller 1955) is taken off. All shifts up to 16 mm are tried on block
means of about 4 mm, with 16 bins; small images are searched up to 10 mm on blocks of 2 mm, or 5 mm on 1 mm. From the
best of them and from the given position the full grid is climbed in steps of 4, 2 and 1 voxels, on every n-th voxel,
and no farther than 16 mm along an axis.
Mirrored and turned images are found by ``voxlate.cohort.preflight.measures.pose``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from voxlate.cohort.preflight.measures.binned import BINS, Binned, Bins, block_sums
from voxlate.volume import Grid

_REACH_MM = 16.0
_MARGIN, _MARGIN_OF_ONE = 1.10, 1.15
_UNRELATED = 0.015
_LEAST_GAIN = 0.005
_LEAST_OVERLAP = 0.2
_LEAST_VOXELS = 2_000
_COARSE_MM = (4.0, 2.0, 1.0)
_COARSE_STEPS = 5
_COARSE_VOXELS = 1_000
_COARSE_SAMPLES = 2_500
_COARSE_BINS = 16
_FEWER, _LIKELY, _SHIFTS_AT_ONCE = 3, 48, 100
_SAMPLES = 20_000
_NO_ENTROPY = 1e-12

Step = tuple[int, int, int]


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
        """Whether the shifted position is better by a clear margin; by more for one voxel, as a part of one gains."""
        margin = _MARGIN_OF_ONE if np.abs(self.voxels).sum() == 1 else _MARGIN
        return self.best > margin * self.given and self.best - self.given > _LEAST_GAIN and any(self.voxels)

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


def shift_between(fixed: Binned, there: Binned, moving: Grid) -> Shift | None:
    """The displacement of an image against a fixed one, to a voxel of the fixed grid.

    Args:
        fixed: An image; its grid is the one searched on.
        there: Another of the same place, brought onto that grid.
        moving: The grid that the other was given on.

    Returns:
        The best position, the given one if none is better; ``None`` if fewer than 2,000 voxels show something in both.
    """
    everywhere = _score_on(fixed.bins, there.bins)
    reach = np.maximum(1, np.ceil(_REACH_MM / np.array(fixed.grid.spacing_mm)))

    def score(step: Step) -> float | None:
        return everywhere(step) if (np.abs(step) <= reach).all() else None

    origin = (0, 0, 0)
    given = score(origin)
    if given is None:
        return None
    starts = {origin, _coarse_best(fixed.bins, there.bins, fixed.grid.spacing_mm)}
    best, value = max((climb(score, start) for start in starts), key=lambda found: found[1])
    if value <= given or _below_a_voxel(best, fixed.grid, moving):
        best, value = origin, given
    along = fixed.grid.affine[:3, :3] @ np.array(best, dtype=np.float64)
    return Shift(best, (float(along[0]), float(along[1]), float(along[2])), given, value)


def _score_on(still: Bins, loose: Bins) -> Callable[[Step], float | None]:
    """Normalised mutual information as a function of the displacement; ``None`` where too little overlaps."""
    index = np.flatnonzero(still.ravel(order="F") != 0)
    filled = index.size
    index = index[:: max(1, filled // _SAMPLES)]
    places = np.stack(np.unravel_index(index, still.shape, order="F")).astype(np.int32)
    values = still.ravel(order="F")[index].astype(np.int32) * (BINS + 1)
    limit = np.array(still.shape, dtype=np.int32)[:, None]
    flat = loose.ravel(order="F")
    strides = (1, still.shape[0], still.shape[0] * still.shape[1])
    share = index.size / filled if filled else 1.0
    least = max(_LEAST_VOXELS * share, _LEAST_OVERLAP * index.size)

    def score(step: Step) -> float | None:
        offset = sum(by * stride for by, stride in zip(step, strides, strict=True))
        if any(step):
            moved = places + np.array(step, dtype=np.int32)[:, None]
            inside = ((moved >= 0) & (moved < limit)).all(axis=0)
            joint = values[inside] + flat.take(index[inside] + offset)
        else:
            joint = values + flat.take(index)
        counts = np.bincount(joint, minlength=(BINS + 1) ** 2).reshape(BINS + 1, BINS + 1)[1:, 1:]
        return normalised_information(counts) if counts.sum() >= least else None

    return score


def normalised_information(counts: NDArray[np.int64]) -> float:
    """Mutual information over the geometric mean of the entropies, its small-sample bias taken off."""
    filled = [table[table > 0].astype(np.float64) for table in (counts, counts.sum(axis=1), counts.sum(axis=0))]
    total = max(float(filled[1].sum()), 1.0)
    both, one, other = (np.log(total) - float(table @ np.log(table)) / total for table in filled)
    scale = np.sqrt(max(one * other, 0.0))
    gain = one + other - both - (filled[0].size - filled[1].size - filled[2].size + 1) / (2 * total)
    return float(gain / scale) if scale > _NO_ENTROPY else 0.0


def _information_of(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The same of a stack of tables, ``(n, bins, bins)``, at once."""
    tables = counts.reshape(len(counts), -1), counts.sum(axis=2), counts.sum(axis=1)
    total = np.maximum(tables[0].sum(axis=1), 1)
    both, one, other = (np.log(total) - xlogy(table, table).sum(axis=1) / total for table in tables)
    filled = [np.count_nonzero(table, axis=1) for table in tables]
    scale = np.sqrt(np.maximum(one * other, 0))
    gain = one + other - both - (filled[0] - filled[1] - filled[2] + 1) / (2 * total)
    return np.asarray(np.divide(gain, scale, out=np.zeros(len(counts)), where=scale > _NO_ENTROPY))


def _coarse_best(still: Bins, loose: Bins, spacing_mm: tuple[float, float, float]) -> Step:
    """The best shift on block means, in voxels of the full grid; no shift where the images are too small for that."""
    spacing = np.array(spacing_mm)
    for size_mm in _COARSE_MM:
        factor = np.clip(np.rint(size_mm / spacing), 1, np.maximum(1, np.array(still.shape) // 8)).astype(int)
        blocks = [(_blocks(bins, factor) + 1) // 2 for bins in (still, loose)]
        if np.count_nonzero(blocks[0] * (blocks[1] > 0)) < _COARSE_VOXELS:
            continue
        reach = np.minimum(np.ceil(_REACH_MM / (spacing * factor)), _COARSE_STEPS).astype(int)
        a, b, c = (int(n) for n in np.array(_best_of_all(blocks[0], blocks[1], reach.tolist())) * factor)
        return a, b, c
    return (0, 0, 0)


def _best_of_all(still: Bins, loose: Bins, reach: list[int]) -> Step:
    """The best of all shifts up to ``reach`` blocks along each axis, on every n-th block.

    The likeliest by a third of those are tried on all.
    """
    still, loose = (np.pad(blocks, [(by, by) for by in reach]) for blocks in (still, loose))
    index = np.flatnonzero(still)
    filled = index.size
    index = index[:: max(1, index.size // _COARSE_SAMPLES)]
    least = max(_COARSE_VOXELS * index.size / filled, _LEAST_OVERLAP * index.size)
    side = _COARSE_BINS + 1
    values = still.ravel()[index].astype(np.int64) * side
    flat = loose.ravel().astype(np.int64)
    shifts = np.array(list(itertools.product(*(range(-by, by + 1) for by in reach))))

    def scores(shifts: NDArray[np.intp], every: int) -> NDArray[np.float64]:
        offsets = shifts @ [still.shape[1] * still.shape[2], still.shape[2], 1]
        tables = np.arange(len(shifts))[:, None] * side**2
        joint = values[::every] + flat.take(index[::every] + offsets[:, None]) + tables
        counts = np.bincount(joint.ravel(), minlength=len(shifts) * side**2).reshape(-1, side, side)[:, 1:, 1:]
        return np.where(counts.sum(axis=(1, 2)) >= least / every, _information_of(counts), -np.inf)

    parts = np.array_split(shifts, max(1, len(shifts) // _SHIFTS_AT_ONCE))
    roughly = np.concatenate([scores(part, _FEWER) for part in parts])
    if not np.isfinite(roughly).any():
        return (0, 0, 0)
    likely = shifts[np.argsort(-roughly, kind="stable")[:_LIKELY]]
    i, j, k = likely[int(scores(likely, 1).argmax())].tolist()
    return i, j, k


def _blocks(bins: Bins, factor: NDArray[np.int_]) -> Bins:
    """Means over blocks of the voxels that are foreground; 0 where less than half of a block is."""
    filled = block_sums(bins > 0, factor.tolist())
    means = block_sums(bins, factor.tolist()) / np.maximum(filled, 1)
    return np.where(2 * filled >= factor.prod(), np.rint(means), 0).astype(np.uint8)


def climb(score: Callable[[Step], float | None], start: Step) -> tuple[Step, float]:
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


def _below_a_voxel(step: Step, fixed: Grid, moving: Grid) -> bool:
    """Whether a shift is shorter than the coarser voxel along every axis of the world: grids alone explain it."""
    along = np.abs(fixed.affine[:3, :3] @ np.array(step, dtype=np.float64))
    voxel = np.maximum(np.abs(fixed.affine[:3, :3]).max(axis=1), np.abs(moving.affine[:3, :3]).max(axis=1))
    return bool(np.all(along < voxel * (1 - 1e-6)))
