"""The distance between images, the threshold, and what a real image is asked."""

import numpy as np
import pytest

from voxlate.evaluation.privacy.neighbours import MARGIN, Space, nearest_of, set_threshold


def _vectors(count: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (5 + generator.standard_normal((count, 400))).astype(np.float32)


def test_distances_are_those_of_the_formula() -> None:
    real, synthetic = _vectors(6), _vectors(3, seed=1)
    found, mirrored = Space("pixel", real, synthetic).from_synthetic()
    mean = real.astype(np.float64).mean(axis=0)
    for row, one in enumerate(synthetic - mean):
        for column, other in enumerate(real - mean):
            expected = 1 - one @ other / np.sqrt((one @ one) * (other @ other))
            assert found[row, column] == pytest.approx(expected, abs=1e-5)
    assert not mirrored.any()


def test_a_copy_is_at_zero_and_others_are_at_about_one() -> None:
    real = _vectors(20)
    found, _ = Space("pixel", real, real[[4]]).from_synthetic()
    assert found[0, 4] == pytest.approx(0, abs=1e-6)
    assert np.delete(found[0], 4).min() > 0.7


def test_a_real_image_is_asked_like_a_synthetic_one_that_others_were_not_built_with() -> None:
    real = _vectors(7)
    among, _ = Space("pixel", real, real[:0]).among_real(list("abcdefg"))
    alone, _ = Space("pixel", np.delete(real, 2, axis=0), real[[2]]).from_synthetic()
    assert np.delete(among[2], 2) == pytest.approx(alone[0], abs=1e-5)
    assert np.isinf(np.diag(among)).all()


def test_images_of_one_subject_are_not_compared() -> None:
    real = _vectors(6)
    real[1] = real[0]  # two sessions of one patient
    among, _ = Space("pixel", real, real[:0]).among_real(list("aabcde"))
    assert np.isinf(among[0, 1])
    assert np.isinf(among[1, 0])
    assert among[0].min() > 0.7


def test_the_mirror_image_is_found() -> None:
    real = _vectors(8)
    turned = _vectors(1, seed=5)
    found, mirrored = Space(
        "pixel", real, turned, real_mirrored=_vectors(8, seed=9), synthetic_mirrored=real[[3]]
    ).from_synthetic()
    assert found[0, 3] == pytest.approx(0, abs=1e-6)
    assert mirrored[0, 3]


def test_the_threshold_is_below_the_low_quantile_and_no_twins_set_it() -> None:
    among = np.full((6, 6), 0.9)
    np.fill_diagonal(among, np.inf)
    among[2, 3] = among[3, 2] = 0.8
    threshold = set_threshold(among.min(axis=1), among.argmin(axis=1), share=0.0)
    assert threshold.distance == pytest.approx(MARGIN * 0.8)
    assert threshold.typical == pytest.approx(0.9)
    assert threshold.twins == ()
    among[0, 1] = among[1, 0] = 0.1
    threshold = set_threshold(among.min(axis=1), among.argmin(axis=1), share=0.0)
    assert threshold.twins == ((0, 1),)
    assert threshold.distance == pytest.approx(MARGIN * 0.8)


def test_a_chosen_distance_is_relative_to_the_typical_one() -> None:
    among = np.full((5, 5), 0.8)
    np.fill_diagonal(among, np.inf)
    threshold = set_threshold(among.min(axis=1), among.argmin(axis=1), distance=0.5)
    assert threshold.distance == pytest.approx(0.4)
    assert threshold.relative(0.4) == pytest.approx(0.5)


def test_neighbours_come_nearest_first_and_never_at_infinity() -> None:
    found = nearest_of(np.array([0.5, np.inf, 0.2]), np.array([False, False, True]), cases=["a", "b", "c"], count=3)
    assert [(one.case, one.mirrored) for one in found] == [("c", True), ("a", False)]


def test_an_image_that_is_the_mean_is_like_no_other() -> None:
    real = _vectors(5)
    found, _ = Space("pixel", real, real.mean(axis=0, keepdims=True)).from_synthetic()
    assert np.isfinite(found).all()
