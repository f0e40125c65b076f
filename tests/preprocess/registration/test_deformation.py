from __future__ import annotations

import numpy as np
import pytest

from tests.preprocess.samples import affine_of
from voxlate.io.transforms import Deformation, Transform
from voxlate.preprocess.registration.deformation import _BOUND, _lattices, _limit_mm, _refined, at_limit
from voxlate.volume import Grid

GRID = Grid((40, 50, 30), affine_of((2, 0, 1), (-1, 1, 1), spacing=(4.0, 4.0, 6.0), oblique_degrees=15))


def bend_on(lattice: Grid, *, size: float, seed: int = 0) -> Deformation:
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(3, *lattice.shape))
    return Deformation(lattice, size * _limit_mm(lattice) * signs)


def test_a_finer_lattice_displaces_alike() -> None:
    coarse = bend_on(_lattices(GRID)[0], size=1.0)
    for axes in ((True, True, True), (False, True, False)):
        fine = _refined(coarse, axes)
        wanted = [2 * n - 3 if axis else n for n, axis in zip(coarse.lattice.shape, axes, strict=True)]
        assert fine.lattice.shape == tuple(wanted)
        assert Transform(deformation=fine).distance_mm(Transform(deformation=coarse), GRID).max() < 1e-9


def test_every_voxel_lies_where_splines_are_defined() -> None:
    for lattice in _lattices(GRID):
        corners = np.c_[GRID.corners_mm(), np.ones(8)] @ np.linalg.inv(lattice.affine).T
        assert (corners[:, :3] >= 1).all()
        assert (corners[:, :3] <= np.array(lattice.shape) - 2).all()
    assert [grid.shape for grid in _lattices(GRID)] == [(5, 5, 5), (7, 7, 7), (11, 11, 11)]
    thin = _lattices(Grid((60, 60, 5), np.diag([4.0, 4.0, 5.0, 1.0])))
    assert [grid.shape[2] for grid in thin] == [4, 4, 4]


@pytest.mark.parametrize("seed", range(5))
def test_within_the_bound_space_cannot_fold(seed: int) -> None:
    finest = _lattices(GRID)[-1]
    dense = Grid((80, 100, 60), GRID.affine @ np.diag([0.5, 0.5, 0.5, 1.0]))
    bend = bend_on(finest, size=1.0, seed=seed)
    assert at_limit(bend)
    assert Transform(deformation=bend).volume_change(dense).min() > 0


def test_beyond_the_bound_it_can() -> None:
    finest = _lattices(GRID)[-1]
    values = [Transform(deformation=bend_on(finest, size=4.0, seed=s)).volume_change(GRID).min() for s in range(3)]
    assert min(values) < 0
    assert not at_limit(bend_on(finest, size=0.5))
    assert _limit_mm(finest) == _BOUND * min(finest.spacing_mm)
