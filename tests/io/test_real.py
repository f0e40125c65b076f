"""The real scans: every file is read at the place where nibabel sees it, or refused with a reason."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from voxlate.config.plan import Reading
from voxlate.errors import ReadError
from voxlate.io import file_digest, is_volume_path, read_grid, read_volume, write_volume

REFUSED = {
    "analyze.hdr": "analyze.img",
    "nifti1.hdr": "nifti1.img",
    "nifti2.hdr": "nifti2.img",
    "example4d.nii.gz": "one 3-D image",
    "example_nifti2.nii.gz": "one 3-D image",
    "functional.nii": "one 3-D image",
    "row_major.dconn.nii": "one 3-D image",
    "resampled_anat_moved.nii": "153 of 1071",
    "test.mgz": "one 3-D image",
}
FOLDERS = ("open_ms", "spm12_templates", "scct", "totalsegmentator", "tptbox", "sct_testing_data", "reader_odd")


@pytest.mark.parametrize("folder", [*FOLDERS, "msd_hippocampus"])
def test_every_real_scan_is_read_or_refused(real_data: Path, folder: str) -> None:
    paths = sorted(path for path in (real_data / folder).rglob("*") if is_volume_path(path))
    assert paths
    for path in paths[:: {"msd_hippocampus": 7, "open_ms": 3}.get(folder, 1)]:
        if path.name in REFUSED:
            with pytest.raises(ReadError, match=REFUSED[path.name]):
                read_volume(path)
            continue
        volume, image = read_volume(path), nibabel.load(path)
        np.testing.assert_allclose(volume.affine, image.affine, rtol=0, atol=1e-5, err_msg=path.name)
        np.testing.assert_allclose(volume.array, np.asanyarray(image.dataobj), rtol=2e-7, err_msg=path.name)
        assert read_grid(path).matches(volume.grid)
        assert volume.notes == ()


def test_voxels_that_are_not_numbers_can_be_accepted(real_data: Path) -> None:
    path = real_data / "reader_odd" / "resampled_anat_moved.nii"
    volume = read_volume(path, reading=Reading(on_nonfinite="zero"))
    assert volume.notes == ("153 NaN or infinite voxels were set to 0.",)
    np.testing.assert_array_equal(volume.array, np.nan_to_num(nibabel.load(path).get_fdata()))


@pytest.mark.parametrize("suffix", [".nii.gz", ".hdr", ".mha", ".nhdr"])
@pytest.mark.parametrize("name", ["tptbox/sub-mri_label-6_T2w.nii.gz", "sct_testing_data/t2_t2.nii.gz"])
def test_odd_axes_survive_the_round_trip(real_data: Path, tmp_path: Path, suffix: str, name: str) -> None:
    source = real_data / name
    before = file_digest(source)
    volume = read_volume(source)
    again = read_volume(write_volume(volume, tmp_path / f"a{suffix}"))
    np.testing.assert_array_equal(again.array, volume.array)
    np.testing.assert_allclose(again.affine, volume.affine, rtol=0, atol=1e-6)
    assert file_digest(source) == before
