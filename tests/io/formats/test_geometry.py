"""Rows 6 to 9 and 12: one gate decides what geometry a file states, and says what it accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from tests.io.crafted import nifti_header, volume_array, write_mha, write_nifti, write_nrrd
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.errors import GeometryError
from voxlate.io import read_grid, read_volume, write_volume
from voxlate.io.formats.geometry import _SHEAR_LIMIT, shear
from voxlate.io.formats.quaternion import quaternion_of
from voxlate.volume import Volume


def _srow(matrix: Any, offset: Any = (0, 0, 0)) -> Any:
    return np.column_stack([np.asarray(matrix, float), offset])


def _qform(affine: Any, **fields: Any) -> dict[str, Any]:
    q = quaternion_of(np.asarray(affine, float))
    return {
        "qform_code": 1,
        "quatern": q.imaginary,
        "qoffset": q.offset,
        "pixdim": [q.qfac, *q.spacing, 1, 1, 1, 1],
        **fields,
    }


@pytest.mark.parametrize(
    "srow",
    [
        _srow(np.diag([1, np.nan, 1])),
        _srow(np.diag([1, np.inf, 1])),
        _srow(np.eye(3), (0, np.nan, 0)),
        _srow(np.diag([1, 0, 1])),
        _srow(np.zeros((3, 3))),
        _srow([[1, 1, 0], [1, 1, 0], [0, 0, 1]]),
        _srow(np.diag([1e-30, 1, 1])),
        _srow(np.diag([1e30, 1, 1])),
        _srow(np.eye(3) * 3e38),
    ],
    ids=range(9),
)
def test_an_unusable_affine_is_refused(tmp_path: Path, srow: Any) -> None:
    path = write_nifti(tmp_path / "a.nii", srow=srow)
    for read in (read_volume, read_grid):
        with pytest.raises(GeometryError, match=str(path)):
            read(path)


@pytest.mark.parametrize("pixdim", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("code", ["sform_code", "qform_code"])
def test_a_spacing_of_zero_is_refused_whichever_form_is_stated(tmp_path: Path, pixdim: float, code: str) -> None:
    fields = {"sform_code": 0, "qform_code": 0, code: 1, "pixdim": [1, 1, pixdim, 1, 1, 1, 1, 1]}
    for accepted in (Reading(), Reading(on_missing_affine="ras", on_affine_conflict="sform", on_shear="resample")):
        with pytest.raises(GeometryError):
            read_volume(write_nifti(tmp_path / "a.nii", **fields), reading=accepted)


@pytest.mark.parametrize("quatern", [(2, 0, 0), (np.nan, 0, 0), (0.9, 0.9, 0)])
def test_an_impossible_quaternion_is_refused(tmp_path: Path, quatern: Any) -> None:
    with pytest.raises(GeometryError):
        read_volume(write_nifti(tmp_path / "a.nii", sform_code=0, qform_code=1, quatern=quatern))


@pytest.mark.parametrize("spacing", ["0 1 1", "1 nan 1", "-1 1 1", "inf 1 1"])
def test_an_unusable_spacing_in_a_metaimage_is_refused(tmp_path: Path, spacing: str) -> None:
    for accepted in (Reading(), Reading(on_missing_affine="ras")):
        with pytest.raises(GeometryError):
            read_volume(write_mha(tmp_path / "a.mha", ElementSpacing=spacing), reading=accepted)


@pytest.mark.parametrize("directions", ["(1,0,0) (0,0,0) (0,0,1)", "(1,0,0) (0,nan,0) (0,0,1)"])
def test_unusable_directions_in_an_nrrd_are_refused(tmp_path: Path, directions: str) -> None:
    with pytest.raises(GeometryError):
        read_volume(write_nrrd(tmp_path / "a.nrrd", space_directions=directions))


def test_only_a_qform_is_read_as_nibabel_reads_it(tmp_path: Path) -> None:
    affine = np.array([[-0.9, 0.1, 0.05, 3], [0.1, 1.1, -0.2, -7], [0.05, 0.2, 2.0, 11], [0, 0, 0, 1.0]])
    for sign in (1, -1):
        path = write_nifti(tmp_path / "a.nii", **_qform(affine @ np.diag([sign, 1, 1, 1])), sform_code=0)
        np.testing.assert_allclose(read_grid(path).affine, nibabel.load(path).affine, atol=1e-6)


@pytest.mark.parametrize("base", [np.eye(4), np.diag([-1.0, -1, 1, 1]), np.diag([-1.0, 1, 1, 1])])
@pytest.mark.parametrize("shift", [0.002, 10.0])
def test_forms_that_disagree_are_refused_or_chosen(tmp_path: Path, base: Any, shift: float) -> None:
    moved = base.copy()
    moved[1, 3] += shift
    path = write_nifti(tmp_path / "a.nii", **_qform(moved), srow=base[:3])
    with pytest.raises(GeometryError, match="sform and qform"):
        read_volume(path)
    for choice, affine in (("sform", base), ("qform", moved)):
        volume = read_volume(path, reading=Reading(on_affine_conflict=choice))
        np.testing.assert_allclose(volume.affine, affine, atol=1e-6)
        assert choice in volume.notes[0]


def test_forms_within_a_micrometre_agree(tmp_path: Path) -> None:
    moved = np.eye(4)
    moved[1, 3] = 0.0009
    volume = read_volume(write_nifti(tmp_path / "a.nii", **_qform(moved), srow=np.eye(4)[:3]))
    assert volume.notes == ()
    np.testing.assert_array_equal(volume.affine, np.eye(4))


@pytest.mark.parametrize("angle", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 0])
def test_a_quaternion_near_a_half_turn_agrees_with_the_affine_that_it_was_made_from(
    tmp_path: Path, angle: float
) -> None:
    """There float32 leaves an error of up to 1e-4 rad, which is no contradiction; a shift still is."""
    c, s = np.cos(angle), np.sin(angle)
    affine = np.diag([-1.0, -1, 1, 1]) @ np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    affine[:3, 3] = 120.3, 110.7, -90.1
    array = np.zeros((256, 256, 4), np.uint8)
    volume = read_volume(write_nifti(tmp_path / "a.nii", array, **_qform(affine), srow=affine[:3]))
    np.testing.assert_allclose(volume.affine, affine, atol=1e-5)
    other = _qform(affine)
    other["qoffset"] = (120.3, 110.703, -90.1)
    with pytest.raises(GeometryError):
        read_volume(write_nifti(tmp_path / "b.nii", array, **other, srow=affine[:3]))


def test_a_turn_of_a_hundredth_degree_is_a_conflict(tmp_path: Path) -> None:
    angle = np.deg2rad(0.01)
    turned = np.eye(4)
    turned[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    array = np.zeros((200, 200, 2), np.uint8)
    with pytest.raises(GeometryError, match=r"0\.0[34]"):
        read_volume(write_nifti(tmp_path / "a.nii", array, **_qform(turned), srow=np.eye(4)[:3]))


def test_no_stated_orientation_must_be_accepted(tmp_path: Path) -> None:
    paths = [
        write_nifti(tmp_path / "a.nii", sform_code=0, pixdim=[1, 2, 3, 4, 1, 1, 1, 1]),
        write_mha(tmp_path / "a.mha", drop=("TransformMatrix",), ElementSpacing="2 3 4"),
        write_mha(tmp_path / "b.mha", drop=("Offset",), ElementSpacing="2 3 4"),
        write_nrrd(tmp_path / "a.nrrd", drop=("space",), space_directions="(2,0,0) (0,3,0) (0,0,4)"),
        write_nrrd(tmp_path / "b.nrrd", drop=("space directions", "space", "space origin"), spacings="2 3 4"),
    ]
    for path in paths:
        with pytest.raises(GeometryError, match="on_missing_affine"):
            read_volume(path)
        volume = read_volume(path, reading=Reading(on_missing_affine="ras"))
        np.testing.assert_array_equal(volume.affine, np.diag([2.0, 3, 4, 1]))
        assert "no orientation" in volume.notes[0]


def test_unit_and_origin_that_are_stated_are_kept_where_the_orientation_is_not(tmp_path: Path) -> None:
    """A label map of a few millimetres would lie a metre from its image, or be a thousandth of its size."""
    expected = np.diag([2.0, 3, 4, 1])
    expected[:3, 3] = [5, 6, 7]
    paths = [
        write_mha(tmp_path / "a.mha", drop=("TransformMatrix",), ElementSpacing="2 3 4", Offset="-5 -6 7"),
        write_nrrd(
            tmp_path / "a.nrrd", drop=("space",), space_directions="(2,0,0) (0,3,0) (0,0,4)", space_origin="(5,6,7)"
        ),
        write_nrrd(
            tmp_path / "b.nrrd",
            drop=("space", "space directions", "space origin"),
            spacings="0.002 0.003 0.004",
            axis_mins="0.005 0.006 0.007",
            units='"m" "m" "m"',
        ),
    ]
    for path in paths:
        volume = read_volume(path, reading=Reading(on_missing_affine="ras"))
        np.testing.assert_allclose(volume.affine, expected, rtol=1e-12)
        assert "from the origin that it states" in volume.notes[-1]
    assert "from m to mm" in volume.notes[0]


def test_without_a_spacing_nothing_is_accepted(tmp_path: Path) -> None:
    path = write_mha(tmp_path / "a.mha", drop=("ElementSpacing",))
    with pytest.raises(GeometryError, match="1 mm"):
        read_volume(path, reading=Reading(on_missing_affine="ras"))


def test_analyze_is_refused_unless_its_missing_geometry_is_accepted(tmp_path: Path) -> None:
    array = volume_array()
    header = nifti_header(array, magic=b"", vox_offset=0, pixdim=[0, 2, 3, 4, 1, 1, 1, 1], sform_code=7)
    (tmp_path / "a.hdr").write_bytes(header)
    (tmp_path / "a.img").write_bytes(array.tobytes(order="F"))
    with pytest.raises(GeometryError):
        read_volume(tmp_path / "a.img")
    volume = read_volume(tmp_path / "a.img", reading=Reading(on_missing_affine="ras"))
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_array_equal(volume.affine, np.diag([2.0, 3, 4, 1]))
    assert any("left and right" in note for note in volume.notes)


@pytest.mark.parametrize(("code", "factor"), [(0, 1), (1, 1000), (2, 1), (3, 0.001)])
def test_units_become_millimetres(tmp_path: Path, code: int, factor: float) -> None:
    srow = _srow(np.diag([2, 3, 4]), (5, 6, 7))
    volume = read_volume(write_nifti(tmp_path / "a.nii", xyzt_units=code | 8, srow=srow))
    np.testing.assert_allclose(volume.affine[:3], factor * srow)
    assert len(volume.notes) == (factor != 1)


def test_units_of_an_nrrd_become_millimetres(tmp_path: Path) -> None:
    volume = read_volume(write_nrrd(tmp_path / "a.nrrd", space_units='"um" "um" "um"', space_origin="(5,6,7)"))
    np.testing.assert_allclose(volume.affine, np.diag([-0.001, -0.001, 0.001, 1]) + _at(-0.005, -0.006, 0.007))
    assert "um" in volume.notes[0]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("unit", ["\N{MICRO SIGN}m", "\N{GREEK SMALL LETTER MU}m"])
def test_micrometres_are_read_in_any_encoding(tmp_path: Path, unit: str, encoding: str) -> None:
    if encoding == "latin-1":
        unit = "\N{MICRO SIGN}m"  # the only one that it has
    path = write_nrrd(tmp_path / "a.nrrd", space_units=f'"{unit}" "{unit}" "{unit}"')
    path.write_bytes(path.read_bytes().replace(unit.encode(), unit.encode(encoding)))
    assert read_volume(path).spacing_mm == pytest.approx((0.001, 0.001, 0.001))


def test_the_size_of_a_voxel_is_no_spacing_where_that_is_stated(tmp_path: Path) -> None:
    both = write_mha(tmp_path / "a.mha", ElementSpacing="5 5 5", ElementSize="5 5 4")
    assert read_volume(both).spacing_mm == pytest.approx((5, 5, 5))
    alone = write_mha(tmp_path / "b.mha", drop=("ElementSpacing",), ElementSize="5 5 4")
    assert read_volume(alone).spacing_mm == pytest.approx((5, 5, 4))


def _at(x: float, y: float, z: float) -> Any:
    shift = np.zeros((4, 4))
    shift[:3, 3] = x, y, z
    return shift


def test_an_unknown_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="unit"):
        read_volume(write_nifti(tmp_path / "a.nii", xyzt_units=5))


@pytest.mark.parametrize(
    ("space", "signs"),
    [("RAS", (1, 1, 1)), ("left-anterior-superior", (-1, 1, 1)), ("Left-Posterior-Superior", (-1, -1, 1))],
)
def test_each_world_of_nrrd_becomes_ras(tmp_path: Path, space: str, signs: Any) -> None:
    volume = read_volume(write_nrrd(tmp_path / "a.nrrd", space=space, space_origin="(1, 2, 3)"))
    np.testing.assert_array_equal(volume.affine, np.diag([*signs, 1.0]) @ (np.eye(4) + _at(1, 2, 3)))


def _sheared(amount: float) -> Any:
    affine = np.diag([1.0, 1.5, 2.0, 1.0])
    affine[0, 1] = amount
    affine[:3, 3] = 4, -5, 6
    return affine


@pytest.mark.parametrize("amount", [0.01, 0.3])
def test_shear_is_refused(tmp_path: Path, amount: float) -> None:
    path = write_nifti(tmp_path / "a.nii", srow=_sheared(amount)[:3])
    for read in (read_volume, read_grid):
        with pytest.raises(GeometryError, match="on_shear"):
            read(path)
    with pytest.raises(GeometryError, match="shear"):
        write_volume(Volume(volume_array(), _sheared(amount)), tmp_path / "b.nii")


def test_rounding_of_directions_is_no_shear() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        affine = np.eye(4)
        affine[:3, :3] = np.round(rotation, 4)
        assert shear(affine) < _SHEAR_LIMIT


def test_shear_is_resampled_where_that_is_asked_for(tmp_path: Path) -> None:
    """A linear function of the world is reproduced exactly by linear interpolation, away from the border."""
    affine, shape = _sheared(0.3), (24, 20, 12)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    array = (2 * world[..., 0] - world[..., 1] + 0.5 * world[..., 2]).astype(np.float32)
    path = write_nifti(tmp_path / "a.nii", array, srow=affine[:3])
    reading = Reading(on_shear="resample")
    volume = read_volume(path, reading=reading)
    assert shear(volume.affine) < 1e-12
    assert read_grid(path, reading=reading).matches(volume.grid)
    np.testing.assert_allclose(volume.spacing_mm, np.linalg.norm(affine[:3, :3], axis=0))
    assert "resampled" in volume.notes[-1]
    new = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), axis=-1)
    place = new @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    back = (place - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    inside = ((back >= 0) & (back <= np.array(shape) - 1)).all(axis=-1)
    assert inside.mean() > 0.5
    expected = 2 * place[..., 0] - place[..., 1] + 0.5 * place[..., 2]
    np.testing.assert_allclose(volume.array[inside], expected[inside], atol=1e-4)
    assert (volume.array[(back < -1).any(axis=-1)] == array.min()).all()


def test_resampled_labels_stay_labels(tmp_path: Path) -> None:
    array = np.random.default_rng(0).choice([0, 3, 7], (12, 12, 6)).astype(np.uint8)
    path = write_nifti(tmp_path / "a.nii", array, srow=_sheared(0.3)[:3])
    volume = read_volume(path, contrast=get_contrast("seg"), reading=Reading(on_shear="resample"))
    assert set(np.unique(volume.array)) == {0, 3, 7}
    assert volume.array.dtype == np.uint8


def test_an_absurd_shear_is_not_resampled(tmp_path: Path) -> None:
    array = np.zeros((60, 60, 60), np.uint8)
    matrix = [[1, 0.02, 0], [0, 0.0005, 0], [0, 0, 1]]
    path = write_nifti(tmp_path / "a.nii", array, srow=_srow(matrix))
    with pytest.raises(GeometryError, match=str(path)):
        read_volume(path, reading=Reading(on_shear="resample"))
