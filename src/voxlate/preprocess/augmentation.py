"""Augmentation: random changes of training samples, drawn apart from being applied.

- flip: left and right, the only symmetry that patients nearly have.
- rotation and scaling: about the middle, each axis with an angle and a scale of its own.
- elastic: Gaussian displacements on a coarse grid of points, joined by a smooth (cubic spline) field, as for the U-Net
  (Ronneberger et al. 2015, arXiv:1505.04597); the same places move source, target and mask (``warping``).
- blur: the source through a Gaussian of 0.5-1 voxels.
- bias: the source times ``exp(b)``, with ``b`` a Legendre polynomial of third order with a standard deviation of
  0.1-0.3.
- brightness and contrast: the source, less its minimum or its mean, times 0.75-1.25.
- gamma: the source between its own minimum and maximum, raised to a power of 0.7-1.4.
- low resolution: the source in voxels 1-2 times as large, and back.
- noise: Gaussian, added to the source, a standard deviation of 0.01-0.05 of its range.

The order is that of an image on its way through a scanner (``degradation``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voxlate.config.training import Augmentation
from voxlate.preprocess.degradation import Degraded, degrade, draw_degradation
from voxlate.preprocess.warping import Places, Sample, interpolated, nearest, places, prevailing, reach, rotation
from voxlate.volume import Array

_CHANCES = ("flip", "elastic", "bias", "gamma", "noise")
_SEEDS = ("elastic", "bias", "gamma", "noise")
_LATER = ("rotation", "scaling", "blur", "brightness", "contrast", "low_resolution")
"""What came later is drawn later: what was drawn before is the same with it and without it."""


@dataclass(frozen=True)
class Drawn:
    """What is done to one sample; ``None`` where nothing is.

    Attributes:
        flip_axis: Spatial axis to be flipped.
        displacements: ``(dims, points, ...)`` in voxels, on the coarse grid.
        matrix: ``(dims, dims)``, from a voxel of the result, seen from the middle, to where it is read.
        values: What is done to the values of the source.
    """

    flip_axis: int | None = None
    displacements: NDArray[np.float64] | None = None
    matrix: NDArray[np.float64] | None = None
    values: Degraded = field(default_factory=Degraded)

    def margin(self, shape: Sequence[int]) -> tuple[int, ...]:
        """By how much a sample must be cut larger at each end, so that the corners of the result lie in it."""
        return reach(self.matrix, shape)


def draw_augmentation(options: Augmentation, *, dims: int, flip_axis: int | None, rng: np.random.Generator) -> Drawn:
    """Draws what is done to one sample.

    Args:
        options: Probabilities and strengths.
        dims: Number of spatial axes, 2 or 3.
        flip_axis: The spatial axis that is left-right in the sample; ``None`` if there is none.
        rng: The only source of chance.
    """
    # Every chance is drawn in a fixed order, so that switching one off does not change the others.
    chances = dict(zip(_CHANCES, rng.random(len(_CHANCES)).tolist(), strict=True))
    seeds = dict(zip(_SEEDS, rng.integers(0, 2**63, size=len(_SEEDS)).tolist(), strict=True))
    chances |= dict(zip(_LATER, rng.random(len(_LATER)).tolist(), strict=True))
    seeds |= dict(zip(_LATER, rng.integers(0, 2**63, size=len(_LATER)).tolist(), strict=True))
    return Drawn(
        flip_axis=flip_axis if chances["flip"] < options.flip else None,
        displacements=_draw_displacements(options, dims, seeds["elastic"])
        if chances["elastic"] < options.elastic
        else None,
        matrix=_draw_matrix(options, dims, chances=chances, seeds=seeds),
        values=draw_degradation(options, dims=dims, chances=chances, seeds=seeds),
    )


def apply_augmentation(
    drawn: Drawn,
    source: Sample,
    target: Sample,
    mask: Sample,
    *,
    source_labels: bool | Sequence[bool] = False,
    target_labels: bool = False,
    margin: Sequence[int] | None = None,
) -> tuple[Sample, Sample, Sample]:
    """Applies what was drawn; the arrays given are not changed.

    Args:
        drawn: From ``draw_augmentation`` with the sample's number of axes.
        source: ``(c, *spatial)``, normalised.
        target: ``(t, *spatial)``, the same spatial size.
        mask: ``(m, *spatial)``, 0 or 1, or a label map: moved by the nearest voxel.
        source_labels: Whether the source, or which of its channels, is a label map: moved by the nearest voxel,
            intensities left alone.
        target_labels: The target is a label map: the value that prevails around a place is taken.
        margin: What is cut off at each end of the spatial axes, which only places outside the result are read from;
            ``None`` for nothing.

    Returns:
        Source, target and mask, float32 in C order, smaller by the margin.
    """
    are_labels = np.broadcast_to(np.asarray(source_labels, dtype=np.bool_), source.shape[0])
    readers = (interpolated, nearest, prevailing if target_labels else interpolated, nearest)
    parts = (source[~are_labels], source[are_labels], target, mask)
    images, maps, goal, inside = _moved(drawn, parts, readers=readers, margin=margin or (0,) * (source.ndim - 1))
    if images.size:
        images = degrade(drawn.values, images)
    changed = np.empty((source.shape[0], *goal.shape[1:]), dtype=np.float32)
    changed[~are_labels], changed[are_labels] = images, maps
    goal, inside = (np.ascontiguousarray(array, dtype=np.float32) for array in (goal, inside))
    return changed, goal, inside


def _draw_displacements(options: Augmentation, dims: int, seed: int) -> NDArray[np.float64]:
    shape = (dims, *(options.elastic_points,) * dims)
    return np.random.default_rng(seed).normal(0.0, options.elastic_sd_voxels, shape)


def _draw_matrix(
    options: Augmentation, dims: int, *, chances: dict[str, float], seeds: dict[str, int]
) -> NDArray[np.float64] | None:
    matrix = np.eye(dims)
    if chances["rotation"] < options.rotation:
        most = np.deg2rad(options.rotation_degrees)
        angles = np.random.default_rng(seeds["rotation"]).uniform(-most, most, size=1 if dims == 2 else dims)
        matrix = rotation(angles.tolist())
    if chances["scaling"] < options.scaling:
        most = np.log1p(options.scaling_percent / 100)
        matrix = matrix @ np.diag(np.exp(np.random.default_rng(seeds["scaling"]).uniform(-most, most, size=dims)))
    return None if np.array_equal(matrix, np.eye(dims)) else matrix


def _moved(
    drawn: Drawn, parts: Sequence[Sample], *, readers: Sequence[Callable[[Array, Places], Array]], margin: Sequence[int]
) -> list[Array]:
    """Samples after they are turned, scaled, deformed and flipped, without their margin."""
    inner = tuple(slice(more, n - more) for n, more in zip(parts[0].shape[1:], margin, strict=True))
    if drawn.displacements is None and drawn.matrix is None:
        moved: list[Array] = [part[:, *inner] for part in parts]
    else:
        where = places(drawn.displacements, drawn.matrix, shape=parts[0].shape[1:], margin=margin)
        moved = [read(part, where) for part, read in zip(parts, readers, strict=True)]
    if drawn.flip_axis is not None:
        moved = [np.flip(part, 1 + drawn.flip_axis) for part in moved]
    return moved
