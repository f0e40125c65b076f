"""The distances of style transfer, against sums written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from voxlate.losses.style import content_distance, coverage, gram, style_distance, total_variation

DRAW = np.random.default_rng(3)
FEATURES = DRAW.normal(size=(2, 3, 4, 5)).astype(np.float32)
OTHER = DRAW.normal(size=(2, 3, 4, 5)).astype(np.float32)
WEIGHT = DRAW.random((2, 1, 4, 5)).astype(np.float32)


def gram_by_hand(features: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """One position after the other."""
    b, c, h, w = features.shape
    result = np.zeros((b, c, c))
    for sample in range(b):
        for i in range(h):
            for j in range(w):
                vector = features[sample, :, i, j].astype(float)
                result[sample] += weight[sample, 0, i, j] * np.outer(vector, vector)
        result[sample] /= weight[sample].sum(dtype=float)
    return result


def test_gram_matrix_is_the_weighted_mean_of_outer_products() -> None:
    found = gram(torch.from_numpy(FEATURES), torch.from_numpy(WEIGHT)).numpy()
    np.testing.assert_allclose(found, gram_by_hand(FEATURES, WEIGHT), rtol=1e-5, atol=1e-6)


def test_gram_matrix_is_blind_to_where_and_to_what_lies_outside() -> None:
    mask = np.zeros((2, 1, 4, 5), dtype=np.float32)
    mask[..., :2, :] = 1
    inside = gram(torch.from_numpy(FEATURES), torch.from_numpy(mask))
    changed = np.where(mask != 0, FEATURES[..., ::-1], 99.0).astype(np.float32)
    assert torch.allclose(inside, gram(torch.from_numpy(changed), torch.from_numpy(mask)), atol=1e-5)
    assert torch.equal(gram(torch.from_numpy(FEATURES), torch.zeros(2, 1, 4, 5)), torch.zeros(2, 3, 3)), "empty mask"


def test_distances_are_relative() -> None:
    found, wanted, weight = (torch.from_numpy(array) for array in (FEATURES, OTHER, WEIGHT))
    expected = (WEIGHT * (FEATURES - OTHER) ** 2).sum() / (WEIGHT * OTHER**2).sum()
    assert float(content_distance(found, wanted, weight)) == pytest.approx(expected, rel=1e-5)
    assert float(content_distance(wanted, wanted, weight)) == 0
    assert float(content_distance(0 * wanted, wanted, weight)) == pytest.approx(1)
    matrices = {"a": torch.ones(1, 2, 2), "b": torch.full((1, 3, 3), 2.0)}
    half = {"a": torch.ones(1, 2, 2), "b": torch.full((1, 3, 3), 3.0), "unused": torch.ones(1, 1, 1)}
    assert float(style_distance(half, matrices)) == pytest.approx((0 + 0.25) / 2)


def test_variation_counts_neighbours_inside_the_mask() -> None:
    image = torch.tensor([[0.0, 3.0, 0.0], [4.0, 0.0, 0.0], [0.0, 0.0, 50.0]])[None, None]
    whole = torch.ones(1, 1, 3, 3)
    corners = [3.0**2 + 4.0**2, 3.0**2 + 3.0**2, 4.0**2 + 4.0**2, 0.0]  # each with its right and its lower neighbour
    expected = sum(value**1.25 for value in corners) / 4
    assert float(total_variation(image, whole)) == pytest.approx(expected)
    left = whole.clone()
    left[..., 1:] = 0
    assert float(total_variation(image, left)) == pytest.approx((4.0**2.5 + 4.0**2.5) / 2)
    assert float(total_variation(image, 0 * whole)) == 0


def test_coverage_is_the_share_of_a_position_inside_the_mask() -> None:
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2, :3] = 1
    assert coverage(mask, torch.zeros(1, 7, 2, 2))[0, 0].tolist() == [[1.0, 0.5], [0.0, 0.0]]
