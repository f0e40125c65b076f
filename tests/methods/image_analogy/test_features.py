"""Pyramids and feature vectors against what the formulas say, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxlate.methods.image_analogy.features import _BACKGROUND, Neighbourhoods, Stack, pyramid, static_features

KERNEL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_reduced_pixel_is_the_binomial_mean_around_every_second_one() -> None:
    images = noise(2, 3, 11, 12)
    (finest, _), (reduced, inside) = pyramid(images, np.ones((2, 11, 12), bool), levels=2)
    assert finest is images
    assert reduced.shape == (2, 3, 6, 6)
    assert inside.all()
    assert reduced[1, 2, 2, 3] == pytest.approx((images[1, 2, 2:7, 4:9] * KERNEL).sum())
    corner = (images[0, 0, :3, :3] * KERNEL[2:, 2:]).sum() / KERNEL[2:, 2:].sum()
    assert reduced[0, 0, 0, 0] == pytest.approx(corner), "nothing beyond the image counts"


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 17), st.integers(1, 17), st.integers(0, 99))
def test_background_never_runs_in_and_every_pixel_has_a_foreground_parent(height: int, width: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((1, height, width)) < 0.3
    images = np.where(mask, 5.0, np.nan)[:, None]
    levels = pyramid(images, mask, levels=3)
    stacks = [Stack.of(image, inside, margin=2) for image, inside in levels]
    for (image, inside), finer, coarser in zip(levels[1:], stacks, stacks[1:], strict=False):
        assert image[:, 0][inside] == pytest.approx(5.0)
        parents = finer.parents(finer.foreground, coarser)
        assert set(parents) == set(coarser.foreground)


def test_squared_distance_is_the_weighted_mean_of_squared_differences_on_each_level() -> None:
    hoods = Neighbourhoods.of(patch=5, coarse_patch=3, channels=(2, 1))
    fine, coarse = (
        [Stack.of(noise(1, c, n, n, seed=c + n), np.ones((1, n, n), bool), margin=hoods.margin) for c in (2, 1)]
        for n in (12, 6)
    )
    index = np.ravel_multi_index(([0, 0], [7, 8], [8, 6]), fine[0].shape)
    static = static_features(fine[0], (coarse[0], coarse[1]), index=index, neighbourhoods=hoods)
    features = np.concatenate([static, fine[1].around(index, hoods.target)], axis=1)
    assert features.shape == (2, 2 * 25 + 2 * 9 + 9 + 12)

    def level(source: Stack, target: Stack, places: list[tuple[int, int]], size: int) -> float:
        reach, total, weights = size // 2, 0.0, 0.0
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                fall = np.exp(-(dy**2 + dx**2) / (2 * (size / 4) ** 2))
                known = size == 3 or (dy, dx) < (0, 0)
                for stack in (source, target) if known else (source,):
                    images = stack.values.reshape(-1, *stack.shape[1:]).astype(float)
                    here, there = (images[:, row + dy, column + dx] for row, column in places)
                    total += fall * float(((here - there) ** 2).mean())
                    weights += fall
        return total / weights

    # Rows and columns with the margin of 2; the parents of (5, 6) and (6, 4) are (2, 3) and (3, 2).
    expected = level(fine[0], fine[1], [(7, 8), (8, 6)], 5) + level(coarse[0], coarse[1], [(4, 5), (5, 4)], 3)
    assert float(((features[0] - features[1]) ** 2).sum()) == pytest.approx(expected, rel=1e-5)


def test_neighbours_outside_the_foreground_have_one_value() -> None:
    mask = np.zeros((2, 4, 4), bool)
    mask[1, 1, 2] = True
    stack = Stack.of(np.full((2, 1, 4, 4), 7.0), mask, margin=2)
    assert [int(place[0]) for place in stack.places(stack.foreground)] == [1, 1, 2]
    hoods = Neighbourhoods.of(patch=5, coarse_patch=3, channels=(1, 1))
    around = stack.around(stack.foreground, hoods.source) / hoods.source.roots
    assert around[0, 12] == pytest.approx(7.0)
    assert np.delete(around[0], 12) == pytest.approx(_BACKGROUND)
