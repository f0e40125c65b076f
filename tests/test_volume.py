"""The volume and its grid: read-only, in the world, and never on an unusable affine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from voxlate.contrast import get_contrast
from voxlate.errors import GeometryError
from voxlate.volume import Grid, Volume, extent

AFFINE = np.array([[0, -2.0, 0, 10], [1.5, 0, 0, -20], [0, 0, 3.0, 30], [0, 0, 0, 1]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_affine_that_is_not_finite_is_refused(value: float) -> None:
    affine = np.eye(4)
    affine[0, 3] = value
    with pytest.raises(GeometryError, match="finite"):
        Grid((2, 2, 2), affine)


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.diag([1.0, 0, 1, 1]), np.eye(3)])
def test_a_singular_or_misshapen_affine_is_refused(affine: Any) -> None:
    with pytest.raises(GeometryError):
        Volume(np.zeros((2, 2, 2)), affine)


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 2, 1), (0, 2, 2)])
def test_an_array_that_is_not_3d_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(GeometryError):
        Volume(np.zeros(shape), np.eye(4))


def test_spacing_and_corners_are_those_of_the_affine() -> None:
    grid = Grid((3, 4, 5), AFFINE)
    assert grid.spacing_mm == (1.5, 2.0, 3.0)
    corners = grid.corners_mm()
    assert corners.shape == (8, 3)
    np.testing.assert_allclose(corners[0], (10, -20, 30))
    np.testing.assert_allclose(corners[-1], (10 - 2 * 3, -20 + 1.5 * 2, 30 + 3 * 4))


@given(shift=st.floats(-0.01, 0.01), axis=st.integers(0, 2))
def test_grids_match_within_the_tolerance_at_every_voxel(shift: float, axis: int) -> None:
    assume(abs(abs(shift) - 5e-3) > 1e-12)  # at the limit itself the rounding of the corners decides
    moved = AFFINE.copy()
    moved[axis, 3] += shift
    assert Grid((3, 4, 5), AFFINE).matches(Grid((3, 4, 5), moved), tolerance_mm=5e-3) == (abs(shift) <= 5e-3)


def test_a_small_turn_of_a_large_grid_is_no_match() -> None:
    turned = np.eye(4)
    turned[0, 1] = 1e-5
    assert Grid((2, 2, 2), np.eye(4)).matches(Grid((2, 2, 2), turned))
    assert not Grid((2, 200, 2), np.eye(4)).matches(Grid((2, 200, 2), turned))
    assert not Grid((2, 2, 2), np.eye(4)).matches(Grid((2, 2, 3), np.eye(4)))


def test_neither_voxels_nor_affine_can_be_changed_through_a_volume() -> None:
    array, affine = np.zeros((2, 2, 2)), np.eye(4)
    volume = Volume(array, affine)
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 0] = 2
    affine[0, 0] = 5
    array[0, 0, 0] = 1
    assert volume.affine[0, 0] == 1


def test_other_voxels_at_the_same_place_keep_everything_else() -> None:
    volume = Volume(np.zeros((2, 3, 4)), AFFINE, get_contrast("t1"), ("Read.",), trailing_axes=1)
    other = volume.with_array(np.ones((2, 3, 4), np.float32), contrast=get_contrast("t2")).with_note("Computed.")
    assert other.grid.matches(volume.grid)
    assert (other.contrast, other.notes, other.trailing_axes) == (get_contrast("t2"), ("Read.", "Computed."), 1)
    with pytest.raises(GeometryError, match="Resample"):
        volume.with_array(np.ones((3, 3, 4)))


def test_extent_is_the_smallest_block() -> None:
    mask = np.zeros((6, 5, 8), bool)
    assert extent(mask) is None
    mask[1, 2, 3] = mask[4, 2, 5] = True
    assert extent(mask) == (slice(1, 5), slice(2, 3), slice(3, 6))
