"""Names of files that say another contrast than the file is taken for."""

from __future__ import annotations

from pathlib import Path

from voxlate.cohort.admission.names import check_name
from voxlate.contrast import CONTRASTS


def test_a_contrast_before_an_id_is_read_too() -> None:
    (finding,) = check_name(CONTRASTS["t1"], case="FLAIR_p01", path=Path("FLAIR_p01.nii.gz"))
    assert "it shows FLAIR, and it is taken for T1" in finding.message
    assert not list(check_name(CONTRASTS["t1"], case="T1_p01", path=Path("T1_p01.nii.gz")))
