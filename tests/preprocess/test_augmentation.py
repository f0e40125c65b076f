from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from voxlate.config.training import Augmentation
from voxlate.preprocess.augmentation import Drawn, apply_augmentation, displacement_field, draw_augmentation

ALL = Augmentation(flip=1, elastic=1, bias=1, noise=1, gamma=1)
NONE = Augmentation(flip=0)
SHAPES = [(48, 40), (20, 24, 16)]


def sample(
    shape: tuple[int, ...], *, channels: int = 2, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    source = rng.random((channels, *shape), dtype=np.float32)
    target = rng.random((1, *shape), dtype=np.float32)
    mask = (rng.random((1, *shape)) > 0.5).astype(np.float32)
    return source, target, mask


def draw(options: Any, shape: tuple[int, ...], *, seed: int = 0, flip_axis: int | None = 0) -> Drawn:
    return draw_augmentation(options, dims=len(shape), flip_axis=flip_axis, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("shape", SHAPES)
def test_everything_at_once_keeps_shape_and_dtype_and_inputs(shape: tuple[int, ...]) -> None:
    parts = sample(shape)
    before = [part.copy() for part in parts]
    results = apply_augmentation(draw(ALL, shape), *parts)
    for part, old, new in zip(parts, before, results, strict=True):
        assert np.array_equal(part, old)
        assert new.shape == part.shape
        assert new.dtype == np.float32
        assert new.flags.c_contiguous
        assert np.isfinite(new).all()
        assert not np.array_equal(new, old)
    assert set(np.unique(results[2])) <= {0, 1}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_draw_decides_everything(shape: tuple[int, ...]) -> None:
    parts = sample(shape)
    first, second, other = (apply_augmentation(draw(ALL, shape, seed=s), *parts) for s in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_switched_off_changes_nothing() -> None:
    parts = sample((16, 16))
    assert draw(NONE, (16, 16)).flip_axis is None
    for new, old in zip(apply_augmentation(draw(NONE, (16, 16)), *parts), parts, strict=True):
        assert np.array_equal(new, old)


def test_switching_one_off_leaves_the_others_as_they_were() -> None:
    with_noise, without = draw(ALL, (16, 16)), draw(ALL.model_copy(update={"noise": 0.0}), (16, 16))
    assert without.noise_sd is None
    assert with_noise.gamma == without.gamma
    assert np.array_equal(with_noise.displacements, without.displacements)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_flip_is_along_the_named_axis_only(axis: int) -> None:
    parts = sample((6, 7, 8))
    drawn = draw(Augmentation(flip=1), (6, 7, 8), flip_axis=axis)
    for new, old in zip(apply_augmentation(drawn, *parts), parts, strict=True):
        assert np.array_equal(new, np.flip(old, axis + 1))
    assert draw(Augmentation(flip=1), (6, 7, 8), flip_axis=None).flip_axis is None


def test_probabilities_are_kept() -> None:
    options = Augmentation(flip=0.3, elastic=0.6, bias=0.2, noise=0.5, gamma=0.1)
    rng = np.random.default_rng(0)
    drawn = [draw_augmentation(options, dims=2, flip_axis=1, rng=rng) for _ in range(2000)]
    for field, share in (("flip_axis", 0.3), ("displacements", 0.6), ("bias", 0.2), ("noise_sd", 0.5), ("gamma", 0.1)):
        assert np.mean([getattr(one, field) is not None for one in drawn]) == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_field_goes_through_its_points_and_is_smooth(shape: tuple[int, ...]) -> None:
    dims = len(shape)
    odd = tuple(n + 1 if n % 2 == 0 else n for n in shape)
    points = np.random.default_rng(2).normal(0, 10, (dims, *(3,) * dims))
    field = displacement_field(points, odd)
    assert field.shape == (dims, *odd)
    nodes = np.ix_(range(dims), *[(0, n // 2, n - 1) for n in odd])
    assert np.allclose(field[nodes], points)
    for axis in range(1, dims + 1):
        bend = np.abs(np.diff(field, n=2, axis=axis)).max()
        assert bend < 0.2 * np.abs(np.diff(field, axis=axis)).max()


def test_displacements_have_the_asked_spread() -> None:
    options = Augmentation(elastic=1, elastic_sd_voxels=10, elastic_points=3)
    values = np.concatenate([draw(options, (9, 9), seed=s).displacements.ravel() for s in range(200)])
    assert values.std() == pytest.approx(10, rel=0.05)
    assert abs(values.mean()) < 0.5


def test_a_constant_displacement_shifts_source_target_and_mask_alike() -> None:
    shape = (20, 24)
    source, target, mask = sample(shape)
    shift = np.stack([np.full((3, 3), 2.0), np.full((3, 3), -3.0)])
    moved = apply_augmentation(Drawn(displacements=shift), source, target, mask)
    for new, old in zip(moved, (source, target, mask), strict=True):
        assert np.allclose(new[:, :-2, 3:], old[:, 2:, :-3], atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_labels_stay_labels(shape: tuple[int, ...]) -> None:
    source, _, mask = sample(shape)
    labels = np.random.default_rng(1).integers(0, 5, (1, *shape)).astype(np.float32)
    _, target, _ = apply_augmentation(draw(ALL, shape), source, labels, mask, target_labels=True)
    assert set(np.unique(target)) <= set(range(5))
    condition, _, _ = apply_augmentation(draw(ALL, shape), labels, source, mask, source_labels=True)
    assert set(np.unique(condition)) <= set(range(5))


@pytest.mark.parametrize("shape", SHAPES)
def test_intensity_changes_touch_the_source_alone(shape: tuple[int, ...]) -> None:
    parts = sample(shape)
    drawn = draw(Augmentation(flip=0, bias=1, noise=1, gamma=1), shape)
    source, target, mask = apply_augmentation(drawn, *parts)
    assert np.array_equal(target, parts[1])
    assert np.array_equal(mask, parts[2])
    assert not np.array_equal(source, parts[0])


def test_bias_is_smooth_and_of_the_stated_strength() -> None:
    flat = np.ones((1, 64, 64), dtype=np.float32)
    flat[0, 0, 0] = 0.0
    spreads = []
    for seed in range(40):
        field = apply_augmentation(draw(Augmentation(flip=0, bias=1), (64, 64), seed=seed), flat, flat, flat)[0][0]
        log = np.log(field[1:, 1:])
        spreads.append(log.std())
        assert np.abs(np.diff(log, axis=0)).max() < 0.3
    assert 0.09 < min(spreads) < max(spreads) < 0.33


def test_gamma_keeps_the_ends_and_the_order() -> None:
    source, target, mask = sample((32, 32), channels=1)
    drawn = draw(Augmentation(flip=0, gamma=1), (32, 32), seed=3)
    assert drawn.gamma is not None
    assert 0.7 <= drawn.gamma <= 1.4
    new = apply_augmentation(drawn, source - 2, target, mask)[0]
    assert new.min() == pytest.approx(source.min() - 2, abs=1e-5)
    assert new.max() == pytest.approx(source.max() - 2, abs=1e-5)
    assert np.array_equal(np.argsort(new.ravel()), np.argsort((source - 2).ravel()))


def test_noise_has_the_drawn_spread() -> None:
    flat = np.zeros((1, 200, 200), dtype=np.float32)
    flat[0, 0] = 1.0
    drawn = draw(Augmentation(flip=0, noise=1), (200, 200))
    new = apply_augmentation(drawn, flat, flat, flat)[0]
    assert (new - flat).std() == pytest.approx(drawn.noise_sd, rel=0.02)


def test_a_constant_source_survives() -> None:
    flat = np.full((1, 16, 16), 0.4, dtype=np.float32)
    new = apply_augmentation(draw(ALL, (16, 16)), flat, flat, flat)[0]
    assert np.isfinite(new).all()
