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


def point_spread(image: Field, protocol: Protocol) -> Field:
    """The image blurred by the scan's point spread: in-plane resolution, and the slice profile.

    ``Protocol.blur`` is what the truncation of k-space adds to the voxel's own extent.

    A box profile of ``t`` voxels has ``(t^2 - 1) / 12`` more variance than the voxel that the image already averages.
    """
    profile = (protocol.slice_thickness**2 - 1) / 12
    result = image
    for axis in range(3):
        across = axis == protocol.slice_axis
        result = _blur(result, axis=axis, variance=protocol.blur**2 / 2 + profile if across else protocol.blur**2)
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


def sliced(image: Array, protocol: Protocol) -> Array:
    """Every ``slice_step``-th plane along ``slice_axis``, the first half a step from the edge."""
    first = (protocol.slice_step - 1) // 2
    index = np.arange(first, image.shape[protocol.slice_axis], protocol.slice_step)
    return np.take(image, index, axis=protocol.slice_axis)


def between_slices(slices: Field, protocol: Protocol, *, planes: int) -> Field:
    """Thick slices back on a grid of ``planes`` planes, linear between them and constant beyond the last."""
    first, count = (protocol.slice_step - 1) // 2, slices.shape[protocol.slice_axis]
    place = np.clip((np.arange(planes) - first) / protocol.slice_step, 0, count - 1)
    below = np.minimum(place.astype(np.int64), max(count - 2, 0))
    weights = (place - below).astype(np.float32).reshape([-1 if a == protocol.slice_axis else 1 for a in range(3)])
    low = np.take(slices, below, axis=protocol.slice_axis)
    high = np.take(slices, np.minimum(below + 1, count - 1), axis=protocol.slice_axis)
    return np.asarray(low + weights * (high - low), dtype=np.float32)


def ghosted(image: Field, rng: np.random.Generator, *, shift_voxels: float, axis: int) -> Field:
    """The magnitude of a scan whose object jumps along the phase axis while k-space is filled.

    A part of the lines is measured at a shifted position, which a phase ramp says (Zaitsev et al., J Magn Reson Imaging
    42:887 (2015), doi 10.1002/jmri.24850); the centre of k-space is measured at rest.
    """
    from scipy import fft

    length = image.shape[axis]
    frequency = np.fft.fftfreq(length)
    shift = np.zeros(length)
    for _ in range(int(rng.integers(1, 4))):
        low, width = rng.uniform(0.04, 0.45), rng.uniform(0.02, 0.10)
        side = rng.choice([-1.0, 1.0])
        hit = (side * frequency > low) & (side * frequency < low + width)
        shift[hit] = shift_voxels * rng.uniform(0.4, 1.0) * rng.choice([-1.0, 1.0])
    ramp = np.exp(-2j * np.pi * frequency * shift).astype(np.complex64)
    lines = fft.fft(image, axis=axis) * ramp.reshape([-1 if a == axis else 1 for a in range(3)])
    return np.asarray(np.abs(fft.ifft(lines, axis=axis)), dtype=np.float32)


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
