"""Row 19: every format, all 48 axis orders and flips; other programs must see the same voxels at the same places."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.io.crafted import SUFFIXES
from voxlate.io import read_grid, read_volume, write_volume
from voxlate.io.formats.quaternion import quaternion_of
from voxlate.volume import Volume

ORIENTATIONS = [
    np.eye(3)[list(order)] * np.array(signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4")


def _affine(orientation: Any, *, spacing: tuple[float, float, float] = (0.75, 1.0, 2.5), offset: Any = 0.0) -> Any:
    affine = np.eye(4)
    affine[:3, :3] = orientation * np.array(spacing)
    affine[:3, 3] = offset
    return affine


def _oblique(angles: tuple[float, float, float]) -> Any:
    x, y, z = angles
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _assert_same(written: Volume, read: Volume, *, tolerance: float = 1e-6) -> None:
    np.testing.assert_array_equal(read.array, written.array)
    assert read.array.dtype == written.array.dtype
    np.testing.assert_allclose(read.affine, written.affine, rtol=0, atol=tolerance)
    assert read.notes == ()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_all_axis_orders_and_flips_survive(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(7)
    for index, orientation in enumerate(ORIENTATIONS):
        dtype = np.dtype(TYPES[index % len(TYPES)])
        array = rng.integers(0, 120, (3, 4, 5)).astype(dtype)
        volume = Volume(array, _affine(orientation, offset=(-90.5, 126.25, -72.0)))
        path = write_volume(volume, tmp_path / f"{index}{suffix}")
        _assert_same(volume, read_volume(path))
        assert read_grid(path).matches(volume.grid, tolerance_mm=1e-6)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    orientation=st.sampled_from(ORIENTATIONS),
    angles=st.tuples(*[st.floats(-1.5, 1.5)] * 3),
    spacing=st.tuples(*[st.floats(0.1, 5)] * 3),
    offset=st.tuples(*[st.floats(-250, 250)] * 3),
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    trailing=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_oblique_grids_survive(
    tmp_path: Path,
    suffix: str,
    orientation: Any,
    angles: Any,
    spacing: Any,
    offset: Any,
    shape: Any,
    trailing: int,
    seed: int,
) -> None:
    array = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    affine = _affine(_oblique(angles) @ orientation, spacing=spacing, offset=offset)
    volume = Volume(array, affine, trailing_axes=trailing)
    read = read_volume(write_volume(volume, tmp_path / f"a{suffix}", overwrite=True))
    in_float32 = suffix in {".nii", ".nii.gz", ".hdr"}
    _assert_same(volume, read, tolerance=2e-5 if in_float32 else 1e-6)
    assert read.trailing_axes == trailing
    again = read_volume(write_volume(read, tmp_path / f"b{suffix}", overwrite=True))
    np.testing.assert_array_equal(again.affine, read.affine) if in_float32 else _assert_same(read, again)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("trailing", [0, 1])
def test_simpleitk_sees_the_same_world(tmp_path: Path, suffix: str, trailing: int) -> None:
    for index, orientation in enumerate(ORIENTATIONS[::5]):
        volume = Volume(
            np.arange(60, dtype=np.int16).reshape(3, 4, 5),
            _affine(_oblique((0.1, -0.2, 0.3)) @ orientation, offset=(-90.5, 126.25, -72.0)),
            trailing_axes=trailing,
        )
        image = sitk.ReadImage(str(write_volume(volume, tmp_path / f"{index}{suffix}")))
        voxels = sitk.GetArrayFromImage(image).reshape(5, 4, 3)
        np.testing.assert_array_equal(voxels.T, volume.array)
        for ijk in ((0, 0, 0), (2, 0, 0), (0, 3, 0), (0, 0, 4), (2, 3, 4)):
            lps = image.TransformIndexToPhysicalPoint((*ijk, *[0] * (image.GetDimension() - 3)))
            ras = np.array(lps[:3]) * (-1, -1, 1)
            np.testing.assert_allclose(ras, (volume.affine @ (*ijk, 1))[:3], atol=1e-4)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".hdr"])
def test_nibabel_sees_the_same_world(tmp_path: Path, suffix: str) -> None:
    for index, orientation in enumerate(ORIENTATIONS):
        affine = _affine(_oblique((0.1, -0.2, 0.3)) @ orientation, offset=(-90.5, 126.25, -72.0))
        volume = Volume(np.arange(60, dtype=np.uint16).reshape(3, 4, 5), affine, trailing_axes=index % 2)
        image = nibabel.load(write_volume(volume, tmp_path / f"{index}{suffix}"))
        np.testing.assert_array_equal(np.asanyarray(image.dataobj).reshape(volume.shape), volume.array)
        assert image.ndim == 3 + index % 2
        assert image.header.get_xyzt_units()[0] == "mm"
        for form in (image.get_sform(coded=True), image.get_qform(coded=True)):
            np.testing.assert_allclose(form[0], volume.affine, atol=2e-5)
            assert form[1] == 1


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".mha", ".nrrd", ".mhd", ".nhdr"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_simpleitk_writes_is_read_at_the_same_place(tmp_path: Path, suffix: str, packed: bool) -> None:
    for dtype in (np.uint8, np.int16, np.float32, np.float64):
        image = sitk.GetImageFromArray(np.arange(60).reshape(3, 4, 5).astype(dtype))
        image.SetSpacing((0.5, 1.25, 3.0))
        image.SetOrigin((10.5, -20.25, 30.0))
        image.SetDirection(_oblique((0.2, 0.1, -0.3)).flatten().tolist())
        path = tmp_path / f"{np.dtype(dtype).name}{suffix}"
        sitk.WriteImage(image, str(path), useCompression=packed)
        volume = read_volume(path)
        np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(image).T)
        for ijk in ((0, 0, 0), (4, 0, 0), (0, 3, 0), (0, 0, 2)):
            ras = np.array(image.TransformIndexToPhysicalPoint(ijk)) * (-1, -1, 1)
            np.testing.assert_allclose((volume.affine @ (*ijk, 1))[:3], ras, atol=1e-5)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_volume_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    first = write_volume(Volume(array, np.eye(4)), tmp_path / f"a{suffix}")
    content = first.read_bytes()
    write_volume(Volume(np.asfortranarray(array), np.eye(4)), first, overwrite=True)
    assert first.read_bytes() == content


def test_a_long_axis_takes_nifti_2(tmp_path: Path) -> None:
    volume = Volume(np.arange(33000, dtype=np.uint16).reshape(-1, 1, 1), np.eye(4))
    path = write_volume(volume, tmp_path / "long.nii")
    assert nibabel.load(path).header["sizeof_hdr"] == 540
    _assert_same(volume, read_volume(path))


def test_big_endian_files_are_read(tmp_path: Path) -> None:
    array = np.arange(60, dtype=">f4").reshape(3, 4, 5)
    path = tmp_path / "big.nii"
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(np.float32)
    nibabel.Nifti1Image(array, np.diag([2.0, 3, 4, 1]), header).to_filename(path)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.float32
    np.testing.assert_array_equal(volume.affine, np.diag([2.0, 3, 4, 1]))


@settings(max_examples=200, deadline=None)
@given(orientation=st.sampled_from(ORIENTATIONS), angles=st.tuples(*[st.floats(-3.2, 3.2)] * 3))
def test_quaternions_are_those_of_nibabel(orientation: Any, angles: Any) -> None:
    affine = _affine(_oblique(angles) @ orientation, offset=(1.0, -2.0, 3.0))
    quaternion = quaternion_of(affine)
    header = nibabel.Nifti2Header()
    header.set_qform(affine, code=1)
    theirs = np.array([header[f"quatern_{axis}"] for axis in "bcd"])
    if np.dot(theirs, theirs) < 1 - 1e-10:  # beyond, at a half turn, the sign is arbitrary
        np.testing.assert_allclose(quaternion.imaginary, theirs, atol=1e-9)
    np.testing.assert_allclose(quaternion.affine, affine, atol=1e-6)
