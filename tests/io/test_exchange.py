"""Exchange with nibabel and SimpleITK, and what a volume is to NumPy and in a notebook."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  as everybody calls it

from voxlate.contrast import get_contrast
from voxlate.errors import GeometryError, ReadError, UsageError
from voxlate.io import Provenance, read_volume, write_volume
from voxlate.io.exchange import take_image
from voxlate.volume import Volume


def _oblique() -> Volume:
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-0.9, 1.1, 3.0])
    affine[:3, 3] = (12.5, -40.25, 7.125)
    array = np.random.default_rng(0).normal(100, 20, (9, 8, 7)).astype(np.float32)
    return Volume(array, affine, contrast=get_contrast("t1"))


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd"])
def test_each_library_means_the_same_place(suffix: str, tmp_path: Path) -> None:
    """What the other library reads of a file, given in memory, lies where the file lies."""
    volume = _oblique()
    path = write_volume(volume, tmp_path / f"image{suffix}")
    images = [sitk.ReadImage(path), *([nib.load(path)] if suffix == ".nii.gz" else [])]
    for image in images:
        found = take_image(image)
        assert np.array_equal(found.array, read_volume(path).array)
        assert found.grid.matches(read_volume(path).grid)


def test_there_and_back() -> None:
    volume = replace(_oblique(), trailing_axes=1)
    back = take_image(volume.to_nibabel())
    assert (back.trailing_axes, back.array.dtype) == (1, volume.array.dtype)
    for found in (back, take_image(volume.to_sitk()), take_image((volume.array, volume.affine))):
        assert np.array_equal(found.array, volume.array)
        assert np.allclose(found.affine, volume.affine, atol=1e-6)
    labels = Volume(np.arange(24, dtype=np.int64).reshape(2, 3, 4), np.eye(4), contrast=get_contrast("labels"))
    assert take_image(labels.to_nibabel()).array.dtype == np.uint8


def test_a_scaled_nibabel_image_has_its_physical_values(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.array([[[1.5, 2.5], [3.5, -1.25]]]), np.eye(4))
    image.set_data_dtype(np.int16)
    nib.save(image, tmp_path / "scaled.nii")
    found, by_file = take_image(nib.load(tmp_path / "scaled.nii")), read_volume(tmp_path / "scaled.nii")
    assert found.array.dtype == by_file.array.dtype == np.float32
    assert np.array_equal(found.array, by_file.array)


def test_what_a_file_would_be_refused_for_is_refused_in_memory() -> None:
    array = np.zeros((4, 4, 4), np.float32)
    conflicting = nib.Nifti1Image(array, np.eye(4))
    conflicting.set_qform(np.diag([2.0, 2, 2, 1]), code=1)
    sheared = np.eye(4)
    sheared[0, 1] = 0.3
    refused: list[tuple[object, type[Exception], str]] = [
        (conflicting, GeometryError, "sform and qform"),
        (nib.AnalyzeImage(array, np.eye(4)), GeometryError, "a stated orientation"),
        (nib.Nifti1Image(np.zeros((4, 4, 4, 2), np.float32), np.eye(4)), ReadError, "one 3-D image"),
        (sitk.Image([4, 4, 4], sitk.sitkVectorFloat32, 3), ReadError, "one number per voxel"),
        (sitk.Image([4, 4], sitk.sitkFloat32), ReadError, "three axes"),
        ((array, sheared), GeometryError, "right angles"),
        ((array.astype(complex), np.eye(4)), ReadError, "integer or real"),
        (Volume(np.full((4, 4, 4), np.inf), np.eye(4)), ReadError, "finite voxels"),
        (object(), UsageError, "a path, a Volume"),
    ]
    for image, kind, words in refused:
        with pytest.raises(kind, match=words):
            take_image(image)
    with pytest.raises(GeometryError, match="right angles"):
        Volume(array, sheared).to_sitk()


def test_a_volume_is_an_array() -> None:
    volume = _oblique()
    assert np.shares_memory(np.asarray(volume), volume.array)
    assert not np.shares_memory(np.array(volume), volume.array)
    assert np.asarray(volume, dtype=np.float64).dtype == np.float64
    assert np.asarray(volume, copy=False).flags.writeable is False
    with pytest.raises(ValueError, match="copy"):
        np.asarray(volume, dtype=np.float64, copy=False)
    assert float(np.mean(volume)) == pytest.approx(float(volume.array.mean()))


def test_a_volume_tells_of_itself_without_its_voxels() -> None:
    told = repr(Volume(np.array([[[0.5, 2.0], [np.nan, 4.0]]]), np.diag([1.0, -1, 2, 1]), contrast=get_contrast("ct")))
    assert told == "Volume(ct, 1 x 2 x 2 voxels of 1 x 1 x 2 mm, RPS, float64 from 0.5 to 4 HU)"


def test_a_picture_shows_three_planes_and_the_mark() -> None:
    made = Provenance(synthetic=True, target="t1", unit="a.u.")
    figure = replace(_oblique(), provenance=made).plot()
    words = [text.get_text() for text in (*figure.texts, *(text for axes in figure.axes for text in axes.texts))]
    assert {"axial", "coronal", "sagittal", "R", "L", "A", "P"} <= set(words)
    assert any("SYNTHETIC, not for diagnostic use" in word for word in words)
    assert any("a.u." in word for word in words)
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


@pytest.mark.parametrize(("array", "planes"), [(np.zeros((5, 4, 1)), 1), (np.full((4, 4, 4), np.nan), 3)])
def test_a_volume_that_shows_nothing_has_a_picture_too(array: np.ndarray, planes: int) -> None:
    assert len(Volume(array, np.eye(4)).plot().axes) == planes + 1, "and the scale of its greys"
