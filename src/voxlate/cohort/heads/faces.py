"""Faces: whether a scan of a head shows one, which gives a person away although no header names them.

A cheap look at the outline alone, on a grid of 4 mm. A brain without skull and skin is smaller than a head. The face is
in front: 100 to 150 mm below the top the nose and the brow lie about as far forward as the forehead. Where a program
took the face off, the outline recedes there, and the field goes on. Thresholds were set on outlines of label maps of
whole heads, templates and clinical scans; a face that was blurred, or filled with noise, is not told from one that is
there.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from voxlate.volume import Volume

Face = Literal["face", "upper head", "defaced", "none"]
"""``upper head``: with skin and forehead, of a face little or nothing is seen. ``none``: no head, or a brain alone."""
STEP_MM = 4.0
"""Of the coarse grid."""
_AIR_HU = -300.0
_BRIGHT, _SHARE = 99.0, 0.12
"""What is brighter than this share of this percentile is body in MR."""
_WIDE_MM, _DEEP_MM = (120.0, 195.0), (150.0, 245.0)
"""Of heads at their widest and deepest."""
_BRAIN_L, _BRAIN_MM2 = 1.8, 27_100.0
"""The largest brain, and the largest product of its width and depth; of heads at least one is larger."""
_FULL = 0.92
"""A field that is filled to this share was cut out of something larger."""
_FOREHEAD_MM, _FACE_MM = (35.0, 85.0), (100.0, 150.0)
"""Below the top of the head."""
_LEAST_MM, _MIDDLE_MM = 20.0, 24.0
_NEAR_MM, _GONE_MM = 14.0, 40.0
"""A face reaches nearly as far as the forehead; one that was cut off recedes further than any that is there."""


class _Outline(NamedTuple):
    """What is seen, and the numbers that say so, as a clause."""

    found: Face
    reason: str


def look_for_face(volume: Volume, *, hounsfield: bool) -> _Outline:
    """Whether a volume shows a face.

    Args:
        volume: MR or CT of anything.
        hounsfield: Whether its values are HU.
    """
    mask, field = outline_of(volume, hounsfield=hounsfield)
    filled = np.flatnonzero(mask.sum(axis=(0, 1)) * STEP_MM**2 > 1000)
    if not len(filled):
        return _Outline("none", "nothing large stands out of the background")
    top, bottom = int(filled[-1]), int(filled[0])
    upper = mask[:, :, max(top - _steps(110), bottom) : top + 1]
    wide, deep = (_extent(np.asarray(upper.any(axis=(1 - axis, 2)))) for axis in (0, 1))
    words = f"it is {wide:.0f} mm wide and {deep:.0f} mm deep"
    if not (_WIDE_MM[0] <= wide <= _WIDE_MM[1] and _DEEP_MM[0] <= deep <= _DEEP_MM[1]):
        return _Outline("none", words)
    litres = float(mask.sum()) * STEP_MM**3 / 1e6
    if (litres <= _BRAIN_L and wide * deep <= _BRAIN_MM2) or mask.sum() > _FULL * field.sum():
        return _Outline("none", f"{words}, and {litres:.1f} l large")
    return _front(mask, field, range(bottom, top))


def _front(mask: NDArray[np.bool_], field: NDArray[np.bool_], heights: range) -> _Outline:
    """Whether the outline recedes below the forehead, in the middle."""
    across = np.flatnonzero(mask.any(axis=(1, 2)))
    centre, top = int(np.median(across)), heights.stop
    middle = slice(max(centre - _steps(_MIDDLE_MM), 0), centre + _steps(_MIDDLE_MM) + 1)
    front = np.array(
        [int(np.flatnonzero(row)[-1]) if row.any() else 0 for row in np.asarray(mask[middle].any(axis=0)).T]
    )
    forehead = int(front[max(top - _steps(_FOREHEAD_MM[1]), 0) : max(top - _steps(_FOREHEAD_MM[0]), 1)].max())
    below = range(max(top - _steps(_FACE_MM[1]), heights.start), top - _steps(_FACE_MM[0]))
    seen = [z for z in below if field[centre, max(forehead - _steps(_NEAR_MM), 0), z]]
    if len(seen) * STEP_MM < _LEAST_MM:
        return _Outline("upper head", "the field ends above the face")
    furthest = STEP_MM * (max(int(front[z]) for z in seen) - forehead)
    where = f"{abs(furthest):.0f} mm {'in front of' if furthest >= 0 else 'behind'} the forehead"
    found: Face = "face" if furthest >= -_NEAR_MM else "upper head" if furthest >= -_GONE_MM else "defaced"
    return _Outline(found, f"below it the outline reaches {where}")


def outline_of(volume: Volume, *, hounsfield: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What is no air, its largest part, and where the field is, both ``(i, j, k)``.

    They lie on a grid of ``STEP_MM`` along R, A and S, which begins in the corner of the volume's box.

    Args:
        volume: MR or CT.
        hounsfield: Whether its values are HU.
    """
    array, affine = np.asarray(volume.array), volume.affine
    corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)], float)
    corners[:, :3] *= np.array(array.shape) - 1
    world = (affine @ corners.T)[:3]
    low, high = world.min(axis=1), world.max(axis=1)
    shape = np.maximum(((high - low) // STEP_MM).astype(int) + 1, 1)
    coarse = np.diag([STEP_MM] * 3 + [1.0])
    coarse[:3, 3] = low
    index = np.linalg.inv(affine) @ coarse
    least, size = float(array.min()), tuple(int(edge) for edge in shape)
    near = ndimage.affine_transform(
        array.astype(np.float32), index[:3, :3], offset=index[:3, 3], output_shape=size, order=1, cval=least
    )
    ends = np.array(array.shape)[:, None] - 0.5
    there = index[:3, :3] @ np.indices(tuple(shape)).reshape(3, -1) + index[:3, 3:]
    field = np.asarray(((there > -0.5) & (there < ends)).all(axis=0).reshape(shape), bool)
    brighter = near[near > least]
    limit = _AIR_HU if hounsfield else _SHARE * float(np.percentile(brighter, _BRIGHT)) if brighter.size else np.inf
    parts, count = ndimage.label(ndimage.binary_opening(near > limit))
    if not count:
        return np.zeros(tuple(shape), bool), field
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    return np.asarray(ndimage.binary_fill_holes(parts == largest), bool), field


def _steps(mm: float) -> int:
    return round(mm / STEP_MM)


def _extent(profile: NDArray[np.bool_]) -> float:
    places = np.flatnonzero(profile)
    return float(places[-1] - places[0] + 1) * STEP_MM
