"""MS-SSIM as SynthRAD 2025 computes it, against its procedure spelled out with scikit-image and a convolution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import fftconvolve
from skimage.metrics import structural_similarity

from voxlate.metrics import ms_ssim, ms_ssim_unclipped

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def _scene(shape: tuple[int, int, int], noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(sum(shape))
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    radius = np.sqrt(x**2 + y**2 + (0.5 * z) ** 2)
    truth = np.where(radius < 0.7, 40.0, 900.0) + 60 * np.sin(9 * x) * np.cos(7 * y)
    truth[np.hypot(x, y - 0.2) < 0.15] = -950.0
    return truth + noise * rng.standard_normal(shape), truth, radius < 0.9


def _procedure(prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """With the challenge's three factors multiplied out, which makes each scale an SSIM to the power of its weight."""
    images = [np.where(mask, np.clip(image, -1024, 3071), -1024) + 1024 for image in (truth, prediction)]
    before = [max((97 - n) // 2, 0) for n in truth.shape]
    pads = [(b, max(97 - n - b, 0)) for n, b in zip(truth.shape, before, strict=True)]
    images, mask = [np.pad(image, pads, mode="edge") for image in images], np.pad(mask, pads, mode="edge")
    product = 1.0
    for weight in WEIGHTS:
        _, similarity = structural_similarity(*images, data_range=4095, win_size=7, full=True)
        core = (slice(3, -3),) * 3
        product *= np.mean(np.clip(similarity[core][mask[core]], 0, None) ** weight)
        images = [fftconvolve(image, np.full((2, 2, 2), 1 / 8), mode="same")[::2, ::2, ::2] for image in images]
        mask = mask[::2, ::2, ::2]
    return float(product)


@pytest.mark.parametrize("shape", [(40, 51, 30), (99, 104, 60)])
@pytest.mark.parametrize("noise", [30.0, 600.0])
def test_it_is_the_procedure_of_the_challenge(shape: tuple[int, int, int], noise: float) -> None:
    prediction, truth, mask = _scene(shape, noise)
    found = ms_ssim(prediction, truth, mask=mask, data_range=4095.0)
    assert found == pytest.approx(_procedure(prediction, truth, mask), rel=1e-9)
    assert 0.3 < found < 1


def test_equal_images_score_one() -> None:
    _, truth, mask = _scene((40, 40, 40), 0.0)
    assert ms_ssim(truth, truth, mask=mask, data_range=4095.0) == pytest.approx(1, abs=1e-12)


def test_values_beyond_the_range_of_ct_are_clipped() -> None:
    prediction, truth, mask = _scene((40, 40, 40), 100.0)
    scores = []
    for metal in (3071.0, 1e5):
        prediction[20, 20, 20] = metal
        scores.append(ms_ssim(prediction, truth, mask=mask, data_range=4095.0))
    assert scores[0] == scores[1]


def test_a_mask_that_no_scale_can_see_is_not_available() -> None:
    """At the coarsest of five scales, one voxel of 97 is more than three voxels away from every border."""
    prediction, truth, _ = _scene((97, 97, 97), 100.0)
    corner = np.zeros(truth.shape, dtype=bool)
    corner[:20, :20, :20] = True
    assert math.isnan(ms_ssim(prediction, truth, mask=corner, data_range=4095.0))


def test_in_another_unit_it_is_the_same_from_the_least_true_value() -> None:
    prediction, truth, mask = _scene((40, 51, 30), 100.0)
    truth[mask] += -1024 - truth[mask].min()
    prediction = np.maximum(prediction, -1024)
    expected = ms_ssim(prediction, truth, mask=mask, data_range=4095.0)
    found = ms_ssim_unclipped(prediction / 4095, truth / 4095, mask=mask, data_range=1.0)
    assert found == pytest.approx(expected, rel=1e-6)
    assert 0 < found < 1


def test_in_another_unit_what_lies_outside_the_mask_does_not_count() -> None:
    prediction, truth, mask = _scene((40, 40, 40), 100.0)
    clean = ms_ssim_unclipped(prediction, truth, mask=mask, data_range=1000.0)
    prediction[~mask], truth[~mask] = np.nan, 1e6
    assert ms_ssim_unclipped(prediction, truth, mask=mask, data_range=1000.0) == pytest.approx(clean, rel=1e-12)
    assert ms_ssim_unclipped(truth, truth, mask=mask, data_range=1000.0) == pytest.approx(1, abs=1e-12)
    prediction[20, 20, 20] = np.nan
    assert math.isnan(ms_ssim_unclipped(prediction, truth, mask=mask, data_range=1000.0))
