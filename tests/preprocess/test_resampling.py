from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from tests.preprocess.samples import AXIS_ORDERS, Triple, affine_of, grid_of
from voxlate.io.transforms import Deformation, Transform
from voxlate.preprocess.resampling import _index_map, covers, crop_grid, resample, same_lattice, spacing_grid
from voxlate.volume import Grid

RNG = np.random.default_rng(0)


def test_the_same_grid_gives_the_same_memory() -> None:
    array = RNG.random((4, 5, 6), dtype=np.float32)
    grid = grid_of(array, affine_of(oblique_degrees=11))
    assert np.shares_memory(resample(array, grid, grid), array)


@given(
    turn=st.sampled_from(AXIS_ORDERS),
    start=st.tuples(*[st.integers(-3, 3)] * 3),
    shape=st.tuples(*[st.integers(1, 9)] * 3),
)
def test_a_shared_lattice_is_moved_exactly(turn: tuple[Triple, Triple], start: Triple, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(1).random((4, 5, 6)).astype(np.float32) + 1
    source = grid_of(array, affine_of(spacing=(0.7, 1.3, 2.0), oblique_degrees=17))
    order, signs = turn
    move = np.zeros((4, 4))
    for axis, (old, sign) in enumerate(zip(order, signs, strict=True)):
        move[old, axis] = sign
    move[:, 3] = (*start, 1)
    target = Grid(shape, source.affine @ move)
    assert same_lattice(source, target)
    moved = resample(array, source, target, fill=-7)
    expected = np.full(shape, -7, dtype=np.float32)
    for index in np.ndindex(*shape):
        old = np.rint(move @ [*index, 1])[:3].astype(int)
        if (old >= 0).all() and (old < array.shape).all():
            expected[index] = array[tuple(old)]
    assert np.array_equal(moved, expected)


@pytest.mark.parametrize("nearest", [False, True])
def test_interpolation_agrees_with_scipy(nearest: bool) -> None:
    array = RNG.random((12, 13, 14), dtype=np.float32)
    source = grid_of(array, affine_of((1, 0, 2), (1, -1, 1), spacing=(1.0, 1.2, 0.9)))
    target = Grid((9, 9, 9), affine_of(spacing=(1.05, 0.95, 1.0), origin=(-20.3, 6.2, 5.1), oblique_degrees=8))
    ours = resample(array, source, target, nearest=nearest, fill=-1)
    index = np.einsum("ab,bijk->aijk", _index_map(source, target)[:3, :3], np.indices(target.shape).astype(float))
    index += _index_map(source, target)[:3, 3, None, None, None]
    inside = np.all([(index[a] > 0) & (index[a] < array.shape[a] - 1) for a in range(3)], axis=0)
    theirs = map_coordinates(array, index, order=0 if nearest else 1, mode="nearest")
    assert inside.sum() > 50
    agree = np.abs(ours - theirs)[inside] < 1e-5
    assert agree.mean() > (0.99 if nearest else 0.9999)


def test_booleans_and_small_integers_keep_their_dtype() -> None:
    array = RNG.integers(0, 2, (8, 8, 8)).astype(np.bool_)
    grid = grid_of(array, affine_of())
    finer = spacing_grid(grid, (0.6, 0.6, 0.6))
    for kind in (np.bool_, np.uint8, np.int16):
        assert resample(array.astype(kind), grid, finer, nearest=True).dtype == kind


def test_making_coarser_does_not_alias() -> None:
    stripes = np.zeros((40, 8, 8), dtype=np.float32)
    stripes[::2] = 1.0
    grid = grid_of(stripes, affine_of())
    coarse = resample(stripes, grid, spacing_grid(grid, (4.0, 1.0, 1.0)))
    assert np.abs(coarse[1:-1] - 0.5).max() < 0.05


def test_a_ramp_survives_a_change_of_spacing() -> None:
    grid = Grid((20, 16, 12), affine_of(spacing=(1.0, 1.0, 2.0)))
    index = np.indices(grid.shape).astype(np.float64)
    world_x = np.einsum("a,aijk->ijk", grid.affine[0, :3], index) + grid.affine[0, 3]
    other = spacing_grid(grid, (1.7, 0.8, 1.1))
    got = resample(world_x.astype(np.float32), grid, other)
    index = np.indices(other.shape).astype(np.float64)
    expected = np.einsum("a,aijk->ijk", other.affine[0, :3], index) + other.affine[0, 3]
    assert np.abs(got - expected)[1:-1].max() < 1e-3


def test_a_grid_of_another_spacing_covers_the_same_box() -> None:
    grid = Grid((20, 30, 40), affine_of((2, 0, 1), (-1, 1, 1), spacing=(1.0, 2.0, 0.5), oblique_degrees=20))
    other = spacing_grid(grid, (2.0, 1.0, 1.0))
    assert np.allclose(other.spacing_mm, (2.0, 1.0, 1.0))
    assert other.shape == (10, 60, 20)
    assert np.allclose(other.corners_mm().mean(axis=0), grid.corners_mm().mean(axis=0))


def test_covering_is_judged_at_voxel_borders() -> None:
    grid = Grid((10, 10, 10), affine_of())
    assert covers(grid, crop_grid(grid, (2, 3, 4), (5, 5, 5)))
    assert covers(grid, spacing_grid(grid, (0.5, 0.5, 0.5)))
    assert not covers(grid, crop_grid(grid, (-1, 0, 0), (5, 5, 5)))


@pytest.mark.parametrize("nearest", [True, False])
def test_a_transform_is_followed_voxel_by_voxel(nearest: bool) -> None:
    from scipy.ndimage import map_coordinates

    rng = np.random.default_rng(0)
    source = Grid((12, 14, 16), affine_of((1, 0, 2), (-1, 1, 1), oblique_degrees=10))
    target = Grid((9, 10, 8), affine_of(spacing=(1.1, 0.9, 1.2), origin=(-12.0, -6.0, 4.0)))
    lattice = Grid((7, 7, 7), affine_of(spacing=(8.0, 8.0, 8.0), origin=(-35.0, -25.0, -15.0)))
    world = np.eye(4)
    world[:3, 3] = (1.5, -2.0, 0.5)
    transform = Transform(world, Deformation(lattice, rng.normal(size=(3, 7, 7, 7))))
    array = rng.normal(size=source.shape).astype(np.float32)
    got = resample(array, source, target, nearest=nearest, fill=-9, transform=transform)
    place = np.linalg.inv(source.affine)
    index = np.einsum("ab,bijk->aijk", place[:3, :3], transform.place(target)) + place[:3, 3, None, None, None]
    inside = np.all([(part >= 0) & (part <= n - 1) for part, n in zip(index, source.shape, strict=True)], axis=0)
    wanted = map_coordinates(array, index, order=0 if nearest else 1, mode="nearest")
    assert inside.sum() > 100
    assert np.allclose(got[inside], wanted[inside], atol=1e-5)
    assert (got == -9).any()
    assert not same_lattice(source, source, transform)
    assert not covers(source, source, transform)
    assert not covers(source, source, Transform(world))
