"""What ``info`` says of a folder that is no model."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import voxlate
from voxlate.errors import BundleError, UsageError


@pytest.mark.parametrize(("count", "told"), [(1, "a data set of 1 case"), (2, "a data set of 2 cases")])
def test_a_data_set_is_sent_to_check(tmp_path: Path, count: int, told: str) -> None:
    for number in range(count):
        (tmp_path / f"case-{number}").mkdir()
        image = nib.Nifti1Image(np.ones((4, 5, 6), np.float32), np.eye(4))
        nib.save(image, tmp_path / f"case-{number}" / f"case-{number}_t1.nii.gz")
    with pytest.raises(UsageError) as refused:
        voxlate.info(tmp_path)
    assert refused.value.came == told
    assert f"`voxlate check {tmp_path}`" in refused.value.remedy


def test_a_damaged_model_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text("{")
    with pytest.raises(BundleError):
        voxlate.info(tmp_path)


def test_an_empty_folder_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        voxlate.info(tmp_path)
