"""The gamma index against a search of its own, and against shifts and differences whose answer is known."""

from __future__ import annotations

import itertools
import math
import sys
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from voxlate.errors import UsageError
from voxlate.evaluation.ct.gamma import gamma_pass_rate

pytest.importorskip("pymedphys", reason="no pymedphys: pip install 'voxlate[gamma]'")

SPACING = (2.0, 2.5, 3.0)
SHAPE = (8, 7, 6)
EVERYWHERE = np.ones(SHAPE, dtype=bool)


def _gradient(shift_mm: float = 0.0, *, per_mm: float = 0.03) -> np.ndarray:
    """A dose that rises along i, moved by so many mm."""
    i = np.arange(SHAPE[0])[:, None, None] * SPACING[0]
    return np.broadcast_to(1 + per_mm * (i - shift_mm), SHAPE).copy()


def _by_hand(
    reference: np.ndarray, evaluated: np.ndarray, *, dose: float, distance: float, mask: np.ndarray
) -> np.ndarray:
    """The definition, voxel by voxel, on a lattice of places within the distance; trilinear by hand."""
    fine = np.arange(-12, 13) / 12 * distance
    offsets = np.array([o for o in itertools.product(fine, repeat=3) if math.hypot(*o) <= distance + 1e-9])
    tolerance = dose / 100 * reference[mask].max()
    found = []
    for voxel in np.argwhere(mask & (reference >= 0.1 * reference[mask].max())):
        places = voxel + offsets / SPACING
        inside = ((places >= 0) & (places <= np.array(SHAPE) - 1)).all(axis=1)
        low = np.minimum(np.floor(places[inside]).astype(int), np.array(SHAPE) - 2)
        part = places[inside] - low
        values = np.zeros(len(low))
        for corner in itertools.product((0, 1), repeat=3):
            weight = np.prod(np.where(corner, part, 1 - part), axis=1)
            values += weight * evaluated[tuple((low + corner).T)]
        squared = ((values - reference[tuple(voxel)]) / tolerance) ** 2
        squared += (np.linalg.norm(offsets[inside], axis=1) / distance) ** 2
        found.append(math.sqrt(squared.min()))
    return np.array(found)


def test_equal_doses_pass() -> None:
    dose = np.random.default_rng(0).random(SHAPE)
    assert gamma_pass_rate(dose, dose, spacing_mm=SPACING, mask=EVERYWHERE) == 100


@pytest.mark.parametrize(("factor", "expected"), [(1.01, 100.0), (1.04, 0.0), (0.96, 0.0)])
def test_a_uniform_difference_counts_as_what_it_is(factor: float, expected: float) -> None:
    dose = np.full(SHAPE, 60.0)
    options = {"spacing_mm": SPACING, "mask": EVERYWHERE, "distance_mm": 2.0}
    assert gamma_pass_rate(dose, factor * dose, dose_percent=2.0, **options) == expected
    assert gamma_pass_rate(dose, factor * dose, dose_percent=5.0, **options) == 100


def test_a_shift_within_the_distance_passes() -> None:
    """3 % of dose per mm: a shift is all that differs, and nothing but the distance can forgive it."""
    inside = EVERYWHERE.copy()
    inside[[0, 1, -2, -1]] = False
    options = {"spacing_mm": SPACING, "mask": inside, "dose_percent": 0.5, "distance_mm": 2.0}
    assert gamma_pass_rate(_gradient(), _gradient(1.0), **options) == 100
    assert gamma_pass_rate(_gradient(), _gradient(3.0), **options) == 0


@pytest.mark.parametrize(("dose", "distance"), [(2.0, 2.0), (3.0, 3.0), (1.0, 4.0)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_as_the_definition_says(dose: float, distance: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.random((3, 3, 3))
    i, j, k = np.meshgrid(*(np.linspace(0, 2, n) for n in SHAPE), indexing="ij")
    reference, evaluated = (
        map_coordinates(nodes, [i, j, k], order=1)
        for nodes in (coarse, coarse + 0.1 * distance * rng.normal(size=coarse.shape))
    )
    mask = rng.random(SHAPE) > 0.2
    found = gamma_pass_rate(
        reference, evaluated, spacing_mm=SPACING, mask=mask, dose_percent=dose, distance_mm=distance, steps=20
    )
    index = _by_hand(reference, evaluated, dose=dose, distance=distance, mask=mask)
    # each searches places of its own, so voxels of a gamma near 1 may be told either way
    fewest, expected, most = (100 * float((index <= border).mean()) for border in (0.97, 1.0, 1.03))
    assert 20 < expected < 95
    assert fewest <= found <= most
    assert most - fewest < 5


def test_leaving_out_what_cannot_pass_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from voxlate.evaluation.ct import gamma

    rng = np.random.default_rng(3)
    reference = _gradient()
    evaluated = reference + rng.normal(0, 0.1, SHAPE)
    options: dict[str, Any] = {"spacing_mm": SPACING, "mask": EVERYWHERE, "distance_mm": 3.0}
    spared = gamma_pass_rate(reference, evaluated, **options)
    monkeypatch.setattr(gamma, "_may_pass", lambda *_, **__: EVERYWHERE)
    assert gamma_pass_rate(reference, evaluated, **options) == spared
    assert 0 < spared < 100


def test_only_doses_above_the_cutoff_in_the_mask_count() -> None:
    reference = np.full(SHAPE, 100.0)
    reference[0] = 9.0
    evaluated = reference.copy()
    evaluated[0] = 50.0
    evaluated[7] = 0.0
    inside = EVERYWHERE.copy()
    inside[7] = False
    options = {"spacing_mm": (10.0, 10.0, 10.0), "mask": inside}
    assert gamma_pass_rate(reference, evaluated, **options) == 100
    assert gamma_pass_rate(reference, evaluated, cutoff_percent=5.0, **options) == pytest.approx(600 / 7)


def test_the_highest_dose_is_that_of_the_mask() -> None:
    inside = EVERYWHERE.copy()
    inside[6:] = False
    reference = np.where(inside, 100.0, 1000.0)
    reference[6] = 100.0
    options = {"spacing_mm": (10.0, 10.0, 10.0), "mask": inside}
    assert gamma_pass_rate(reference, np.where(reference < 500, 104.0, 1000.0), **options) == 0


def test_a_single_slice_is_a_test_in_two_dimensions() -> None:
    reference, evaluated = (dose[:, :, :1] for dose in (_gradient(), _gradient(1.0)))
    inside = np.zeros(reference.shape, dtype=bool)
    inside[2:-2] = True
    options = {"spacing_mm": SPACING, "mask": inside, "dose_percent": 0.5}
    assert gamma_pass_rate(reference, evaluated, **options) == 100


def test_an_empty_mask_has_no_rate() -> None:
    assert math.isnan(gamma_pass_rate(_gradient(), _gradient(), spacing_mm=SPACING, mask=~EVERYWHERE))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"evaluated": np.ones((2, 2, 2))}, "one shape"),
        ({"evaluated": np.full(SHAPE, math.nan)}, "finite"),
        ({"reference": np.zeros(SHAPE)}, "above 0"),
        ({"dose_percent": 0.0}, "positive"),
        ({"distance_mm": -1.0}, "positive"),
        ({"spacing_mm": (1.0, 0.0, 1.0)}, "positive"),
        ({"steps": 0}, "positive"),
        ({"cutoff_percent": 101.0}, "cutoff"),
    ],
)
def test_what_cannot_be_used_is_refused(changed: dict[str, Any], told: str) -> None:
    given = {"reference": _gradient(), "evaluated": _gradient(), "spacing_mm": SPACING, "mask": EVERYWHERE, **changed}
    reference, evaluated = given.pop("reference"), given.pop("evaluated")
    with pytest.raises(UsageError, match=told):
        gamma_pass_rate(reference, evaluated, **given)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymedphys", None)
    with pytest.raises(UsageError, match=r"pip install 'voxlate\[gamma\]'"):
        gamma_pass_rate(_gradient(), _gradient(), spacing_mm=SPACING, mask=EVERYWHERE)
