"""Distances between the surfaces of two segmentations, in mm.

The surface of a set is its voxels with one of six neighbours outside it; outside are the voxels beyond the mask and
beyond the image too. ``d(P, T)`` are the distances from the centre of each surface voxel of P to the nearest one of T.

    HD95 = max(95th percentile of d(P, T), 95th percentile of d(T, P))
    surface Dice = (number of d(P, T) <= tolerance + number of d(T, P) <= tolerance) / number of all of them

HD95 is the Hausdorff distance (Huttenlocher et al. 1993, doi:10.1109/34.232073) without the farthest 5 % of either
surface, percentiles interpolated linearly. Surface Dice: Nikolov et al. 2021, doi:10.2196/26151, who weigh a surface
voxel by the area it stands for; here each counts once, as in MONAI. The rule for empty sets is that of
``segmentation``; the worst value of HD95 is the diagonal of the mask's box, voxels counted with their full size.

The nearest voxel is looked for among the closest ones, which are few where a prediction is any good, and then in a k-d
tree of the surface: what it costs grows with the surfaces, not with the volume.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from operator import mul
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.metrics.metric import Image, Mask, Measure, Values
from voxlate.metrics.segmentation import labelled_inside
from voxlate.volume import extent

Spacing = Sequence[float] | Values
_TOLERANCE_MM = 1.0
_REACH = 3
"""Voxels along the finest axis that are looked through before a tree is built: 123 where they are cubes."""
_PERCENT = 95


class SurfaceFunction(Protocol):
    """Two label maps in, one number out; ``NaN`` when not available."""

    def __call__(self, prediction: Image, truth: Image, *, mask: Mask, data_range: float, spacing_mm: Spacing) -> float:
        """The value inside the mask."""
        ...


@dataclass(frozen=True)
class SurfaceMetric(Measure):
    """A metric of label maps that needs to know how large a voxel is.

    Attributes:
        function: ``function(prediction, truth, mask=..., data_range=..., spacing_mm=...)``.
        kind: Always ``surface``.
    """

    function: SurfaceFunction
    kind: Literal["surface"] = field(default="surface", kw_only=True)

    def __call__(self, prediction: Image, truth: Image, *, mask: Mask, data_range: float, spacing_mm: Spacing) -> float:
        """The value inside the mask.

        Args:
            prediction: ``(i, j, k)`` label map; a value counts as the label nearest to it.
            truth: ``(i, j, k)`` label map.
            mask: ``(i, j, k)`` bool, the voxels that count; outside it there is background.
            data_range: Not used; any positive number.
            spacing_mm: Distance of neighbouring voxels along ``i``, ``j`` and ``k``.

        Raises:
            UsageError: If the shapes differ, or mask, data range or spacing cannot be used.
        """
        return self.function(prediction, truth, mask=mask, data_range=data_range, spacing_mm=spacing_mm)


def hd95(prediction: Image, truth: Image, *, mask: Mask, data_range: float, spacing_mm: Spacing) -> float:
    """The 95th percentile of the distances between the surfaces, the larger of both directions.

    Args:
        prediction: ``(i, j, k)`` label map; a value counts as the label nearest to it.
        truth: ``(i, j, k)`` label map.
        mask: ``(i, j, k)`` bool, the voxels that count; outside it there is background.
        data_range: Not used; any positive number.
        spacing_mm: Distance of neighbouring voxels along ``i``, ``j`` and ``k``.

    Returns:
        0 mm or more; the diagonal of the mask's box if one map is empty; NaN if both are, or a value is not finite.

    Raises:
        UsageError: If the shapes differ, or mask, data range or spacing cannot be used.

    Example:
        >>> truth = np.zeros((9, 5, 5))
        >>> truth[1, 2, 2] = 1
        >>> shifted, everywhere = np.roll(truth, 2, axis=0), np.ones(truth.shape, dtype=bool)
        >>> hd95(shifted, truth, mask=everywhere, data_range=1.0, spacing_mm=(1.5, 1.0, 1.0))
        3.0
    """
    spacing = _checked(spacing_mm)
    found = labelled_inside(prediction, truth, mask=mask, data_range=data_range)
    if found is None:
        return math.nan
    predicted, true, inside = found
    held = predicted.any(), true.any()
    if not all(held):
        return math.dist((0, 0, 0), np.multiply(inside.shape, spacing)) if any(held) else math.nan
    return max(float(np.percentile(d, _PERCENT)) for d in surface_distances(predicted, true, spacing_mm=spacing))


def surface_dice(
    prediction: Image,
    truth: Image,
    *,
    mask: Mask,
    data_range: float,
    spacing_mm: Spacing,
    tolerance_mm: float = _TOLERANCE_MM,
) -> float:
    """Share of both surfaces that is no farther from the other than a tolerance (normalised surface distance).

    Args:
        prediction: ``(i, j, k)`` label map; a value counts as the label nearest to it.
        truth: ``(i, j, k)`` label map.
        mask: ``(i, j, k)`` bool, the voxels that count; outside it there is background.
        data_range: Not used; any positive number.
        spacing_mm: Distance of neighbouring voxels along ``i``, ``j`` and ``k``.
        tolerance_mm: What still counts as met; by default one millimetre, the usual resolution of a head scan.

    Returns:
        0 to 1; 0 if one map is empty; NaN if both are, or a value is not finite.

    Raises:
        UsageError: If the shapes differ, or mask, data range, spacing or tolerance cannot be used.
    """
    spacing = _checked(spacing_mm)
    if not (math.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise UsageError(
            "a tolerance of 0 mm or more", came=repr(tolerance_mm), remedy="Take what two readers differ by."
        )
    found = labelled_inside(prediction, truth, mask=mask, data_range=data_range)
    if found is None:
        return math.nan
    predicted, true, _ = found
    held = predicted.any(), true.any()
    if not all(held):
        return 0.0 if any(held) else math.nan
    distances = np.concatenate(surface_distances(predicted, true, spacing_mm=spacing))
    return float(np.mean(distances <= tolerance_mm * (1 + 1e-9)))  # three steps of 0.1 mm are 0.3 mm


def surface_distances(prediction: Mask, truth: Mask, *, spacing_mm: Spacing) -> tuple[Values, Values]:
    """Distances from the surface of each set to that of the other.

    Args:
        prediction: ``(i, j, k)`` bool, at least one voxel.
        truth: ``(i, j, k)`` bool, at least one voxel.
        spacing_mm: Distance of neighbouring voxels along ``i``, ``j`` and ``k``.

    Returns:
        In mm, one value per surface voxel of the prediction and one per surface voxel of the truth.
    """
    box = extent(prediction | truth)
    if box is None:
        return np.zeros(0), np.zeros(0)
    first, second = (_surface(np.pad(one[box], _REACH)) for one in (prediction, truth))
    return _distances(first, second, spacing_mm), _distances(second, first, spacing_mm)


def _surface(inside: Mask) -> Mask:
    """Voxels of the set with one of six neighbours outside it; the array's border must be empty."""
    inside = np.ascontiguousarray(inside)
    flat = inside.ravel()
    deep = flat.copy()
    for step in inside.strides:  # of bytes, which are voxels
        deep[step:] &= flat[:-step]
        deep[:-step] &= flat[step:]
    return (flat > deep).reshape(inside.shape)


def _distances(surface: Mask, other: Mask, spacing_mm: Spacing) -> Values:
    """From each voxel of a surface to the nearest of another, which is looked for among its neighbours first."""
    places, there = np.flatnonzero(surface), other.ravel()
    distances, left = np.zeros(len(places)), np.arange(len(places))
    for distance, step in _nearby(tuple(map(float, spacing_mm)), surface.strides):
        found = there[places[left] + step]
        distances[left[found]] = distance
        left = left[~found]
        if not left.size:
            return distances
    distances[left] = _far(places[left], other, spacing_mm)
    return distances


@lru_cache(maxsize=16)
def _nearby(spacing_mm: tuple[float, ...], steps: tuple[int, ...]) -> list[tuple[float, int]]:
    """Distance in mm, and in places of memory, of the voxels around one, from near to far."""
    limit, reach = _REACH * min(spacing_mm) * (1 + 1e-9), range(-_REACH, _REACH + 1)
    offsets = product(reach, repeat=3)
    every = ((math.hypot(*map(mul, one, spacing_mm)), sum(map(mul, one, steps))) for one in offsets)
    return sorted(one for one in every if one[0] <= limit)


def _far(places: NDArray[np.intp], other: Mask, spacing_mm: Spacing) -> Values:
    """From places in memory to the nearest voxel of a surface, by a k-d tree of it."""
    from scipy.spatial import KDTree

    # cells of equal size are as good as balanced ones on a grid, and quicker to build
    tree = KDTree(np.argwhere(other) * spacing_mm, leafsize=32, balanced_tree=False, compact_nodes=False)
    wanted = np.stack(np.unravel_index(places, other.shape), axis=1) * spacing_mm
    return np.asarray(tree.query(wanted)[0])


def _checked(spacing_mm: Spacing) -> Values:
    """The spacing as an array.

    Raises:
        UsageError: If it is not three positive numbers.
    """
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (3,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise UsageError(
            "a spacing of three positive numbers in mm",
            came=repr(spacing_mm),
            remedy="Give the distance of neighbouring voxels along i, j and k.",
        )
    return spacing
