"""A scan is known by its voxels: in any format, type and axis order, and from any other scan."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from voxlate.config.plan import Reading
from voxlate.io import voxel_digest, write_volume
from voxlate.io.canonical import hash_voxels
from voxlate.volume import Volume

VALUES = np.random.default_rng(1).integers(-5, 900, (7, 6, 5)).astype(np.int16)
AFFINE = np.array([[2, 0.1, 0, 5], [-0.1, 2, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
SCAN = Volume(VALUES, np.eye(4))
STRICT = Reading()


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr"])
def test_any_file_of_a_scan_has_its_digest(tmp_path: Path, suffix: str, dtype: type) -> None:
    path = write_volume(Volume(VALUES.astype(dtype), np.eye(4)), tmp_path / f"a{suffix}")
    assert voxel_digest(path, reading=STRICT) == hash_voxels(SCAN)


def test_an_offset_in_the_header_is_no_other_scan(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image((VALUES + 100).astype(np.int16), np.eye(4))
    image.header.set_slope_inter(1, -100)
    nibabel.save(image, tmp_path / "a.nii")
    assert voxel_digest(tmp_path / "a.nii", reading=STRICT) == hash_voxels(SCAN)


@pytest.mark.parametrize("code", ["RAS", "LPS", "PIR", "SAL"])
def test_the_axis_order_does_not_matter_nor_does_the_place(tmp_path: Path, code: str) -> None:
    image = nibabel.Nifti1Image(VALUES, np.eye(4))
    turn = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(code)
    )
    turned = image.as_reoriented(turn)
    moved = turned.affine.copy()
    moved[:3, 3] += 4.5
    nibabel.save(nibabel.Nifti1Image(np.asanyarray(turned.dataobj), moved), tmp_path / "a.nii.gz")
    assert voxel_digest(tmp_path / "a.nii.gz", reading=STRICT) == hash_voxels(SCAN)


def test_an_oblique_grid_is_turned_to_the_nearest_axes(tmp_path: Path) -> None:
    write_volume(Volume(VALUES, AFFINE), tmp_path / "a.nii.gz")
    sitk.WriteImage(sitk.ReadImage(tmp_path / "a.nii.gz"), tmp_path / "b.mha")
    assert voxel_digest(tmp_path / "b.mha", reading=STRICT) == hash_voxels(SCAN)


def test_another_scan_has_another_digest() -> None:
    other = VALUES.copy()
    other[3, 3, 3] += 1
    assert hash_voxels(Volume(other, np.eye(4))) != hash_voxels(SCAN)
    assert hash_voxels(Volume(VALUES.reshape(7, 5, 6), np.eye(4))) != hash_voxels(SCAN)


def test_an_empty_image_is_that_of_nobody(tmp_path: Path) -> None:
    assert hash_voxels(Volume(np.zeros((3, 3, 3), np.uint8), np.eye(4))) is None


def test_a_file_that_is_refused_has_none_and_one_that_changes_another(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    assert voxel_digest(path, reading=STRICT) is None
    write_volume(SCAN, path)
    first = voxel_digest(path, reading=STRICT)
    write_volume(Volume(VALUES + np.int16(1), np.eye(4)), path, overwrite=True)
    assert voxel_digest(path, reading=STRICT) not in {first, None}
    path.write_bytes(path.read_bytes()[:-5])
    assert voxel_digest(path, reading=STRICT) is None
