from __future__ import annotations

import numpy as np
import pytest

from tests.preprocess.samples import AXIS_ORDERS, Triple, affine_of, grid_of
from voxlate.preprocess.orientation import axis_codes, ras_grid, to_ras

CUBE = np.arange(3 * 4 * 5).reshape(3, 4, 5)


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS)
@pytest.mark.parametrize("oblique", [0.0, 25.0])
def test_every_voxel_keeps_its_place_in_ras_order(order: Triple, signs: Triple, oblique: float) -> None:
    affine = affine_of(order, signs, spacing=(1.0, 2.0, 3.0), oblique_degrees=oblique)
    turned, grid = to_ras(CUBE, affine), ras_grid(grid_of(CUBE, affine))
    assert axis_codes(grid.affine) == "RAS"
    assert grid.shape == turned.shape
    here = np.indices(grid.shape).reshape(3, -1)
    world = grid.affine[:3, :3] @ here + grid.affine[:3, 3:]
    there = np.linalg.inv(affine) @ np.vstack([world, np.ones(here.shape[1])])
    assert np.allclose(there, np.rint(there), atol=1e-9)
    assert np.array_equal(turned[tuple(here)], CUBE[tuple(np.rint(there[:3]).astype(int))])


def test_reordering_copies_nothing() -> None:
    assert np.shares_memory(to_ras(CUBE, affine_of((2, 0, 1), (1, -1, 1))), CUBE)


def test_axis_codes_of_a_left_handed_scan() -> None:
    assert axis_codes(np.diag([-1.0, 1.0, 1.0, 1.0])) == "LAS"
