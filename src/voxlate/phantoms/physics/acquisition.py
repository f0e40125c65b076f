"""What the scanner adds: slice profile, coil sensitivity, movement, thermal noise, receiver gain and digitisation.

Magnitude MR images have Rician noise (Gudbjartsson and Patz, Magn Reson Med 34:910 (1995), doi
10.1002/mrm.1910340618): ``M = |S + n1 + i n2|`` with independent Gaussian n1, n2 of standard deviation sigma; its mean
without signal is ``sigma sqrt(pi / 2)``. CT numbers have additive Gaussian noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.physics.protocols import Protocol
from voxlate.phantoms.solids import Field
from voxlate.volume import Array, Grid

_IN_PLANE_SIGMA = 0.3
"""Standard deviation in voxels of the blur that k-space truncation adds to the voxel's own extent."""


def point_spread(image: Field, protocol: Protocol) -> Field:
    """The image blurred by the scan's point spread: in-plane resolution, and the slice profile along k.

    A box profile of ``t`` voxels has ``(t^2 - 1) / 12`` more variance than the voxel that the image already averages.
    """
    profile = (protocol.slice_thickness**2 - 1) / 12
    result = image
    for axis, variance in enumerate((_IN_PLANE_SIGMA**2, _IN_PLANE_SIGMA**2, _IN_PLANE_SIGMA**2 / 2 + profile)):
        result = _blur(result, axis=axis, variance=variance)
    return result


def _blur(image: Field, *, axis: int, variance: float) -> Field:
    if variance > 0.4:
        from scipy.ndimage import gaussian_filter1d

        wide: Field = gaussian_filter1d(image, np.sqrt(variance), axis=axis, mode="nearest", truncate=4.0)
        return wide
    side = np.float32(variance / 2)
    moved = np.moveaxis(image, axis, 0)
    result = moved * (1 - 2 * side)
    result[1:] += side * moved[:-1]
    result[:-1] += side * moved[1:]
    result[0] += side * moved[0]
    result[-1] += side * moved[-1]
    return np.moveaxis(result, 0, axis)


@dataclass(frozen=True)
class CoilField:
    """A smooth multiplicative field: the exponential of a cubic polynomial of the position in the image.

    Attributes:
        coefficients: Weight of each monomial ``u^a v^b w^c`` with ``1 <= a + b + c <= 3``, in the order of ``_POWERS``.
    """

    coefficients: tuple[float, ...]

    def on(self, shape: tuple[int, int, int]) -> Field:
        """The field on an image of that shape, geometric mean about 1."""
        axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]
        powers = [[axis**exponent for exponent in range(4)] for axis in axes]
        total = np.zeros(shape, dtype=np.float32)
        for weight, (a, b, c) in zip(self.coefficients, _POWERS, strict=True):
            plane = np.multiply.outer(powers[0][a] * np.float32(weight), powers[1][b])
            total += plane[:, :, None] * powers[2][c][None, None, :]
        return np.asarray(np.exp(total - total.mean()), dtype=np.float32)


_POWERS: tuple[tuple[int, int, int], ...] = tuple(
    (a, b, c) for a in range(4) for b in range(4) for c in range(4) if 1 <= a + b + c <= 3
)


def draw_coil(rng: np.random.Generator, *, strength: float) -> CoilField:
    """A field whose logarithm has about ``strength`` standard deviation over the image."""
    order = np.array([sum(power) for power in _POWERS])
    weights = rng.standard_normal(order.size) / order
    return CoilField(tuple(float(weight) for weight in 0.55 * strength * weights))


@dataclass(frozen=True)
class RigidMotion:
    """How a person lies in one scan against the reference scan: turned about a centre, then shifted, in RAS+ mm.

    Attributes:
        translation_mm: Shift along x, y, z.
        rotation_deg: Turn about x, then y, then z.
        centre_mm: Fixed point of the turn.
    """

    translation_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def moves(self) -> bool:
        """Whether it is anything but the identity."""
        return any(self.translation_mm) or any(self.rotation_deg)

    def matrix(self) -> NDArray[np.float64]:
        """``(4, 4)``: where a point of the reference scan's world lies in this scan's world."""
        x, y, z = np.deg2rad(self.rotation_deg)
        turn_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
        turn_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
        turn_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
        result = np.eye(4)
        result[:3, :3] = turn_z @ turn_y @ turn_x
        centre = np.asarray(self.centre_mm)
        result[:3, 3] = centre + np.asarray(self.translation_mm) - result[:3, :3] @ centre
        return result

    def apply(self, image: Array, grid: Grid) -> Field:
        """The image of the person in the new position, linear between voxels, zero from outside."""
        from scipy.ndimage import affine_transform

        pull = np.linalg.inv(grid.affine) @ np.linalg.inv(self.matrix()) @ grid.affine
        result: Field = affine_transform(image, pull[:3, :3], pull[:3, 3], order=1, output=np.float32)
        return result


def draw_motion(rng: np.random.Generator, *, distance_mm: float, rotation_deg: float, grid: Grid) -> RigidMotion:
    """A shift of exactly ``distance_mm`` in a random direction, and turns of up to ``rotation_deg`` about each axis."""
    direction = rng.standard_normal(3)
    x, y, z = (float(part) for part in distance_mm * direction / np.linalg.norm(direction))
    a, b, c = (float(angle) for angle in rotation_deg * rng.uniform(-1, 1, size=3))
    centre = grid.corners_mm().mean(axis=0)
    return RigidMotion((x, y, z), (a, b, c), (float(centre[0]), float(centre[1]), float(centre[2])))


def rician(signal: Field, *, sigma: float, rng: np.random.Generator) -> Field:
    """The magnitude of a signal in complex Gaussian noise of standard deviation ``sigma`` per channel."""
    real = rng.standard_normal(signal.shape, dtype=np.float32)
    real *= np.float32(sigma)
    real += signal
    imaginary = rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary *= np.float32(sigma)
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)


def gaussian(signal: Field, *, sigma: float, rng: np.random.Generator) -> Field:
    """A signal with additive Gaussian noise."""
    return np.asarray(signal + np.float32(sigma) * rng.standard_normal(signal.shape, dtype=np.float32))


def digitise(image: Field) -> NDArray[np.int16]:
    """Whole numbers, as scanners store them; beyond the range of int16 is cut off."""
    return np.asarray(np.clip(np.rint(image), -32768, 32767).astype(np.int16))
