"""Metrics of CT: one contract for all of them, and each against scikit-image, SciPy or plain NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial import distance
from skimage.metrics import peak_signal_noise_ratio

from voxlate.errors import UsageError
from voxlate.metrics import Metric, bone_dice, mae, metrics_of, psnr, psnr_in_range, tissue_regions

SHAPE = (14, 16, 12)
RANGE = 4095.0
every = pytest.mark.parametrize("metric", metrics_of("ct").values(), ids=metrics_of("ct"))


def _pair(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A head in HU, a prediction with noise, and the mask."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([-900.0, 40.0, 900.0], SHAPE, p=[0.2, 0.5, 0.3]) + rng.normal(0, 20, SHAPE)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:12, 3:14, 2:10] = True
    return truth + rng.normal(0, 400, SHAPE), truth, mask


@every
def test_the_value_is_a_finite_float_and_less_error_scores_better(metric: Metric) -> None:
    prediction, truth, mask = _pair()
    before = prediction.copy(), truth.copy(), mask.copy()
    near, far = (metric(truth + f * (prediction - truth), truth, mask=mask, data_range=RANGE) for f in (0.5, 1.0))
    assert type(far) is float
    assert math.isfinite(far)
    assert metric.better == "higher"
    assert near > far
    assert all(np.array_equal(a, b) for a, b in zip(before, (prediction, truth, mask), strict=True))


@every
def test_what_cannot_be_scored_is_not_available(metric: Metric) -> None:
    prediction, truth, mask = _pair()
    assert math.isnan(metric(prediction, truth, mask=np.zeros_like(mask), data_range=RANGE))
    for poison in (math.nan, math.inf):
        for image in (prediction, truth):
            kept, image[5, 5, 5] = image[5, 5, 5], poison
            assert math.isnan(metric(prediction, truth, mask=mask, data_range=RANGE))
            image[5, 5, 5] = kept


@every
def test_nothing_outside_the_mask_counts(metric: Metric) -> None:
    prediction, truth, mask = _pair()
    clean = metric(prediction, truth, mask=mask, data_range=RANGE)
    prediction[~mask], truth[~mask] = math.nan, 1e6
    assert metric(prediction, truth, mask=mask, data_range=RANGE) == clean


@every
def test_integers_of_a_scanner_do_not_wrap_around(metric: Metric) -> None:
    prediction, truth, mask = _pair()
    stored = [np.clip(image, -1024, 3071).astype(np.int16) for image in (prediction, truth)]
    wide = metric(*(image.astype(np.float64) for image in stored), mask=mask, data_range=RANGE)
    assert metric(stored[0], stored[1], mask=mask, data_range=RANGE) == wide


@every
def test_refusals(metric: Metric) -> None:
    prediction, truth, mask = _pair()
    with pytest.raises(UsageError, match="one shape"):
        metric(prediction[1:], truth, mask=mask, data_range=RANGE)
    with pytest.raises(UsageError, match="data range"):
        metric(prediction, truth, mask=mask, data_range=0.0)


def test_units() -> None:
    assert {name: metric.unit("HU") for name, metric in metrics_of("ct").items()} == {
        "bone_dice": "1",
        "psnr_synthrad": "dB",
        "ms_ssim_synthrad": "1",
    }
    assert {metric.unit("mm") for metric in metrics_of("path").values()} == {"mm"}
    assert {metric.better for metric in metrics_of("path").values()} == {"lower"}
    assert {(metric.unit("%"), metric.better) for metric in metrics_of("dose").values()} == {("%", "higher")}


def test_the_masked_mae_of_synthrad_is_the_mae() -> None:
    prediction, truth, mask = _pair()
    binary = np.where(mask, 1.0, 0.0)
    expected = np.sum(np.abs(truth * binary - prediction * binary)) / binary.sum()
    assert mae(prediction, truth, mask=mask, data_range=RANGE) == pytest.approx(expected, rel=1e-12)


def test_psnr_clips_to_the_range_of_ct() -> None:
    prediction, truth, mask = _pair()
    prediction[6, 6, 6], truth[4, 4, 4] = 9000.0, -3000.0  # metal and padding
    clipped = [np.clip(image, -1024, 3071)[mask] for image in (truth, prediction)]
    found = psnr_in_range(prediction, truth, mask=mask, data_range=RANGE)
    assert found == pytest.approx(peak_signal_noise_ratio(*clipped, data_range=4095), rel=1e-12)
    assert found > psnr(prediction, truth, mask=mask, data_range=RANGE)
    assert psnr_in_range(truth, truth, mask=mask, data_range=RANGE) == math.inf


def test_bone_dice_is_that_of_scipy() -> None:
    prediction, truth, mask = _pair()
    expected = 1 - distance.dice(*(image[mask] > 250 for image in (prediction, truth)))
    assert bone_dice(prediction, truth, mask=mask, data_range=RANGE) == pytest.approx(expected, rel=1e-12)
    assert 0.3 < expected < 0.95


def test_bone_is_above_250_hu_and_without_any_there_is_no_dice() -> None:
    truth = np.full((3, 3, 3), 40.0)
    mask = np.ones(truth.shape, dtype=bool)
    assert math.isnan(bone_dice(truth, truth, mask=mask, data_range=RANGE))
    truth[0, 0, 0], truth[1, 1, 1] = 250.0, 250.5
    prediction = np.where(truth == 250.5, 251.0, 30.0)
    assert bone_dice(prediction, truth, mask=mask, data_range=RANGE) == 1.0
    assert bone_dice(np.full_like(truth, 300.0), truth, mask=mask, data_range=RANGE) == pytest.approx(2 / 28)


def test_tissues_part_the_truth_inside_the_mask() -> None:
    truth = np.array([-1024.0, -200.1, -200.0, -98.0, 250.0, 250.1, 3071.0, math.nan, 0.0]).reshape(3, 3, 1)
    mask = np.ones(truth.shape, dtype=bool)
    mask[2, 2, 0] = False
    found = {name: np.flatnonzero(region).tolist() for name, region in tissue_regions(truth, mask=mask).items()}
    assert found == {"air": [0, 1], "soft tissue": [2, 3, 4], "bone": [5, 6]}
