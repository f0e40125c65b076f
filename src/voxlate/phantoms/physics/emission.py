"""Positron emission tomography: activity blurred by the scanner's resolution, with the noise of counted decays.

Half of the blur's variance comes before the counting, half after it as the usual filter, so that the noise is
correlated as in reconstructed images: ``I = g2 * (Poisson(k V (g1 * A)) / (k V))`` with the activity ``A`` in SUV,
Gaussians ``g1`` and ``g2``, the voxel's volume ``V`` and ``k`` counts per SUV and millilitre. With both Gaussians the
resolution is that of the protocol (full width at half maximum, about 6 mm: Soret et al., J Nucl Med 48:932 (2007),
doi 10.2967/jnumed.106.035774).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.solids import Field

_FWHM = 2.3548200450309493
_STEP_SUV = 0.001


def _blurred(activity: Field, *, resolution_mm: float, spacing_mm: tuple[float, float, float]) -> Field:
    """An image under a Gaussian point spread of that full width at half maximum; nothing lies outside the image."""
    from scipy.ndimage import gaussian_filter

    sigma = [resolution_mm / _FWHM / spacing for spacing in spacing_mm]
    result: Field = gaussian_filter(activity.astype(np.float32), sigma, mode="nearest", truncate=4.0)
    return result


def emission_image(
    activity: Field,
    *,
    resolution_mm: float,
    counts_per_ml: float,
    spacing_mm: tuple[float, float, float],
    rng: np.random.Generator,
) -> tuple[Field, NDArray[np.float32]]:
    """The noise-free and the noisy image, both in SUV.

    Args:
        activity: Uptake of each voxel ``(i, j, k)`` in SUV, 0 or more.
        resolution_mm: Full width at half maximum.
        counts_per_ml: Counts per SUV and millilitre; 0 for no noise.
        spacing_mm: Voxel edges.
        rng: Decides the counts.
    """
    half = resolution_mm / float(np.sqrt(2))
    seen = _blurred(activity, resolution_mm=half, spacing_mm=spacing_mm)
    clean = _blurred(seen, resolution_mm=half, spacing_mm=spacing_mm)
    if counts_per_ml <= 0:
        return clean, _stored(clean)
    per_suv = counts_per_ml * float(np.prod(spacing_mm)) / 1000
    counted = (rng.poisson(np.maximum(seen, 0).astype(np.float64) * per_suv) / per_suv).astype(np.float32)
    return clean, _stored(_blurred(counted, resolution_mm=half, spacing_mm=spacing_mm))


def _stored(image: Field) -> NDArray[np.float32]:
    """In steps of 0.001 SUV, as a file with a slope has them."""
    return np.asarray(np.rint(image / _STEP_SUV) * _STEP_SUV, dtype=np.float32)
