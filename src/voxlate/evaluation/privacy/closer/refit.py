"""Refit: an image laid over another by a fit of its own, which begins wherever the two look most alike.

All shifts of an image against another are tried at once by a Fourier transform on a coarser grid, for each of the eight
ways to flip the axes and turned a little about each. The sign of the correlation is not looked at, so that an inverted
image is found too. From the best of these starts an affine map is fitted by Gauss-Newton steps, as onto a template, see
``voxlate.evaluation.privacy.template``. How like the two are then is the mean over small cubes of

    r^2,    r = correlation of the two textures in a cube of five voxels

for what is known of both, so that a part of an image (a crop, a half) is compared for what it shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voxlate.evaluation.privacy.closer.texture import Texture
from voxlate.evaluation.privacy.template import Field, gauss_newton_step
from voxlate.volume import Affine

_TURN_DEG = 10.0
_FIRST_POSES = 2
"""As it is, and with left and right exchanged: tried with every image."""
_EVERY_POSE = 64
"""The other poses are tried with so many of the nearest."""
_COARSER = 2
_SEARCH_SD = 1.0
_LEVELS = (1.5, 0.7)
"""Standard deviations, in voxels, of the smoothing before each round of steps; the last also before comparing."""
_STEPS = 12
_THIN = 2
_LEAST_OVERLAP, _ENOUGH_OVERLAP = 0.5, 0.8
"""Of the smaller of the two images: with less than the first nothing is compared, with less than the second it counts
less, because anything looks like something in a small corner of it."""
_FEWEST_POINTS = 30
_SMALLEST_MOVE = 0.02
_CUBE = 5
_LARGEST_SCALE = 1.35
"""Maps that stretch or shrink more along any direction are not taken."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A texture on a coarser grid, ready to be shifted over others.

    Attributes:
        values: Fourier transform of the values.
        known: Fourier transform of what is known.
        strength: Root mean square of the values.
        size: Number of voxels that are known.
    """

    values: NDArray[np.complex64]
    known: NDArray[np.complex64]
    strength: float
    size: float


@dataclass(frozen=True)
class Start:
    """Where a fit begins.

    Attributes:
        other: Number of the image that is laid under.
        pose: Number of the pose in ``POSES`` that the image is brought into.
        shift: Voxels by which it is shifted then.
        correlation: Of the two there, -1 to 1.
    """

    other: int
    pose: int
    shift: tuple[int, int, int]
    correlation: float


def room_for(textures: Sequence[Texture]) -> tuple[int, int, int]:
    """Sides of the grid on which any two of these can be shifted past each other.

    Args:
        textures: At least one.
    """
    from scipy.fft import next_fast_len

    sides = np.array([one.values.shape for one in textures]).max(axis=0)
    i, j, k = (int(next_fast_len(2 * -(-int(side) // _COARSER), real=True)) for side in sides)
    return i, j, k


def spectrum_of(texture: Texture, room: tuple[int, int, int], *, pose: int = 0) -> Spectrum:
    """The spectrum of a texture.

    Args:
        texture: The texture.
        room: See ``room_for``.
        pose: Number of the pose in ``POSES`` that it is brought into.
    """
    from scipy.fft import rfftn

    every = (slice(None, None, _COARSER),) * 3
    values, known = (_posed(array, POSES[pose])[every] for array in (texture.blurred(_SEARCH_SD), texture.known))
    size = float(known.sum())
    strength = float(np.sqrt((values**2).sum() / max(size, 1.0)))
    return Spectrum(rfftn(values, room), rfftn(known, room), strength, size)


def find_starts(
    image: Sequence[Spectrum], others: Sequence[Spectrum], room: tuple[int, int, int], *, count: int
) -> list[Start]:
    """The best starts, best first, of each pair and pose at most one.

    Args:
        image: Spectra of the image that is shifted, one for each pose.
        others: Spectra of those that are laid under.
        room: See ``room_for``.
        count: How many at most.
    """
    found = _shifted(image, others, room, poses=range(_FIRST_POSES), numbers=range(len(others)))
    nearest = dict.fromkeys(start.other for start in _ordered(found))
    closer = list(nearest)[:_EVERY_POSE]
    found += _shifted(image, others, room, poses=range(_FIRST_POSES, len(image)), numbers=closer)
    return _ordered(found)[:count]


def _shifted(
    image: Sequence[Spectrum],
    others: Sequence[Spectrum],
    room: tuple[int, int, int],
    *,
    poses: Iterable[int],
    numbers: Sequence[int],
) -> list[Start]:
    """The best start of each pose and each other image."""
    return [
        Start(number, pose, *_best_shift(image[pose], others[number], room)) for pose in poses for number in numbers
    ]


def _ordered(starts: list[Start]) -> list[Start]:
    return sorted(starts, key=lambda start: -abs(start.correlation))


def _poses() -> tuple[NDArray[np.float64], ...]:
    """As it is, left and right exchanged, the other ways to flip the axes, turned to either side about each axis."""
    found = [np.diag([i, j, k]) for k, j, i in itertools.product((1.0, -1.0), repeat=3)]
    for axis, angle in itertools.product(range(3), (-np.deg2rad(_TURN_DEG), np.deg2rad(_TURN_DEG))):
        one, other = [side for side in range(3) if side != axis]
        turn = np.eye(3)
        turn[[one, other], [one, other]] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        found.append(turn)
    return tuple(found)


POSES = _poses()
"""Linear maps from voxels of an image in that pose to its own, both about its centre."""


def _posed(array: Field, pose: NDArray[np.float64]) -> Field:
    """An image in a pose."""
    from scipy.ndimage import affine_transform

    if np.count_nonzero(pose) == 3:
        return array[tuple(slice(None, None, int(sign)) for sign in np.diag(pose))]
    centre = (np.array(array.shape) - 1) / 2
    return np.asarray(affine_transform(array, pose, offset=centre - pose @ centre, order=1), dtype=np.float32)


def _best_shift(one: Spectrum, other: Spectrum, room: tuple[int, int, int]) -> tuple[tuple[int, int, int], float]:
    """The shift, in voxels of the fine grid, with the strongest correlation, and that correlation."""
    from scipy.fft import irfftn

    product = irfftn(np.conj(one.values) * other.values, room)
    overlap = irfftn(np.conj(one.known) * other.known, room)
    least = max(_LEAST_OVERLAP * min(one.size, other.size), 1.0)
    strength = max(one.strength * other.strength, 1e-9)
    correlation = np.where(overlap >= least, product, 0) / (np.maximum(overlap, least) * strength)
    at = np.unravel_index(int(np.abs(correlation).argmax()), room)
    i, j, k = (int(a if a <= n // 2 else a - n) * _COARSER for a, n in zip(at, room, strict=True))
    return (i, j, k), float(correlation[at])


@dataclass(frozen=True, eq=False)
class Refit:
    """A pair after its fit.

    Attributes:
        world: The map from the other image's world to the image's.
        likeness: Mean squared correlation over small cubes, 0 to 1.
        mirrored: Whether the map turns a left hand into a right one.
    """

    world: Affine
    likeness: float
    mirrored: bool


class Fixed:
    """An image that others are laid over: what of it a fit needs, computed once.

    Args:
        texture: Its texture.
    """

    def __init__(self, texture: Texture) -> None:
        self.texture = texture
        self.centre = (np.array(texture.values.shape) - 1) / 2
        self.levels = [_Level.of(texture, sd, self.centre) for sd in _LEVELS]
        self.target = texture.blurred(_LEVELS[-1])
        self.size = float(texture.known.sum())


@dataclass(frozen=True, eq=False)
class _Level:
    """One round of steps: points of the fixed image, its values and slopes there."""

    sd: float
    points: NDArray[np.float64]
    wanted: NDArray[np.float64]
    jacobian: NDArray[np.float64]

    @classmethod
    def of(cls, texture: Texture, sd: float, centre: NDArray[np.float64]) -> _Level:
        fixed = texture.blurred(sd).astype(np.float64)
        thin = np.zeros(fixed.shape, dtype=bool)
        thin[::_THIN, ::_THIN, ::_THIN] = True
        at = np.argwhere(thin & (texture.known > 0))
        points = np.concatenate([at - centre, np.ones((len(at), 1))], axis=1)
        slopes = np.stack([np.asarray(slope)[tuple(at.T)] for slope in np.gradient(fixed)], axis=-1)
        return cls(sd, points, fixed[tuple(at.T)], (slopes[:, :, None] * points[:, None, :]).reshape(-1, 12))


class Moving:
    """An image that is laid over others: what of it a fit needs, computed once.

    Args:
        texture: Its texture.
    """

    def __init__(self, texture: Texture) -> None:
        self.texture = texture
        self.levels = [texture.blurred(sd) for sd in _LEVELS]
        self.size = float(texture.known.sum())


def refit(image: Moving, other: Fixed, start: Start) -> Refit:
    """The image laid over the other from a start; where no plausible map is found, as it lies there.

    Args:
        image: The image that is moved.
        other: The one that it is laid over.
        start: Where to begin.
    """
    sign = 1.0 if start.correlation >= 0 else -1.0
    begin = index = _beginning(image.texture.values.shape, other.centre, start)
    for level, blurred in zip(other.levels, image.levels, strict=True):
        index = _descend(index, level, sign * blurred, image.texture.known, other=other)
    stretch = np.linalg.svd(index[:3, :3], compute_uv=False)
    if stretch.max() > _LARGEST_SCALE or stretch.min() < 1 / _LARGEST_SCALE:
        index = begin
    likeness = _likeness(index, image, other)
    to_centre = np.eye(4)
    to_centre[:3, 3] = -other.centre
    world = image.texture.grid.affine @ index @ to_centre @ np.linalg.inv(other.texture.grid.affine)
    return Refit(world, likeness, bool(np.linalg.det(index[:3, :3]) < 0))


def _beginning(shape: tuple[int, ...], centre: NDArray[np.float64], start: Start) -> Affine:
    """The map from points about the other image's centre to voxels of the image."""
    pose, own = POSES[start.pose], (np.array(shape) - 1) / 2
    index = np.eye(4)
    index[:3, :3] = pose
    index[:3, 3] = pose @ (centre - np.array(start.shift) - own) + own
    return index


def _descend(index: Affine, level: _Level, moving: Field, known: Field, *, other: Fixed) -> Affine:
    """Gauss-Newton steps on one level."""
    inside = _within(level.points @ index.T, moving.shape)
    points, wanted, jacobian = level.points[inside], level.wanted[inside], level.jacobian[inside]
    corner = np.append(other.centre, 1.0)
    for _ in range(_STEPS):
        at = (points @ index.T)[:, :3].T
        values = np.where(_at(known, at, order=0) > 0, _at(moving, at, order=1), np.nan)
        seen = np.isfinite(values)
        if seen.sum() < _FEWEST_POINTS:
            break
        step = gauss_newton_step(values, wanted, jacobian, overlap=_LEAST_OVERLAP)
        if step is None:
            break
        index = index @ np.linalg.inv(step)
        if np.abs((step - np.eye(4)) @ corner).max() < _SMALLEST_MOVE:
            break
    return index


def _within(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return np.asarray(((points[:, :3] > -2) & (points[:, :3] < np.array(shape) + 1)).all(axis=1))


def _at(array: Field, at: NDArray[np.float64], *, order: Literal[0, 1]) -> NDArray[np.float64]:
    from scipy.ndimage import map_coordinates

    return np.asarray(map_coordinates(array.astype(np.float64), at, order=order, cval=0.0), dtype=np.float64)


def _likeness(index: Affine, image: Moving, other: Fixed) -> float:
    """Mean squared correlation over small cubes of what is known of both; 0 where that is too little."""
    from scipy.ndimage import uniform_filter

    shape = other.target.shape
    points = np.indices(shape).reshape(3, -1) - other.centre[:, None]
    at = index[:3, :3] @ points + index[:3, 3:]
    known = (_at(image.texture.known, at, order=0).reshape(shape) > 0) & (other.texture.known > 0)
    scale = abs(float(np.linalg.det(index[:3, :3])))
    overlap = float(known.sum()) / max(min(image.size / scale, other.size), 1.0)
    if overlap < _LEAST_OVERLAP:
        return 0.0
    ours, theirs = _at(image.levels[-1], at, order=1).reshape(shape), other.target.astype(np.float64)
    weight = known.astype(np.float64)
    share = uniform_filter(weight, _CUBE)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(uniform_filter(values * weight, _CUBE) / np.maximum(share, 1e-6))

    one, two = mean(ours), mean(theirs)
    both = mean(ours * theirs) - one * two
    spreads = (mean(ours**2) - one**2) * (mean(theirs**2) - two**2)
    squared = np.clip(both**2 / np.maximum(spreads, 1e-4), 0, 1)
    inner = known & (share > 0.5)
    return min(1.0, overlap / _ENOUGH_OVERLAP) * float(squared[inner].mean()) if inner.any() else 0.0
