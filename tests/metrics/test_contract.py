"""The contract of every metric: an entry of the catalogue is tested by being listed."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import partial
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxlate.errors import UsageError
from voxlate.metrics import METRICS, Metric, metrics_of
from voxlate.metrics.metric import PairKind

SHAPE = (9, 11, 6)
OF_IMAGES = {
    name: metric
    for name, metric in metrics_of("voxelwise", "slices", "continuity", "appearance").items()
    if name != "ms_ssim"
}
"""Without the one of five scales, to which masks as small as these are not available; its tests are its own."""
OF_SURFACES = {
    name: Metric(
        partial(metric, spacing_mm=(1.0, 1.0, 1.0)), kind="segmentation", title=metric.title, better=metric.better
    )
    for name, metric in metrics_of("surface").items()
}
OF_LABELS = {**metrics_of("segmentation"), **OF_SURFACES, **metrics_of("detection")}
ALL = OF_IMAGES | OF_LABELS
every = pytest.mark.parametrize("metric", ALL.values(), ids=ALL)


def _pair(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random(SHAPE)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:7, 3:9, 1:5] = True
    return truth + 0.1 * rng.standard_normal(SHAPE), truth, mask


@every
def test_value_is_a_finite_float_and_the_inputs_are_left_alone(metric: Metric) -> None:
    prediction, truth, mask = _pair()
    before = prediction.copy(), truth.copy(), mask.copy()
    value = metric(prediction, truth, mask=mask, data_range=1.0)
    assert type(value) is float
    assert math.isfinite(value)
    assert all(np.array_equal(a, b) for a, b in zip(before, (prediction, truth, mask), strict=True))
    assert metric(prediction, truth, mask=mask, data_range=1.0) == value


@pytest.mark.parametrize("metric", metrics_of("voxelwise", "slices").values(), ids=metrics_of("voxelwise", "slices"))
def test_less_error_scores_better(metric: Metric) -> None:
    prediction, truth, mask = _pair()
    near, far = (metric(truth + factor * (prediction - truth), truth, mask=mask, data_range=1.0) for factor in (0.5, 1))
    assert near < far if metric.better == "lower" else near > far


@every
def test_empty_mask_is_not_available(metric: Metric) -> None:
    prediction, truth, mask = _pair()
    assert math.isnan(metric(prediction, truth, mask=np.zeros_like(mask), data_range=1.0))


@every
@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_a_voxel_that_is_not_finite_is_not_available(metric: Metric, poison: float, which: int) -> None:
    prediction, truth, mask = _pair()
    (prediction, truth)[which][4, 4, 2] = poison
    assert math.isnan(metric(prediction, truth, mask=mask, data_range=1.0))


@every
def test_voxels_far_outside_the_mask_do_not_count(metric: Metric) -> None:
    rng = np.random.default_rng(3)
    truth = rng.random((30, 12, 12))
    prediction = truth + 0.1 * rng.standard_normal(truth.shape)
    mask = np.zeros(truth.shape, dtype=bool)
    mask[3:9] = True
    clean = metric(prediction, truth, mask=mask, data_range=1.0)
    prediction[14:] = np.nan
    truth[20:] = 1e6
    assert metric(prediction, truth, mask=mask, data_range=1.0) == pytest.approx(clean, rel=1e-12)


@every
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_narrow_types_do_not_wrap_around(metric: Metric, dtype: type) -> None:
    rng = np.random.default_rng(1)
    prediction, truth = (rng.integers(0, 250, SHAPE).astype(dtype) for _ in range(2))
    mask = rng.random(SHAPE) > 0.5
    wide = metric(prediction.astype(np.float64), truth.astype(np.float64), mask=mask, data_range=255.0)
    assert metric(prediction, truth, mask=mask, data_range=255.0) == pytest.approx(wide, rel=1e-12)


@every
def test_refusals_name_what_is_wrong(metric: Metric) -> None:
    prediction, truth, mask = _pair()
    with pytest.raises(UsageError, match="mask"):
        metric(prediction, truth, mask=None, data_range=1.0)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="one shape"):
        metric(prediction[1:], truth, mask=mask, data_range=1.0)
    with pytest.raises(UsageError, match="one shape"):
        metric(prediction[0], truth[0], mask=mask[0], data_range=1.0)
    for data_range in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(UsageError, match="data range"):
            metric(prediction, truth, mask=mask, data_range=data_range)


@every
@settings(max_examples=15, deadline=None)
@given(axes=st.permutations([0, 1, 2]), flips=st.lists(st.sampled_from([0, 1, 2]), unique=True))
def test_orientation_does_not_matter(metric: Metric, axes: list[int], flips: list[int]) -> None:
    if metric in metrics_of("slices").values():
        axes = [0, 1, 2]
    images = _pair()
    turned = [np.flip(image.transpose(axes), flips) for image in images]
    first = metric(images[0], images[1], mask=images[2], data_range=1.0)
    assert metric(turned[0], turned[1], mask=turned[2], data_range=1.0) == pytest.approx(first, rel=1e-10)


@pytest.mark.parametrize("metric", OF_IMAGES.values(), ids=OF_IMAGES)
def test_scaling_the_unit_scales_the_value_by_its_rule(metric: Metric) -> None:
    prediction, truth, mask = _pair()
    small = metric(prediction, truth, mask=mask, data_range=1.0)
    large = metric(prediction * 1000, truth * 1000, mask=mask, data_range=1000.0)
    factor = {"image": 1e3, "squared": 1e6, "dB": 1, "none": 1}[metric.unit_rule]
    assert large == pytest.approx(small * factor, rel=1e-9)


@pytest.mark.parametrize("metric", OF_LABELS.values(), ids=OF_LABELS)
@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int16, np.float32])
def test_maps_of_any_type_and_any_label_score_alike(metric: Metric, kind: type) -> None:
    rng = np.random.default_rng(2)
    prediction, truth, mask = (rng.random(SHAPE) > share for share in (0.8, 0.7, 0.2))
    expected = metric(prediction.astype(np.float64), truth.astype(np.float64), mask=mask, data_range=1.0)
    found = metric((7 * prediction).astype(kind), (3 * truth).astype(kind), mask=mask, data_range=1.0)
    assert found == expected


@pytest.mark.parametrize("metric", OF_LABELS.values(), ids=OF_LABELS)
def test_the_truth_itself_scores_best_and_nothing_scores_worst(metric: Metric) -> None:
    _, truth, mask = _pair()
    wrong = np.random.default_rng(4).random(SHAPE)
    best, middle, worst = (
        metric(prediction, truth, mask=mask, data_range=1.0) for prediction in (truth, wrong, np.zeros(SHAPE))
    )
    ordered = best <= middle <= worst if metric.better == "lower" else best >= middle >= worst
    assert ordered or metric is metrics_of("detection")["detection_fp"]  # who predicts nothing invents nothing


def test_every_kind_has_metrics_and_every_metric_one_kind() -> None:
    kinds = (*get_args(PairKind), "surface", "set")
    assert all(metrics_of(kind) for kind in kinds)
    assert sorted(metrics_of(*kinds)) == sorted(METRICS)
    assert list(metrics_of("dose", "path")) == [*metrics_of("dose"), *metrics_of("path")]


def test_the_metrics_load_no_tensors() -> None:
    code = "import sys, voxlate.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "image_unit", "expected"),
    [
        ("mae", "HU", "HU"),
        ("mse", "HU", "HU²"),
        ("rmse", "", "1"),
        ("mse", "1", "1"),
        ("psnr", "HU", "dB"),
        ("ssim", "HU", "1"),
        ("mse_slice_total", "a.u.", "a.u.²"),
    ],
)
def test_units(name: str, image_unit: str, expected: str) -> None:
    assert ALL[name].unit(image_unit) == expected
