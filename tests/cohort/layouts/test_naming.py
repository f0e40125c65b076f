from __future__ import annotations

import pytest

from voxlate.cohort.layouts.naming import contrast_in
from voxlate.contrast import CONTRASTS


@pytest.mark.parametrize(
    ("stem", "case", "contrast"),
    [
        ("T1", "", "t1"),
        ("T1POST", "patient19", "t1c"),
        ("GOLD_STANDARD", "patient19", "labels"),
        ("sub-01_ses-1_T1w", "sub-01", "t1"),
        ("sub-01_ce-gadolinium_T1w", "sub-01", "t1c"),
        ("x_t2_flair", "x", "flair"),
        ("x-t2-flair", "x", "flair"),
        ("x_t1_post", "x", "t1c"),
        ("x in phase", "x", "in_phase"),
        ("x_in_phase", "", "in_phase"),
        ("x.ct", "x", "ct"),
        ("t2_t1", "t2", "t1"),
        ("BraTS-GLI-00001-000-t2f", "", "flair"),
        ("Jörg Müller_FLAIR", "Jörg Müller", "flair"),
        ("x_t1_seg", "x", "labels"),
        ("x_brain_mask", "x", "mask"),
        ("sub-01_space-T1w_desc-brain_mask", "sub-01", "mask"),
        ("x_T1w_mask", "x", "mask"),
        ("x_mask", "x", "mask"),
        ("lesion_7_mask", "lesion_7", "mask"),
        ("x_lesion_mask", "x", "labels"),
        ("x_LesionMask", "x", "labels"),
        ("x_tumor-mask", "x", "labels"),
        ("x_stroke_mask", "x", "labels"),
        ("x_vessel_mask", "x", "labels"),
        ("sub-01_label-lesion_mask", "sub-01", "labels"),
        ("sub-01_label-WMH_desc-x_mask", "sub-01", "labels"),
        ("sub-01_desc-T1lesion_mask", "sub-01", "labels"),
        ("x_lesion_roi", "x", "labels"),
        ("x_post-op", "x", None),
        ("x_pre_op", "x", None),
        ("x_op", "x", "out_phase"),
        ("brain", "", None),
        ("x_T1w_brain", "x", None),
        ("patientct", "", None),
        ("", "", None),
    ],
)
def test_the_end_of_a_name_says_the_contrast(stem: str, case: str, contrast: str | None) -> None:
    found = contrast_in(stem, case=case)
    assert (found.name if found else None) == contrast


@pytest.mark.parametrize("contrast", CONTRASTS.values(), ids=lambda contrast: contrast.name)
@pytest.mark.parametrize("separator", ["_", "-"])
def test_every_alias_is_read_behind_a_case(contrast: object, separator: str) -> None:
    names = (contrast.name, *contrast.aliases)  # type: ignore[attr-defined]
    for alias in names:
        found = contrast_in(f"case7{separator}{alias.upper()}", case="case7")
        assert found is contrast
