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


def test_the_reason_is_told() -> None:
    assert "echo time is 100 ms" in guess_contrast({"EchoTime": 0.1, "RepetitionTime": 5.0}).reason
    assert "t1 mprage" in guess_contrast({"SeriesDescription": "t1_mprage"}).reason
    clash = guess_contrast({"SeriesDescription": "t1_tse", "EchoTime": 0.1, "RepetitionTime": 5.0})
    assert "but" in clash.reason
