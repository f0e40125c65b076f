"""Mutual information against scikit-image, and sharpness that a blur lowers while SSIM stays up."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import normalized_mutual_information

from voxlate.metrics import nmi, sharpness, ssim
from voxlate.metrics.appearance import _BINS

EVERYWHERE = np.ones((24, 26, 22), dtype=bool)


def _scene(seed: int = 0) -> np.ndarray:
    """Two tissues with edges between them and fine texture, 0 to about 1."""
    rng = np.random.default_rng(seed)
    coarse, fine = (gaussian_filter(rng.standard_normal(EVERYWHERE.shape), sigma) for sigma in (4, 0.5))
    return 0.5 + 0.25 * np.sign(coarse) + 0.02 * fine / fine.std()


def _of(metric: object, prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray = EVERYWHERE) -> float:
    return metric(prediction, truth, mask=mask, data_range=1.0)  # type: ignore[operator]


def test_mutual_information_is_that_of_scikit_image() -> None:
    truth = _scene()
    prediction = truth**2 + 0.05 * np.random.default_rng(1).standard_normal(truth.shape)
    expected = normalized_mutual_information(prediction, truth, bins=_BINS)
    assert _of(nmi, prediction, truth) == pytest.approx(expected, rel=1e-9)
    assert _of(nmi, truth, truth) == pytest.approx(2)
    assert _of(nmi, 3 - 2 * truth, truth) == pytest.approx(2, rel=1e-3), "another contrast tells as much"
    assert _of(nmi, _scene(7), truth) < expected
    assert math.isnan(_of(nmi, np.zeros_like(truth), truth))


def test_a_blur_keeps_ssim_up_and_brings_sharpness_down() -> None:
    truth = _scene()
    found = {sigma: gaussian_filter(truth, sigma) for sigma in (0.0, 0.4, 0.7, 1.0, 1.5, 2.5)}
    values = [_of(sharpness, image, truth) for image in found.values()]
    assert values[0] == 1
    assert all(later < earlier for earlier, later in pairwise(values)), values
    assert _of(ssim, found[0.7], truth) > 0.85
    assert _of(sharpness, found[0.7], truth) < 0.6


@pytest.mark.parametrize("sigma", [0.3, 1.0, 3.0])
def test_a_blur_lowers_it_whatever_is_in_the_image_and_the_mask(sigma: float) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        image = gaussian_filter(rng.random(EVERYWHERE.shape), rng.uniform(0, 2)) * (rng.random() * 100)
        mask = gaussian_filter(rng.standard_normal(EVERYWHERE.shape), 3) > 0
        assert _of(sharpness, gaussian_filter(image, sigma), image, mask) < 1


def test_noise_raises_it_and_brightness_and_contrast_do_not_change_it() -> None:
    truth = _scene()
    assert _of(sharpness, truth + 0.1 * np.random.default_rng(2).standard_normal(truth.shape), truth) > 1.2
    assert _of(sharpness, 40 - 3 * truth, truth) == pytest.approx(1, rel=1e-12)
    wave = np.sin(0.5 * np.arange(2000))[:, None, None] * np.ones((1, 2, 2))
    slower = np.sin(0.25 * np.arange(2000))[:, None, None] * np.ones((1, 2, 2))
    all_of_it = np.ones(wave.shape, dtype=bool)
    assert _of(sharpness, slower, wave, all_of_it) == pytest.approx(math.sin(0.125) / math.sin(0.25), rel=1e-2)


def test_what_has_no_frequency_has_no_sharpness() -> None:
    truth = _scene()
    assert math.isnan(_of(sharpness, truth, np.ones_like(truth)))
    thin = np.zeros_like(EVERYWHERE)
    thin[:, :, 5] = True
    assert math.isnan(_of(sharpness, truth, truth, thin)), "no neighbours across one slice"
