"""Rows 10, 11 and 18: values are scaled by one rule, finite, and never squeezed into a type that does not hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.io.crafted import volume_array, write_mha, write_nifti, write_nrrd
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.errors import ReadError, WriteError
from voxlate.io import read_volume, write_volume
from voxlate.volume import Volume

EYE = np.eye(4)


@pytest.mark.parametrize("slope", [0.0, np.nan, 1.0])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "f4", "f8"])
def test_unscaled_values_keep_their_type(tmp_path: Path, slope: float, dtype: str) -> None:
    inter = 0.0 if slope == 1 else 7.0
    array = volume_array(dtype=dtype)
    volume = read_volume(write_nifti(tmp_path / "a.nii", array, scl_slope=slope, scl_inter=inter))
    assert volume.array.dtype == array.dtype
    np.testing.assert_array_equal(volume.array, array)


@pytest.mark.parametrize(("slope", "inter"), [(2.0, 0.0), (0.1, -1024.0), (-1.0, 5.0), (1.0, 3.0), (1e-9, 0.0)])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "f4", "f8"])
def test_scaled_values_are_those_of_nibabel(tmp_path: Path, slope: float, inter: float, dtype: str) -> None:
    path = write_nifti(tmp_path / "a.nii", volume_array(dtype=dtype), scl_slope=slope, scl_inter=inter)
    volume = read_volume(path)
    assert volume.array.dtype == (np.float64 if dtype == "f8" else np.float32)
    np.testing.assert_allclose(volume.array, nibabel.load(path).get_fdata(), rtol=2e-7, atol=1e-12)


@pytest.mark.parametrize(
    ("slope", "inter"), [(np.inf, 0), (-np.inf, 0), (1e38, 0), (1e-38, 0), (2.0, np.nan), (1.0, np.inf), (1.0, 1e38)]
)
@pytest.mark.parametrize("dtype", ["i2", "f4", "f8"])
def test_an_unusable_scaling_is_refused(tmp_path: Path, slope: float, inter: float, dtype: str) -> None:
    path = write_nifti(tmp_path / "a.nii", volume_array(dtype=dtype), scl_slope=slope, scl_inter=inter)
    with pytest.raises(ReadError, match="scl_slope"):
        read_volume(path)


def test_scaled_values_that_overflow_are_refused(tmp_path: Path) -> None:
    array = np.full((2, 2, 2), 1e20, np.float32)
    with pytest.raises(ReadError, match="float32"):
        read_volume(write_nifti(tmp_path / "a.nii", array, scl_slope=1e20))


@pytest.mark.parametrize(("dtype", "factor"), [("f8", 1e300), ("f8", -1e40), ("f8", 1e-300), ("f4", 3e36)])
@pytest.mark.parametrize("slope", [1.0, 2.0])
def test_real_values_that_no_float32_holds_are_refused(tmp_path: Path, dtype: str, factor: float, slope: float) -> None:
    array = (volume_array(dtype="f8") * factor).astype(dtype)
    with pytest.raises(ReadError, match="float32"):
        read_volume(write_nifti(tmp_path / "a.nii", array, scl_slope=slope))


@pytest.mark.parametrize("factor", [0.0, 1e-30, 1e30])
def test_real_values_that_a_float32_holds_are_read(tmp_path: Path, factor: float) -> None:
    array = volume_array(dtype="f8") * factor
    np.testing.assert_array_equal(read_volume(write_nifti(tmp_path / "a.nii", array)).array, array)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("form", ["nifti", "scaled", "mha", "nrrd"])
def test_values_that_are_not_finite_are_refused_or_counted(tmp_path: Path, value: float, form: str) -> None:
    array = volume_array(dtype="f4") + 1
    array[1, 2, 0] = array[4, 3, 2] = value
    voxels = array.tobytes(order="F")
    if form in {"nifti", "scaled"}:
        path = write_nifti(tmp_path / "a.nii", array, scl_slope=1 if form == "nifti" else 2)
    elif form == "mha":
        path = write_mha(tmp_path / "a.mha", data=voxels, ElementType="MET_FLOAT")
    else:
        path = write_nrrd(tmp_path / "a.nrrd", data=voxels, type="float")
    with pytest.raises(ReadError, match="2 of 60"):
        read_volume(path)
    volume = read_volume(path, reading=Reading(on_nonfinite="zero"))
    expected = np.where(np.isfinite(array), array, 0) * (2 if form == "scaled" else 1)
    np.testing.assert_array_equal(volume.array, expected)
    assert volume.notes == ("2 NaN or infinite voxels were set to 0.",)


def _written(folder: Path, array: Any, contrast: str | None = None, *, suffix: str = ".nii") -> Volume:
    volume = Volume(np.asarray(array), EYE, contrast=get_contrast(contrast) if contrast else None)
    return read_volume(write_volume(volume, folder / f"a{suffix}", overwrite=True))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("contrast", [None, "t1", "pet"])
def test_reals_become_float32(tmp_path: Path, dtype: str, contrast: str | None) -> None:
    array = np.linspace(-3, 1e4, 60).reshape(5, 4, 3).astype(dtype)
    volume = _written(tmp_path, array, contrast)
    assert volume.array.dtype == np.float32
    np.testing.assert_array_equal(volume.array, array.astype(np.float32))


@pytest.mark.parametrize(
    ("value", "stored"), [(-1023.5, -1024), (-0.5, 0), (0.5, 0), (1.5, 2), (2.49, 2), (3071, 3071)]
)
@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd"])
def test_ct_numbers_are_rounded_half_to_even(tmp_path: Path, value: float, stored: int, suffix: str) -> None:
    volume = _written(tmp_path, np.full((2, 2, 2), value), "ct", suffix=suffix)
    assert volume.array.dtype == np.int16
    assert (volume.array == stored).all()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.floats(-1e6, 1e6))
def test_ct_numbers_are_within_half_a_unit_or_refused(tmp_path: Path, value: float) -> None:
    array = np.full((2, 2, 2), value)
    if -32768.5 <= value < 32767.5:
        assert np.abs(_written(tmp_path, array, "ct").array - value).max() <= 0.5
    else:
        with pytest.raises(WriteError, match="int16"):
            _written(tmp_path, array, "ct")


@pytest.mark.parametrize(
    ("most", "dtype"), [(0, "u1"), (255, "u1"), (256, "u2"), (65535, "u2"), (65536, "u4"), (2**32 - 1, "u4")]
)
@pytest.mark.parametrize("given_as", ["i8", "f8", "u8"])
def test_labels_take_the_smallest_unsigned_integer(tmp_path: Path, most: int, dtype: str, given_as: str) -> None:
    array = np.zeros((2, 2, 2), given_as)
    array[1, 1, 1] = most
    volume = _written(tmp_path, array, "labels")
    assert volume.array.dtype == np.dtype(dtype)
    assert volume.array[1, 1, 1] == most


@pytest.mark.parametrize("value", [-1, 0.5, 2.0**32, np.nan])
def test_what_is_no_label_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(WriteError):
        _written(tmp_path, np.full((2, 2, 2), value), "labels")


def test_booleans_become_bytes(tmp_path: Path) -> None:
    for contrast in (None, "mask"):
        volume = _written(tmp_path, np.eye(3, dtype=bool)[None], contrast)
        assert volume.array.dtype == np.uint8
        np.testing.assert_array_equal(volume.array[0], np.eye(3))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39, 1j, "a"])
def test_nothing_unusable_is_written(tmp_path: Path, value: Any) -> None:
    for contrast in (None, "ct", "labels"):
        with pytest.raises(WriteError):
            _written(tmp_path, np.full((2, 2, 2), value), contrast)
    assert list(tmp_path.iterdir()) == []


def test_a_read_volume_cannot_be_changed_by_accident(tmp_path: Path) -> None:
    volume = read_volume(write_nifti(tmp_path / "a.nii"))
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1
