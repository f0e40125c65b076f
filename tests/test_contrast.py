"""Contrasts: each alias stands for one, and an unknown name is an error that lists the known ones."""

from __future__ import annotations

import pytest

from voxlate.contrast import CONTRASTS, find_contrast, get_contrast
from voxlate.errors import UsageError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("T1", "t1"),
        ("t1n", "t1"),
        ("T1w", "t1"),
        ("t1ce", "t1c"),
        ("T1Gd", "t1c"),
        ("T1POST", "t1c"),
        ("t1-post", "t1c"),
        ("T2w", "t2"),
        ("t2f", "flair"),
        ("T2_FLAIR", "flair"),
        ("CT", "ct"),
        ("seg", "labels"),
        ("GOLD_STANDARD", "labels"),
        ("in-phase", "in_phase"),
    ],
)
def test_aliases_of_both_naming_eras_are_known(text: str, name: str) -> None:
    assert get_contrast(text).name == name


def test_no_alias_stands_for_two_contrasts() -> None:
    for contrast in CONTRASTS.values():
        for alias in (contrast.name, *contrast.aliases):
            assert find_contrast(alias) is contrast


def test_units_follow_the_kind_but_of_what_is_a_ratio() -> None:
    for name, contrast in CONTRASTS.items():
        if name in {"fat_fraction", "electron_density"}:
            assert (contrast.kind, contrast.unit) == ("mr", "1")
            continue
        assert contrast.unit == {"mr": "a.u.", "ct": "HU", "pet": "SUV", "label": ""}[contrast.kind]


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    assert find_contrast("t3") is None
    with pytest.raises(UsageError, match=r"'t3'.*flair"):
        get_contrast("t3")


def test_a_slip_is_answered_by_what_was_meant_alone() -> None:
    with pytest.raises(UsageError, match=r"'flare'\. Did you mean flair\? Or declare it") as told:
        get_contrast("flare")
    assert "electron_density" not in str(told.value)
