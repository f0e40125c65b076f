from __future__ import annotations

import numpy as np
import pytest

from tests.preprocess.samples import AXIS_ORDERS, Triple, affine_of, grid_of
from voxlate.preprocess.orientation import axis_codes, from_ras, ras_grid, to_ras

CUBE = np.arange(3 * 4 * 5).reshape(3, 4, 5)


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS)
@pytest.mark.parametrize("oblique", [0.0, 25.0])
def test_every_axis_order_goes_to_ras_and_back(order: Triple, signs: Triple, oblique: float) -> None:
    affine = affine_of(order, signs, spacing=(1.0, 2.0, 3.0), oblique_degrees=oblique)
    turned, grid = to_ras(CUBE, affine), ras_grid(grid_of(CUBE, affine))
    assert axis_codes(grid.affine) == "RAS"
    assert grid.shape == turned.shape
    assert np.array_equal(from_ras(turned, affine), CUBE)
    # The voxel keeps its place in the world.
    old = np.argwhere(CUBE == 37)[0]
    new = np.argwhere(turned == 37)[0]
    assert np.allclose(affine @ [*old, 1], grid.affine @ [*new, 1], atol=1e-9)


def test_reordering_copies_nothing() -> None:
    assert np.shares_memory(to_ras(CUBE, affine_of((2, 0, 1), (1, -1, 1))), CUBE)


def test_axis_codes_of_a_left_handed_scan() -> None:
    assert axis_codes(np.diag([-1.0, 1.0, 1.0, 1.0])) == "LAS"
