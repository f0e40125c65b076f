"""What a head shows where its header says nothing: T2 by bright CSF, T1 or FLAIR by grey and white matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.io.dicom.crafted import placed, values, write_series
from voxlate.cohort import index_cohort
from voxlate.cohort.heads.csf import shown_by_csf
from voxlate.errors import CohortError
from voxlate.io import write_volume
from voxlate.volume import Volume


def _head(csf: float) -> Volume:
    """A brain of 100 with ventricles of another value, stripped, in 4 mm."""
    x, y, z = np.meshgrid(*[np.arange(-100, 100, 4.0)] * 3, indexing="ij")
    brain = 100.0 * ((x / 68) ** 2 + (y / 85) ** 2 + (z / 62) ** 2 < 1)
    brain[(np.abs(np.abs(x) - 14) < 8) & (np.abs(y) < 36) & (np.abs(z + 6) < 12)] = csf
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -100
    return Volume(brain.astype(np.float32), affine)


def test_bright_csf_is_t2_and_dark_csf_decides_nothing(tmp_path: Path) -> None:
    for name, csf in {"bright": 240.0, "dark": 25.0}.items():
        write_volume(_head(csf), tmp_path / f"{name}.nii.gz")
    contrast, reason = shown_by_csf(tmp_path / "bright.nii.gz")
    assert contrast == "t2"
    assert "140 % above" in reason
    assert shown_by_csf(tmp_path / "dark.nii.gz")[0] == ""
    assert "does not tell a T1 from a FLAIR" in shown_by_csf(tmp_path / "dark.nii.gz")[1]
    write_volume(Volume(np.ones((9, 9, 9), np.float32), placed()), tmp_path / "cube.nii.gz")
    assert shown_by_csf(tmp_path / "cube.nii.gz") == ("", "its image shows no head whose CSF could tell")


def test_a_silent_header_is_asked_no_more_than_the_image(tmp_path: Path) -> None:
    for name, csf in {"a": 240.0, "b": 25.0}.items():
        head, uid = _head(csf), f"1.2.{ord(name)}"
        silent = {"SeriesDescription": "3D", "SeriesInstanceUID": uid, "StudyInstanceUID": uid}
        write_series(tmp_path / name / "1", head.array, head.affine, **silent)
    cohort = index_cohort(tmp_path)
    assert [(case.id, list(case.paths)) for case in cohort.cases] == [("a", ["t2"])]
    assert cohort.cases[0].attributes["t2 by"].startswith("image: CSF is bright")
    assert "CSF is not bright in its image" in cohort.left_out[0].reason
    write_series(tmp_path / "c" / "1", values((4, 4, 2)), placed(), SeriesDescription="3D")
    with pytest.raises(CohortError):
        index_cohort(tmp_path / "c")


@pytest.mark.parametrize(
    ("name", "contrast"),
    [
        ("open_ms/patient19/T2.nii.gz", "t2"),
        ("open_ms/patient26/T1POST.nii.gz", "t1"),
        ("open_ms/patient19/T1.nii.gz", "t1"),
        ("open_ms/patient26/FLAIR.nii.gz", "flair"),
        ("open_ms_raw/patient20/study2_T1W.nii.gz", "t1"),
        ("open_ms_raw/patient03/study1_T2W.nii.gz", "t2"),
        ("open_ms_raw/patient20/study2_FLAIR.nii.gz", "flair"),
        ("spm12_templates/avg152PD.nii", ""),
        ("spm12_templates/avg152T2.nii", "t2"),
    ],
)
def test_real_heads(real_data: Path, name: str, contrast: str) -> None:
    assert shown_by_csf(real_data / name)[0] == contrast
