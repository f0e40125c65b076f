from __future__ import annotations

from pathlib import Path

import pytest

from voxlate.cohort.admission.names import check_name
from voxlate.cohort.layouts.naming import contrast_in, why_not
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
        ("x_T1_FLAIR", "x", "t1"),
        ("x_T2_FLAIR", "x", "flair"),
        ("T2*", "", "t2star"),
        ("x_T2*w", "x", "t2star"),
        ("x_T2_star", "x", "t2star"),
        ("x_GRE_T2", "x", None),
        ("post_T1", "", "t1c"),
        ("x_post_contrast_T1", "x", "t1c"),
        ("x_T1_post_contrast", "x", "t1c"),
        ("x_Gd_T1", "x", "t1c"),
        ("x_pre_contrast_T1", "x", "t1"),
        ("x_no_contrast_T1", "x", "t1"),
        ("x_postop_T1", "x", "t1"),
        ("x_post_FLAIR", "x", "flair"),
        ("mask_T1", "", "mask"),
        ("x_brain_mask_T1", "x", "mask"),
        ("x_seg_T1", "x", "labels"),
        ("x_lesion_T1", "x", None),
        ("x_FLAIR_to_T1", "x", None),
        ("x_T2_in_T1", "x", None),
        ("x_FLAIR_T1", "x", None),
        ("x_reg_T1", "x", "t1"),
        ("x_map_T1", "x", None),
        ("x_T1map", "x", None),
        ("x_t1rho", "x", None),
        ("sub-01_space-T1w_T2w", "sub-01", "t2"),
        ("x_MRI_T2", "x", "t2"),
        ("x_T1_MR", "x", "t1"),
        ("x_CT_PET", "x", None),
        ("x_DWI_ADC", "x", "adc"),
        ("x_t1_gad", "x", "t1c"),
        ("x_fla", "x", "flair"),
        ("x_seg_nnunet", "x", "labels"),
        ("training_seg_05", "", None),
        ("t1_vibe_dixon_tra_in", "", "in_phase"),
        ("3_t1_vibe_dixon_opp", "", "out_phase"),
        ("LAVA_Flex_W", "", "water"),
        ("x_mdixon_F", "x", "fat"),
        ("x_W", "x", "water"),
        ("x_IP", "x", "in_phase"),
        ("x_OP", "x", "out_phase"),
        ("p01_F", "", None),
        ("x_w", "x", None),
        ("scan_in", "", None),
        ("", "", None),
    ],
)
def test_the_end_of_a_name_says_the_contrast(stem: str, case: str, contrast: str | None) -> None:
    found = contrast_in(stem, case=case)
    assert (found.name if found else None) == contrast


def test_a_name_with_several_readings_is_told_from_one_with_none() -> None:
    assert "several contrasts" in why_not("x_FLAIR_to_T1", case="x")
    assert "no known contrast" in why_not("x_brain", case="x")
    assert "no known contrast" in why_not("x_post-op", case="x")


@pytest.mark.parametrize("name", ["x_t1rho", "x_T1map", "x_T1_map", "t2-mapping", "x_T2*map", "p1_t1_rho"])
def test_a_relaxation_time_in_the_place_of_an_image_is_told(name: str) -> None:
    assert "several contrasts" in why_not(name, case="x")
    (found,) = check_name(CONTRASTS["t1"], case=name, path=Path(f"T1/{name}.nii.gz"))
    assert (found.severity, found.code) == ("warning", "other_contrast")
    assert not list(check_name(CONTRASTS["t1"], case="x", path=Path("T1/x_flatmap.nii.gz")))


@pytest.mark.parametrize("contrast", CONTRASTS.values(), ids=lambda contrast: contrast.name)
@pytest.mark.parametrize("separator", ["_", "-"])
def test_every_alias_is_read_behind_a_case(contrast: object, separator: str) -> None:
    names = (contrast.name, *contrast.aliases)  # type: ignore[attr-defined]
    for alias in names:
        found = contrast_in(f"case7{separator}{alias.upper()}", case="case7")
        assert found is contrast
