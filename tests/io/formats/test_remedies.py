"""What is said to whoever wants to use a file that is refused: the option as the command line takes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from voxlate.errors import ReadError
from voxlate.io import read_volume


def saved(image: nib.Nifti1Image, folder: Path) -> Path:
    nib.save(image, folder / "a.nii.gz")
    return folder / "a.nii.gz"


def nonfinite(array: np.ndarray, affine: np.ndarray) -> nib.Nifti1Image:
    array[0, 0, 0] = np.nan
    return nib.Nifti1Image(array, affine)


def placeless(array: np.ndarray, affine: np.ndarray) -> nib.Nifti1Image:
    image = nib.Nifti1Image(array, affine)
    image.set_sform(None, code=0)
    image.set_qform(None, code=0)
    return image


def doubtful(array: np.ndarray, affine: np.ndarray) -> nib.Nifti1Image:
    image = nib.Nifti1Image(array, affine)
    image.set_qform(affine + np.diag([1.0, 0, 0, 0]), code=1)
    image.set_sform(affine, code=1)
    return image


def sheared(array: np.ndarray, affine: np.ndarray) -> nib.Nifti1Image:
    affine[0, 1] = 0.2
    image = nib.Nifti1Image(array, affine)
    image.set_qform(None, code=0)
    return image


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (nonfinite, "on_nonfinite=zero"),
        (placeless, "on_missing_affine=ras"),
        (doubtful, "on_affine_conflict=sform"),
        (sheared, "on_shear=resample"),
    ],
)
def test_the_options_are_named(tmp_path: Path, make: Callable[..., nib.Nifti1Image], setting: str) -> None:
    path = saved(make(np.ones((4, 5, 6), np.float32), np.eye(4)), tmp_path)
    with pytest.raises(ReadError) as refused:
        read_volume(path)
    assert f"--accept {setting}" in refused.value.remedy
    assert f"--set plan.reading.{setting}" in refused.value.remedy
