"""Values against scikit-image, SciPy and hand formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import pearsonr
from skimage.metrics import mean_squared_error, normalized_root_mse, peak_signal_noise_ratio

from voxlate.metrics import agreement, mae, mse, ncc, psnr, rmse


@pytest.fixture(params=[0, 1, 2])
def pair(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(request.param)
    truth = rng.normal(40, 200, (12, 13, 14))
    return truth + rng.normal(5, 30, truth.shape), truth, rng.random(truth.shape) > 0.6


def test_by_hand() -> None:
    truth = np.array([0.0, 1.0, 2.0, 3.0]).reshape(1, 2, 2)
    prediction = np.array([1.0, 1.0, 4.0, 99.0]).reshape(1, 2, 2)
    mask = truth < 3
    options = {"mask": mask, "data_range": 10.0}
    assert mae(prediction, truth, **options) == pytest.approx(1)
    assert mse(prediction, truth, **options) == pytest.approx(5 / 3)
    assert rmse(prediction, truth, **options) == pytest.approx(math.sqrt(5 / 3))
    assert psnr(prediction, truth, **options) == pytest.approx(10 * math.log10(100 / (5 / 3)))
    assert ncc(prediction, truth, **options) == pytest.approx(3 / math.sqrt(2 * 6))


def test_against_independent_implementations(pair: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    prediction, truth, mask = pair
    options = {"mask": mask, "data_range": 4095.0}
    p, t = prediction[mask], truth[mask]
    assert mse(prediction, truth, **options) == pytest.approx(mean_squared_error(t, p), rel=1e-12)
    assert psnr(prediction, truth, **options) == pytest.approx(
        peak_signal_noise_ratio(t, p, data_range=4095.0), rel=1e-12
    )
    spread = t.max() - t.min()
    assert rmse(prediction, truth, **options) == pytest.approx(
        normalized_root_mse(t, p, normalization="min-max") * spread, rel=1e-12
    )
    assert ncc(prediction, truth, **options) == pytest.approx(pearsonr(p, t).statistic, rel=1e-12)
    assert mae(prediction, truth, **options) == pytest.approx(math.fsum(abs(p - t)) / len(t), rel=1e-12)


def test_equal_images() -> None:
    truth = np.random.default_rng(0).random((5, 5, 5))
    options = {"mask": truth > 0.2, "data_range": 1.0}
    assert mae(truth, truth, **options) == 0
    assert psnr(truth, truth, **options) == math.inf
    assert ncc(truth, truth, **options) == pytest.approx(1)
    assert ncc(3 - truth, truth, **options) == pytest.approx(-1)


def test_correlation_with_a_constant_is_not_available() -> None:
    truth = np.random.default_rng(0).random((5, 5, 5))
    constant = np.full_like(truth, 0.1)
    everywhere = np.ones(truth.shape, dtype=bool)
    assert math.isnan(ncc(constant, truth, mask=everywhere, data_range=1.0))
    assert math.isnan(ncc(truth, constant, mask=everywhere, data_range=1.0))


def test_float32_sums_keep_their_precision() -> None:
    truth = np.zeros((200, 200, 100), dtype=np.float32)
    prediction = np.full_like(truth, 0.1)
    everywhere = np.ones(truth.shape, dtype=bool)
    assert mae(prediction, truth, mask=everywhere, data_range=1.0) == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_agreement_is_the_percentage_of_equal_voxels() -> None:
    truth = np.ones((2, 5, 2), dtype=bool)
    prediction = truth.copy()
    prediction[0, :3, 0] = False
    inside = truth.copy()
    inside[0, 0, 0] = False
    assert agreement(prediction, truth, mask=truth, data_range=1.0) == pytest.approx(85)
    assert agreement(prediction, truth, mask=inside, data_range=1.0) == pytest.approx(100 * 17 / 19)
    assert math.isnan(agreement(prediction, truth, mask=~truth, data_range=1.0))
