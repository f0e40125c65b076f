"""Label maps as signed distances on a coarse common frame, and back.

Of each label value, background included, the distance in mm to its border: negative inside, truncated where it is
large. Label maps themselves have no mean and no sum; signed distances do, to good approximation (Leventon et al. 2000,
doi:10.1109/CVPR.2000.855835; of several structures Tsai et al. 2003, doi:10.1109/TMI.2002.808355). Back, each voxel
becomes the label whose distance there is lowest. Background takes part as a label of its own: two structures that touch
in every map then have no gap between them when their borders are predicted a little apart.

The frame is centred at the centroid of what is labelled and lies along the image's own axes in RAS order. Beyond an
image's edge its outermost voxels go on, so that what the edge cuts has no false surface there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from voxlate.cohort.labels.classes import MOST_CLASSES
from voxlate.errors import CohortError
from voxlate.shapes.arrays import refusal, take
from voxlate.shapes.interface import State
from voxlate.shapes.placement import PLACES, Placement, choose, place, placements_from, placements_state, ras_labels
from voxlate.volume import Volume, extent

Maps = NDArray[np.floating]
STEP = 8
"""Points along each axis are a multiple of it, so that a network can halve the frame three times."""
_FINER = 2
"""Distances are measured on a lattice of so many points per point of the frame along each axis."""
_TRUNCATION_POINTS = 5.0
"""Largest distance, in points of the frame."""
_MARGIN_POINTS = 2.0
_BUDGET_BYTES = 2**30
"""What the maps of all cases may occupy; the frame is made coarser until they do."""
_FRAME = ("frame.shape", "frame.spacing_mm", "frame.labels")


@dataclass(frozen=True)
class Frame:
    """A coarse lattice about the centroid, and the label values that are mapped on it.

    Attributes:
        shape: Points along the RAS axes, multiples of ``STEP``.
        spacing_mm: Between points, the same along each axis.
        labels: Values, ascending, 0 (the background) among them.
    """

    shape: tuple[int, int, int]
    spacing_mm: float
    labels: tuple[int, ...]

    @property
    def truncation_mm(self) -> float:
        """The largest distance that is told from larger ones."""
        return _TRUNCATION_POINTS * self.spacing_mm

    @property
    def form(self) -> tuple[int, int, int, int]:
        """Shape of a case's maps: labels, then points along each axis."""
        return (len(self.labels), *self.shape)

    def encode(self, labels: Volume, placed: Placement) -> NDArray[np.float32]:
        """The signed distances ``(label, i, j, k)`` of a label map, in mm.

        Args:
            labels: The map.
            placed: Its place; only the centre and the grid matter.
        """
        array = ras_labels(labels)
        fine = self.spacing_mm / _FINER
        index = []
        for axis, points in enumerate(self.shape):
            where = (np.arange(points * _FINER) + 0.5 - points * _FINER / 2) * fine
            near = np.rint(placed.centre[axis] + where / placed.spacing_mm[axis]).astype(np.int64)
            index.append(np.clip(near, 0, array.shape[axis] - 1))
        sampled = array[np.ix_(*index)]
        maps = np.empty(self.form, dtype=np.float32)
        for value, into in zip(self.labels, maps, strict=True):
            into[:] = _coarse(_signed_distance(sampled == value, fine, limit_mm=self.truncation_mm))
        return maps

    def decode(self, maps: Maps, placed: Placement) -> NDArray[np.integer]:
        """The label map on a grid: at each voxel the label whose distance is lowest; one label is treated at a time.

        Args:
            maps: ``(label, i, j, k)`` in mm.
            placed: The grid, and where the middle of the frame lies in it.
        """
        best = np.full(placed.shape, np.inf, dtype=np.float32)
        labels = np.zeros(placed.shape, dtype=np.min_scalar_type(max(self.labels)))
        weights = [self._weights(axis, placed.positions(axis)) for axis in range(3)]
        for value, distances in zip(self.labels, maps, strict=True):
            near = np.asarray(distances) < 0.999 * self.truncation_mm
            box = extent(near) if value else (slice(None),) * 3
            if box is None:
                continue  # so far from everything cannot be the nearest
            parts = [_reach(matrix, part) for matrix, part in zip(weights, box, strict=True)]
            if any(part is None for part in parts):
                continue
            i, j, k = (part for part in parts if part is not None)
            full = np.asarray(distances, dtype=np.float32)
            for axis, part in enumerate((i, j, k)):
                full = np.moveaxis(np.tensordot(weights[axis][part], full, axes=(1, axis)), 0, axis)
            closer = full < best[i, j, k]
            labels[i, j, k][closer] = value
            np.minimum(best[i, j, k], full, out=best[i, j, k])
        return labels

    def extent_mm(self, maps: Maps) -> tuple[float, float, float]:
        """Edges of the smallest box around what is labelled, to the points of the frame; 0 where nothing is."""
        box = extent(np.argmin(maps, axis=0))
        i, j, k = (0.0, 0.0, 0.0) if box is None else ((part.stop - part.start) * self.spacing_mm for part in box)
        return i, j, k

    def _weights(self, axis: int, positions_mm: NDArray[np.float64]) -> NDArray[np.float32]:
        """``(positions, points)``: what each point counts at positions; cubic, and beyond the frame its edge."""
        from scipy.interpolate import CubicSpline

        points = self.shape[axis]
        where = np.clip(positions_mm / self.spacing_mm + (points - 1) / 2, 0, points - 1)
        spline = CubicSpline(np.arange(points), np.eye(points), bc_type="natural")
        return np.asarray(spline(where), dtype=np.float32)


def _signed_distance(inside: NDArray[np.bool_], spacing_mm: float, *, limit_mm: float) -> NDArray[np.float32]:
    """The distance of voxel centres to the border of a mask, midway between voxels: negative inside, truncated.

    Args:
        inside: The mask ``(i, j, k)``; what leaves the array goes on beyond it.
        spacing_mm: Voxel edge.
        limit_mm: Truncation; also the distance to a mask that is empty.
    """
    result = np.full(inside.shape, limit_mm, dtype=np.float32)
    box = extent(inside)
    if box is None:
        return result
    if inside.all():
        return -result
    reach = int(np.ceil(limit_mm / spacing_mm)) + 1
    i, j, k = (slice(max(0, part.start - reach), part.stop + reach) for part in box)
    block = inside[i, j, k]
    outward = distance_transform_edt(~block, sampling=spacing_mm) - spacing_mm / 2
    inward = distance_transform_edt(block, sampling=spacing_mm) - spacing_mm / 2 if not block.all() else limit_mm
    result[i, j, k] = np.clip(np.where(block, -inward, outward), -limit_mm, limit_mm)
    return result


@dataclass(frozen=True)
class Domain:
    """What models on distance maps share: the frame, and where the training maps lay in their images."""

    frame: Frame
    placements: tuple[Placement, ...]

    def encode(self, labels: Volume) -> NDArray[np.float32]:
        """The distance maps of a label map.

        Raises:
            CohortError: If nothing is labelled.
        """
        return self.frame.encode(labels, _placed(labels, number=0))

    def draw(self, maps: Maps, rng: np.random.Generator) -> Volume:
        """Distance maps as a label map on a grid that a training map of about their size had."""
        placed = choose(self.placements, self.frame.extent_mm(maps), rng)
        return placed.volume(self.frame.decode(maps, placed))

    def on_lattice_of(self, labels: Volume, maps: Maps) -> Volume:
        """Distance maps as a label map where another one lies, axes in RAS order."""
        placed = _placed(labels, number=0)
        return placed.volume(self.frame.decode(maps, placed))

    def state(self) -> dict[str, NDArray[np.float64] | NDArray[np.int32]]:
        """As arrays."""
        frame = self.frame
        return {
            _FRAME[0]: np.array(frame.shape, dtype=np.int32),
            _FRAME[1]: np.array([frame.spacing_mm]),
            _FRAME[2]: np.array(frame.labels, dtype=np.int32),
            **placements_state(self.placements),
        }


DOMAIN = (*_FRAME, *PLACES)
"""Names of the arrays of a domain."""


def domain_from(state: State) -> Domain:
    """The domain that ``Domain.state`` wrote.

    Raises:
        BundleError: If the arrays are others.
    """
    shape = take(state, _FRAME[0], shape=(3,), kind="i", low=STEP, high=128)
    spacing = take(state, _FRAME[1], shape=(1,), kind="f", low=1e-3, high=1e3)
    labels = take(state, _FRAME[2], shape=(None,), kind="i", low=0, high=2**16 - 1)
    if (shape % STEP).any():
        raise refusal(_FRAME[0], f"multiples of {STEP}", str(shape.tolist()))
    if labels[0] != 0 or (np.diff(labels) <= 0).any() or len(labels) > MOST_CLASSES + 1:
        raise refusal(_FRAME[2], f"0 and up to {MOST_CLASSES} ascending values", f"{len(labels)} others")
    i, j, k = (int(n) for n in shape)
    frame = Frame((i, j, k), float(spacing[0]), tuple(int(value) for value in labels))
    return Domain(frame, placements_from(state))


def survey(maps: Sequence[Volume], *, points: int) -> tuple[Domain, NDArray[np.float16]]:
    """The common frame of label maps, and their distances on it ``(case, label, i, j, k)`` in mm.

    Args:
        maps: At least two.
        points: Of the frame along its longest axis; fewer if the voxels are no finer, or memory is short.

    Raises:
        CohortError: If there are too few, nothing is labelled in one, or there are too many label values.
    """
    if len(maps) < 2:
        raise CohortError("at least two label maps", came=str(len(maps)), remedy="Add cases, or leave shapes out.")
    placements, values, halves = [], {0}, []
    for number, labels in enumerate(maps):
        placed = _placed(labels, number=number)
        array = ras_labels(labels)
        placements.append(placed)
        values |= {int(value) for value in np.unique(array)}
        halves.append(_half_mm(array, placed))
    if len(values) > MOST_CLASSES + 1 or min(values) < 0:
        raise CohortError(
            f"1 to {MOST_CLASSES} label values, none negative",
            came=f"{len(values) - 1} in {len(maps)} maps",
            where="shapes",
            remedy="Look at the label maps.",
        )
    finest = min(min(placed.spacing_mm) for placed in placements)
    frame = _frame(np.max(halves, axis=0), tuple(sorted(values)), points=points, finest_mm=finest, cases=len(maps))
    encoded = np.empty((len(maps), *frame.form), dtype=np.float16)
    for number, (labels, placed) in enumerate(zip(maps, placements, strict=True)):
        encoded[number] = frame.encode(labels, placed)
    on_frame = (
        Placement(placed.shape, placed.spacing_mm, placed.centre, frame.extent_mm(one))
        for placed, one in zip(placements, encoded, strict=True)
    )
    return Domain(frame, tuple(on_frame)), encoded


def _placed(labels: Volume, *, number: int) -> Placement:
    placed = place(labels)
    if placed is None:
        raise CohortError(
            "a label map with labelled voxels",
            came="only background",
            where=f"label map {number + 1}",
            remedy="Leave the case out.",
        )
    return placed


def _half_mm(array: NDArray[np.integer], placed: Placement) -> list[float]:
    """How far the labelled part reaches from its centroid along each axis."""
    box = extent(array) or ()
    return [
        max(middle - (part.start - 0.5), part.stop - 0.5 - middle) * edge
        for part, middle, edge in zip(box, placed.centre, placed.spacing_mm, strict=True)
    ]


def _frame(
    half_mm: NDArray[np.float64], labels: tuple[int, ...], *, points: int, finest_mm: float, cases: int
) -> Frame:
    frames = (_frame_of(half_mm, labels, points=count, finest_mm=finest_mm) for count in _fewer(points))
    best = next(frames)
    for frame in frames:
        if cases * int(np.prod(best.form)) * np.dtype(np.float16).itemsize <= _BUDGET_BYTES:
            break
        best = frame
    return best


def _fewer(points: int) -> Iterator[int]:
    yield from range(points, STEP, -STEP // 2)


def _frame_of(half_mm: NDArray[np.float64], labels: tuple[int, ...], *, points: int, finest_mm: float) -> Frame:
    longest = 2 * float(half_mm.max())
    spacing = max(longest / (points - 2 * _MARGIN_POINTS), finest_mm)
    counts = np.ceil((2 * half_mm / spacing + 2 * _MARGIN_POINTS) / STEP - 1e-9).astype(int) * STEP
    i, j, k = (int(count) for count in counts)
    return Frame((i, j, k), spacing, labels)


def _coarse(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of each block of ``_FINER`` points along every axis: what linear interpolation gives at its middle."""
    i, j, k = (n // _FINER for n in fine.shape)
    return np.asarray(fine.reshape(i, _FINER, j, _FINER, k, _FINER).mean(axis=(1, 3, 5)))


def _reach(weights: NDArray[np.float32], part: slice) -> slice | None:
    """The positions at which the points of a part, and one beside it, count for most."""
    middle = weights.argmax(axis=1)
    points = weights.shape[1]
    first, last = part.indices(points)[:2]
    hits = np.flatnonzero((middle >= first - 1) & (middle <= last))
    return None if hits.size == 0 else slice(int(hits[0]), int(hits[-1]) + 1)
