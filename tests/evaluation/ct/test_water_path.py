"""Water-equivalent paths through bodies whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from voxlate.evaluation.ct.beams import (
    _GANTRY_DEG,
    ANTERIOR_POSTERIOR,
    LEFT_RIGHT,
    centre_of,
    depths_mm,
    path_lengths_mm,
)

SPACING = (1.0, 2.0, 3.0)


def _cylinder(radius_mm: float, spacing: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A cylinder along the body's axis, and its centre in voxels."""
    shape = (*(int(2 * (radius_mm + 8) / s) | 1 for s in spacing[:2]), 5)
    centre = np.array([(n - 1) / 2 for n in shape])
    x, y = np.meshgrid(
        *[(np.arange(n) - c) * s for n, c, s in zip(shape, centre, spacing, strict=False)][:2], indexing="ij"
    )
    return np.repeat((np.hypot(x, y) < radius_mm)[..., None], 5, axis=2), centre


@pytest.mark.parametrize(("axis", "spacing"), [(LEFT_RIGHT, 1.0), (ANTERIOR_POSTERIOR, 2.0)])
def test_a_box_has_its_width_times_its_density(axis: int, spacing: float) -> None:
    mask = np.zeros((20, 24, 10), dtype=bool)
    mask[4:14, 6:21, 2:7] = True
    density = np.where(np.arange(20)[:, None, None] < 9, 1.0, 1.5) * np.ones(mask.shape)
    found = path_lengths_mm(density, mask=mask, spacing_mm=SPACING, axis=axis)
    assert found.shape[axis] == 1
    if axis == LEFT_RIGHT:
        expected = np.where(mask.any(axis=0), 5 * 1.0 + 5 * 1.5, 0)
    else:
        expected = np.where(mask.any(axis=1), 15 * spacing * np.where(np.arange(20) < 9, 1.0, 1.5)[:, None], 0)
    assert np.squeeze(found, axis=axis) == pytest.approx(expected)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 1.3, 3.0)])
def test_the_axis_of_a_cylinder_lies_as_deep_from_every_side(spacing: tuple[float, float, float]) -> None:
    mask, centre = _cylinder(40.0, spacing)
    depths = depths_mm(np.full(mask.shape, 1.1), mask=mask, spacing_mm=spacing, point=centre)
    assert depths.shape == (len(_GANTRY_DEG), 1, 1)
    assert depths.ravel() == pytest.approx(1.1 * 40.0, abs=0.8 * max(spacing[:2]))


def test_beams_come_from_where_they_say() -> None:
    mask, centre = _cylinder(40.0, (1.0, 1.0, 1.0))
    i, j, _ = np.indices(mask.shape)
    front, left = j > centre[1] + 3, i < centre[0] - 3  # RAS: i grows to the right
    for side, gantry in ((front, 0), (left, 90), (front & left, 45)):
        dense = depths_mm(np.where(side, 2.0, 1.0), mask=mask, spacing_mm=(1.0, 1.0, 1.0), point=centre).ravel()
        assert _GANTRY_DEG[int(dense.argmax())] == gantry
    ahead = centre + np.array([0, 15, 0])
    off = depths_mm(np.ones(mask.shape), mask=mask, spacing_mm=(1.0, 1.0, 1.0), point=ahead).ravel()
    assert off[_GANTRY_DEG.index(0)] == pytest.approx(25, abs=0.8)
    assert off[_GANTRY_DEG.index(180)] == pytest.approx(55, abs=0.8)


def test_what_lies_outside_the_patient_counts_as_nothing() -> None:
    mask, centre = _cylinder(30.0, (1.0, 1.0, 1.0))
    alone = np.where(mask, 1.0, np.nan)
    table = np.where(mask, 1.0, 9.0)
    for axis in (LEFT_RIGHT, ANTERIOR_POSTERIOR):
        lengths = [path_lengths_mm(d, mask=mask, spacing_mm=SPACING, axis=axis) for d in (alone, table)]
        assert np.array_equal(*lengths)
        assert lengths[0].min() == 0
    depths = [depths_mm(d, mask=mask, spacing_mm=SPACING, point=centre) for d in (alone, table)]
    assert np.array_equal(*depths)


def test_the_centre_is_the_mean_place() -> None:
    mask = np.zeros((5, 6, 7), dtype=bool)
    assert centre_of(mask) is None
    mask[1, 2, 3] = mask[3, 2, 4] = True
    assert np.array_equal(centre_of(mask), [2, 2, 3.5])
