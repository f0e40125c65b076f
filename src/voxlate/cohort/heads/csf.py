"""T2, T1 or FLAIR, by what a head shows: for those scans whose header does not tell what they show.

The middle of a head, an ellipsoid about 7 cm below its top, holds the ventricles and the brain around them. Where CSF
is bright, the brightest twentieth of it lies far above its median: by 93 % to 175 % in 9 real T2, by 10 % to 39 % in 24
real T1, post-contrast T1, FLAIR and PD (of the open_ms collections and SPM's templates). Bright CSF is T2.

Where CSF is dark, grey and white matter tell. In a T1 white matter is most of the brain and brightest, so that values
trail off below their median; and the cortex makes the outer brain darker than the inner one. In a FLAIR neither is
so. Values are divided by their own mean over 3 cm, which a coil's shading changes alike. Their skewness (Bowley, of
the 5th and 95th percentile) is -0.54 to -0.24 in 12 real T1 and post-contrast T1, -0.15 to -0.01 in 11 FLAIR; the
outer brain has 0.89 to 0.99 times the values of the inner in the former, 1.01 to 1.13 in the latter. Where the two
disagree, or lie between, nothing is said; a contrast agent is not seen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from voxlate.cohort.heads.faces import STEP_MM, outline_of
from voxlate.config.plan import Reading
from voxlate.errors import ReadError
from voxlate.io import read_volume
from voxlate.volume import Volume

_BRIGHT = 0.65
_BELOW_TOP_MM, _UPPER_MM = 68.0, 108.0
_HALF_MM = (36.0, 43.0, 25.0)
_WIDE_MM, _DEEP_MM = (110.0, 195.0), (130.0, 245.0)
_BRAIN_BELOW_TOP_MM, _BRAIN_MM, _BRAIN_STEP_MM = 58.0, (62.0, 76.0, 40.0), 2.0
"""Of the box that holds the brain but for its lower part."""
_SHADED_MM = 28.0
_T1_SKEW, _FLAIR_SKEW = -0.22, -0.17
_LEAST_DARK = 0.008
"""Share of the brain that is dark, where CSF is: a PD has less."""


def shown_by_csf(path: Path) -> tuple[str, str]:
    """The contrast that a scan of a head shows, ``t2``, ``t1``, ``flair`` or nothing, and a clause that says why.

    Args:
        path: An image that can be read.
    """
    try:
        volume = read_volume(path, reading=Reading(on_shear="resample"))
    except ReadError:
        return "", "its image cannot be read"
    crown = _crown(volume)
    if crown is None:
        return "", "its image shows no head whose CSF could tell"
    steps = np.stack(np.meshgrid(*[np.linspace(-1, 1, 30)] * 3, indexing="ij")).reshape(3, -1)
    inside = (steps[:, (steps**2).sum(axis=0) < 1].T * _HALF_MM).T
    middle = _values(volume, inside + (crown - [0, 0, _BELOW_TOP_MM])[:, None])
    above = float(np.percentile(middle, 95) / max(float(np.median(middle)), 1e-6) - 1)
    if above > _BRIGHT:
        return (
            "t2",
            f"CSF is bright in its image: the brightest part of the middle lies {100 * above:.0f} % above the rest",
        )
    return _by_tissue(volume, crown - [0, 0, _BRAIN_BELOW_TOP_MM])


def _by_tissue(volume: Volume, centre: NDArray[np.float64]) -> tuple[str, str]:
    """T1 or FLAIR, where CSF is not bright."""
    axes = [np.arange(-half, half + 1, _BRAIN_STEP_MM) for half in _BRAIN_MM]
    place = np.stack(np.meshgrid(*axes, indexing="ij"))
    values = _values(volume, place.reshape(3, -1) + centre[:, None]).reshape(place.shape[1:])
    out = np.sqrt(sum((place[n] / (_BRAIN_MM[n] + 5 * (n == 2))) ** 2 for n in range(3)))
    median = float(np.median(values[out < 0.8]))
    shown = (values > 0.45 * median) & (values < 2.2 * median)
    width = _SHADED_MM / 2 / _BRAIN_STEP_MM
    near = ndimage.gaussian_filter(np.where(shown, values, 0).astype(np.float32), width)
    flat = values * ndimage.gaussian_filter(shown.astype(np.float32), width) / np.maximum(near, 1e-6)
    dark = ndimage.binary_opening((values < 0.6 * median) & (out < 0.9))
    tissue = shown & (out < 0.85) & (flat > 0.5) & (flat < 1.6)
    low, half, high = np.percentile(flat[tissue], (5, 50, 95)) if tissue.any() else (0.0, 0.0, 0.0)
    skew = float((high + low - 2 * half) / (high - low)) if high > low else 0.0
    parts = [values[tissue & where] for where in (out > 0.7, out < 0.5)]
    outer = float(np.median(parts[0]) / np.median(parts[1])) if all(map(np.size, parts)) else 1.0
    told = f"(skewness {skew:.2f}, outer to inner brain {outer:.2f})"
    if skew < _T1_SKEW and outer < 1:
        return "t1", f"CSF is dark in its image and white matter brighter than grey {told}"
    if skew > _FLAIR_SKEW and outer > 1 and dark[out < 0.9].mean() > _LEAST_DARK:
        return "flair", f"CSF is dark in its image and white matter no brighter than grey {told}"
    return "", f"CSF is not bright in its image, which does not tell a T1 from a FLAIR or another {told}"


def _crown(volume: Volume) -> NDArray[np.float64] | None:
    """The top of a head, above its middle, in RAS+ mm; ``None`` if it is none."""
    mask, _ = outline_of(volume, hounsfield=False)
    filled = np.flatnonzero(mask.sum(axis=(0, 1)) * STEP_MM**2 > 1000)
    if not len(filled):
        return None
    top = int(filled[-1])
    first = max(top - round(_UPPER_MM / STEP_MM), int(filled[0]))
    upper = mask[:, :, first : top + 1]
    across, along = (np.flatnonzero(upper.any(axis=axes)) for axes in ((1, 2), (0, 2)))
    sizes = [float(np.ptp(places) + 1) * STEP_MM for places in (across, along)]
    if not all(low <= size <= high for size, (low, high) in zip(sizes, (_WIDE_MM, _DEEP_MM), strict=True)):
        return None
    i, j, _ = ndimage.center_of_mass(upper)
    return np.asarray(volume.grid.corners_mm().min(axis=0) + STEP_MM * np.array([i, j, top]))


def _values(volume: Volume, world: NDArray[np.float64]) -> NDArray[np.float32]:
    """The values at places ``(3, n)`` in RAS+ mm."""
    index = np.linalg.inv(volume.affine) @ np.vstack([world, np.ones(world.shape[1])])
    values = ndimage.map_coordinates(volume.array.astype(np.float32), index[:3], order=1, mode="nearest")
    return np.asarray(values, np.float32)
