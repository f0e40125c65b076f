"""The stitching score against volumes whose seams are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from voxlate.metrics import stitching

SHAPE = (16, 18, 14)
MASK = np.ones(SHAPE, dtype=bool)


def _smooth() -> np.ndarray:
    i, j, k = np.indices(SHAPE)
    return np.sin(i / 3) + np.cos(j / 4) + np.sin(k / 3)


def _score(prediction: np.ndarray, truth: np.ndarray, mask: np.ndarray = MASK) -> float:
    return stitching(prediction, truth, mask=mask, data_range=1.0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_brightness_that_jumps_from_slice_to_slice_is_all_stitching(axis: int) -> None:
    offsets = np.random.default_rng(axis).normal(size=SHAPE[axis])
    shape = [1, 1, 1]
    shape[axis] = SHAPE[axis]
    assert _score(_smooth() + offsets.reshape(shape), _smooth()) == pytest.approx(1.0)


def test_noise_without_direction_is_none() -> None:
    noise = np.random.default_rng(0).normal(size=SHAPE)
    assert 0 <= _score(_smooth() + noise, _smooth()) < 0.06


def test_score_grows_with_the_share_of_seams() -> None:
    rng = np.random.default_rng(0)
    noise, seams = rng.normal(size=SHAPE), rng.normal(size=(1, 1, SHAPE[2]))
    scores = [_score(_smooth() + noise + share * seams, _smooth()) for share in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert scores == sorted(scores)
    assert scores[-1] > 0.5


def test_it_is_what_the_formula_says_voxel_by_voxel() -> None:
    rng = np.random.default_rng(3)
    truth, error = rng.normal(size=(5, 4, 6)), rng.normal(size=(5, 4, 6))
    mask = rng.random((5, 4, 6)) > 0.2
    jumps = []
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        pairs = [
            (tuple(v), tuple(v + step))
            for v in np.argwhere(mask)
            if (v + step)[axis] < mask.shape[axis] and mask[tuple(v + step)]
        ]
        steepest = np.median([abs(truth[b] - truth[a]) for a, b in pairs])
        jumps.append(np.mean([abs(error[b] - error[a]) for a, b in pairs if abs(truth[b] - truth[a]) <= steepest]))
    expected = (3 * max(jumps) / sum(jumps) - 1) / 2
    assert _score(truth + error, truth, mask) == pytest.approx(expected, rel=1e-12)


def test_blurred_edges_of_the_truth_are_no_seams() -> None:
    truth = np.zeros(SHAPE)
    truth[:, :, 7:] = 1000.0  # a wall across one axis, which a blur takes for a jump
    noise = np.random.default_rng(1).normal(size=SHAPE)
    assert _score(truth + noise + np.where(truth > 0, -300.0, 0.0), truth) < 0.1


def test_a_perfect_prediction_and_a_single_slice_have_no_score() -> None:
    assert math.isnan(_score(_smooth(), _smooth()))
    flat = np.zeros(SHAPE, dtype=bool)
    flat[:, :, 3] = True
    assert math.isnan(_score(_smooth() + np.random.default_rng(0).normal(size=SHAPE), _smooth(), flat))
