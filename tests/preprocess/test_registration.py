from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from tests.preprocess.samples import affine_of, head, painted
from voxlate.errors import GeometryError
from voxlate.preprocess.registration import register
from voxlate.volume import Grid

SHAPE = (56, 60, 52)
GRID = Grid(SHAPE, affine_of(spacing=(2.5, 2.5, 2.5), origin=(-70.0, -75.0, -65.0)))
LABELS = head(SHAPE)
MR = gaussian_filter(painted(LABELS, (0.0, 400.0, 300.0, 150.0), noise=10.0), 0.5)
CT = gaussian_filter(painted(LABELS, (-1000.0, 800.0, 45.0, 20.0), noise=15.0, seed=4), 0.5)


def moved_by(degrees: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    world = np.eye(4)
    world[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    world[:3, 3] = shift
    return world


@pytest.mark.parametrize("kind", ["rigid", "affine"])
@pytest.mark.parametrize(
    ("degrees", "shift"), [((0, 0, 0), (0, 0, 0)), ((3, -2, 5), (6, -4, 3)), ((0, 0, 0), (40, 10, -30))]
)
def test_a_known_offset_is_found_to_half_a_voxel(kind: Any, degrees: tuple[float, float, float], shift: Any) -> None:
    world = moved_by(degrees, shift)
    found = register(MR, GRID, CT, moving_grid=Grid(SHAPE, world @ GRID.affine), kind=kind, mask=LABELS > 0)
    corners = np.c_[GRID.corners_mm() * 0.6, np.ones(8)]  # the corners of the head, not of the air around it
    error = np.linalg.norm((corners @ (found.world - world).T)[:, :3], axis=1).max()
    assert error < 0.5 * 2.5
    assert found.similarity >= found.similarity_before
    assert f"{kind} registration" in found.describe()


def test_the_same_images_give_the_same_numbers() -> None:
    moving = Grid(SHAPE, moved_by((2, 0, 0), (3, 0, 0)) @ GRID.affine)
    first, second = (register(MR, GRID, CT, moving_grid=moving, kind="rigid") for _ in range(2))
    assert np.array_equal(first.world, second.world)
    assert first.similarity == second.similarity


@pytest.mark.parametrize(
    ("moving", "mask"), [(np.zeros(SHAPE), None), (np.full(SHAPE, np.nan), None), (CT, np.zeros(SHAPE, dtype=bool))]
)
def test_nothing_to_align_is_refused(moving: NDArray[Any], mask: NDArray[Any] | None) -> None:
    with pytest.raises(GeometryError, match=r"contrast|foreground"):
        register(MR, GRID, moving, moving_grid=GRID, kind="rigid", mask=mask)
