"""SSIM against scikit-image, whose map is taken over the mask."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from voxlate.errors import UsageError
from voxlate.metrics import ssim, ssim_map


def reference_map(prediction: np.ndarray, truth: np.ndarray, *, data_range: float) -> np.ndarray:
    """Wang et al.'s settings in scikit-image."""
    return structural_similarity(
        truth.astype(np.float64),
        prediction.astype(np.float64),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
        data_range=data_range,
    )[1]


def _images(shape: tuple[int, int, int], *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = gaussian_filter(rng.random(shape), 1.0) * 2000 - 1000
    return truth + rng.normal(0, 60, shape), truth


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(11, 48)] * 3),
    corner=st.tuples(*[st.floats(0, 0.9)] * 3),
    extent=st.tuples(*[st.floats(0, 1)] * 3),
    seed=st.integers(0, 1000),
)
def test_equals_scikit_image_for_any_box(
    shape: tuple[int, int, int], corner: tuple[float, ...], extent: tuple[float, ...], seed: int
) -> None:
    prediction, truth = _images(shape, seed=seed)
    mask = np.zeros(shape, dtype=bool)
    box = [
        slice(int(c * n), int(c * n) + 1 + int(e * (n - int(c * n) - 1)))
        for c, e, n in zip(corner, extent, shape, strict=True)
    ]
    mask[tuple(box)] = True
    expected = reference_map(prediction, truth, data_range=4095.0)
    assert ssim(prediction, truth, mask=mask, data_range=4095.0) == pytest.approx(expected[mask].mean(), abs=1e-10)
    ours = ssim_map(prediction, truth, mask=mask, data_range=4095.0)
    np.testing.assert_allclose(ours[mask], expected[mask], atol=1e-10)
    assert np.isnan(ours[~mask]).all()


def test_equals_scikit_image_for_scattered_voxels() -> None:
    prediction, truth = _images((70, 50, 40), seed=0)
    mask = np.random.default_rng(1).random(truth.shape) > 0.999
    expected = reference_map(prediction, truth, data_range=2000.0)[mask].mean()
    assert ssim(prediction, truth, mask=mask, data_range=2000.0) == pytest.approx(expected, abs=1e-10)


def test_one_slice_is_the_two_dimensional_value() -> None:
    prediction, truth = _images((40, 33, 1), seed=2)
    mask = np.ones(truth.shape, dtype=bool)
    expected = reference_map(prediction[..., 0], truth[..., 0], data_range=2000.0).mean()
    assert ssim(prediction, truth, mask=mask, data_range=2000.0) == pytest.approx(expected, abs=1e-10)


def test_a_thin_volume_is_mirrored_as_often_as_needed() -> None:
    prediction, truth = _images((20, 20, 3), seed=3)
    folded = [np.pad(image, [(0, 0), (0, 0), (6, 6)], mode="symmetric") for image in (prediction, truth)]
    mask = np.ones(truth.shape, dtype=bool)
    expected = reference_map(*folded, data_range=2000.0)[..., 6:9].mean()
    assert ssim(prediction, truth, mask=mask, data_range=2000.0) == pytest.approx(expected, abs=1e-10)


def test_known_values() -> None:
    _, truth = _images((20, 21, 22), seed=4)
    mask = np.ones(truth.shape, dtype=bool)
    assert ssim(truth, truth, mask=mask, data_range=2000.0) == pytest.approx(1)
    low, high = np.full_like(truth, 100.0), np.full_like(truth, 300.0)
    constant = (0.01 * 1000) ** 2
    by_hand = (2 * 100 * 300 + constant) / (100**2 + 300**2 + constant)
    assert ssim(low, high, mask=mask, data_range=1000.0) == pytest.approx(by_hand, rel=1e-10)


def test_zero_background_flatters_so_there_is_no_default_mask() -> None:
    prediction, truth = (np.zeros((40, 40, 40)) for _ in range(2))
    inner = (slice(12, 28),) * 3
    rng = np.random.default_rng(0)
    prediction[inner], truth[inner] = rng.random((16,) * 3), rng.random((16,) * 3)
    with pytest.raises(UsageError, match="mask that is true everywhere"):
        ssim(prediction, truth, mask=None, data_range=1.0)  # type: ignore[arg-type]
    honest = ssim(prediction, truth, mask=truth > 0, data_range=1.0)
    flattered = ssim(prediction, truth, mask=np.ones(truth.shape, dtype=bool), data_range=1.0)
    assert honest < 0.35
    assert flattered > 0.7


def test_a_broken_voxel_reaches_as_far_as_a_window() -> None:
    prediction, truth = _images((30, 12, 12), seed=5)
    whole = ssim_map(prediction, truth, mask=np.ones(truth.shape, dtype=bool), data_range=2000.0)
    prediction[15, 6, 6] = np.nan
    broken = ssim_map(prediction, truth, mask=np.ones(truth.shape, dtype=bool), data_range=2000.0)
    reached = np.isnan(broken)
    assert reached[10:21, 1:12, 1:12].all()
    assert reached.sum() == 11**3
    np.testing.assert_allclose(broken[~reached], whole[~reached], atol=1e-12)
    mask = np.zeros(truth.shape, dtype=bool)
    mask[:10] = True
    assert math.isfinite(ssim(prediction, truth, mask=mask, data_range=2000.0))
    mask[10] = True
    assert math.isnan(ssim(prediction, truth, mask=mask, data_range=2000.0))


@pytest.mark.slow
def test_five_times_faster_than_scikit_image_on_a_head() -> None:
    shape = (240, 240, 155)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij", sparse=True)
    mask = (axes[0] / 0.6) ** 2 + (axes[1] / 0.72) ** 2 + (axes[2] / 0.9) ** 2 < 1
    rng = np.random.default_rng(0)
    truth = (rng.random(shape) * mask).astype(np.float32)
    prediction = (truth + 0.1 * rng.standard_normal(shape) * mask).astype(np.float32)

    def seconds(peer: bool) -> tuple[float, float]:
        start = time.perf_counter()
        if peer:
            value = reference_map(prediction, truth, data_range=1.0)[mask].mean()
        else:
            value = ssim(prediction, truth, mask=mask, data_range=1.0)
        return time.perf_counter() - start, value

    ours, theirs = (min(seconds(peer) for _ in range(3)) for peer in (False, True))
    assert ours[1] == pytest.approx(theirs[1], abs=1e-6)
    assert theirs[0] >= 5 * ours[0]
