from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from voxlate.config.training import Augmentation
from voxlate.preprocess.augmentation import Drawn, apply_augmentation, draw_augmentation
from voxlate.preprocess.warping import displacement_field, rotation

OLDER = Augmentation(flip=1, elastic=1, bias=1, noise=1, gamma=1)
LATER = ("rotation", "scaling", "blur", "brightness", "contrast", "low_resolution")
ALL = OLDER.model_copy(update=dict.fromkeys(LATER, 1.0))
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
    assert without.values.noise_sd is None
    assert with_noise.values.gamma == without.values.gamma
    assert np.array_equal(with_noise.displacements, without.displacements)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_flip_is_along_the_named_axis_only(axis: int) -> None:
    parts = sample((6, 7, 8))
    drawn = draw(Augmentation(flip=1), (6, 7, 8), flip_axis=axis)
    for new, old in zip(apply_augmentation(drawn, *parts), parts, strict=True):
        assert np.array_equal(new, np.flip(old, axis + 1))
    assert draw(Augmentation(flip=1), (6, 7, 8), flip_axis=None).flip_axis is None


def test_probabilities_are_kept() -> None:
    later = {"rotation": 0.4, "blur": 0.3, "brightness": 0.7, "low_resolution": 0.8}
    options = Augmentation(flip=0.3, elastic=0.6, bias=0.2, noise=0.5, gamma=0.1, **later)
    rng = np.random.default_rng(0)
    drawn = [draw_augmentation(options, dims=2, flip_axis=1, rng=rng) for _ in range(2000)]
    for field, share in (("flip_axis", 0.3), ("displacements", 0.6), ("matrix", 0.4)):
        assert np.mean([getattr(one, field) is not None for one in drawn]) == pytest.approx(share, abs=0.05)
    of_values = {"bias": 0.2, "noise_sd": 0.5, "gamma": 0.1, "blur_sd": 0.3, "brightness": 0.7, "coarser": 0.8}
    for field, share in {**of_values, "contrast": 0.0}.items():
        assert np.mean([getattr(one.values, field) is not None for one in drawn]) == pytest.approx(share, abs=0.05)


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


def test_what_came_later_leaves_what_was_drawn_before() -> None:
    earlier, later = draw(OLDER, (16, 16)), draw(ALL, (16, 16))
    assert np.array_equal(earlier.displacements, later.displacements)
    assert np.array_equal(earlier.values.bias, later.values.bias)
    assert (earlier.values.gamma, earlier.values.noise_seed) == (later.values.gamma, later.values.noise_seed)
    assert earlier.matrix is None


@pytest.mark.parametrize("shape", [(24, 24), (24, 24, 24)])
def test_a_quarter_turn_is_a_quarter_turn(shape: tuple[int, ...]) -> None:
    source, target, mask = sample(shape)
    turn = np.eye(len(shape))
    turn[:2, :2] = rotation([np.pi / 2])
    moved = apply_augmentation(Drawn(matrix=turn), source, target, mask)
    for new, old in zip(moved, (source, target, mask), strict=True):
        assert np.allclose(new, np.rot90(old, axes=(2, 1)), atol=1e-4)


def test_a_scale_of_two_halves_a_ball_and_the_margin_shows_what_was_outside() -> None:
    places = np.indices((48, 48, 48)) - 23.5
    ball = ((places**2).sum(axis=0, keepdims=True) < 20**2).astype(np.float32)
    inner = (slice(None), *(slice(12, -12),) * 3)
    drawn = Drawn(matrix=2 * np.eye(3))
    assert drawn.margin((24, 24, 24)) == (12, 12, 12)
    image, label, _ = apply_augmentation(drawn, ball, ball, ball, target_labels=True, margin=drawn.margin((24,) * 3))
    assert ball[inner].mean() > 0.95
    assert image.shape == label.shape == (1, 24, 24, 24)
    for found in (image, label):
        assert found.sum() == pytest.approx(ball.sum() / 8, rel=0.03)


def test_a_drawn_matrix_stays_within_its_options() -> None:
    options = Augmentation(rotation=1, rotation_degrees=10, scaling=1, scaling_percent=20)
    for seed in range(20):
        matrix = draw(options, (9, 9, 9), seed=seed).matrix
        assert matrix is not None
        assert 1 / 1.2 < np.linalg.svd(matrix)[1].min() < np.linalg.svd(matrix)[1].max() < 1.2
        assert np.degrees(np.arccos((np.trace(np.linalg.svd(matrix)[0] @ np.linalg.svd(matrix)[2]) - 1) / 2)) < 18


def test_moved_labels_are_as_smooth_as_the_structure_and_many_are_moved_too() -> None:
    rows, columns = np.indices((40, 40))
    half = (rows + 0.37 * columns > 27).astype(np.float32)[None]
    turned = apply_augmentation(Drawn(matrix=rotation([0.3])), half, half, half, target_labels=True)
    by_share, by_nearest = turned[1][0, 8:-8, 8:-8], turned[2][0, 8:-8, 8:-8]
    linear = turned[0][0, 8:-8, 8:-8]
    assert np.array_equal(by_share, (linear > 0.5).astype(np.float32))
    assert not np.array_equal(by_share, by_nearest)
    many = np.arange(40.0, dtype=np.float32)[None, :, None] * np.ones((1, 1, 40), dtype=np.float32)
    moved = apply_augmentation(Drawn(matrix=rotation([0.3])), many, many, many, target_labels=True)
    assert np.array_equal(moved[1], moved[2])


@pytest.mark.parametrize(("option", "field"), [("blur", "blur_sd"), ("low_resolution", "coarser")])
def test_blur_and_low_resolution_take_away_detail_and_keep_the_mean(option: str, field: str) -> None:
    source, target, mask = sample((40, 40), channels=1)
    drawn = draw(Augmentation(flip=0, **{option: 1}), (40, 40), seed=2)
    assert getattr(drawn.values, field) > 0
    new = apply_augmentation(drawn, source, target, mask)[0]
    assert new.std() < 0.95 * source.std()
    assert new.mean() == pytest.approx(source.mean(), abs=0.03)


def test_brightness_keeps_the_minimum_and_contrast_the_range() -> None:
    source, target, mask = sample((32, 32), channels=1)
    bright = apply_augmentation(draw(Augmentation(flip=0, brightness=1), (32, 32)), source, target, mask)[0]
    factor = (bright - source.min()) / np.maximum(source - source.min(), 1e-3)
    assert 0.75 <= np.median(factor) <= 1.25
    assert bright.min() == pytest.approx(source.min(), abs=1e-6)
    for seed in range(6):
        drawn = draw(Augmentation(flip=0, contrast=1), (32, 32), seed=seed)
        new = apply_augmentation(drawn, source, target, mask)[0]
        assert source.min() <= new.min() < new.max() <= source.max()
        assert (new.std() > source.std()) == (drawn.values.contrast > 1)


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
    assert drawn.values.gamma is not None
    assert 0.7 <= drawn.values.gamma <= 1.4
    new = apply_augmentation(drawn, source - 2, target, mask)[0]
    assert new.min() == pytest.approx(source.min() - 2, abs=1e-5)
    assert new.max() == pytest.approx(source.max() - 2, abs=1e-5)
    assert np.array_equal(np.argsort(new.ravel()), np.argsort((source - 2).ravel()))


def test_noise_has_the_drawn_spread() -> None:
    flat = np.zeros((1, 200, 200), dtype=np.float32)
    flat[0, 0] = 1.0
    drawn = draw(Augmentation(flip=0, noise=1), (200, 200))
    new = apply_augmentation(drawn, flat, flat, flat)[0]
    assert (new - flat).std() == pytest.approx(drawn.values.noise_sd, rel=0.02)


def test_a_constant_source_survives() -> None:
    flat = np.full((1, 16, 16), 0.4, dtype=np.float32)
    new = apply_augmentation(draw(ALL, (16, 16)), flat, flat, flat)[0]
    assert np.isfinite(new).all()
