"""Noise, blur, coil field and movement against what they should be by formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxlate.phantoms.physics import acquisition
from voxlate.phantoms.physics.protocols import Protocol
from voxlate.volume import Grid

GRID = Grid((24, 20, 16), np.diag([2.0, 2.0, 3.0, 1.0]))


def test_background_of_a_magnitude_image_follows_rayleigh() -> None:
    noise = acquisition.rician(np.zeros((80, 80, 80), np.float32), sigma=7.0, rng=np.random.default_rng(0))
    assert noise.mean() == pytest.approx(7.0 * math.sqrt(math.pi / 2), rel=5e-3)
    assert noise.std() == pytest.approx(7.0 * math.sqrt(2 - math.pi / 2), rel=1e-2)


def test_noise_of_a_strong_signal_is_nearly_gaussian_about_it() -> None:
    image = acquisition.rician(np.full((80, 80, 80), 500, np.float32), sigma=10.0, rng=np.random.default_rng(1))
    # Mean of a Rician at high signal: S + sigma^2 / (2 S).
    assert image.mean() == pytest.approx(500 + 100 / 1000, abs=0.06)
    assert image.std() == pytest.approx(10.0, rel=1e-2)


@pytest.mark.parametrize("thickness", [1.0, 1.5, 2.5, 5.0])
def test_slice_profile_adds_the_variance_of_its_width(thickness: float) -> None:
    point = np.zeros((9, 9, 65), np.float32)
    point[4, 4, 32] = 1
    protocol = Protocol(sequence="spin_echo", repetition_ms=1000, echo_ms=10, slice_thickness=thickness)
    profile = acquisition.point_spread(point, protocol).sum(axis=(0, 1))
    place = np.arange(65) - 32
    assert profile.sum() == pytest.approx(1.0, abs=1e-4)
    expected = (thickness**2 - 1) / 12 + protocol.blur**2 / 2
    assert (profile * place**2).sum() == pytest.approx(expected, rel=0.03)


def test_coil_field_is_smooth_positive_and_of_the_strength_asked_for() -> None:
    fields = [acquisition.draw_coil(np.random.default_rng(seed), strength=0.1).on((24, 24, 24)) for seed in range(60)]
    spread = float(np.mean([np.log(field).std() for field in fields]))
    assert 0.05 < spread < 0.2
    for field in fields:
        assert field.min() > 0
        assert np.abs(np.diff(np.log(field), axis=0)).max() < 0.15
        assert np.log(field).mean() == pytest.approx(0.0, abs=1e-4)


def test_no_strength_is_a_flat_coil() -> None:
    np.testing.assert_array_equal(acquisition.draw_coil(np.random.default_rng(0), strength=0.0).on((5, 6, 7)), 1)


def test_shift_by_whole_voxels_is_exact() -> None:
    image = np.random.default_rng(3).random(GRID.shape).astype(np.float32)
    moved = acquisition.RigidMotion((4.0, -2.0, 3.0)).apply(image, GRID)
    np.testing.assert_allclose(moved[2:, :-1, 1:], image[:-2, 1:, :-1], atol=1e-5)


def test_turn_moves_a_point_to_where_the_matrix_says() -> None:
    motion = acquisition.RigidMotion((3.0, 1.0, -2.0), (4.0, -6.0, 9.0), (24.0, 20.0, 24.0))
    start = np.array([30.0, 24.0, 27.0, 1.0])
    middle = [np.arange(n) * step for n, step in zip(GRID.shape, (2.0, 2.0, 3.0), strict=True)]
    x, y, z = np.meshgrid(*middle, indexing="ij")
    blob = np.exp(-((x - start[0]) ** 2 + (y - start[1]) ** 2 + (z - start[2]) ** 2) / 30).astype(np.float32)
    moved = motion.apply(blob, GRID).astype(np.float64)
    centre = np.array([(axis * moved).sum() for axis in (x, y, z)]) / moved.sum()
    np.testing.assert_allclose(centre, (motion.matrix() @ start)[:3], atol=0.15)


@settings(max_examples=25)
@given(distance=st.floats(0, 10), turn=st.floats(0, 20), seed=st.integers(0, 2**32))
def test_drawn_motion_is_rigid_and_as_far_as_asked(distance: float, turn: float, seed: int) -> None:
    motion = acquisition.draw_motion(np.random.default_rng(seed), distance_mm=distance, rotation_deg=turn, grid=GRID)
    matrix = motion.matrix()
    assert np.linalg.norm(motion.translation_mm) == pytest.approx(distance, abs=1e-9)
    assert max(map(abs, motion.rotation_deg)) <= turn
    np.testing.assert_allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    centre = np.array([*motion.centre_mm, 1.0])
    np.testing.assert_allclose((matrix @ centre)[:3] - centre[:3], motion.translation_mm, atol=1e-9)


def test_digits_are_rounded_and_held_in_range() -> None:
    values = acquisition.digitise(np.array([0.4, 0.6, -1000.2, 1e6], np.float32))
    assert values.tolist() == [0, 1, -1000, 32767]
    assert values.dtype == np.int16
