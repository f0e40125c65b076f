"""Primary photons through bodies whose attenuation is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from voxlate.evaluation.ct.beams import (
    _GANTRY_DEG,
    _WATER_PER_MM,
    LEFT_RIGHT,
    centre_of,
    coarsen,
    depths_mm,
    path_lengths_mm,
    primary_dose,
)

TOWARDS = [(-math.sin(math.radians(angle)), math.cos(math.radians(angle))) for angle in _GANTRY_DEG]


def _places(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Places in the axial plane in mm from the centre."""
    i, j, _ = np.indices(shape)
    return (i - (shape[0] - 1) / 2) * spacing[0], (j - (shape[1] - 1) / 2) * spacing[1]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 1.3, 3.0)])
def test_a_cylinder_of_water(spacing: tuple[float, float, float]) -> None:
    radius = 40.0
    shape = (int(90 / spacing[0]), int(90 / spacing[1]) | 1, 3)
    x, y = _places(shape, spacing)
    mask = np.hypot(x, y) < radius
    dose = primary_dose(np.full(shape, 1.1), mask=mask, spacing_mm=spacing)
    expected = np.zeros(shape)
    for u, v in TOWARDS:
        along, across = x * u + y * v, x * v - y * u
        depth = np.sqrt(np.maximum(0, radius**2 - across**2)) - along
        expected += np.exp(-_WATER_PER_MM * 1.1 * depth) / len(TOWARDS)
    deep = np.hypot(x, y) < radius - 3
    assert np.abs(dose - expected)[deep].max() < _WATER_PER_MM  # within a millimetre
    assert np.abs(dose - expected)[deep].mean() < 0.2 * _WATER_PER_MM
    assert np.ptp(dose, axis=2).max() == 0


def test_a_slab_with_a_dense_half() -> None:
    """Depths along every beam by the geometry of a box, density 2 on the patient's left."""
    shape, half = (61, 61, 1), 20.5
    x, y = _places(shape, (1.0, 1.0, 1.0))
    mask = (abs(x) < half) & (abs(y) < half)
    dose = primary_dose(np.where(x < 0, 2.0, 1.0), mask=mask, spacing_mm=(1.0, 1.0, 1.0), attenuation_per_mm=0.01)
    at = (abs(x) < 15) & (abs(y) < 15)
    expected = np.zeros(shape)
    for u, v in TOWARDS:
        ends = [(half - place * np.sign(step)) / abs(step) for place, step in ((x, u), (y, v)) if abs(step) > 1e-9]
        length = np.minimum(*ends) if len(ends) == 2 else ends[0]
        if abs(u) < 1e-9:
            dense = np.where(x < -0.5, length, 0.0)
        else:  # the border lies at -0.5, between two voxels
            border = (-0.5 - x) / u
            dense = np.where(u < 0, length - np.clip(border, 0, length), np.clip(border, 0, length))
        expected += np.exp(-0.01 * (length + dense)) / len(TOWARDS)
    assert np.abs(dose - expected)[at].max() < 0.01
    assert np.abs(dose - expected)[at].mean() < 0.002


def test_the_centre_lies_as_deep_as_for_the_water_paths() -> None:
    rng = np.random.default_rng(0)
    shape, spacing = (41, 51, 3), (2.0, 1.5, 3.0)
    x, y = _places(shape, spacing)
    mask = np.hypot(x, y) < 30
    density = rng.uniform(0.5, 1.5, shape)
    centre = centre_of(mask)
    assert centre is not None
    depths = depths_mm(density, mask=mask, spacing_mm=spacing, point=centre)
    dose = primary_dose(density, mask=mask, spacing_mm=spacing)
    assert dose[20, 25, 1] == pytest.approx(np.exp(-_WATER_PER_MM * depths).mean(), abs=_WATER_PER_MM / 2)


def test_nothing_outside_the_patient_matters() -> None:
    shape = (21, 25, 2)
    x, y = _places(shape, (1.0, 1.0, 1.0))
    mask = np.hypot(x, y) < 8
    alone, table = (
        primary_dose(np.where(mask, 1.0, beyond), mask=mask, spacing_mm=(1.0, 1.0, 1.0)) for beyond in (np.nan, 9.0)
    )
    assert np.array_equal(alone, table)
    assert 0 < alone.min() <= alone.max() <= 1
    assert np.all(primary_dose(table, mask=np.zeros(shape, bool), spacing_mm=(1.0, 1.0, 1.0)) == 1)


@pytest.mark.parametrize(
    ("spacing", "coarser"),
    [
        ((1.0, 1.0, 3.0), (3.0, 3.0, 3.0)),
        ((2.0, 2.5, 1.5), (4.0, 2.5, 3.0)),
        ((0.5, 0.9, 5.0), (3.0, 2.7, 5.0)),
    ],
)
def test_coarser_voxels_come_near_the_grid_and_keep_paths(
    spacing: tuple[float, float, float], coarser: tuple[float, float, float]
) -> None:
    density = np.random.default_rng(0).random((13, 17, 11))
    found, onto = coarsen(density, spacing_mm=spacing)
    assert onto == pytest.approx(coarser)
    whole = np.ones(found.shape, dtype=bool)
    paths = path_lengths_mm(found, mask=whole, spacing_mm=onto, axis=LEFT_RIGHT).sum() * onto[1] * onto[2]
    assert paths == pytest.approx(density.sum() * math.prod(spacing))
