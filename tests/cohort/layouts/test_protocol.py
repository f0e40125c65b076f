"""What a scanner's header says of the contrast, by word and by time."""

from __future__ import annotations

from typing import Any

import pytest

from voxlate.cohort.layouts.protocol import guess_contrast

MPRAGE = {"EchoTime": 0.003, "RepetitionTime": 2.3, "InversionTime": 0.9, "FlipAngle": 9}


@pytest.mark.parametrize(
    ("header", "contrast"),
    [
        ({"SeriesDescription": "t1_mprage_sag_iso", **MPRAGE}, "t1"),
        ({"SeriesDescription": "Sag 3D BRAVO"}, "t1"),
        ({"SeriesDescription": "Ax FSPGR +C"}, "t1c"),
        ({"SeriesDescription": "t1_mprage_sag", "ContrastBolusAgent": "Gadovist", **MPRAGE}, "t1c"),
        ({"SeriesDescription": "T1 post Gd"}, "t1c"),
        ({"SeriesDescription": "T1 pre contrast"}, "t1"),
        ({"ProtocolName": "t2_tirm_tra_dark-fluid", "EchoTime": 0.09}, "flair"),
        ({"SeriesDescription": "t2_tse_tra", "EchoTime": 0.1, "InversionTime": 2.5}, "flair"),
        ({"SeriesDescription": "Ax T1 FLAIR"}, "t1"),
        ({"SeriesDescription": "t2_tse_tra_448", "EchoTime": 0.1}, "t2"),
        ({"SeriesDescription": "T2* GRE"}, "t2star"),
        ({"SeriesDescription": "ep2d_diff_trace", "ImageType": ["DERIVED", "ADC"]}, "adc"),
        ({"SeriesDescription": "t1_vibe_dixon_tra_opp"}, "out_phase"),
        ({"SeriesDescription": "LAVA Flex", "ImageType": ["DERIVED", "PRIMARY", "WATER"]}, "water"),
        ({"EchoTime": 0.003, "RepetitionTime": 0.02, "FlipAngle": 25}, "t1"),
        ({"EchoTime": 0.1, "RepetitionTime": 5.0}, "t2"),
        ({"EchoTime": 0.012, "RepetitionTime": 3.0}, "pd"),
        ({"Modality": "CT", "SeriesDescription": "T1"}, "ct"),
        ({"SeriesDescription": "localizer", **MPRAGE}, ""),
        ({"SeriesDescription": "TOF 3D"}, ""),
        ({"SeriesDescription": "t1_tse", "EchoTime": 0.1, "RepetitionTime": 5.0}, ""),
        ({"SeriesDescription": "gre", "ImageType": ["ORIGINAL", "PRIMARY", "P"]}, ""),
        ({"SeriesDescription": "SWI", "EchoTime": 0.02, "RepetitionTime": 0.028}, ""),
        ({"SeriesDescription": "trufi", "EchoTime": 0.002, "RepetitionTime": 0.005}, ""),
        ({}, ""),
    ],
)
def test_words_come_first_and_times_where_there_are_none(header: dict[str, Any], contrast: str) -> None:
    assert guess_contrast(header).contrast == contrast


@pytest.mark.parametrize(
    "kind",
    [
        *("TRACEW", "FA", "EXPADC", "CBF", "T2 MAP", "R2_STAR_UNI", "MTT", "SUBTRACTION", "R", "I", "IMAGINARY", "UNI"),
        *("INV1", "T_TEST", "STIFFNESS", "FAT_FRACTION", "DIFFUSION", "T1 MAP"),
    ],
)
@pytest.mark.parametrize("times", [{"EchoTime": 0.09, "RepetitionTime": 3.0}, MPRAGE])
def test_the_times_of_a_map_tell_no_contrast(kind: str, times: dict[str, float]) -> None:
    guess = guess_contrast({"ImageType": ["DERIVED", "PRIMARY", "M", kind], **times})
    assert (guess.contrast, guess.silent) == ("", False)
    assert kind in guess.reason
    assert "--as" in guess.reason


@pytest.mark.parametrize(
    "kinds",
    [
        ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"],
        ["ORIGINAL", "PRIMARY", "OTHER"],
        ["ORIGINAL", "PRIMARY", "T2", "NONE"],
        ["ORIGINAL", "PRIMARY", "M_SE", "M", "SE"],
        ["ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D", "FM4_2", "FIL"],
    ],
)
def test_the_times_of_a_plain_image_tell_it_unless_it_is_diffusion_weighted(kinds: list[str]) -> None:
    header = {"ImageType": kinds, "EchoTime": 0.09, "RepetitionTime": 3.0}
    assert guess_contrast(header).contrast == "t2"
    assert "b = 1000" in guess_contrast({**header, "DiffusionBValue": 1000.0}).reason


def test_words_of_a_map_name_the_image_that_it_was_computed_from() -> None:
    assert not guess_contrast({"SeriesDescription": "T2 map", "EchoTime": 0.09}).contrast
    assert not guess_contrast({"SeriesDescription": "t2_tse", "ImageType": ["DERIVED", "PRIMARY", "T2 MAP"]}).contrast


def test_the_reason_is_told() -> None:
    assert "echo time is 100 ms" in guess_contrast({"EchoTime": 0.1, "RepetitionTime": 5.0}).reason
    assert "t1 mprage" in guess_contrast({"SeriesDescription": "t1_mprage"}).reason
    clash = guess_contrast({"SeriesDescription": "t1_tse", "EchoTime": 0.1, "RepetitionTime": 5.0})
    assert "but" in clash.reason
