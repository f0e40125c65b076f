"""Template: images of many subjects on one small grid, each laid over the mean of a group.

The grid is isotropic and has about 32 voxels along the group's largest side, so that an image is a few thousand
numbers. An image begins with its foreground's centre on the grid's centre; Gauss-Newton steps over the twelve
parameters of an affine map then bring it to the mean image, by the inverse compositional scheme in which the mean's
gradients are computed once (Baker and Matthews 2004, doi:10.1023/B:VISI.0000011205.11775.fd).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.foreground import foreground
from voxlate.contrast import Kind
from voxlate.errors import GeometryError
from voxlate.io.transforms import Transform
from voxlate.preprocess.orientation import ras_grid
from voxlate.preprocess.resampling import resample, spacing_grid
from voxlate.volume import Affine, Grid, Volume, extent

_SIDE = 32
"""Voxels along the largest side of the group's foreground."""
_MARGIN = 2
_STEPS = 15
_LEVELS = (2.0, 1.0)
"""Standard deviations, in voxels of the grid, of the smoothing before each round of steps."""
_THIN = 2
"""Steps are computed on every second voxel along each axis."""
_SMALLEST_MOVE = 0.02
"""Of a voxel: smaller steps end a round."""
_REACH = 0.5
"""The share of images that must reach a voxel for it to have a mean."""
_SMALLEST_OVERLAP = 0.5
_CLIP = (1.0, 99.0)
_WINDOW_HU = (-200.0, 400.0)

Field = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Small:
    """An image made coarse, which is all that is kept of it.

    Attributes:
        array: ``(i, j, k)`` float32, 0 to 1 between the ends of its window (CT: -200 to 400 HU; others: percentile 1
            of the image to percentile 99 of its foreground).
        grid: Its grid, with axes in RAS+ order.
        centre_mm: Centre of mass of its foreground, RAS+ mm.
        extent_mm: Sides of the foreground's box.
    """

    array: Field
    grid: Grid
    centre_mm: NDArray[np.float64]
    extent_mm: tuple[float, float, float]


def measure_extent(volume: Volume, *, kind: Kind) -> tuple[float, float, float]:
    """Sides in mm of the box around an image's foreground, along the axes nearest to x, y and z.

    Raises:
        GeometryError: If the image has no contrast.
    """
    grid = ras_grid(volume.grid)
    inside = resample(_foreground(volume, kind=kind).astype(np.uint8), volume.grid, grid, nearest=True)
    block = extent(inside)
    sides = (slice(0, n) for n in grid.shape) if block is None else iter(block)
    i, j, k = ((side.stop - side.start) * step for side, step in zip(sides, grid.spacing_mm, strict=True))
    return i, j, k


def template_grid(extents_mm: Sequence[tuple[float, float, float]]) -> Grid:
    """The grid of a group, centred at the world's origin: room for the median foreground and a margin.

    Args:
        extents_mm: Sides of the foregrounds of its images, at least one.
    """
    sides = np.median(np.array(extents_mm), axis=0)
    spacing = float(sides.max()) / _SIDE
    shape = np.ceil(sides / spacing).astype(int) + 2 * _MARGIN
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -spacing * (shape - 1) / 2
    i, j, k = (int(n) for n in shape)
    return Grid((i, j, k), affine)


def shrink(volume: Volume, grid: Grid, *, kind: Kind) -> Small:
    """An image at the spacing of a template's grid, in its own place.

    Args:
        volume: The image.
        grid: The template's grid.
        kind: What sort of values it has.

    Raises:
        GeometryError: If it has no contrast.
    """
    inside = _foreground(volume, kind=kind)
    low, high = _WINDOW_HU
    if kind != "ct":
        low, high = float(np.percentile(volume.array, _CLIP[0])), float(np.percentile(volume.array[inside], _CLIP[1]))
    if not low < high:
        raise _flat(low, high)
    scaled = np.clip((volume.array.astype(np.float32) - low) / (high - low), 0, 1)
    own = spacing_grid(ras_grid(volume.grid), grid.spacing_mm)
    index = np.argwhere(inside).mean(axis=0)
    centre = volume.affine[:3, :3] @ index + volume.affine[:3, 3]
    return Small(
        np.asarray(resample(scaled, volume.grid, own), dtype=np.float32),
        own,
        centre,
        measure_extent(volume, kind=kind),
    )


def beginning(image: Small, *, mirrored: bool = False) -> Affine:
    """The map from the template's world to the image's that lays the centre of its foreground on the origin.

    Args:
        image: The image.
        mirrored: Exchange left and right.
    """
    world = np.diag([-1.0 if mirrored else 1.0, 1.0, 1.0, 1.0])
    world[:3, 3] = image.centre_mm
    return world


def lay(image: Small, grid: Grid, world: Affine) -> Field:
    """The image at the voxels of the template; NaN where it does not reach."""
    return np.asarray(
        resample(image.array, image.grid, grid, fill=float("nan"), transform=Transform(world)), dtype=np.float32
    )


def fit(image: Small, mean: Field, grid: Grid, *, begin: Affine) -> Affine:
    """The affine map from the template's world to the image's under which the image correlates best with the mean.

    Args:
        image: The image.
        mean: The mean of the group on ``grid``; NaN where it has none.
        grid: The template's grid.
        begin: Where to begin; what correlates less than this is not taken.

    Returns:
        ``(4, 4)`` float64.
    """
    from scipy.ndimage import gaussian_filter

    filled = np.where(np.isfinite(mean), mean, np.nanmean(mean))
    known = np.zeros(mean.shape, dtype=bool)
    known[::_THIN, ::_THIN, ::_THIN] = np.isfinite(mean)[::_THIN, ::_THIN, ::_THIN]
    points = np.argwhere(known) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    points = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    best, highest = begin, correlation(lay(image, grid, begin), mean)
    world = begin
    for sd in _LEVELS:
        fixed = gaussian_filter(filled, sd)
        jacobian, wanted = _jacobian(fixed, points, known, spacing_mm=grid.spacing_mm[0]), fixed[known]
        blurred = gaussian_filter(image.array, sd)
        for _ in range(_STEPS):
            moved = _sample(blurred, image.grid, points @ world.T)
            step = gauss_newton_step(moved, wanted, jacobian, overlap=_SMALLEST_OVERLAP)
            if step is None:
                break
            world = world @ np.linalg.inv(step)
            if _largest_move(step, grid) < _SMALLEST_MOVE * grid.spacing_mm[0]:
                break
        value = correlation(lay(image, grid, world), mean)
        if value > highest:
            best, highest = world, value
        world = best
    return best


def correlation(moved: Field, mean: Field) -> float:
    """The correlation of two images where both reach; -1 if that is less than half of the second."""
    seen = np.isfinite(moved) & np.isfinite(mean)
    if seen.sum() < _SMALLEST_OVERLAP * np.isfinite(mean).sum():
        return -1.0
    x, y = moved[seen].astype(np.float64), mean[seen].astype(np.float64)
    spread = x.std() * y.std()
    return float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread > 0 else -1.0


def mean_image(images: Sequence[Field]) -> Field:
    """The mean of images on the template, voxel by voxel over those that reach there; NaN where most do not."""
    total = np.zeros(images[0].shape)
    count = np.zeros(images[0].shape)
    for image in images:
        known = np.isfinite(image)
        total[known] += image[known]
        count += known
    return np.asarray(np.where(count >= _REACH * len(images), total / np.maximum(count, 1), np.nan), dtype=np.float32)


def _largest_move(step: Affine, grid: Grid) -> float:
    """How far a step moves the corner of the grid that it moves furthest, in mm."""
    corners = grid.corners_mm()
    return float(np.linalg.norm(corners @ step[:3, :3].T + step[:3, 3] - corners, axis=1).max())


def _jacobian(
    fixed: NDArray[np.float64], points: NDArray[np.float64], known: NDArray[np.bool_], *, spacing_mm: float
) -> NDArray[np.float64]:
    """``(points, 12)``: how the mean changes with each entry of the upper three rows of an affine map."""
    slopes: list[NDArray[np.float64]] = list(np.gradient(fixed, spacing_mm))
    gradient = np.stack([slope[known] for slope in slopes], axis=-1)
    return np.asarray((gradient[:, :, None] * points[:, None, :]).reshape(-1, 12))


def _sample(array: Field, grid: Grid, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values ``(n,)`` of an image at points of its world ``(n, 4)``, linear; NaN where it does not reach."""
    from scipy.ndimage import map_coordinates

    index = (points @ np.linalg.inv(grid.affine).T)[:, :3]
    return np.asarray(map_coordinates(array.astype(np.float64), index.T, order=1, cval=np.nan))


def gauss_newton_step(
    moved: NDArray[np.float64], wanted: NDArray[np.float64], jacobian: NDArray[np.float64], *, overlap: float
) -> Affine | None:
    """One Gauss-Newton step as an affine map, or ``None`` where nothing can be said.

    Args:
        moved: ``(points,)``, the values of the image that is moved; NaN where it does not reach.
        wanted: ``(points,)``, those that it should have but for a scale and an offset.
        jacobian: ``(points, 12)``, how ``wanted`` changes with the upper three rows of the map.
        overlap: The share of points that the image must reach.

    Returns:
        ``(4, 4)`` float64.
    """
    seen = np.isfinite(moved)
    if seen.sum() < overlap * len(moved):
        return None
    values, wanted = moved[seen], wanted[seen]
    spread = values.std()
    if spread < 1e-6:
        return None
    error = (values - values.mean()) * (wanted.std() / spread) + wanted.mean() - wanted
    slopes = jacobian[seen]
    normal = slopes.T @ slopes
    normal[np.diag_indices(12)] *= 1.01  # damped, as Levenberg does
    try:
        found = np.linalg.solve(normal, slopes.T @ error)
    except np.linalg.LinAlgError:
        return None
    step = np.eye(4)
    step[:3] += found.reshape(3, 4)
    return step if np.linalg.det(step[:3, :3]) > 0.5 else None


def _foreground(volume: Volume, *, kind: Kind) -> NDArray[np.bool_]:
    low, high = float(volume.array.min()), float(volume.array.max())
    if not low < high:
        raise _flat(low, high)
    inside = foreground(volume.array, kind=kind)
    return inside if inside.any() else np.ones(volume.shape, dtype=bool)


def _flat(low: float, high: float) -> GeometryError:
    return GeometryError(
        "an image with contrast",
        came=f"values from {low:g} to {high:g}",
        remedy="Leave it out: nothing can be compared with it.",
    )
