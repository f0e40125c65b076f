"""The quaternion form of a NIfTI affine (method 2 of the standard) and its limits.

The header keeps b, c, d of the unit quaternion a + bi + cj + dk, a >= 0, in float32 (NIfTI-1), and leaves a to be
computed as sqrt(1 - b^2 - c^2 - d^2). Near a half turn (a = 0, as in every scan stored left-posterior) that root
loses half of the digits: a rotation may then come back wrong by 1e-4 rad although b, c and d are right to the last
bit. Two forms that differ by no more than this rounding are the same statement.

Source: nifti1.h, section "3D image (volume) orientation and location in space", https://nifti.nimh.nih.gov/nifti-1.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from voxlate.io.formats.geometry import corner_distance_mm, nearest_rotation
from voxlate.volume import AFFINE_TOLERANCE_MM, Affine

_ROUNDING = 1e-6  # several units in the last place of a float32 near 1, since writers compute in float32 too


@dataclass(frozen=True)
class Quaternion:
    """What the header stores.

    Attributes:
        imaginary: b, c, d.
        spacing: Along i, j, k.
        offset: The world's place of the first voxel.
        qfac: -1 if the axes are left-handed.
        precision: Relative precision of the stored numbers: 1 - b^2 - c^2 - d^2 below three times it is zero.
    """

    imaginary: tuple[float, float, float]
    spacing: tuple[float, float, float]
    offset: tuple[float, float, float]
    _: KW_ONLY
    qfac: float = 1.0
    precision: float = float(np.finfo(np.float64).eps)

    @property
    def affine(self) -> Affine:
        """The ``(4, 4)`` affine; NaN throughout if (b, c, d) is longer than a unit quaternion can be."""
        matrix = np.eye(4)
        with np.errstate(invalid="ignore", over="ignore"):
            matrix[:3, :3] = (
                _rotation(np.array(self.imaginary), self.precision) * np.array(self.spacing) * (1, 1, self.qfac)
            )
        matrix[:3, 3] = self.offset
        return matrix

    def agrees_with(self, affine: Affine, shape: tuple[int, ...]) -> bool:
        """Whether the affine would be stored as this quaternion, within rounding of the quaternion."""
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            return False
        other = quaternion_of(affine)
        b, c = np.array(self.imaginary), np.array(other.imaginary)
        apart = np.abs(b - c).max()
        if np.dot(c, c) > 1 - 1e-5:  # at a half turn the sign is arbitrary
            apart = min(apart, np.abs(b + c).max())
        if not apart <= _ROUNDING:
            return False
        exact = Quaternion(other.imaginary, self.spacing, self.offset, qfac=self.qfac).affine
        square = Quaternion(other.imaginary, other.spacing, other.offset, qfac=other.qfac).affine
        return corner_distance_mm(exact, square, shape) <= AFFINE_TOLERANCE_MM


def quaternion_of(affine: Affine) -> Quaternion:
    """The quaternion form of an affine, its shear left out."""
    rotation = nearest_rotation(affine)
    qfac = 1.0 if np.linalg.det(rotation) > 0 else -1.0
    r = rotation * (1, 1, qfac)
    # the eigenvector of the largest eigenvalue of this matrix is the quaternion (Bar-Itzhack 2000, doi 10.2514/2.4654)
    k = np.array(
        [
            [r[0, 0] + r[1, 1] + r[2, 2], r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]],
            [r[2, 1] - r[1, 2], r[0, 0] - r[1, 1] - r[2, 2], r[1, 0] + r[0, 1], r[2, 0] + r[0, 2]],
            [r[0, 2] - r[2, 0], r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], r[2, 1] + r[1, 2]],
            [r[1, 0] - r[0, 1], r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1]],
        ]
    )
    quaternion = np.linalg.eigh(k)[1][:, -1]
    quaternion *= -1.0 if quaternion[0] < 0 else 1.0
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    return Quaternion(_three(quaternion[1:]), _three(spacing), _three(affine[:3, 3]), qfac=qfac)


def _three(values: Affine) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _rotation(imaginary: Affine, precision: float) -> Affine:
    with np.errstate(invalid="ignore", over="ignore"):
        square = float(np.dot(imaginary, imaginary))
    if not square <= 1 + 1e-4:
        return np.full((3, 3), np.nan)
    a = np.sqrt(max(0.0, 1 - square))
    if 1 - square < 3 * precision:
        a, imaginary = 0.0, imaginary / np.sqrt(square)
    b, c, d = imaginary
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
