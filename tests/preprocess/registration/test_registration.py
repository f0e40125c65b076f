from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from tests.preprocess.samples import affine_of, head, painted
from voxlate.errors import GeometryError
from voxlate.io.transforms import Deformation, Transform
from voxlate.phantoms.scans import PhantomOptions, SimulatedCase, simulate_case
from voxlate.preprocess.masking import find_foreground
from voxlate.preprocess.registration.deformation import _lattices, _limit_mm
from voxlate.preprocess.registration.registration import Alignment, _measure, _overlap, register
from voxlate.volume import Grid

SHAPE = (56, 60, 52)
GRID = Grid(SHAPE, affine_of(spacing=(2.5, 2.5, 2.5), origin=(-70.0, -75.0, -65.0)))
COARSE = Grid((28, 30, 26), GRID.affine @ np.diag([2.0, 2.0, 2.0, 1.0]))
LABELS = head(SHAPE)
MR = gaussian_filter(painted(LABELS, (0.0, 400.0, 300.0, 150.0), noise=10.0), 0.5)
CT = gaussian_filter(painted(LABELS, (-1000.0, 800.0, 45.0, 20.0), noise=15.0, seed=4), 0.5)


def moved_by(degrees: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    world = np.eye(4)
    world[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    world[:3, 3] = shift
    return world


@cache
def phantom(seed: int, spacing_mm: float | None = None, shift_mm: float = 0.0, turn_deg: float = 0.0) -> SimulatedCase:
    options = PhantomOptions(
        factor=1, spacing_mm=spacing_mm, misalignment_mm={"ct": shift_mm}, misalignment_deg=turn_deg
    )
    return simulate_case(seed=seed, index=0, size=64, anatomy="head", contrasts=("t1", "ct"), options=options)


def scans(case: SimulatedCase) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    mr = case.scans["t1"].image
    return mr, case.scans["ct"].image, find_foreground(mr, "otsu", spacing_mm=case.grid.spacing_mm)


def bent(image: NDArray[Any], grid: Grid, *, seed: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """An image after a smooth random displacement, and where each voxel's tissue went, ``(3, i, j, k)`` in mm."""
    spacing = np.array(grid.spacing_mm)[:, None, None, None]
    rng = np.random.default_rng(seed)
    pull = np.stack([gaussian_filter(rng.normal(size=image.shape), 25 / spacing.ravel(), mode="wrap") for _ in "xyz"])
    pull *= 1.5 / pull.std() / spacing
    index = np.indices(image.shape, dtype=np.float64)
    moved = map_coordinates(image.astype(np.float32), index + pull, order=1, mode="nearest")
    place = index.copy()
    for _ in range(15):  # the inverse of the pull
        place = index - np.stack([map_coordinates(part, place, order=1, mode="nearest") for part in pull])
    return moved, (place - index) * spacing


@pytest.mark.parametrize("kind", ["rigid", "affine"])
@pytest.mark.parametrize(
    ("degrees", "shift"), [((0, 0, 0), (0, 0, 0)), ((3, -2, 5), (6, -4, 3)), ((0, 0, 0), (40, 10, -30))]
)
def test_a_known_offset_is_found_to_half_a_voxel(kind: Any, degrees: tuple[float, float, float], shift: Any) -> None:
    world = moved_by(degrees, shift)
    found = register(MR, GRID, CT, moving_grid=Grid(SHAPE, world @ GRID.affine), kind=kind, mask=LABELS > 0)
    assert found.transform.distance_mm(Transform(world), GRID)[LABELS > 0].max() < 0.5 * 2.5
    assert found.similarity >= found.similarity_before
    assert f"{kind} registration" in found.describe()[0]
    assert found.warnings() == []


@pytest.mark.parametrize("seed", range(4))
def test_the_known_movement_of_the_phantom_is_found_to_half_a_voxel(seed: int) -> None:
    case = phantom(seed, shift_mm=6.0, turn_deg=4.0)
    mr, ct, mask = scans(case)
    truth = Transform(case.scans["ct"].motion.matrix())
    found = register(mr, case.grid, ct, moving_grid=case.grid, kind="rigid", mask=mask)
    before = truth.distance_mm(Transform(), case.grid)[mask]
    after = truth.distance_mm(found.transform, case.grid)[mask]
    assert before.mean() > 5
    assert after.max() < 0.5 * case.grid.spacing_mm[0]
    assert abs(found.movement.mean_mm - before.mean()) < 0.5


def test_a_known_deformation_of_a_turned_phantom_is_more_than_halved() -> None:
    case, world = phantom(0, spacing_mm=1.6), moved_by((3, -2, 5), (6, -4, 3))
    mr, ct, mask = scans(case)
    moved, truth = bent(ct, case.grid, seed=0)
    turned = Grid(case.grid.shape, world @ case.grid.affine)
    found = register(mr, case.grid, moved, moving_grid=turned, kind="deformable", mask=mask)
    places = np.einsum("ab,bijk->aijk", world[:3, :3], Transform().place(case.grid) + truth)
    places += world[:3, 3, None, None, None]
    before = np.linalg.norm(truth, axis=0)[mask]
    after = np.linalg.norm(found.transform.place(case.grid) - places, axis=0)[mask]
    assert before.mean() > 2
    assert after.mean() < 0.5 * before.mean()
    assert np.percentile(after, 95) < 0.5 * np.percentile(before, 95)
    assert found.similarity > found.similarity_before
    assert 0.5 < found.movement.smallest_volume < 1 < found.movement.largest_volume < 2
    assert found.movement.folded == 0
    assert "volumes to" in found.describe()[0]
    assert found.describe()[1].startswith("after its deformation, ")


def test_what_is_aligned_stays() -> None:
    found = register(MR, GRID, CT, moving_grid=GRID, kind="deformable", mask=LABELS > 0)
    assert found.movement.mean_mm < 0.3 * 2.5  # voxels; noise that interpolation smooths is worth that much
    assert found.movement.largest_mm < 2.5


SCRIPT = """
import json, sys
import SimpleITK as sitk
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(int(sys.argv[1]))
from tests.preprocess.registration.test_registration import COARSE, CT, LABELS, MR, bent
from voxlate.preprocess.registration.registration import register
moving = bent(CT[::2, ::2, ::2], COARSE, seed=1)[0]
mask = LABELS[::2, ::2, ::2] > 0
found = register(MR[::2, ::2, ::2], COARSE, moving, moving_grid=COARSE, kind="deformable", mask=mask)
assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == int(sys.argv[1])
bend = found.transform.deformation
print(json.dumps([found.transform.world.tolist(), bend.coefficients.ravel().tolist(), found.similarity]))
"""


def test_the_number_of_threads_changes_no_number() -> None:
    results = []
    for threads in ("1", "3"):
        names = ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads)}
        command = [sys.executable, "-c", SCRIPT, threads]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        results.append(json.loads(run.stdout))
    assert results[0] == results[1]


def test_another_seed_draws_other_samples() -> None:
    moving = Grid(SHAPE, moved_by((2, 0, 0), (3, 0, 0)) @ GRID.affine)
    first, again, other = (register(MR, GRID, CT, moving_grid=moving, kind="rigid", seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.transform.world, again.transform.world)
    assert first.similarity == again.similarity
    assert first.similarity != other.similarity
    assert first.warnings() == []
    assert first.transform.distance_mm(other.transform, GRID).max() < 1


@pytest.mark.parametrize("kind", ["rigid", "deformable"])
@pytest.mark.parametrize(
    ("moving", "mask"), [(np.zeros(SHAPE), None), (np.full(SHAPE, np.nan), None), (CT, np.zeros(SHAPE, dtype=bool))]
)
def test_nothing_to_align_is_refused(kind: Any, moving: NDArray[Any], mask: NDArray[Any] | None) -> None:
    with pytest.raises(GeometryError, match=r"case-7.*(contrast|foreground)"):
        register(MR, GRID, moving, moving_grid=GRID, kind=kind, mask=mask, where="case-7")


@pytest.mark.parametrize("kind", ["rigid", "deformable"])
def test_images_that_have_nothing_in_common_are_refused(kind: Any) -> None:
    corner = np.zeros(SHAPE, dtype=np.bool_)
    corner[:3, :3, :3] = True
    small = Grid((8, 8, 8), affine_of(spacing=(2.5, 2.5, 2.5)))
    with pytest.raises(GeometryError, match=r"case-7.*two images that overlap, got a registration.*no voxel"):
        register(MR, GRID, CT[20:28, 20:28, 20:28], moving_grid=small, kind=kind, mask=corner, where="case-7")


def test_what_cannot_be_aligned_is_warned_of_with_numbers() -> None:
    few = (slice(None, None, 2),) * 3
    noise = np.random.default_rng(0).normal(100, 20, COARSE.shape).astype(np.float32)
    (told,) = register(MR[few], COARSE, noise, moving_grid=COARSE, kind="rigid", mask=LABELS[few] > 0).warnings()
    assert "the two may not be aligned, or not show the same: mutual information is 0.0" in told
    world, part = Transform(), Grid((28, 30, 6), COARSE.affine)
    assert 0.02 < _overlap(world, COARSE, part, mask=LABELS[few] > 0) < 0.3
    told = Alignment("rigid", world, 0.9, 0.8, _measure(world, COARSE), turned=0.5, overlap=0.25).warnings()[0]
    assert told == "only 25 % of the foreground lies in the field of the other image"


def test_a_fold_and_a_deformation_at_its_limit_are_warned_about() -> None:
    finest = _lattices(GRID)[-1]
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(3, *finest.shape))

    def found(size: float) -> Alignment:
        transform = Transform(deformation=Deformation(finest, size * _limit_mm(finest) * signs))
        return Alignment("deformable", transform, 1.0, 0.5, _measure(transform, GRID))

    assert found(0.9).warnings() == []
    assert len(found(1.0).warnings()) == 1
    assert "folds space" in found(4.0).warnings()[0]
    assert found(4.0).movement.folded > 0
