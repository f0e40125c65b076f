"""Slice-wise errors against a plain loop over slices."""

from __future__ import annotations

import numpy as np
import pytest

from voxlate.errors import UsageError
from voxlate.metrics import metrics_of, slice_errors, whole_slices


@pytest.fixture
def case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.random((6, 7, 8))
    mask = rng.random(truth.shape) > 0.5
    mask[..., :2] = False
    mask[..., 2] = False
    mask[0, 0, 2] = True
    return truth + rng.normal(0, 0.2, truth.shape), truth, mask


@pytest.mark.parametrize(("name", "power"), [("mae", 1), ("mse", 2)])
@pytest.mark.parametrize("whole", [False, True])
def test_equals_a_loop_over_slices(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], name: str, power: int, whole: bool
) -> None:
    prediction, truth, mask = case
    per_slice = []
    for k in range(2, 8):
        inside = np.ones((6, 7), dtype=bool) if whole else mask[..., k]
        per_slice.append((np.abs(prediction[..., k][inside] - truth[..., k][inside]) ** power).mean())
    counted = whole_slices(mask) if whole else mask
    total, average = (
        metrics_of("slices")[f"{name}_slice_{way}"](prediction, truth, mask=counted, data_range=1.0)
        for way in ("total", "average")
    )
    assert total == pytest.approx(sum(per_slice), rel=1e-12)
    assert average == pytest.approx(sum(per_slice) / 6, rel=1e-12)


def test_slices_count_alike_however_few_voxels_they_have(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    prediction, truth, mask = case
    errors = slice_errors(prediction, truth, mask=mask)
    assert np.isnan(errors[:2]).all()
    assert errors[2] == pytest.approx(abs(prediction[0, 0, 2] - truth[0, 0, 2]))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_any_axis_can_be_sliced(case: tuple[np.ndarray, np.ndarray, np.ndarray], axis: int) -> None:
    prediction, truth, mask = case
    turned = [np.moveaxis(image, 2, axis) for image in (prediction, truth, mask)]
    errors = slice_errors(turned[0], turned[1], mask=turned[2], axis=axis)
    np.testing.assert_allclose(errors, slice_errors(prediction, truth, mask=mask))


def test_an_axis_that_does_not_exist_is_refused(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    prediction, truth, mask = case
    with pytest.raises(UsageError, match="axis"):
        slice_errors(prediction, truth, mask=mask, axis=3)
