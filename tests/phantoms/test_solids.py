from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxlate.phantoms import solids as shapes


def _cloud(n: int = 4000) -> shapes.Points:
    x, y, z = np.random.default_rng(0).uniform(-30, 30, size=(3, n)).astype(np.float32)
    return x, y, z


def test_a_round_ellipsoid_is_a_ball() -> None:
    x, y, z = _cloud()
    distance = shapes.ellipsoid((x, y, z), (3, -2, 1), (12, 12, 12))
    expected = np.sqrt((x - 3) ** 2 + (y + 2) ** 2 + (z - 1) ** 2) - 12
    np.testing.assert_allclose(distance, expected, atol=1e-3)


def test_capsule_with_equal_radii_is_the_distance_to_its_axis() -> None:
    x, y, z = _cloud()
    distance = shapes.capsule((x, y, z), ((0, 0, -10), (0, 0, 10)), (4, 4))
    expected = np.sqrt(x**2 + y**2 + np.maximum(np.abs(z) - 10, 0) ** 2) - 4
    np.testing.assert_allclose(distance, expected, atol=1e-4)


def test_smooth_union_is_never_above_the_union_and_equal_far_from_the_seam() -> None:
    first, second = np.random.default_rng(1).uniform(-5, 5, size=(2, 1000)).astype(np.float32)
    joined = shapes.smooth_union(first, second, blend_mm=2.0)
    assert (joined <= np.minimum(first, second) + 1e-6).all()
    far = np.abs(first - second) > 2
    np.testing.assert_array_equal(joined[far], np.minimum(first, second)[far])


def test_culled_tubes_and_balls_hold_the_same_points() -> None:
    points = _cloud()
    knots: shapes.Knots = [((-5, 0, 0), 6.0), ((10, 4, 2), 3.0), ((12, -15, 8), 4.0)]
    np.testing.assert_array_equal(shapes.tube(points, knots), np.flatnonzero(shapes.chain(points, knots) < 0))
    expected = np.flatnonzero(shapes.ellipsoid(points, (1, 2, 3), (9, 5, 14)) < 0)
    np.testing.assert_array_equal(shapes.ball(points, (1, 2, 3), (9, 5, 14)), expected)


def test_noise_has_unit_variance_and_the_wavelength_asked_for() -> None:
    noise = shapes.Noise.draw(np.random.default_rng(2), wavelength_mm=20.0)
    assert noise.lattice.std() == pytest.approx(1.0, rel=1e-3)
    power = np.abs(np.fft.fftn(noise.lattice)) ** 2
    axes = [np.fft.fftfreq(n, noise.spacing_mm) for n in noise.lattice.shape]
    frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*axes, indexing="ij")))
    assert (frequency * power).sum() / power.sum() == pytest.approx(1 / 20.0, rel=0.2)


def test_sheets_measure_the_distance_to_a_plane_wave() -> None:
    """Of a plane wave sin(k x) the zero surfaces lie half a wavelength apart; near one the distance is |x|."""
    x = np.arange(64) * 1.0
    lattice = np.broadcast_to(np.sin(2 * np.pi * x / 32)[:, None, None], (64, 64, 64)).astype(np.float32)
    noise = shapes.Noise(lattice, 1.0)
    near = np.array([0.0, 1.0, 2.0, 16.0, 17.0], dtype=np.float32)
    zero = np.zeros_like(near)
    np.testing.assert_allclose(noise.sheets((near, zero, zero)), [0, 1, 2, 0, 1], atol=0.25)


@given(factor=st.integers(1, 4))
def test_refining_a_ramp_keeps_it_straight_and_in_place(factor: int) -> None:
    ramp = np.add.outer(np.add.outer(np.arange(5.0), np.zeros(4)), np.zeros(3))
    fine = shapes.refine(ramp, factor)
    assert fine.shape == (5 * factor, 4 * factor, 3 * factor)
    expected = np.clip((np.arange(5 * factor) + 0.5) / factor - 0.5, 0, 4)
    np.testing.assert_allclose(fine[:, 0, 0], expected, atol=1e-6)
