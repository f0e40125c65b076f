from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.spatial.transform import Rotation

from voxlate.errors import ReadError, WriteError
from voxlate.io.transforms import Deformation, Transform, read_transform, write_transform
from voxlate.volume import Grid

SPACING = np.array([20.0, 25.0, 30.0])
MIRROR = np.array([-1.0, -1.0, 1.0])


def turned(degrees: tuple[float, float, float], shift: tuple[float, float, float]) -> NDArray[np.float64]:
    world = np.eye(4)
    world[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    world[:3, 3] = shift
    return world


def bent(size_mm: float = 3.0) -> Deformation:
    affine = turned((10, 20, 5), (-60, -70, -80))
    affine[:3, :3] = affine[:3, :3] * SPACING
    return Deformation(Grid((7, 8, 9), affine), np.random.default_rng(0).normal(size=(3, 7, 8, 9)) * size_mm)


def splines(bend: Deformation, point: NDArray[np.float64]) -> NDArray[np.float64]:
    """The displacement at a point by SciPy's splines, as an independent computation."""
    index = np.linalg.solve(bend.lattice.affine, [*point, 1.0])[:3]
    weights = []
    for place, count in zip(index, bend.lattice.shape, strict=True):
        basis = [BSpline.basis_element(np.arange(-2.0, 3.0) + n, extrapolate=False) for n in range(count)]
        weights.append(np.nan_to_num([element(place) for element in basis]))
    return np.einsum("cijk,i,j,k->c", bend.coefficients, *weights)


WORLD = turned((1, 2, 3), (4, 5, 6))
TRANSFORM = Transform(WORLD, bent())
INNER = np.array(TRANSFORM.deformation.lattice.affine if TRANSFORM.deformation else WORLD) @ [3.0, 3.2, 4.1, 1.0]
GRID = Grid((5, 4, 3), np.array([[0, 4.0, 0, INNER[0]], [5, 0, 0, INNER[1]], [0, 0, -6, INNER[2]], [0, 0, 0, 1]]))


def test_places_are_the_splines_and_then_the_matrix() -> None:
    places = TRANSFORM.place(GRID)
    for index in ((0, 0, 0), (4, 3, 2), (2, 1, 1)):
        point = (GRID.affine @ [*index, 1.0])[:3]
        wanted = WORLD[:3, :3] @ (point + splines(bent(), point)) + WORLD[:3, 3]
        assert np.allclose(places[(slice(None), *index)], wanted, atol=1e-9)


def test_the_file_is_read_by_others_in_their_coordinates(tmp_path: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    for name, transform in (("bent", TRANSFORM), ("stiff", Transform(WORLD))):
        path = tmp_path / f"{name}.tfm"
        write_transform(transform, path)
        found = sitk.ReadTransform(str(path))
        places = transform.place(GRID)
        for index in ((0, 0, 0), (3, 2, 1)):
            point = (GRID.affine @ [*index, 1.0])[:3] * MIRROR
            assert np.allclose(np.array(found.TransformPoint(point.tolist())) * MIRROR, places[(slice(None), *index)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bent.tfm", "stiff.tfm"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="write"):
        write_transform(Transform(), tmp_path / "nowhere" / "a.tfm")


def test_distances_are_those_of_the_points() -> None:
    shifted = WORLD.copy()
    shifted[:3, 3] += (3, 0, 4)
    assert np.allclose(Transform(WORLD).distance_mm(Transform(shifted), GRID), 5.0)


def test_volumes_are_the_determinant_and_a_fold_is_negative() -> None:
    stretched = np.diag([1.1, 0.9, 2.0, 1.0])
    assert np.allclose(Transform(WORLD @ stretched).volume_change(GRID), 1.1 * 0.9 * 2.0)
    lattice = bent().lattice
    i = np.broadcast_to(np.arange(7)[:, None, None], lattice.shape)
    # Splines give a straight line of coefficients back as a straight line: x shrinks by the factor, or turns round.
    for factor in (0.4, -0.5):
        slope = (factor - 1) * lattice.affine[:3, 0]
        bend = Deformation(lattice, slope[:, None, None, None] * i)
        assert np.allclose(Transform(deformation=bend).volume_change(GRID), factor)


@pytest.mark.parametrize("transform", [Transform(WORLD), TRANSFORM], ids=["stiff", "bent"])
def test_what_is_written_is_read_again(transform: Transform, tmp_path: Path) -> None:
    write_transform(transform, tmp_path / "x.tfm")
    assert read_transform(tmp_path / "x.tfm").distance_mm(transform, GRID).max() < 1e-6


def test_of_other_programs_any_matrix_is_read_and_nothing_else(tmp_path: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    euler = sitk.Euler3DTransform((10.0, -20.0, 5.0), 0.1, 0.2, -0.1, (1.0, 2.0, 3.0))
    sitk.WriteTransform(euler, str(tmp_path / "euler.tfm"))
    place = read_transform(tmp_path / "euler.tfm").world @ [30.0, 40.0, 50.0, 1.0]
    wanted = MIRROR * euler.TransformPoint((MIRROR * [30.0, 40.0, 50.0]).tolist())
    assert np.allclose(place[:3], wanted)
    sitk.WriteTransform(sitk.Euler2DTransform(), str(tmp_path / "flat.tfm"))
    (tmp_path / "text.tfm").write_text("no transform\n", encoding="utf-8")
    for name in ("flat.tfm", "text.tfm", "none.tfm"):
        with pytest.raises(ReadError, match=name):
            read_transform(tmp_path / name)
