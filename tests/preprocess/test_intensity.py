from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.preprocess.samples import head, painted
from voxlate.errors import ReadError
from voxlate.preprocess.intensity import (
    OUTSIDE,
    Scaling,
    brain_scaling,
    correct_bias,
    fill_outside,
    scaling_of,
    take_statistics,
)

VALUES = np.random.default_rng(3).gamma(4.0, 60.0, 20_000).astype(np.float32) - 30


@given(offset=st.floats(-2000, 2000), scale=st.floats(0.01, 5000))
def test_a_scaling_has_an_exact_inverse(offset: float, scale: float) -> None:
    scaling = Scaling(offset=offset, scale=scale)
    back = scaling.invert(scaling.apply(VALUES))
    largest = max(float(np.abs(VALUES).max()), abs(offset))
    assert np.abs(back - VALUES).max() <= 4 * np.finfo(np.float32).eps * largest


def test_percentile_brings_the_inner_99_percent_to_0_and_1() -> None:
    normalised = scaling_of(take_statistics(VALUES), "percentile", where="x").apply(VALUES)
    assert np.allclose(np.percentile(normalised, (0.5, 99.5)), (0, 1), atol=1e-5)
    assert normalised.max() > 1  # nothing is clipped
    assert normalised.dtype == np.float32


def test_zscore_has_mean_0_and_sd_1() -> None:
    normalised = scaling_of(take_statistics(VALUES), "zscore", where="x").apply(VALUES)
    assert abs(normalised.mean()) < 1e-4
    assert abs(normalised.std() - 1) < 1e-4


def test_hounsfield_is_the_same_for_every_scan() -> None:
    for values in (VALUES, VALUES * 3):
        assert scaling_of(take_statistics(values), "hounsfield", where="x") == Scaling(offset=0, scale=1000)


def test_integers_are_scaled_without_wrapping() -> None:
    values = np.array([0, 100, 255], dtype=np.uint8)
    assert np.allclose(Scaling(offset=200, scale=10).apply(values), [-20, -10, 5.5])


@pytest.mark.parametrize("kind", ["percentile", "zscore"])
def test_a_constant_image_is_refused(kind: Any) -> None:
    with pytest.raises(ReadError, match=r"a\.nii.*constant 7"):
        scaling_of(take_statistics(np.full(100, 7.0)), kind, where="a.nii")


def test_a_sparse_image_is_scaled_by_its_whole_range() -> None:
    values = np.zeros(10_000)
    values[3] = 8.0
    assert scaling_of(take_statistics(values), "percentile", where="x") == Scaling(offset=0, scale=8)


def test_n4_removes_most_of_a_bias_field() -> None:
    labels = head((40, 40, 40))
    flat = painted(labels, (0.0, 300.0, 200.0, 120.0), noise=2.0)
    ramp = np.exp(np.linspace(-0.4, 0.4, 40))[:, None, None].astype(np.float32)
    corrected = correct_bias(flat * ramp, labels > 0, shrink=2)
    inside = labels == 2

    def unevenness(image: np.ndarray) -> float:
        return float(image[inside].std() / image[inside].mean())

    assert unevenness(corrected) < 0.4 * unevenness(flat * ramp)
    assert np.array_equal(corrected, correct_bias(flat * ramp, labels > 0, shrink=2))


def test_the_background_of_a_source_has_a_value_of_its_own() -> None:
    rng = np.random.default_rng(0)
    source, mask = rng.uniform(0, 1, (2, 4, 5)).astype(np.float32), np.zeros((1, 4, 5), bool)
    mask[:, 1:3, 2:] = True
    filled = fill_outside(source, mask)
    assert filled.dtype == np.float32
    assert np.array_equal(filled[:, mask[0]], source[:, mask[0]])
    assert (filled[:, ~mask[0]] == OUTSIDE).all()
    assert source.min() > OUTSIDE


def test_a_head_has_the_same_scale_with_its_skull_and_without() -> None:
    labels = head((64, 72, 64))
    whole = painted(labels, (20.0, 900.0, 300.0, 420.0), noise=5.0)
    stripped = np.where(labels > 1, whole, 0)
    scales = [
        brain_scaling(image, inside, spacing_mm=(3.0, 3.0, 3.0), where="x")
        for image, inside in ((whole, labels > 0), (stripped, labels > 1), (3 * whole + 7, labels > 0))
    ]
    assert scales[0].offset == pytest.approx(20, abs=1)
    assert scales[1].offset == 0
    brain = [float(scale.apply(np.array([300.0]))[0]) for scale in scales[:2]]  # the more frequent of the two tissues
    assert brain == pytest.approx([0.5, 0.5], abs=0.03)
    assert scales[2].offset == pytest.approx(3 * scales[0].offset + 7, rel=1e-3)
    assert scales[2].scale == pytest.approx(3 * scales[0].scale, rel=1e-3)


def test_large_ventricles_do_not_change_the_scale_of_the_brain() -> None:
    labels = head((64, 72, 64))
    whole = painted(labels, (0.0, 900.0, 300.0, 420.0), noise=5.0)
    ill = whole.copy()
    ill[24:40, 26:46, 24:40] = 40.0
    first, second = (brain_scaling(one, labels > 0, spacing_mm=(3.0,) * 3, where="x").scale for one in (whole, ill))
    assert second == pytest.approx(first, rel=0.05)


def test_what_is_no_head_has_no_scale_of_its_brain() -> None:
    inside = head((20, 20, 20)) > 0
    with pytest.raises(ReadError, match=r"knee\.nii.*40 mm or more along each axis and 300 at most"):
        brain_scaling(np.ones(inside.shape), inside, spacing_mm=(1.0, 1.0, 1.0), where="knee.nii")
    cube = np.zeros((22, 22, 22), bool)
    cube[1:-1, 1:-1, 1:-1] = True
    bright = np.where(cube, 5.0, 0.0)
    brain_scaling(bright, cube, spacing_mm=(3.2, 3.2, 1.99), where="64 x 64 x 40 mm in words")
    with pytest.raises(ReadError, match="got an image that shows 64 x 64 x 39 mm"):
        brain_scaling(bright, cube, spacing_mm=(3.2, 3.2, 1.96), where="thin")
    with pytest.raises(ReadError, match="brighter than air"):
        brain_scaling(np.ones(inside.shape), inside, spacing_mm=(8.0, 8.0, 8.0), where="flat.nii")
