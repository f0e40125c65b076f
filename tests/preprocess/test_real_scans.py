from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxlate.cohort.case import Case
from voxlate.config.plan import PlanOptions
from voxlate.contrast import get_contrast
from voxlate.io import read_volume
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.orientation import axis_codes
from voxlate.preprocess.plan import make_plan
from voxlate.preprocess.prepare import prepare_case, restore


def test_a_stripped_brain_with_negative_values_goes_and_comes_back(real_data: Path) -> None:
    folder = real_data / "open_ms" / "patient26"
    case = Case("patient26", "patient26", {"t1": folder / "T1.nii.gz", "flair": folder / "FLAIR.nii.gz"}, {})
    fingerprint = take_fingerprint([case], ["t1", "flair"], options=PlanOptions())
    assert fingerprint.skull_stripped
    assert fingerprint.contrasts["t1"].orientations == {"LAS": 1}
    plan = make_plan(fingerprint, PlanOptions(), source=["t1"], target="flair")
    assert plan.mask.kind == "nonzero"
    assert plan.spacing_mm is None
    prepared = prepare_case(case, plan, contrasts=["t1", "flair"])
    assert axis_codes(prepared.grid.affine) == "RAS"
    mask = np.asarray(prepared.mask)
    volume_ml = mask.sum() * np.prod(prepared.grid.spacing_mm) / 1000
    assert 1000 < volume_ml < 1800  # a brain
    for name in ("t1", "flair"):
        file = read_volume(case.paths[name])
        back = restore(
            np.asarray(prepared.arrays[name]),
            prepared,
            normaliser=prepared.scalings[name],
            contrast=get_contrast(name),
        )
        assert back.grid.matches(file.grid, tolerance_mm=1e-6)
        stripped = file.array == 0
        assert np.abs(np.where(stripped, 0, back.array - file.array)).max() < 2e-4
        assert not back.array[stripped].any() or name == "flair"


@pytest.mark.parametrize(
    ("path", "contrast", "rule", "share"),
    [
        ("spm12_templates/avg152T1.nii", "t1", "otsu", (0.45, 0.6)),
        ("spm12_templates/avg152T2.nii", "t2", "otsu", (0.45, 0.6)),
        ("totalsegmentator/example_ct_sm.nii.gz", "ct", "body", (0.6, 0.7)),
        ("totalsegmentator/example_mr_sm.nii.gz", "mr", "otsu", (0.7, 0.85)),
        ("totalsegmentator/ct_brain_atlas_1mm.nii.gz", "ct", "nonzero", (0.17, 0.2)),
        ("tptbox/sub-ct_label-22_ct.nii.gz", "ct", "body", (0.99, 1.0)),
    ],
)
def test_the_foreground_of_real_scans_is_sane(
    real_data: Path, path: str, contrast: str, rule: str, share: tuple[float, float]
) -> None:
    """The shares are those of masks that were looked at."""
    case = Case("one", "one", {contrast: real_data / path}, {})
    fingerprint = take_fingerprint([case], [contrast], options=PlanOptions())
    plan = make_plan(fingerprint, PlanOptions(), source=[contrast], target=contrast)
    assert plan.mask.kind == rule
    assert share[0] <= fingerprint.foreground_share <= share[1]


def test_vertebra_labels_stay_on_their_vertebra(real_data: Path) -> None:
    """Axes PIR: bone lies in the labelled voxels only if image and labels are turned alike."""
    folder = real_data / "tptbox"
    paths = {"ct": folder / "sub-ct_label-22_ct.nii.gz", "labels": folder / "sub-ct_seg-vert_label-22_msk.nii.gz"}
    case = Case("v", "v", paths, {})
    fingerprint = take_fingerprint([case], ["ct", "labels"], options=PlanOptions())
    assert fingerprint.contrasts["ct"].orientations == {"PIR": 1}
    plan = make_plan(fingerprint, PlanOptions(), source=["ct"], target="labels")
    prepared = prepare_case(case, plan, contrasts=["ct", "labels"])
    ct, labels = (np.asarray(prepared.arrays[name]) for name in ("ct", "labels"))
    bone = ct > 0.4
    assert bone[labels > 0].mean() > 5 * bone[labels == 0].mean()
